"""What one student for all sizes shows: differences paired by seed, the table, and the sentences they allow."""

from __future__ import annotations

import pandas as pd

from smallbert.measure.stats import mean_interval
from smallbert.studies.contrasts import LEVEL, NOT_AFTER_CORRECTION, contrast, corrected
from smallbert.studies.elastic import ARMS, FULL, LIST, RANDOM, SEPARATE, START, Design
from smallbert.studies.elastic_reading import OVERLAP, TOPIC, WHOLE

MARGIN = 0.01
"""A difference that does not matter: one neighbour in a hundred."""

DIGITS = 12
"""Of a difference: beyond them stands how the machine adds, not what was measured."""

AGAINST = ((LIST, SEPARATE), (RANDOM, SEPARATE), (FULL, SEPARATE), (LIST, FULL), (LIST, RANDOM), (SEPARATE, START))
"""Which arms are compared, size by size; each pair is one family of Holm's correction."""

_SIZE = ["layer", "width"]


def contrasts(cells: pd.DataFrame) -> pd.DataFrame:
    """The overlap, every pair of :data:`AGAINST` at every size of the whole vocabulary, paired by seed, Holm-corrected.

    Args:
        cells: from :func:`smallbert.studies.elastic.run`.

    Returns:
        Columns ``arm``, ``against``, ``layer``, ``width``, ``difference``, ``low``, ``high``, ``pairs``, ``p_holm``,
        ``verdict``.
    """
    whole = cells[cells.coverage == WHOLE]
    wide = whole.pivot(index="seed", columns=["arm", *_SIZE], values=OVERLAP)
    wide[START] = wide[START].ffill()  # what is not trained is the same for every seed
    families = []
    arms = set(whole.arm)
    for arm, other in (pair for pair in AGAINST if arms.issuperset(pair)):
        own = whole.loc[whole.arm == arm, _SIZE].drop_duplicates()
        if (arm, other) == (FULL, SEPARATE):  # at full size they are one student
            own = own[(own != own.max()).any(axis=1)]
        sizes = own.itertuples(index=False, name=None)
        rows = [
            {"arm": arm, "against": other, "layer": layer, "width": width}
            | contrast(wide[arm, layer, width], wide[other, layer, width])
            for layer, width in sizes
        ]
        families.append(corrected(pd.DataFrame(rows), margin=MARGIN))
    table = pd.concat(families, ignore_index=True)
    # Shares of few neighbours that are equal differ by 1e-17 after a mean: what no article can tell is zero.
    values = ["difference", "low", "high"]
    return table.assign(**{name: table[name].round(DIGITS) + 0.0 for name in values})


