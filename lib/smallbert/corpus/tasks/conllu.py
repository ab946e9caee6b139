"""Universal Dependencies in CoNLL-U (Nivre et al. 2020): words with their universal parts of speech.

Ten columns a line; ids such as 3-4 (a multiword token, spelt as one) and 3.1 (an empty node, spelt nowhere) are
no words of the syntax and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from smallbert.corpus.tally import BadRow, Tally
from smallbert.corpus.tasks import blocks
from smallbert.corpus.tasks.blocks import Block
from smallbert.corpus.tasks.examples import Tagged
from smallbert.corpus.tasks.usable import damage, problem

TAGS = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
)
"""The universal parts of speech, UPOS."""

_COLUMNS, _FORM, _UPOS = 10, 1, 3


def read(path: str | Path, *, lang: str = "", report: Tally | None = None) -> Iterator[Tagged]:
    """The sentences of a file, in bounded memory.

    Args:
        path: the file.
        lang: language of the sentences.
        report: receives the tally of sentences, and limits the bad ones.

    Raises:
        DataError: as :func:`smallbert.corpus.tasks.blocks.read`.
    """

    def make(where: str, block: Block) -> Tagged | tuple[int, BadRow]:
        words: list[str] = []
        tags: list[str] = []
        for number, line in block.rows:
            if bad := _take(line.split("\t"), words, tags):
                return number, bad
        if not words:
            return block.rows[0][0], BadRow("no words")
        names = [text.partition("=")[2].strip() for text in block.comments if text.startswith("sent_id")]
        name = names[-1] if names else where
        if bad := damage("sent_id", name):
            return block.rows[0][0], bad
        return Tagged(name, tuple(words), tuple(tags), lang=lang)

    return blocks.read(path, "#", make, report)


def _take(columns: list[str], words: list[str], tags: list[str]) -> BadRow | None:
    """Add a line's word and tag, if it is one."""
    if len(columns) != _COLUMNS:
        return BadRow("wrong column count", f"expected {_COLUMNS}, got {len(columns)}")
    if "-" in columns[0] or "." in columns[0]:
        return None
    if columns[0] != str(len(words) + 1):
        return BadRow("wrong id", f"expected {len(words) + 1}, got {columns[0][:40]!r}")
    if columns[_UPOS] not in TAGS:
        return BadRow("unknown label", f"expected a universal part of speech, got {columns[_UPOS][:40]!r}")
    words.append(columns[_FORM])
    tags.append(columns[_UPOS])
    return problem({"form": columns[_FORM]})
