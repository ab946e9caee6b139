"""Files of one word a line and a blank line between sentences, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from smallbert.corpus.delimited import open_text
from smallbert.corpus.tally import BadRow, Tally
from smallbert.corpus.tasks.examples import Tagged
from smallbert.corpus.tasks.usable import usable
from smallbert.errors import DataError

LONGEST = 100_000
"""Rows a sentence may have: beyond, the file has no blank lines and is of another format."""


@dataclass
class Block:
    """The lines of one sentence.

    Attributes:
        comments: comment lines, without the mark and the blanks around.
        rows: (line number, line) of the others, without line ends.
    """

    comments: list[str] = field(default_factory=list)
    rows: list[tuple[int, str]] = field(default_factory=list)


def read(
    path: str | Path, mark: str, make: Callable[[str, Block], Tagged | tuple[int, BadRow]], report: Tally | None
) -> Iterator[Tagged]:
    """Read the sentences of a file; one with a bad line is left out as a whole and counted.

    Args:
        path: a text file in UTF-8; line ends may be those of any system.
        mark: what comment lines start with.
        make: from ``file:line`` and the lines of a sentence to the sentence, or the number of its first bad line and
            why it is bad.
        report: see :func:`smallbert.corpus.tasks.usable.usable`.

    Raises:
        DataError: no such file (at the call); unreadable or UTF-16, a sentence that never ends, too many bad
            sentences, or none good (while reading).
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"Expected a file at {path}, which does not exist.")

    def made() -> Iterator[tuple[str, Tagged | BadRow]]:
        for block in _blocks(path, mark):
            line = block.rows[0][0]
            sentence = make(f"{path.name}:{line}", block)
            if isinstance(sentence, Tagged):
                yield f"{path.name}:{line}", sentence
            else:
                line, bad = sentence
                yield f"{path.name}:{line}", bad

    return usable(made(), path.name, report)


def _blocks(path: Path, mark: str) -> Iterator[Block]:
    try:
        with path.open("rb") as raw, open_text(raw, path.name) as text:
            block = Block()
            for number, line in enumerate(text, start=1):
                line = line.rstrip("\r\n")
                if line.startswith(mark):
                    block.comments.append(line.removeprefix(mark).strip())
                elif line:
                    block.rows.append((number, line))
                    if len(block.rows) > LONGEST:
                        raise DataError(
                            f"{path.name}:{number}: expected a blank line after each sentence, got {LONGEST:,} rows "
                            "without one."
                        )
                elif block.rows:
                    yield block
                    block = Block()
            if block.rows:
                yield block
    except OSError as error:
        raise DataError(f"{path}: expected a readable text file: {error.strerror}.") from error
