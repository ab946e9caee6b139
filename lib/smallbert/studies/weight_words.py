"""What weights in fewer bits are worth and how fast they run, in words that are true whatever was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from smallbert.compress import quantize
from smallbert.studies.facts import plain
from smallbert.studies.weights import ALONE, COSINE, FULL, KEPT, OWN, TOGETHER, TOPIC_KEPT


def shown(found: pd.DataFrame) -> pd.DataFrame:
    """What each form of each encoder takes and keeps, in words.

    Args:
        found: from :func:`quality`.
    """
    rows = [
        {
            "encoder": row["encoder"],
            "form": row["form"],
            "MB": row["bytes"] / 1e6,
            "of the first": row["share"],
            "cosine": row[COSINE],
            "own neighbours kept": _between(row, OWN),
            "first's neighbours kept": _between(row, KEPT),
            "first's topics kept": _between(row, TOPIC_KEPT),
        }
        for row in found.to_dict("records")
    ]
    return pd.DataFrame(rows)


def shown_times(found: pd.DataFrame) -> pd.DataFrame:
    """What reading takes, in words.

    Args:
        found: from :func:`timings`.
    """
    units = {ALONE: "a text", TOGETHER: "a token"}
    rows = [
        {
            "encoder": row["encoder"],
            "products": row["form"].removesuffix(" products"),
            "read": row["measure"],
            "microseconds": f"{_limited(row, 'microseconds', '', ',.1f')} {units[row['measure']]}",
            "speed": _limited(row, "speed", "speed ", ".2f"),
        }
        for row in found.to_dict("records")
    ]
    return pd.DataFrame(rows)


def speed_sentence(found: pd.DataFrame) -> str:
    """Whether integers are faster than floating point here, by the intervals."""
    units = quantize.integer_units()
    told = []
    for (name, measure), part in found.groupby(["encoder", "measure"], sort=False):
        fastest = part.loc[part.speed.idxmax()]
        others = part[part.form != fastest.form]
        clear = (fastest["speed low"] > others["speed high"]).all()
        told.append(
            f"{plain(name)}, {measure}: fastest is {fastest.form}, {fastest.speed:.2f} times the first in {FULL}, "
            f"{'by its whole interval' if clear else 'by mean only'}"
        )
    where = f"This processor has integer units ({units})" if units else "This processor has no integer units"
    return f"{where}. {'. '.join(told)}."


def _between(row: Mapping[str, Any], name: str) -> str:
    return "–" if pd.isna(row[name]) else _limited(row, name, f"{name} ", ".1%")


def _limited(row: Mapping[str, Any], name: str, prefix: str, form: str) -> str:
    """A value between its limits, which stand in ``PREFIXlow`` and ``PREFIXhigh``."""
    return f"{row[name]:{form}} [{row[f'{prefix}low']:{form}}, {row[f'{prefix}high']:{form}}]"
