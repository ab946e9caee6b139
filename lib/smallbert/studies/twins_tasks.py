"""What the twins are asked: a text, the second of two texts, a sequence of words; and how far one gets without them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer

from smallbert.corpus.tasks import world as tasks
from smallbert.corpus.tasks.examples import Pair
from smallbert.corpus.world import World
from smallbert.measure.bag_of_words import counts
from smallbert.measure.tasks import classification, entities
from smallbert.models.heads.classification import Classification
from smallbert.models.heads.tagging import Tagging
from smallbert.models.heads.task import Task
from smallbert.models.tokenizer import PAD, SPECIAL_TOKENS

LANGUAGE = "en"
"""BERT and GPT-1 read English."""

FIRST_EVENT, APART = 500_000, 100_000
"""Events of the world from which examples are told, and how far apart development and test lie from training; what the
twins are pretrained on is told of events from 0 on."""

COMMONEST, WORDS = "commonest answer", "bag of words"
"""Who answers without an encoder."""

MAX_STEPS = 500


@dataclass(frozen=True, eq=False)
class TwinTask:
    """A task with its examples.

    Args:
        name: what figures and tables call it.
        task: what is learnt.
        measure: what a score is: accuracy, or F1 of entities.
        examples: to learn from.
        development: to choose a rate on.
        test: to judge.
    """

    name: str
    task: Task
    measure: str
    examples: tuple[Any, ...]
    development: tuple[Any, ...]
    test: tuple[Any, ...]

    @property
    def one_token(self) -> bool:
        """Whether the answer is read from a single token, so that it matters which."""
        return self.task.head == "SequenceClassification"

    @property
    def pairs(self) -> bool:
        """Whether inputs are two texts, which segment embeddings could tell apart."""
        return isinstance(self.examples[0], Pair)

    @property
    def sha256(self) -> str:
        """Digest of all examples."""
        digest = hashlib.sha256()
        for part in (self.examples, self.development, self.test):
            for example in (*part, None):
                digest.update(repr(example).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def score(self, answers: Any, examples: Sequence[Any]) -> float:
        """How good answers are, 0 to 1: as from ``task.predict``."""
        if self.one_token:
            return classification.classes([example.label for example in examples], answers.labels).accuracy
        return entities.score([example.tags for example in examples], answers).micro.f1


def from_world(seed: int, *, examples: int, test: int) -> list[TwinTask]:
    """The twins' tasks: the topic of a sentence, the topic of the second of two, entities.

    The second task is about where a text stands: its first sentence has another topic, so the words alone leave two
    answers. In the third a word's tag may be decided to its right: ``Veldor General Hospital`` begins with a city.

    Args:
        seed: of the world.
        examples: to learn from; development has a third as many.
        test: to judge.
    """
    world = World(seed, languages=(LANGUAGE,))

    def task(name: str, learnt: Task, measure: str, told: Callable[[World, int, int], Iterator[Any]]) -> TwinTask:
        parts = []
        for part, count in enumerate((examples, max(1, examples // 3), test)):
            start = FIRST_EVENT + APART * part
            parts.append(tuple(islice(told(world, start, start + APART), count)))
        return TwinTask(name, learnt, measure, *parts)

    return [
        task("topic of a sentence", Classification(), "accuracy", tasks.topics),
        task("topic of the second of two", Classification(), "accuracy", _second_topics),
        task("entities", Tagging(), "F1 of entities", tasks.entities),
    ]


def articles(seed: int, tokens: int) -> list[str]:
    """Texts of the world to pretrain on, of at least so many tokens: a token has five characters at most on average."""
    world, found, characters, first = World(seed, languages=(LANGUAGE,)), [], 0, 0
    while characters < 5 * tokens:
        for batch in world.batches(first, first + 1000):
            columns = (batch[name].to_pylist() for name in ("title", "content"))
            told = [f"{title} {content}" for title, content in zip(*columns, strict=True)]
            found += told
            characters += sum(map(len, told))
        first += 1000
    return found


def _second_topics(world: World, start: int, stop: int) -> Iterator[Pair]:
    """Sentences two by two, of different topics, with the topic of the second."""
    told = tasks.topics(world, start, stop)
    for first, second in zip(told, told, strict=False):
        if first.label != second.label:
            yield Pair(f"{first.id}+{second.id}", first.text, second.text, second.label, second.lang)


def controls(asked: Sequence[TwinTask], tokenizer: Tokenizer) -> pd.DataFrame:
    """What the commonest answer and the mere words reach on test: columns ``task``, ``control``, ``score``.

    The words of an input are counted without their order, both texts of a pair together; of tags, each word takes the
    one that it most often had.
    """
    rows = []
    for one in asked:
        found = _classes(one, tokenizer) if one.one_token else _tags(one)
        rows += [(one.name, control, score) for control, score in zip((COMMONEST, WORDS), found, strict=True)]
    return pd.DataFrame(rows, columns=["task", "control", "score"])


def _classes(one: TwinTask, tokenizer: Tokenizer) -> tuple[float, float]:
    known, wanted = ([example.label for example in part] for part in (one.examples, one.test))
    bags = [_bags(part, tokenizer) for part in (one.examples, one.test)]
    answers = LogisticRegression(max_iter=MAX_STEPS).fit(bags[0], known).predict(bags[1])
    commonest = Counter(known).most_common(1)[0][0]
    constant, words = (classification.classes(wanted, said).accuracy for said in ([commonest] * len(wanted), answers))
    return constant, words


def _bags(examples: Sequence[Any], tokenizer: Tokenizer) -> Any:
    texts = [f"{e.first} {e.second}" if isinstance(e, Pair) else e.text for e in examples]
    ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]
    padded = np.full((len(ids), max(map(len, ids))), PAD)
    for row, own in zip(padded, ids, strict=True):
        row[: len(own)] = own
    return counts(padded, tokenizer.get_vocab_size(), len(SPECIAL_TOKENS))


def _tags(one: TwinTask) -> tuple[float, float]:
    every: Counter[str] = Counter()
    by_word: dict[str, Counter[str]] = {}
    for example in one.examples:
        every.update(example.tags)
        for word, tag in zip(example.words, example.tags, strict=True):
            by_word.setdefault(word, Counter())[tag] += 1
    [(commonest, _)] = every.most_common(1)
    usual = {word: tags.most_common(1)[0][0] for word, tags in by_word.items()}
    constant = [[commonest] * len(example.tags) for example in one.test]
    looked_up = [[usual.get(word, commonest) for word in example.words] for example in one.test]
    return one.score(constant, one.test), one.score(looked_up, one.test)
