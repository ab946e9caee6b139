"""What the codes of page 8 are worth, in sentences that are true whatever the numbers say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from scipy import stats

from smallbert.published import published
from smallbert.studies.code_outcomes import Measured
from smallbert.studies.codes import LEAST_WORTH, MARGIN, REFERENCE, measures
from smallbert.studies.commonest import ALWAYS, nothing_to_keep
from smallbert.studies.frontier_points import KEEP
from smallbert.studies.searches import ENCODINGS


def smallest(points: pd.DataFrame, name: str, keep: float = KEEP) -> pd.Series | None:
    """The code of fewest bytes that keeps this share of the whole vector's worth by its whole interval; None if none.

    Of codes of equal bytes the one with the highest mean.
    """
    own = points[points.measure == name]
    enough = own[(own["kept low"] >= keep) & (own.group != "whole")]
    enough = enough.sort_values(["bytes", "mean"], ascending=[True, False])
    return None if enough.empty else enough.iloc[0]


def _few(seeds: int) -> str:
    """How wide so few seeds make it."""
    if seeds > _FEW:
        return ""
    return f": with so few it asks for {stats.t.ppf(0.975, seeds - 1):.1f} standard errors, and tells little of them"


_FEW = 3
"""Seeds by which Student's t tells only what is far larger than its spread."""


def smallest_sentence(points: pd.DataFrame, keep: float = KEEP) -> str:
    """How small an index may be for each use."""
    whole = int(points[points.group == "whole"].bytes.iloc[0])
    told = []
    for name in measures(points):
        one = smallest(points, name, keep)
        if one is None:
            [before] = points[(points.measure == name) & (points.group == "whole")].to_dict("records")
            told.append(f"{name}: {_nothing(before) if pd.isna(before['kept']) else 'no code tried'}")
            continue
        worth = f"keeps {one.kept:.1%} [{one['kept low']:.1%}, {one['kept high']:.1%}]"
        told.append(f"{name}: {one.bytes:,} bytes ({one.method}, {worth}), {whole / one.bytes:.3g} times smaller")
    return f"Fewest bytes with at least {keep:.0%} of the whole vector's worth, interval included: {'; '.join(told)}."


def _nothing(whole: Mapping[Any, Any]) -> str:
    """Why no share of a whole vector's worth is told; of its row."""
    worth, floor = whole["mean"], whole["floor"]
    if nothing_to_keep(whole["low"], floor):
        return f"nothing to keep, the whole vector ({worth:.3f}) is no better for sure than {ALWAYS} ({floor:.3f})"
    limits = f"[{whole['low']:.3f}, {whole['high']:.3f}]"
    return f"the whole vector has {worth:.3f} {limits} to keep, less than {LEAST_WORTH:g} by its lower limit"


def encoding(measured: Measured) -> pd.DataFrame:
    """Order of magnitude of the microseconds to encode a vector: one row a ``method``, one column a size.

    Each is the power of ten nearest to the least over timings and seeds; an outcome keeps no other. Codes are measured
    by threads side by side, so that even the least is a contended timing, which may be many times too long.
    """
    rows = [
        (method, nbytes, magnitude(min(outcome.encode for outcome in outcomes)))
        for (method, group, nbytes), outcomes in measured.points().items()
        if group != "whole"
    ]
    long = pd.DataFrame(rows, columns=["method", "bytes", "microseconds"])
    wide = long.pivot(index="method", columns="bytes", values="microseconds").loc[long.method.unique()]
    return wide.rename(columns="{:,} bytes".format).rename_axis(columns=None).reset_index()


def magnitude(value: float) -> float:
    """The power of ten nearest to a positive number, by its logarithm."""
    return float(10.0 ** round(math.log10(value)))


def contrast_table(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """How every method compares with the reference at equal bytes.

    Args:
        found: by measure, from :func:`smallbert.studies.codes.contrasts`.

    Returns:
        One row a method and one column a measure: at how many of the sizes that both have it is better, worse,
        equivalent or not told apart, and between which differences. A measure without contrasts has no column.
    """
    words = {"higher": "better", "lower": "worse", "no difference shown": "not told apart"}
    told: dict[str, dict[str, str]] = {}
    for name, table in found.items():
        for method, part in table.groupby("method", sort=False):
            counts = part.verdict.value_counts()
            tally = ", ".join(f"{words.get(word, word)} {count}" for word, count in counts.items())
            ends = dict.fromkeys(f"{end:+.3f}" for end in (part.difference.min(), part.difference.max()))
            told.setdefault(str(method), {})[name] = f"{tally} ({' to '.join(ends)})"
    columns = ["method", *(name for name, table in found.items() if len(table))]
    return pd.DataFrame([{"method": method} | row for method, row in told.items()], columns=columns)


def contrasts_caption(found: Mapping[str, pd.DataFrame], points: pd.DataFrame, seeds: int) -> str:
    """What stands behind :func:`contrast_table`, and which measures are left out of it, and why.

    Args:
        found: as there.
        points: from :func:`smallbert.studies.codes.summary`.
        seeds: how often a code that is drawn or trained was fitted.
    """
    whole = points[(points.group == "whole") & points.kept.isna()].to_dict("records")
    left = "; ".join(f"{row['measure']}, {_nothing(row)}" for row in whole)
    asked = "; ".join(f"{name} {int(table.pairs.max()):,}" for name, table in found.items() if len(table))
    return (
        f"Against {REFERENCE}: at how many equal sizes better or worse (differences); equivalent: within {MARGIN:g}. "
        f"Paired by query (n: {asked or 'none'}), by bootstrap, of translations over events; codes that are drawn or "
        f"trained over {seeds} seeds, where Student's t over seeds has to agree{_few(seeds)}. Topic probes are fitted "
        f"on as many training articles as are searched. Holm-corrected.{f' Left out: {left}.' if left else ''}"
    )


def encoding_caption() -> str:
    """How :func:`encoding` was measured, and what it cannot tell."""
    return (
        "Microseconds to encode one vector, nearest power of ten. Contended timings: codes are measured side by side, "
        f"a thread a core, and even the fastest of {ENCODINGS} timings and of all seeds depends on what else ran, cell "
        "by cell. They rank neither methods nor sizes."
    )


def reported_sentence() -> str:
    """What others report of the same formats, on their own scales."""
    int8, binary, rescored = (
        published(f"embedding_quantization.mxbai.{name}").value for name in ("int8", "binary", "binary_rescored")
    )
    times = published("kb_shrink.compression_at_92_percent").value
    return (
        f"Reported elsewhere, on other scales: int8 numbers keep {int8:g}% of one English encoder's retrieval, binary "
        f"ones {binary:g}%, rescored {rescored:g}% (mixedbread and sentence-transformers 2024); PCA and fewer bits "
        f"together save {times:g} times at 92% (Zouhar et al. 2022)."
    )
