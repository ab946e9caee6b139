"""KLUE-NER (Park et al. 2021): one character and its BIO tag a line.

The blank between two words is a character like any other, so its line is a blank, a tab and ``O``: splitting at
white space loses it. A sentence is named by the last ``##`` line before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from smallbert.corpus.tally import BadRow, Tally
from smallbert.corpus.tasks import blocks
from smallbert.corpus.tasks.blocks import Block
from smallbert.corpus.tasks.examples import Tagged
from smallbert.corpus.tasks.usable import damage

_TAG = re.compile(r"O|[BI]-\S+")


def read(path: str | Path, *, lang: str = "ko", report: Tally | None = None) -> Iterator[Tagged]:
    """The sentences of a file, in bounded memory.

    Args:
        path: the file.
        lang: language of the sentences.
        report: receives the tally of sentences, and limits the bad ones.

    Raises:
        DataError: as :func:`smallbert.corpus.tasks.blocks.read`.
    """

    def make(where: str, block: Block) -> Tagged | tuple[int, BadRow]:
        rows = [line.partition("\t")[::2] for _, line in block.rows]
        for (number, _), row in zip(block.rows, rows, strict=True):
            if bad := _problem(*row):
                return number, bad
        name = block.comments[-1].partition("\t")[0] if block.comments else where
        if bad := damage("name", name):
            return block.rows[0][0], bad
        characters, tags = zip(*rows, strict=True)
        return Tagged(name, characters, tags, "", lang)

    return blocks.read(path, "##", make, report)


def _problem(character: str, tag: str) -> BadRow | None:
    if len(character) != 1 or character == "\0" or "\ud800" <= character <= "\udfff":
        return BadRow("wrong character", f"expected one and a tab, got {character[:40]!r}")
    if not _TAG.fullmatch(tag):
        return BadRow("unknown label", f"expected O, B-TYPE or I-TYPE, got {tag[:40]!r}")
    return damage("tag", tag)
