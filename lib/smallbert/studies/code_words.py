"""What the codes of page 8 are worth, in sentences that are true whatever the numbers say."""

from __future__ import annotations

import pandas as pd

from smallbert.published import published
from smallbert.studies.codes import MARGIN, REFERENCE, measures, pareto
from smallbert.studies.searches import OVERLAP

KEEP = 0.95
"""Share of the whole vector's worth that :func:`smallest` asks for."""


def whole_sentence(points: pd.DataFrame) -> str:
    """What the whole vector is worth, which bounds the neighbours a code can keep but nothing else."""
    own = points[points.group == "whole"]
    nbytes = int(own.bytes.iloc[0])
    told = "; ".join(
        f"{row.measure} {_limits(row.mean, row.low, row.high)}" for row in own.itertuples() if row.measure != OVERLAP
    )
    return f"The whole vector takes {nbytes:,} bytes." + (f" Its worth: {told}." if told else "")


def front_sentence(points: pd.DataFrame, name: str) -> str:
    """The Pareto front of one measure, from the fewest bytes on."""
    best = pareto(points, name)
    told = "; ".join(
        f"{row.bytes:,} bytes {row.method} {_limits(row.mean, row.low, row.high)}" for row in best.itertuples()
    )
    beyond = best[(best.group != "whole") & (best.kept > 1)]
    after = (
        ""
        if beyond.empty
        else f" Above the whole vector by their mean: {len(beyond)} of them, for coding is no mere loss: it also "
        "changes how loud each direction is in a cosine."
    )
    return f"Not dominated in bytes and {name}: {told}.{after}"


def smallest(points: pd.DataFrame, name: str, keep: float = KEEP) -> pd.Series | None:
    """The code of fewest bytes whose whole interval keeps this share of the whole vector's mean; None if there is none.

    Of codes of equal bytes the one with the highest mean.
    """
    own = points[points.measure == name]
    need = keep * float(own[own.group == "whole"]["mean"].iloc[0])
    enough = own[(own.low >= need) & (own.group != "whole")].sort_values(["bytes", "mean"], ascending=[True, False])
    return None if enough.empty else enough.iloc[0]


def smallest_sentence(points: pd.DataFrame, keep: float = KEEP) -> str:
    """How small an index may be for each use."""
    whole = int(points[points.group == "whole"].bytes.iloc[0])
    told = []
    for name in measures(points):
        one = smallest(points, name, keep)
        if one is None:
            told.append(f"{name}: no code tried")
            continue
        worth = _limits(one["mean"], one.low, one.high)
        told.append(f"{name}: {one.bytes:,} bytes ({one.method}, {worth}), {whole / one.bytes:g} times smaller")
    return f"Fewest bytes with at least {keep:.0%} of the whole vector's worth, interval included. {'; '.join(told)}."


def contrast_sentence(found: pd.DataFrame, name: str) -> str:
    """How every method compares with the reference at equal bytes.

    Args:
        found: from :func:`smallbert.studies.codes.contrasts`.
        name: of the measure.
    """
    if found.empty:
        return f"No code can be compared with {REFERENCE} at equal bytes in {name}."
    words = {"higher": "better", "lower": "worse", "equivalent": f"equivalent within {MARGIN}"}
    told = []
    for method, part in found.groupby("method", sort=False):
        counts = part.verdict.value_counts()
        tally = ", ".join(f"{words.get(word, word)} at {count}" for word, count in counts.items())
        span = f"{part.difference.min():+.3f}" if len(part) == 1 else (
            f"{part.difference.min():+.3f} to {part.difference.max():+.3f}"
        )  # fmt: skip
        told.append(f"{method} {tally} ({span})")
    return f"Against {REFERENCE} at equal bytes, in {name}, of the sizes both have: {'; '.join(told)}."


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


def answer(points: pd.DataFrame) -> str:
    """The answer of this part in one paragraph."""
    return " ".join([whole_sentence(points), smallest_sentence(points), front_sentence(points, OVERLAP)])


def _limits(mean: float, low: float, high: float) -> str:
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"
