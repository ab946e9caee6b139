"""Codes for embeddings at equal bytes: every method measured the same way, intervals over queries and seeds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from smallbert import runtime, storage
from smallbert.compress.codes import catalogue
from smallbert.measure.bootstrap import seeds_interval, seeds_p_value
from smallbert.measure.pareto import front
from smallbert.progress import Progress
from smallbert.studies.code_outcomes import Cell, Measured
from smallbert.studies.commonest import commonest, nothing_to_keep
from smallbert.studies.contrasts import corrected
from smallbert.studies.matrices import common_topics
from smallbert.studies.searches import MEASURES, TOPIC, Outcome, Searches

VERSION = 2
"""Part of every key: raise it when the same inputs would give other outcomes."""

WHOLE = "whole vector"
REFERENCE = "PCA, int8"
"""What the other methods are compared with at equal bytes: two lines of code, and no seed."""

BETWEEN = 3, 4
"""Share of the whole vector's numbers that the reference is also measured at, between the budgets and all of them."""

MARGIN = 0.01
"""A difference of one hundredth, of neighbours, nDCG or accuracy, that does not matter."""

LEAST_WORTH = 0.05
"""A whole vector that is worth less than this by its lower limit has nothing that a code could keep a share of."""


def cells(training: catalogue.Training, *, seeds: int) -> list[Cell]:
    """The whole vector and all of the catalogue; what has no seed once, what has one for seeds 0 .. ``seeds`` - 1.

    The reference has one size more, :data:`BETWEEN`: else nothing would lie between the budgets and a byte a number.
    """
    whole = catalogue.whole(training.width)
    found = [Cell(WHOLE, "whole", whole.nbytes, 0, lambda: whole)]
    for method, sizes in catalogue.offers(training.width, training.budgets):
        between = {training.width * BETWEEN[0] // BETWEEN[1]} if method.name == REFERENCE else {}
        for seed in range(seeds if method.random else 1):
            for nbytes in sorted({*sizes, *between}):
                fit = partial(method.fit, training, nbytes, seed)
                found.append(Cell(method.name, method.group, nbytes, seed, fit))
    return found


def measure(searches: Searches, chosen: Sequence[Cell], store: Path, *, epochs: int, label: str = "codes") -> Measured:
    """Fit and measure every cell, or find it measured; methods side by side on all cores.

    Args:
        searches: the questions.
        chosen: from :func:`cells` and :func:`smallbert.studies.code_autoencoders.cells`.
        store: folder of finished outcomes.
        epochs: of the codes that are trained, part of their key.
        label: of the line of progress.
    """
    identity = [VERSION, searches.collection.key, searches.prepare.name, searches.seed, epochs]
    # A trained code also depends on the budgets it was trained for together.
    together = sorted({cell.nbytes for cell in chosen})
    paths = {
        cell: store / f"{storage.digest([*identity, together, cell.method, cell.nbytes, cell.seed, cell.trained])}.npz"
        for cell in chosen
    }
    found = {cell: Outcome.open(path) for cell, path in paths.items()}
    queues: dict[tuple[str, int], list[Cell]] = {}
    for cell in chosen:
        if found[cell] is None:
            queues.setdefault((cell.method, cell.seed), []).append(cell)

    def work(queue: list[Cell], bar: Progress) -> None:
        for cell in queue:
            found[cell] = outcome = searches.measure(cell.fit())
            outcome.save(paths[cell])
            bar.advance(1)

    if queues:
        with Progress(label, sum(map(len, queues.values())), "codes") as bar, _pool() as pool:
            for done in [pool.submit(work, queue, bar) for queue in queues.values()]:
                done.result()
    return Measured({cell: outcome for cell, outcome in found.items() if outcome is not None}, searches.groups)


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """A thread a core, whose products, torch's and numpy's, use one core each; settings are as they were afterwards."""
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(runtime.cores(), initializer=lambda: torch.set_num_threads(1))
    try:
        with threadpool_limits(1):
            yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def floor(searches: Searches) -> float:
    """Accuracy of always answering the commonest topic on the articles searched; not-a-number without topics."""
    topics = common_topics(searches.collection.matrices.rows)
    # A probe is fitted on as many train articles as are searched.
    return commonest(topics["train"].iloc[: len(searches.test)], topics["test"])


def has_worth(measured: Measured, name: str, floor: float) -> bool:
    """Whether the whole vector has something in a measure that a code could keep a share of.

    Where it has not, or the measure has no query, there is nothing in which codes could be equivalent or better.

    Args:
        measured: from :func:`measure`.
        name: of the measure.
        floor: from :func:`floor`.
    """
    if measured.values(*measured.whole, name) is None:
        return False
    low = measured.interval(*measured.whole, name).low
    return low >= LEAST_WORTH and not (name == TOPIC and nothing_to_keep(low, floor))


def summary(measured: Measured, floor: float = float("nan")) -> pd.DataFrame:
    """Every code and measure with its 95% interval over queries and seeds.

    What is kept of the whole vector's worth is a ratio on the same resampled queries; of several seeds, one seed's is
    its mean over the whole vector's.

    Args:
        measured: from :func:`measure`.
        floor: from :func:`floor`.

    Returns:
        Columns ``method``, ``group``, ``bytes``, ``measure``, ``mean``, ``low``, ``high``, ``kept``, ``kept low`` and
        ``kept high`` (not-a-number where the whole vector is worth hardly anything, or of topics no more than the
        floor), ``seeds``, ``queries``, ``floor`` (of topics; not-a-number for others).
    """
    rows = []
    worthy = [name for name in MEASURES if has_worth(measured, name, floor)]
    for (method, group, nbytes), outcomes in measured.points().items():
        for name in MEASURES:
            if measured.values(method, nbytes, name) is not None:
                found = measured.interval(method, nbytes, name)
                kept = _kept(measured, method, nbytes, name) if name in worthy else [np.nan] * 3
                worth = (found.estimate, found.low, found.high, *kept)
                least = floor if name == TOPIC else float("nan")
                rows.append((method, group, nbytes, name, *worth, len(outcomes), found.n, least))
    columns = ["mean", "low", "high", "kept", "kept low", "kept high", "seeds", "queries", "floor"]
    return pd.DataFrame(rows, columns=["method", "group", "bytes", "measure", *columns])


def _kept(measured: Measured, method: str, nbytes: int, name: str) -> tuple[float, float, float]:
    """What a code keeps of the whole vector's worth, with its limits; more than all of it can be kept."""
    own, whole = measured.known(method, nbytes, name), measured.known(*measured.whole, name)
    ratio = measured.resampled(method, nbytes, name) / measured.resampled(*measured.whole, name)
    over = seeds_interval(own / whole.mean(), ratio, scale=(0, math.inf))
    return float(own.mean() / whole.mean()), over.low, over.high


def contrast(own: Measured, other: Measured, method: str, against: str, nbytes: int, name: str) -> dict[str, float]:
    """One code less another of as many bytes that was asked the same queries, paired by query.

    Args:
        own: where the first code was measured.
        other: where the second was.
        method: name of the first.
        against: name of the second, which has no seed.
        nbytes: of both.
        name: of the measure.

    Returns:
        ``difference`` with ``low`` and ``high`` (95% over queries and seeds), ``p`` and ``pairs`` (queries).
    """
    differences = own.known(method, nbytes, name) - other.known(against, nbytes, name)
    resampled = own.resampled(method, nbytes, name) - other.resampled(against, nbytes, name)
    found = seeds_interval(differences, resampled, scale=(-1, 1))
    return {
        "difference": found.estimate,
        "low": found.low,
        "high": found.high,
        "p": seeds_p_value(differences, resampled),
        "pairs": found.n,
    }


def contrasts(measured: Measured, name: str, floor: float = float("nan")) -> pd.DataFrame:
    """Every method against :data:`REFERENCE` at equal bytes, Holm-corrected over all of them.

    Args:
        measured: from :func:`measure`.
        name: of the measure.
        floor: from :func:`floor`.

    Returns:
        Columns ``method``, ``bytes``, ``difference`` with ``low`` and ``high``, ``pairs`` (queries), ``p_holm`` and
        ``verdict``; no row where the whole vector has nothing to keep (:func:`has_worth`).
    """
    points = list(measured.points()) if has_worth(measured, name, floor) else []
    compared = {nbytes for method, _, nbytes in points if method == REFERENCE}
    rows = [
        {"method": method, "bytes": nbytes, **contrast(measured, measured, method, REFERENCE, nbytes, name)}
        for method, group, nbytes in points
        if method != REFERENCE and group != "whole" and nbytes in compared
    ]
    columns = ["method", "bytes", "difference", "low", "high", "p", "pairs"]
    return corrected(pd.DataFrame(rows, columns=columns), margin=MARGIN)


def pareto(points: pd.DataFrame, name: str) -> pd.DataFrame:
    """The codes that no other dominates in bytes and in the mean of one measure, fewest bytes first.

    Args:
        points: from :func:`summary`.
        name: of the measure.

    Returns:
        The rows of the front.
    """
    own = points[points.measure == name]
    return own[front(own.bytes.to_numpy(), own["mean"].to_numpy())].sort_values("bytes").reset_index(drop=True)


def measures(points: pd.DataFrame) -> list[str]:
    """The measures that this corpus allows."""
    return [name for name in MEASURES if (points.measure == name).any()]
