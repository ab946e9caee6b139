"""What the commands share: the flags of a corpus, values read from arguments, and tables on a terminal."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smallbert.errors import UsageError
from smallbert.paths import EDITION


def add_corpus(parser: argparse.ArgumentParser, name: str = "corpus", use: str = "articles") -> None:
    """Enter a corpus and how it is read: what :mod:`smallbert.cli.corpora` asks of a command's options.

    Args:
        parser: of the command.
        name: ``corpus``, or ``--corpus`` where the command names it so.
        use: what becomes of the articles.
    """
    required: dict[str, Any] = {"required": True} if name.startswith("-") else {}
    parser.add_argument(
        name,
        **required,
        metavar="CORPUS",
        help=f"{use}: a file, a folder, a corpus.toml, hub:OWNER/NAME (a data set on the hub), a prepared corpus, or "
        "world",
    )
    parser.add_argument(
        "--column",
        dest="columns",
        metavar="OURS=THEIRS",
        action="append",
        default=[],
        help="name of a column in the corpus, such as title=headline; may be repeated",
    )
    parser.add_argument("--lang", default="", help="language of every article, such as en (the column lang, if any)")
    parser.add_argument(
        "--max-bad-rows",
        type=limit,
        metavar="SHARE|NUMBER",
        help="unusable rows to skip before stopping: a share such as 0.05, or a number such as 20 (share 0.01)",
    )
    parser.add_argument(
        "--keep-duplicates",
        action="store_true",
        help="keep copies too; else exact copies are left out, and near ones that cross train, validation and test",
    )
    parser.add_argument("--rows", type=count, metavar="N", help="draw so many articles at random (all)")


WIDEST = 44
"""Characters that a column is aligned to at most: one long cell must not push every row beyond a terminal's edge."""


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print aligned columns, the last as wide as it is."""
    widths = [min(max(len(row[column]) for row in rows), WIDEST) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def pair(text: str) -> tuple[str, str]:
    """OURS=THEIRS as two words."""
    ours, equals, theirs = text.partition("=")
    if not equals:
        raise UsageError(f"--column: expected OURS=THEIRS, got {text!r}.", "For example --column title=headline.")
    return ours, theirs


def count(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def edition(text: str) -> str:
    """The name of an edition, which is the name of its folders."""
    if not re.fullmatch(EDITION, text):
        raise argparse.ArgumentTypeError(
            f"expected a name of small letters and digits, with dots, dashes and underscores between, got {text!r}"
        )
    return text


def folder(text: str) -> Path:
    """A folder that is there or can be made."""
    if (path := Path(text)).exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"expected a folder, but {text} is a file")
    return path


def limit(text: str) -> int | float:
    """A share such as 0.05 or a whole number."""
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a share such as 0.05 or a whole number, got {text!r}") from error


def shard(text: str) -> tuple[int, int]:
    """I/N as two numbers."""
    number, _, total = text.partition("/")
    if not (number.isdigit() and total.isdigit() and 1 <= int(number) <= int(total)):
        raise argparse.ArgumentTypeError(f"expected I/N with 1 <= I <= N, got {text!r}")
    return int(number), int(total)
