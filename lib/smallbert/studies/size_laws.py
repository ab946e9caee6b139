"""Study 6, model size: curves of loss against size, what the papers print, and whether quality grows without end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from smallbert.measure.scaling import (
    CONSTANTS,
    LAWS,
    Curve,
    fit,
    left_out,
    preferred,
    resampled,
)
from smallbert.models import parameters
from smallbert.models.presets import BERT_BASE
from smallbert.published import load, published
from smallbert.studies.contrasts import LEVEL, NOT_AFTER_CORRECTION, worded
from smallbert.studies.law_sentences import BEYOND, laws_sentence
from smallbert.studies.model_size import MEASURES, SIZE
from smallbert.studies.sharing import MARGIN, Trained, learnt

REPORTED = "reported"
"""The measure of curves through printed numbers."""


def curves(trained: Trained) -> pd.DataFrame:
    """The laws of :mod:`smallbert.measure.scaling`, fitted to the held-out loss of the panel ``size`` by each measure.

    Args:
        trained: from :func:`smallbert.studies.model_size.train`.

    Returns:
        One row a measure and law: ``measure``, ``law``, ``a``, ``b``, ``c``, ``error`` (root mean square of the fit,
        nats), ``left out`` (that of sizes foretold from the others), ``preferred``; for b and c their 95% interval over
        resampled seeds (``b low``, ``b high``) and the range that leaving one size out makes of them (``b least``, ``b
        most``); ``beyond``, the loss foretold at :data:`BEYOND` times the largest size. Not-a-number where there are
        too few sizes or seeds; a law with more numbers than sizes is left out.
    """
    cells = trained.panel(SIZE)
    found = []
    for measure in MEASURES:
        sizes = cells.groupby("arm", sort=False)[measure].first()
        losses = cells.pivot(index="seed", columns="arm", values="loss").dropna()[sizes.index]
        found.append(_fitted(measure, sizes.to_numpy(float), losses.to_numpy()))
    return pd.concat(found, ignore_index=True)


def printed_curves(printed: pd.DataFrame) -> pd.DataFrame:
    """The same through BERT's Table 6, the better of two arms of equal size; columns as of :func:`curves`.

    Args:
        printed: from :func:`printed_sizes`.
    """
    best = printed.groupby("parameters").loss.min()
    return _fitted(REPORTED, best.index.to_numpy(float), best.to_numpy()[None])


def _fitted(measure: str, sizes: np.ndarray, losses: np.ndarray) -> pd.DataFrame:
    """All laws through the means of ``losses``, a row a seed and a column a size."""
    means, different = losses.mean(0), len(np.unique(sizes))
    rows, errors = [], {}
    for law in LAWS:
        if different < CONSTANTS[law]:
            continue
        own = fit(sizes, means, law)
        row = {"measure": measure, "law": law, "a": own.a, "b": own.b, "c": own.c}
        row |= {"error": _root_mean_square(own.at(sizes) - means), "beyond": float(own.at(BEYOND * sizes.max()))}
        if (
            different > CONSTANTS[law] + 1
        ):  # the others must be more than the law has numbers: else it passes through all
            errors[law], without = left_out(sizes, means, law)
            row |= {"left out": _root_mean_square(errors[law])} | _span(without, ("least", "most"), (0, 1))
        if len(losses) > 1:
            row |= _span(resampled(sizes, losses, law), ("low", "high"), ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
        rows.append(row)
    columns = ["measure", "law", "a", "b", "c", "error", "left out", "beyond"]
    columns += [f"{name} {end}" for name in "bc" for end in ("low", "high", "least", "most")]
    found = pd.DataFrame(rows).reindex(columns=columns)
    return found.assign(preferred=found.law == (preferred(errors) if len(errors) == len(LAWS) else None))


def _root_mean_square(errors: np.ndarray) -> float:
    return float(np.sqrt((errors**2).mean()))


def _span(found: Sequence[Curve], ends: tuple[str, str], shares: tuple[float, float]) -> dict[str, float]:
    return {
        f"{name} {end}": float(np.quantile([getattr(curve, name) for curve in found], share))
        for name in "bc"
        for end, share in zip(ends, shares, strict=True)
    }


def residuals(trained: Trained, fitted: pd.DataFrame) -> pd.DataFrame:
    """What every law leaves of every cell: its loss less the law's.

    Args:
        trained: from :func:`smallbert.studies.model_size.train`.
        fitted: from :func:`curves`.

    Returns:
        Columns ``measure``, ``law``, ``arm``, ``seed``, ``size``, ``residual`` (nats).
    """
    cells, rows = trained.panel(SIZE), []
    for row in fitted.itertuples():
        sizes = cells[row.measure]
        left = cells.loss - Curve(row.law, row.a, row.b, row.c).at(sizes)
        rows.append(cells[["arm", "seed"]].assign(measure=row.measure, law=row.law, size=sizes, residual=left))
    return pd.concat(rows, ignore_index=True)[["measure", "law", "arm", "seed", "size", "residual"]]


def printed_sizes() -> pd.DataFrame:
    """BERT's Table 6: ``layers``, ``hidden``, ``heads``, ``perplexity``, ``loss`` (its logarithm), ``mnli``.

    ``parameters`` are counted by us, with BERT's vocabulary and pooler: the table prints none.
    """
    rows = []
    for id, entry in load().items():
        if found := re.fullmatch(r"bert\.table6\.l(\d+)_h(\d+)_a(\d+)\.perplexity", id):
            layers, hidden, heads = map(int, found.groups())
            sizes = replace(BERT_BASE, layers=layers, hidden=hidden, heads=heads, intermediate=4 * hidden)
            mnli = published(id.replace("perplexity", "scores")).value[0]
            counted, loss = parameters.count(sizes).total, float(np.log(entry.value))
            rows.append((layers, hidden, heads, counted, entry.value, loss, mnli))
    return pd.DataFrame(rows, columns=["layers", "hidden", "heads", "parameters", "perplexity", "loss", "mnli"])


def printed_turns() -> pd.DataFrame:
    """ALBERT's Tables 11 and 12, averages of five tasks: ``table``, ``varied``, ``size``, ``average``."""
    parts = []
    for table, column, varied in ((11, "layers", "layers"), (12, "hidden", "width")):
        sizes, averages = (published(f"albert.table{table}.{what}").value for what in (column, "average"))
        parts.append(pd.DataFrame({"table": table, "varied": varied, "size": sizes, "average": averages}))
    return pd.concat(parts, ignore_index=True)


