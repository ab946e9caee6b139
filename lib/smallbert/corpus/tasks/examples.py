"""What an example of each task is, whatever file or world it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """One text with its class (topic, sentiment).

    Attributes:
        id: where it comes from: ``file:line``, the file's own identifier, or the world's event.
        text, label: the text and its class.
        lang: language code, ``""`` where unknown.
    """

    id: str
    text: str
    label: str
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts with the class of their relation: premise and hypothesis of an entailment.

    Attributes:
        id, lang: as in :class:`Text`.
        first, second: the texts, in the order a model reads them.
        label: their relation.
    """

    id: str
    first: str
    second: str
    label: str
    lang: str = ""


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """Two texts with their semantic similarity, 0 (other topic) to 5 (same meaning), as in STS (Cer et al. 2017)."""

    id: str
    first: str
    second: str
    score: float
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A context and the endings to choose from, as in SWAG (Zellers et al. 2018).

    Attributes:
        id, lang: as in :class:`Text`.
        context: what has happened.
        start: how every ending begins; ``""`` where endings are whole sentences.
        endings: the candidates, four of them in every format read here.
        label: index of the right one.
    """

    id: str
    context: str
    start: str
    endings: tuple[str, ...]
    label: int
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Tagged:
    """Words with one tag each (parts of speech, or BIO tags of entities).

    Attributes:
        id, lang: as in :class:`Text`.
        words, tags: of equal length.
        space: what stands between two words: a blank, or ``""`` where the words are single characters and blanks
            are words of their own.
    """

    id: str
    words: tuple[str, ...]
    tags: tuple[str, ...]
    space: str = " "
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A span of a passage: ``context[start : start + len(text)]`` should be ``text``."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a passage, as in SQuAD (Rajpurkar et al. 2016, 2018).

    Attributes:
        id: identifier, unique in its file.
        title: the article the passage is from; splits should not cut through articles.
        context: the passage.
        question: the question.
        answers: spans that answer it, by several annotators; none where the passage does not answer it.
        lang: as in :class:`Text`.
    """

    id: str
    title: str
    context: str
    question: str
    answers: tuple[Answer, ...]
    lang: str = ""
