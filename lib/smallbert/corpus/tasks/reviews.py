"""Reviews with a rating: sentiment, with the middle left out as in NSMC and Maas et al. (2011)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from smallbert.corpus.tally import BadRow, Tally
from smallbert.corpus.tasks import tables
from smallbert.corpus.tasks.examples import Text

NEGATIVE, POSITIVE = 4, 9
"""Ratings of 1 to 10 up to, and from, which a review is one or the other."""


def read(path: str | Path, *, lang: str = "ko", report: Tally | None = None) -> Iterator[Text]:
    """The reviews of a file that are clearly negative or positive, from its columns ``id``, ``review``, ``rating``.

    Raises:
        DataError: as :func:`smallbert.corpus.tasks.tables.read`.
    """

    def make(where: str, name: str, review: str, rating: str) -> Text | BadRow | None:
        value = int(rating) if rating.isdecimal() and len(rating) < 10 else 0
        if not 1 <= value <= 10:
            return BadRow("unknown rating", f"expected 1 to 10, got {rating[:40]!r}")
        if NEGATIVE < value < POSITIVE:
            return None
        return Text(name, review, "negative" if value <= NEGATIVE else "positive", lang)

    return tables.read(path, ("id", "review", "rating"), make, quoting="auto", report=report)
