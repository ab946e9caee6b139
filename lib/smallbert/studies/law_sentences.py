"""What laws of loss against size say of the sizes that were measured, in sentences that pages 6 and 8 share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from smallbert.measure.scaling import LAWS, STEP, LawName, searched
from smallbert.studies.model_size import MEASURES, SIZE
from smallbert.studies.sharing import MARGIN

BEYOND = 10
"""How many times the largest size the laws are asked ahead, to show what the measured sizes leave open."""

PLAIN, BENT = LAWS[1:]

_SAYS = {
    "constant": "the constant, which says that size does not matter",
    PLAIN: "the power law, which falls without end",
    BENT: "the power law with asymptote, which falls to c and no further",
}


def law_sentence(steps: pd.DataFrame, fitted: pd.DataFrame) -> str:
    """Which law foretells left-out sizes; where no step of size is told for sure, none is told from the constant.

    Args:
        steps: from :func:`smallbert.studies.model_size.contrasts`, or as its page wrote them.
        fitted: from :func:`smallbert.studies.size_laws.curves`, likewise.
    """
    own = fitted[fitted.measure == MEASURES[0]]
    best = own[own.preferred.astype(bool)]
    if best.empty:
        return "The sizes are too few to tell one law of size from another."
    errors = ", ".join(f"{law} {error:.3f}" for law, error in zip(own.law, own["left out"], strict=True))
    if not _step_told(steps):
        return (
            "The step to the largest size is not told, so no law is told from the constant (errors on left-out sizes, "
            f"nats: {errors})."
        )
    says = _SAYS[best.law.iloc[0]]
    return (
        f"Of three laws the simplest that foretells a left-out size as well as any is {says} (errors, nats: {errors})."
    )


def laws_sentence(steps: pd.DataFrame, fitted: pd.DataFrame) -> str:
    """The same; where a step is told, with the laws' numbers and how far the two that fall part beyond the sizes."""
    said = [law_sentence(steps, fitted)]
    fitted = fitted[fitted.measure == MEASURES[0]]
    if not fitted.preferred.any() or not _step_told(steps):
        return said[0]
    rows = fitted.set_index("law")
    said += [f"The {law}: {_numbers(law, rows.loc[law], names)}." for law, names in ((PLAIN, "b"), (BENT, "bc"))]
    apart = abs(rows.beyond[PLAIN] - rows.beyond[BENT])
    said.append(
        f"At {BEYOND} times the largest size the two laws that fall foretell {rows.beyond[PLAIN]:.3f} and "
        f"{rows.beyond[BENT]:.3f} nats"
        + (": these sizes do not tell them apart." if apart <= MARGIN else f", {apart:.3f} apart.")
    )
    return " ".join(said)


def _step_told(steps: pd.DataFrame) -> bool:
    return bool(steps.verdict[steps.panel == SIZE].isin(["lower", "higher"]).any())


def _numbers(law: LawName, row: pd.Series, names: str) -> str:
    """``b = 0.05 [0.04, 0.06], 0.03 to 0.09 with one size left out``, for each name; or that none is determined."""
    least, most = searched(law)
    at_least, at_most = row["b low"] <= least + STEP, row["b high"] >= most - STEP
    if at_least and at_most:  # and with it c, which falls as b does
        return f"{' and '.join(names)} not determined (b: the whole search range, {least:.3g} to {most:.3g})"
    told = []
    for name in names:
        over_seeds = (
            f" [{row[f'{name} low']:.3f}, {row[f'{name} high']:.3f}]" if np.isfinite(row[f"{name} low"]) else ""
        )
        ends = [row[f"{name} {end}"] for end in ("least", "most")]
        told.append(f"{name} = {row[name]:.3f}{over_seeds}, {ends[0]:.3f} to {ends[1]:.3f} with one size left out")
    if at_least or at_most:
        told.append(f"the interval of b ends where the search does, at {least if at_least else most:.3g}")
    return "; ".join(told)