def answer(trained: Trained, contrasts: pd.DataFrame, fitted: pd.DataFrame, floor: float) -> str:
    """Does quality grow with size without end? What was measured says, and what it leaves open.

    Args:
        trained: from :func:`smallbert.studies.model_size.train`.
        contrasts: from :func:`smallbert.studies.model_size.contrasts`.
        fitted: from :func:`curves`.
        floor: held-out loss of word frequencies alone, from :func:`smallbert.models.unigram.frequencies`.
    """
    cells = trained.panel(SIZE)
    means = cells.groupby(["arm", "parameters"], sort=False)[["loss", "accuracy"]].mean().reset_index()
    means = means.sort_values("parameters")
    smallest, largest, best = means.iloc[0], means.iloc[-1], means.loc[means.loss.idxmin()]
    below, gap = known(trained, floor), floor - best.loss
    said = [
        f"From {int(smallest.parameters):,} parameters to {int(largest.parameters):,} the mean held-out loss goes from "
        f"{smallest.loss:.3f} to {largest.loss:.3f} nats, all after as many tokens; it is lowest with {best.arm} "
        f"({int(best.parameters):,}: {best.loss:.3f}).",
        f"{below} of {len(means)} sizes lie below what word frequencies alone are worth ({floor:.3f}) for sure (95% "
        f"interval over seeds), the lowest mean {abs(gap):.3f} {'below' if gap > 0 else 'above'} it; of the masked "
        f"words {means.accuracy.min():.1%} to {means.accuracy.max():.1%} are right.",
    ]
    steps = contrasts[contrasts.panel == SIZE]
    last = steps.iloc[-1]
    said += [
        f"The largest against the second largest: {worded(last)} ({last.difference:+.3f} nats, {last.low:+.3f} to "
        f"{last.high:+.3f}).",
        laws_sentence(steps, fitted),
        f"Does it grow without end? Within what was measured, {_end(trained, last, floor)}. No number of sizes shows "
        "what the next would do, and at other numbers of tokens the curve is another.",
    ]
    return " ".join(one for one in said if one)


