"""What weights in fewer bits are worth and how fast they run, in words that are true whatever was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from smallbert.compress import quantize
from smallbert.studies.commonest import ALWAYS, nothing_to_keep
from smallbert.studies.facts import plain
from smallbert.studies.weights import (
    ALONE,
    ASKED,
    COMMONEST,
    COSINE,
    FITTED,
    FULL,
    KEPT,
    OWN,
    TOGETHER,
    TOPIC,
    TOPIC_KEPT,
)


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


def caption(found: pd.DataFrame) -> str:
    """What stands behind :func:`shown`.

    Args:
        found: from :func:`quality`.
    """
    first = found.iloc[0]
    topics = "" if pd.isna(first[TOPIC]) else f"; topics on {first[ASKED]:,}, by a probe fitted on {first[FITTED]:,}"
    return (
        f"Every encoder in every form, on {first.articles:,} test articles{topics}; 95% intervals, paired by article. "
        "The first is the whole encoder in fp32; own neighbours are those of the same encoder in fp32."
    )


def topics_sentence(found: pd.DataFrame) -> str:
    """What the probe of topics was fitted on and asked, and whether the first encoder has anything of them to keep.

    Args:
        found: from :func:`quality`.
    """
    first = found.iloc[0]
    if pd.isna(first[TOPIC]):
        return "This corpus names no two topics."
    asked = (
        f"Topics, fitted on {first[FITTED]:,} articles and asked of {first[ASKED]:,}: the first encoder in fp32 is "
        f"right on {_limited(first.to_dict(), TOPIC, f'{TOPIC} ', '.3f')}, {ALWAYS} on {first[COMMONEST]:.3f}"
    )
    if nothing_to_keep(first[f"{TOPIC} low"], first[COMMONEST]):
        return f"{asked}: no better for sure, so there is nothing to keep. Other pages ask other articles."
    return f"{asked}. Other pages ask other articles."


def _between(row: Mapping[str, Any], name: str) -> str:
    return "–" if pd.isna(row[name]) else _limited(row, name, f"{name} ", ".1%")


def _limited(row: Mapping[str, Any], name: str, prefix: str, form: str) -> str:
    """A value between its limits, which stand in ``PREFIXlow`` and ``PREFIXhigh``."""
    return f"{row[name]:{form}} [{row[f'{prefix}low']:{form}}, {row[f'{prefix}high']:{form}}]"
