"""Two tables of one name, matched row for row by the columns that tell their rows apart."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

SEED = "seed"
"""Column of repetitions: always part of the key."""

DIGEST = re.compile(r"[0-9a-f]{12,64}")
"""Checksums and keys of caches: they say that something differs, not what."""

_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?")


@dataclass(frozen=True)
class Match:
    """The rows and columns two tables share.

    Args:
        a: shared rows and columns of the first table, indexed by key.
        b: those of the second, in the same order.
        key: columns that tell rows apart; the index's levels, before a last one that counts repeated rows.
        rows: labels of rows only the first, and only the second table has.
        columns: the same of columns.
        told: columns of the key that say something: the others have one value throughout.
    """

    a: pd.DataFrame
    b: pd.DataFrame
    key: list[str]
    rows: tuple[list[str], list[str]]
    columns: tuple[list[str], list[str]]
    told: frozenset[str]

    def label(self, row: tuple[str, ...], *without: str) -> str:
        """A row's key in words: ``original, layers 2``.

        Args:
            row: its place in the index, less the levels ``without``.
            without: columns of the key.
        """
        return label([name for name in self.key if name not in without], row, self.told)


def match(a: pd.DataFrame, b: pd.DataFrame) -> Match:
    """Match two tables.

    Columns of digests are left out. Rows that no key tells apart are matched in their order.
    """
    a, b = (frame.drop(columns=[name for name in frame if _is_digest(frame[name])]) for frame in (a, b))
    shared = [name for name in a.columns if name in b.columns]
    columns = ([name for name in a if name not in shared], [name for name in b if name not in shared])
    key = key_of(a[shared], b[shared])
    first, second = _indexed(a[shared], key), _indexed(b[shared], key)
    told = frozenset(name for name in key if len({*first.index.unique(name), *second.index.unique(name)}) > 1)
    only = [
        [label(key, row, told) for row in one.index.difference(other.index, sort=False)]
        for one, other in ((first, second), (second, first))
    ]
    common = first.index.intersection(second.index, sort=False)
    return Match(first.loc[common], second.loc[common], key, (only[0], only[1]), columns, told)


def key_of(a: pd.DataFrame, b: pd.DataFrame) -> list[str]:
    """The leading columns that tell the rows of both tables apart; none for tables of one row.

    Texts, truth values and whole numbers may be part of a key; other numbers only where both tables share half of
    them, as settings do and outcomes do not. Of two columns that say the same the earlier one is taken; a column of
    one value stays, for the other table may have been made with another. What stands before the seed names an arm.
    """
    names = [name for name in a.columns if name == SEED or _may_be_key(a[name], b[name])]
    key = names[: names.index(SEED) + 1] if SEED in names else []
    for name in names[len(key) :]:
        if _unique(a, key) and _unique(b, key):
            break
        key.append(name)
    for name in reversed(key):
        fewer = [one for one in key if one != name]
        if name != SEED and _varies(a, name) and _varies(b, name) and _unique(a, fewer) and _unique(b, fewer):
            key = fewer
    return key


def label(key: list[str], row: tuple[str, ...], told: Iterable[str]) -> str:
    """A key in words: texts as they are, numbers after their column's name, repeated rows counted.

    Args:
        key: the columns.
        row: their values, and how many rows before have the same.
        told: the columns to tell.
    """
    *values, repeated = row
    words = [
        f"{name} {value}" if _NUMBER.fullmatch(value) else value
        for name, value in zip(key, values, strict=True)
        if name in told
    ]
    return ", ".join([*words, *([f"row {int(repeated) + 1}"] if repeated != "0" else [])])


def number(value: Any) -> float | None:
    """``value`` as a number: itself, or a text such as ``8,000``; None for other texts, truth values and gaps."""
    if isinstance(value, str):
        text = value.replace(",", "")
        return float(text) if _NUMBER.fullmatch(text) and not DIGEST.fullmatch(text) else None
    # A truth value, numpy's included, is no number here.
    return None if type(value).__name__ in ("bool", "bool_") or pd.isna(value) else float(value)


def _is_digest(column: pd.Series) -> bool:
    told = column.dropna()
    return bool(len(told)) and all(isinstance(one, str) and DIGEST.fullmatch(one) for one in told)


def _may_be_key(a: pd.Series, b: pd.Series) -> bool:
    if not any(pd.api.types.is_float_dtype(one) for one in (a, b)):
        return True
    first, second = ({_canonical(value) for value in one.dropna()} for one in (a, b))
    return bool(first and second) and 2 * len(first & second) >= min(len(first), len(second))


def _varies(frame: pd.DataFrame, name: str) -> bool:
    return frame[name].nunique(dropna=False) > 1


def _unique(frame: pd.DataFrame, key: list[str]) -> bool:
    return not frame.duplicated(key).any() if key else len(frame) <= 1


def _indexed(frame: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """``frame`` by key, as texts that do not depend on a column's type, and the count of equal keys before."""
    levels = [frame[name].map(_canonical) for name in key]
    repeated = frame.groupby(key, dropna=False).cumcount() if key else pd.Series(range(len(frame)), frame.index)
    index = pd.MultiIndex.from_arrays([*levels, repeated.astype(str)], names=[*key, None])
    return frame.set_axis(index)


def _canonical(value: Any) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.12g}"
    return "–" if value is None or value is pd.NA else str(value)