def means(cells: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds and half of their 95% intervals, one row an arm, size and coverage: the page's table.

    Columns ``trained for`` (the arm), ``layers``, ``numbers``, ``coverage``, the measures (of the overlap also ``low``
    and ``high``; empty where there is one seed), ``seeds``, and the costs as of :func:`smallbert.studies.elastic.run`.
    """
    rows = []
    by = ["arm", *_SIZE, "coverage"]
    for (arm, layer, width, coverage), part in cells.groupby(by, sort=False):
        first = part.iloc[0]
        found = mean_interval(part[OVERLAP]) if len(part) > 1 else None
        rows.append(
            {
                "trained for": arm,
                "layers": layer,
                "numbers": width,
                "coverage": coverage,
                OVERLAP: part[OVERLAP].mean(),
                "low": found.low if found else None,
                "high": found.high if found else None,
                TOPIC: part[TOPIC].mean(),
                "seeds": len(part),
                **{name: first[name] for name in ("parameters", "megabytes", "bytes a vector", "operations")},
            }
        )
    order = {arm: place for place, arm in enumerate((*ARMS, START))}
    table = pd.DataFrame(rows).dropna(axis=1, how="all")
    return table.sort_values(
        ["trained for", "coverage", "layers", "numbers"],
        key=lambda column: column.map(order) if column.name == "trained for" else column,
        ascending=[True, False, True, True],
    ).reset_index(drop=True)


def cost_sentence(of: Design, found: pd.DataFrame) -> str:
    """What one student costs against separate ones, and in which sizes.

    Args:
        of: the study's design.
        found: from :func:`contrasts`, of the overlap.
    """
    count = len(of.sizes)
    said = [
        f"One student trained once on {of.recipe.steps * of.recipe.batch_tokens:,} places for tokens stands for "
        f"{count} students of their own, "
        f"which read {count} times as many. {_against(found, LIST, SEPARATE)}"
    ]
    if of.can_draw:
        said.append(_against(found, RANDOM, SEPARATE, "With sizes drawn at random"))
    return " ".join(said)


def gain_sentence(cells: pd.DataFrame, of: Design, found: pd.DataFrame) -> str:
    """What the joint training buys: against the student of the full size and the teacher itself, cut the same way."""
    said = [_against(found, LIST, FULL, "Against training for the full size alone, cut the same way")]
    if of.can_draw:
        said.append(_against(found, LIST, RANDOM, "Against sizes drawn at random"))
    whole = cells[(cells.coverage == WHOLE) & (cells.arm.isin([LIST, START]))]
    mean = whole.groupby(["arm", *_SIZE])[OVERLAP].mean()
    least = of.sizes[0]
    said.append(
        f"The encoder itself, untrained, cut to {_size(least)} of its principal components, "
        f"keeps {mean[START, *least]:.3f} of its neighbours, the student of the fixed list {mean[LIST, *least]:.3f}; "
        f"at full size {mean[START, *of.full]:.3f} and {mean[LIST, *of.full]:.3f}."
    )
    return " ".join(said)


def vocabulary_sentence(cells: pd.DataFrame, unchanged: dict[float, float], of: Design) -> str:
    """The third cut: what a trimmed vocabulary saves and costs, at the student's full size.

    Args:
        cells: from :func:`smallbert.studies.elastic.run`.
        unchanged: by coverage, the share of test articles all of whose tokens are kept.
        of: the study's design.
    """
    own = cells[cells.arm == LIST].groupby([*_SIZE, "coverage"])[[OVERLAP, "parameters"]].mean()
    said = []
    for coverage in sorted((one for one in unchanged if one != WHOLE), reverse=True):
        cut, whole = own.loc[(*of.full, coverage)], own.loc[(*of.full, WHOLE)]
        said.append(
            f"Trimmed to {coverage:.0%} of the corpus's token occurrences it has, at full size, "
            f"{cut.parameters / whole.parameters:.0%} of the parameters and {cut[OVERLAP]:.3f} of the neighbours in "
            f"place of {whole[OVERLAP]:.3f}; {unchanged[coverage]:.0%} of the test articles keep all their tokens, and "
            "their vectors to the bit."
        )
    return " ".join(said)


def verdict_sentence(found: pd.DataFrame) -> str:
    """The verdict, from :func:`contrasts` of the overlap; where training taught nothing, that equality means little."""
    own = found[(found.arm == SEPARATE) & (found.against == START)]
    # Told apart from nothing, however small: a margin would hide that little was learnt.
    better, worse = (int(((side > 0) & (own.p_holm < 1 - LEVEL)).sum()) for side in (own.low, -own.high))
    return (
        f"{_verdict(found)} Training for one size alone differs from the encoder itself, cut untrained, by "
        f"{own.difference.min():+.3f} to {own.difference.max():+.3f}: told to be better at {better} and worse at "
        f"{worse} of {len(own)} sizes{'' if better else ', so that no gain is shown that could be lost'}."
    )


def _verdict(found: pd.DataFrame) -> str:
    own = found[(found.arm == LIST) & (found.against == SEPARATE)]
    worse, count = own[own.verdict == "lower"], len(own)
    if len(worse):
        where = ", ".join(_size(size) for size in worse[_SIZE].itertuples(index=False, name=None))
        return (
            f"One student for all sizes is worse than separate ones at {len(worse)} of {count} sizes ({where}), "
            f"by {_span(-worse.difference.max(), -worse.difference.min())} in {OVERLAP}."
        )
    same = int((own.verdict == "equivalent").sum())
    better = int((own.verdict == "higher").sum())
    return (
        f"One student for all sizes is told to be worse than separate ones at none of {count} sizes "
        f"(equivalent within {MARGIN:g} at {same}, better at {better})."
    )


def _against(found: pd.DataFrame, arm: str, other: str, opening: str = "") -> str:
    """How an arm does beside another over all sizes."""
    own = found[(found.arm == arm) & (found.against == other)]
    counts = own.verdict.value_counts()
    words = {
        "lower": "lower at",
        "higher": "higher at",
        "equivalent": f"equivalent within {MARGIN:g} at",
        NOT_AFTER_CORRECTION: f"{NOT_AFTER_CORRECTION} at",
        "no difference shown": "no difference shown at",
        "diverged": "not measured twice at",
    }
    said = ", ".join(f"{words[name]} {counts[name]}" for name in words if name in counts)
    subject = "the fixed list" if arm == LIST else "it"
    start = f"{opening}, {subject}" if opening else f"Beside them {subject}"
    return (
        f"{start} differs by {own.difference.mean():+.3f} in {OVERLAP} on average ({own.difference.min():+.3f} to "
        f"{own.difference.max():+.3f}); of {len(own)} sizes: {said}."
    )


def _size(size: tuple[int, int]) -> str:
    layer, width = size
    return f"{layer} layer{'s' if layer > 1 else ''} x {width} numbers"


def _span(low: float, high: float) -> str:
    return f"{low:.3f}" if f"{low:.3f}" == f"{high:.3f}" else f"{low:.3f} to {high:.3f}"