def in_short(trained: Trained, contrasts: pd.DataFrame, floor: float) -> str:
    """The same in two sentences.

    Args:
        trained, contrasts, floor: as of :func:`answer`.
    """
    means = trained.panel(SIZE).groupby("parameters").loss.mean()
    last = contrasts[contrasts.panel == SIZE].iloc[-1]
    return (
        f"From {int(means.index[0]):,} parameters to {int(means.index[-1]):,} the mean held-out loss goes from "
        f"{means.iloc[0]:.3f} to {means.iloc[-1]:.3f} nats, after as many tokens. Does quality grow with size without "
        f"end? Within what was measured, {_end(trained, last, floor)}."
    )


def known(trained: Trained, floor: float) -> int:
    """Sizes that are shown to have learnt more than how often words occur.

    Args:
        trained, floor: as of :func:`answer`.
    """
    return learnt(trained.panel(SIZE), floor)[0]


def _end(trained: Trained, last: pd.Series, floor: float) -> str:
    """What the last step says; of encoders that know no context it says nothing of quality."""
    return _END[last.verdict] if known(trained, floor) else f"it cannot be told: {_NOTHING_LEARNT}"


_NOTHING_LEARNT = "no size is shown to have learnt more than how often words occur"

_END = {
    "lower": "yes: quality still grows at the largest size",
    "higher": "no: the largest is worse than the second largest",
    "equivalent": f"no: the last step changes the loss by less than {MARGIN} nats",
    "no difference shown": "it cannot be told: with these seeds the last step is no certain difference",
    NOT_AFTER_CORRECTION: f"it cannot be told: the last step is {NOT_AFTER_CORRECTION}",
    "diverged": "it cannot be told: too few runs of the two largest are left to compare",
}


def heads_sentence(trained: Trained, contrasts: pd.DataFrame, floor: float) -> str:
    """What more heads do at one number of parameters, here and in BERT's Table 6.

    Args:
        trained, contrasts, floor: as of :func:`answer`.
    """
    own = contrasts[contrasts.panel == "heads"]
    told = "; ".join(
        f"{row.arm} against {row.against}: {worded(row)} ({row.difference:+.3f} nats, {row.low:+.3f} to "
        f"{row.high:+.3f})"
        for row in own.itertuples()
    )
    if not learnt(trained.panel("heads"), floor)[0]:
        told += ". None of these is shown to have learnt more than how often words occur, so this says nothing of heads"
    printed = printed_sizes()
    twins = printed[printed.duplicated("parameters", keep=False)].sort_values("heads")
    fewer, more = twins.iloc[0], twins.iloc[-1]
    return (
        f"Heads at one number of parameters, held-out loss: {told}. BERT's Table 6 prints perplexity "
        f"{fewer.perplexity:g} with {fewer.heads:.0f} heads and {more.perplexity:g} with {more.heads:.0f}, "
        f"at {fewer.parameters:,.0f} parameters each."
    )


def reported_sentence() -> str:
    """Where the printed tables go on falling or turn, as reported."""
    sizes, turns = printed_sizes(), printed_turns()
    best = sizes.groupby("parameters").loss.min()
    falls = bool((np.diff(best) < 0).all())
    laws = printed_curves(sizes)
    chosen = laws[laws.preferred].law
    said = [
        f"BERT's Table 6: perplexity {'falls with every size' if falls else 'does not fall with every size'} from "
        f"{np.exp(best.iloc[0]):.2f} to {np.exp(best.iloc[-1]):.2f}"
        + (f"; of the three laws its {len(best)} sizes favour the {chosen.iloc[0]}." if len(chosen) else ".")
    ]
    for (table, varied), part in turns.groupby(["table", "varied"]):
        top, last = part.loc[part.average.idxmax()], part.iloc[-1]
        fall = top.average - last.average
        said.append(
            f"ALBERT's Table {table}: the average is highest at {varied} {top['size']:,} ({top.average:.1f})"
            + (f" and {fall:.1f} points lower at {last['size']:,}." if fall > 0 else ", the largest printed.")
        )
    return " ".join(said)
