"""What the commands share: values read from arguments, and tables on a terminal."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from smallbert.errors import UsageError


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print aligned columns, the last as wide as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
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
