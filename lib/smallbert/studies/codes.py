"""Codes for embeddings at equal bytes: every method measured the same way, intervals over queries and seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from smallbert import runtime, storage
from smallbert.compress.codes import catalogue
from smallbert.compress.codes.code import Code
from smallbert.measure.bootstrap import p_value, percentiles, resampled_means
from smallbert.measure.pareto import front
from smallbert.progress import Progress
from smallbert.studies.commonest import commonest, nothing_to_keep
from smallbert.studies.contrasts import corrected
from smallbert.studies.matrices import common_topics
from smallbert.studies.searches import MEASURES, TOPIC, Outcome, Searches

VERSION = 1
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


@dataclass(frozen=True)
class Cell:
    """One code of the study.

    Args:
        method: its name.
        group: ``maps``, ``formats`` or ``whole``.
        nbytes: bytes a vector.
        seed: of the fit, 0 where there is none.
        fit: makes it.
        trained: key of the training it comes from, where that is not the study's own.
    """

    method: str
    group: str
    nbytes: int
    seed: int
    fit: Callable[[], Code]
    trained: str = ""


class Measured:
    """Outcomes of cells.

    Args:
        outcomes: by cell, in the order of the study.
    """

    def __init__(self, outcomes: dict[Cell, Outcome]) -> None:
        self.outcomes = outcomes
        self._resampled: dict[tuple[str, int, str], np.ndarray] = {}

    def points(self) -> dict[tuple[str, str, int], list[Outcome]]:
        """Outcomes over seeds by method, group and bytes."""
        found: dict[tuple[str, str, int], list[Outcome]] = {}
        for cell, outcome in self.outcomes.items():
            found.setdefault((cell.method, cell.group, cell.nbytes), []).append(outcome)
        return found

    def values(self, method: str, nbytes: int, measure: str) -> np.ndarray | None:
        """What a code was worth to every query: (seeds, queries), None where the measure has no query."""
        own = [
            outcome.queries[measure]
            for cell, outcome in self.outcomes.items()
            if (cell.method, cell.nbytes) == (method, nbytes) and measure in outcome.queries
        ]
        return np.stack(own) if own else None

    def known(self, method: str, nbytes: int, measure: str) -> np.ndarray:
        """:meth:`values` of a measure that has queries: one corpus asks all codes the same."""
        values = self.values(method, nbytes, measure)
        assert values is not None
        return values

    def resampled(self, method: str, nbytes: int, measure: str) -> np.ndarray:
        """Bootstrap means of :meth:`values`, on the same resampled queries for all codes."""
        key = (method, nbytes, measure)
        if key not in self._resampled:
            self._resampled[key] = resampled_means(self.known(*key))
        return self._resampled[key]


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
    return Measured({cell: outcome for cell, outcome in found.items() if outcome is not None})


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


def summary(measured: Measured, floor: float = float("nan")) -> pd.DataFrame:
    """Every code and measure with its 95% bootstrap interval over queries and seeds.

    What is kept of the whole vector's worth is a ratio on the same resampled queries.

    Args:
        measured: from :func:`measure`.
        floor: from :func:`floor`.

    Returns:
        Columns ``method``, ``group``, ``bytes``, ``measure``, ``mean``, ``low``, ``high``, ``kept``, ``kept low`` and
        ``kept high`` (not-a-number where the whole vector is worth hardly anything, or of topics no more than the
        floor), ``seeds``, ``queries``, ``floor`` (of topics; not-a-number for others).
    """
    rows = []
    [whole] = [(method, nbytes) for method, group, nbytes in measured.points() if group == "whole"]
    for (method, group, nbytes), outcomes in measured.points().items():
        for name in MEASURES:
            values = measured.values(method, nbytes, name)
            if values is not None:
                found = percentiles(values, resampled := measured.resampled(method, nbytes, name))
                before = percentiles(measured.known(*whole, name), measured.resampled(*whole, name))
                kept, least = [np.nan] * 3, floor if name == TOPIC else float("nan")
                if before.low >= LEAST_WORTH and not nothing_to_keep(before.low, least):
                    over = percentiles(values, resampled / measured.resampled(*whole, name))
                    kept = [found.estimate / before.estimate, over.low, over.high]
                worth = (found.estimate, found.low, found.high, *kept)
                rows.append((method, group, nbytes, name, *worth, len(outcomes), found.n, least))
    columns = ["mean", "low", "high", "kept", "kept low", "kept high", "seeds", "queries", "floor"]
    return pd.DataFrame(rows, columns=["method", "group", "bytes", "measure", *columns])


def contrasts(measured: Measured, name: str) -> pd.DataFrame:
    """Every method against :data:`REFERENCE` at equal bytes: a paired bootstrap, Holm-corrected over all of them.

    Args:
        measured: from :func:`measure`.
        name: of the measure.

    Returns:
        Columns ``method``, ``bytes``, ``difference`` with ``low`` and ``high``, ``pairs`` (queries), ``p_holm`` and
        ``verdict``.
    """
    rows = []
    points = [(method, nbytes) for method, group, nbytes in measured.points() if group != "whole"]
    for method, nbytes in points:
        if method == REFERENCE or (REFERENCE, nbytes) not in points:
            continue
        own = measured.values(method, nbytes, name)
        if own is None:
            continue
        other = measured.known(REFERENCE, nbytes, name)
        resampled = measured.resampled(method, nbytes, name) - measured.resampled(REFERENCE, nbytes, name)
        found = percentiles(own.mean(axis=0) - other.mean(axis=0), resampled)
        rows.append(
            {
                "method": method,
                "bytes": nbytes,
                "difference": found.estimate,
                "low": found.low,
                "high": found.high,
                "p": p_value(resampled),
                "pairs": found.n,
            }
        )
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
