"""Questions in the JSON of SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018), which XQuAD shares.

A document is ``{"version", "data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question", "answers":
[{"text", "answer_start"}], "is_impossible"}]}]}]}``; 2.0 adds ``is_impossible``. Its structure is checked strictly,
since a scorer must not lose a question; :func:`read` then leaves out what a model cannot learn from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallbert.corpus.tally import BadRow, Tally
from smallbert.corpus.tasks import documents
from smallbert.corpus.tasks.documents import field
from smallbert.corpus.tasks.examples import Answer, Question
from smallbert.corpus.tasks.usable import damage, problem, usable
from smallbert.errors import DataError


@dataclass(frozen=True)
class Document:
    """One file, with all its questions.

    Attributes:
        name: the file's name.
        questions: in the order of the file; ids are unique.
        places: path of each within the document, for messages.
        unanswerable: whether questions may have no answer, as from version 2.0 on.
    """

    name: str
    questions: tuple[Question, ...]
    places: tuple[str, ...]
    unanswerable: bool


def load(path: str | Path, *, lang: str = "") -> Document:
    """Every question of a file, as it stands there.

    Args:
        path: the file.
        lang: language of the questions.

    Raises:
        DataError: the file is not JSON of this form (the path within is named), an id stands twice, a question of
            version 1 has no answer, or ``is_impossible`` contradicts the answers.
    """
    path = Path(path)
    document = documents.load(path)
    articles = field(document, "data", list, path.name)
    places: dict[str, str] = {}
    questions: list[Question] = []
    for place, question in _questions(path.name, articles, lang):
        if question.id in places:
            raise DataError(
                f"{place}.id: expected an id of its own, got {question.id!r}, which {places[question.id]} has."
            )
        places[question.id] = place
        questions.append(question)
    if not questions:
        raise DataError(f"{path.name}: expected questions, found none.")
    without = next((question.id for question in questions if not question.answers), None)
    version = str(document.get("version", "")).lstrip("v")[:1]
    if version == "1" and without is not None:
        raise DataError(f"{places[without]}.answers: expected an answer, as version 1 has everywhere, got none.")
    return Document(path.name, tuple(questions), tuple(places.values()), version == "2" or without is not None)


def _questions(name: str, articles: list[Any], lang: str) -> Iterator[tuple[str, Question]]:
    for i, article in enumerate(articles):
        at = f"{name}: data[{i}]"
        title = field(article, "title", str, at) if "title" in documents.expect(article, dict, at) else ""
        for j, paragraph in enumerate(field(article, "paragraphs", list, at)):
            where = f"{at}.paragraphs[{j}]"
            context = field(paragraph, "context", str, where)
            for k, asked in enumerate(field(paragraph, "qas", list, where)):
                place = f"{where}.qas[{k}]"
                identifier, text = field(asked, "id", str, place), field(asked, "question", str, place)
                answers = tuple(_answers(field(asked, "answers", list, place), place))
                if "is_impossible" in asked and field(asked, "is_impossible", bool, place) == bool(answers):
                    raise DataError(
                        f"{place}: expected answers or is_impossible, got {len(answers)} answers and "
                        f"is_impossible = {str(asked['is_impossible']).lower()}."
                    )
                yield place, Question(identifier, title, context, text, answers, lang)


def _answers(answers: list[Any], place: str) -> Iterator[Answer]:
    for n, answer in enumerate(answers):
        at = f"{place}.answers[{n}]"
        yield Answer(field(answer, "text", str, at), field(answer, "answer_start", int, at))


def read(path: str | Path, *, lang: str = "", report: Tally | None = None) -> Iterator[Question]:
    """The questions of a file that a model can learn from.

    Left out and counted: a question whose passage or wording is empty; whose passage, wording, title or id holds a NUL
    byte or broken Unicode; and one with an answer that does not stand where ``answer_start`` says.

    Args:
        path: the file, held in memory.
        lang: language of the questions.
        report: receives the tally of questions, and limits the bad ones.

    Raises:
        DataError: as :func:`load` (at the call); too many bad questions, or none good (while reading).
    """
    document = load(path, lang=lang)
    return usable(zip(document.places, map(_checked, document.questions), strict=True), document.name, report)


def _checked(question: Question) -> Question | BadRow:
    texts = {"context": question.context, "question": question.question}
    names = damage("title", question.title) or damage("id", question.id)
    return problem(texts) or names or _misplaced(question) or question


def _misplaced(question: Question) -> BadRow | None:
    for answer in question.answers:
        stop = answer.start + len(answer.text)
        there = question.context[answer.start : stop] if answer.start >= 0 else ""
        if not answer.text or there != answer.text:
            return BadRow(
                "answer not at answer_start", f"{answer.text[:40]!r} at {answer.start}, where {there[:40]!r} stands"
            )
    return None
