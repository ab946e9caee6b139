"""What weights in fewer bits are worth and how fast they run, in words that are true whatever was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from smallbert.compress import quantize
from smallbert.studies.commonest import ALWAYS, nothing_to_keep
from smallbert.studies.facts import plain
from smallbert.studies.reading import ALONE, TOGETHER
from smallbert.studies.weights import (
    ASKED,
    COMMONEST,
    COSINE,
    FITTED,
    FULL,
    KEPT,
    OWN,
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
    """Which number format is fastest for the first encoder, against fp32 and the other formats; for others by mean.

    These are two tests: the speed is a ratio to fp32 with an interval of its own, while two formats are told apart
    where their intervals do not meet.

    Args:
        found: from :func:`smallbert.studies.weights.timings`.
    """
    units = quantize.integer_units()
    first = found.encoder.iloc[0]
    told = []
    for measure, part in found[found.encoder == first].groupby("measure", sort=False):
        fastest = part.loc[part.speed.idxmax()]
        others = part[(part.form != fastest.form) & (part.form != FULL)]
        told.append(f"{plain(first)}, {measure}: fastest is {fastest.form}, {_times(fastest)}{_ahead(fastest, others)}")
    for name, part in found[found.encoder != first].groupby("encoder", sort=False):
        best = part.loc[part.groupby("measure", sort=False).speed.idxmax()]
        forms = ", ".join(f"{row.form} for {row.measure}" for row in best.itertuples())
        told.append(f"{plain(name)}: fastest by mean are {forms}")
    where = f"This processor has integer units ({units})" if units else "This processor has no integer units"
    return f"{where}. {' '.join(f'{one[:1].upper()}{one[1:]}.' for one in told)}"


def _times(fastest: pd.Series) -> str:
    """How fast the fastest format of the first encoder is beside its fp32."""
    if fastest.form == FULL:
        return "which the others are told against"
    limits = _limited(fastest.to_dict(), "speed", "speed ", ".2f")
    sure = fastest["speed low"] > 1
    word = "faster" if sure else "slower" if fastest["speed high"] < 1 else "not told faster or slower"
    return f"{limits} times as fast as {FULL} ({word})"


def _ahead(fastest: pd.Series, others: pd.DataFrame) -> str:
    """Which of the other formats the fastest is told to be ahead of."""
    clear = fastest["speed low"] > others["speed high"]
    parts = [
        f"ahead of {' and '.join(forms)} by {how}"
        for forms, how in ((others.form[clear], "whole intervals"), (others.form[~clear], "mean only"))
        if len(forms)
    ]
    return "".join(f"; {part}" for part in parts)


def caption(found: pd.DataFrame) -> str:
    """What stands behind :func:`shown`.

    Args:
        found: from :func:`quality`.
    """
    first = found.iloc[0]
    topics = "" if pd.isna(first[TOPIC]) else f"; topics on {first[ASKED]:,}, by a probe fitted on {first[FITTED]:,}"
    return (
        f"Every encoder in every form, on {first.articles:,} test articles{topics}; 95% intervals, paired by article. "
        "The first is the whole encoder in fp32; own neighbours are those of the same encoder in fp32. MB are of the "
        "file, with its header and any pooler and heads."
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
