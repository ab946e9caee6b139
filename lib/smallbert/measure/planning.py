"""From measured rates to the time, memory, disk and money of embedding so many articles: closed formulas.

Articles do not depend on each other, so time is linear in their number and machines share them without talking to each
other; what is lost between machines (starting, uneven shards, slow disks) is one stated number, the efficiency. Peak
memory is taken not to grow with the articles, which page 9 of the report measures where benchmarks have run; disk does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from smallbert.errors import UsageError

FORMULAS = {
    "time": "articles × tokens an article / (tokens a second × machines × efficiency)",
    "memory": "peak memory of one process, taken as the same for any number of articles",
    "disk": "articles × (bytes of its text + bytes of its vector)",
    "machine hours": "time × machines",
    "money": "machine hours × price of a machine for an hour",
}
"""How a plan follows from what is put in, in words."""


@dataclass(frozen=True)
class Article:
    """What one article of a corpus is on average.

    Args:
        tokens: read by the encoder, special tokens included, after cutting.
        text_bytes: its text on disk.
        vector_bytes: its vector, or its code, on disk.

    Raises:
        UsageError: a number below 0, no tokens, or one that is not finite.
    """

    tokens: float
    text_bytes: float
    vector_bytes: float

    def __post_init__(self) -> None:
        _above("tokens", self.tokens)
        _least("text_bytes", self.text_bytes)
        _least("vector_bytes", self.vector_bytes)


@dataclass(frozen=True)
class Rate:
    """What one machine does with one encoder.

    Args:
        tokens_per_second: of real text, tokenisation and pooling included; None where nobody has measured it.
        peak_memory: bytes of a process that embeds, taken as the same for any number of articles; None where not
            measured.
        origin: where both come from, in words.
        how: how they were measured, in words; empty where they were not.
        vector_bytes: of the vector that this encoder writes for an article; None where it is the article's own.

    Raises:
        UsageError: a rate or memory that is not positive and finite, or bytes below 0.
    """

    tokens_per_second: float | None
    peak_memory: float | None = None
    origin: str = ""
    how: str = ""
    vector_bytes: float | None = None

    def __post_init__(self) -> None:
        if self.vector_bytes is not None:
            _least("vector_bytes", self.vector_bytes)
        for name in ("tokens_per_second", "peak_memory"):
            if (value := getattr(self, name)) is not None:
                _above(name, value)


@dataclass(frozen=True)
class Machine:
    """Machines of one kind that share the work.

    Args:
        name: for the reader, such as "one CPU".
        rate: of one of them.
        price: of one for an hour, in any currency; None where it does not matter.
        count: how many.
        efficiency: share of ``count`` times one machine's rate that all reach together.

    Raises:
        UsageError: no machine, a negative price, or an efficiency outside (0, 1].
    """

    name: str
    rate: Rate
    price: float | None = None
    count: int = 1
    efficiency: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.count, bool) or not isinstance(self.count, int) or self.count < 1:
            raise UsageError(f"Expected count of at least 1 machine, got {self.count!r}.")
        if not 0 < self.efficiency <= 1:
            raise UsageError(f"Expected an efficiency above 0 and of at most 1, got {self.efficiency}.")
        if self.price is not None:
            _least("price", self.price)


@dataclass(frozen=True)
class Plan:
    """What so many articles take. None is what cannot be told, since a rate or price is missing.

    Attributes:
        articles: their number.
        machine: who embeds them.
        seconds: from the first article to the last.
        peak_memory: bytes, in each process.
        text_bytes: of all texts on disk.
        vector_bytes: of all vectors on disk, and in memory where all are searched at once.
        machine_hours: paid for.
        money: in the currency of the price.
    """

    articles: int
    machine: Machine
    seconds: float | None
    peak_memory: float | None
    text_bytes: float
    vector_bytes: float
    machine_hours: float | None
    money: float | None

    @property
    def disk_bytes(self) -> float:
        """Texts and vectors."""
        return self.text_bytes + self.vector_bytes


def plan(articles: int, article: Article, machine: Machine) -> Plan:
    """What embedding so many articles takes; :data:`FORMULAS` says how.

    Args:
        articles: their number.
        article: what one of them is.
        machine: who embeds them.

    Raises:
        UsageError: a negative number of articles.
    """
    _least("articles", articles)
    rate, price, written = machine.rate.tokens_per_second, machine.price, machine.rate.vector_bytes
    seconds = None if rate is None else articles * article.tokens / (rate * machine.count * machine.efficiency)
    hours = None if seconds is None else seconds / 3600 * machine.count
    return Plan(
        articles,
        machine,
        seconds=seconds,
        peak_memory=machine.rate.peak_memory,
        text_bytes=articles * article.text_bytes,
        vector_bytes=articles * (article.vector_bytes if written is None else written),
        machine_hours=hours,
        money=None if hours is None or price is None else hours * price,
    )


def machines_needed(articles: int, article: Article, machine: Machine, seconds: float) -> int | None:
    """How many machines of a kind embed so many articles within ``seconds``, all at its efficiency.

    Args:
        articles: their number.
        article: what one of them is.
        machine: the kind; its ``count`` does not matter.
        seconds: in which all must be embedded.

    Returns:
        At least 1; None where the rate is not known.

    Raises:
        UsageError: a negative number of articles, or no time.
    """
    _least("articles", articles)
    _above("seconds", seconds)
    if machine.rate.tokens_per_second is None:
        return None
    whole = articles * article.tokens / (machine.rate.tokens_per_second * machine.efficiency * seconds)
    return max(1, math.ceil(whole))


def _above(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise UsageError(f"Expected {name} above 0 and finite, got {value}.")


def _least(name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise UsageError(f"Expected {name} of 0 or more and finite, got {value}.")
