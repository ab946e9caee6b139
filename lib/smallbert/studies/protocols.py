"""Two ways to train the same arms: as the original study did, and fairly.

*Original*: raw vectors, constant rate; activation, optimizer and rate chosen once on the smallest autoencoder and
reused for all; test loss read after few epochs. *Fair*: centred vectors, warm-up and cosine, the peak rate chosen for
every arm on a validation split with the optimum inside the grid, a budget that reaches convergence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from smallbert.compress.training import Training
from smallbert.errors import UsageError
from smallbert.studies.bench import Arm, Bench

TUNING_SEED = 1_000_003
"""Seed of every tuning run; the published seeds count from 0, so no published cell was tuned on."""

WIDENINGS = 3
"""How often a rate grid may be widened by one step while its optimum lies at an edge."""


@dataclass(frozen=True)
class Choice:
    """What the original protocol fixed on the smallest autoencoder."""

    activation: str
    optimizer: str
    rate: float


def tune_once(
    bench: Bench,
    smallest: Arm,
    *,
    activations: Sequence[str],
    optimizers: Sequence[str],
    rates: Sequence[float],
    epochs: int,
) -> tuple[Choice, pd.DataFrame]:
    """Choose activation, optimizer and rate on one arm, by validation error after ``epochs`` at a constant rate.

    Raises:
        UsageError: every training diverged.
    """
    runs = [
        (_with_activation(smallest, activation), _constant(bench, optimizer, rate, (epochs,)), TUNING_SEED)
        for activation in activations
        for optimizer in optimizers
        for rate in rates
    ]
    table = bench.run("original", runs)
    table.loc[~table.finite, "validation_fvu"] = np.nan
    if table.validation_fvu.isna().all():
        raise UsageError(
            f"Expected one training of {smallest.name} to stay finite, but all {len(table)} diverged: rates "
            f"{', '.join(f'{rate:g}' for rate in rates)} with {', '.join(optimizers)}.",
            "Try smaller rates: -p original_rates='[0.0001, 0.001]'.",
        )
    best = table.loc[table.validation_fvu.idxmin()]
    return Choice(best.activation, best.optimizer, float(best.rate)), table


def original(
    bench: Bench,
    arms: Sequence[Arm],
    choice: Choice,
    *,
    epochs: Sequence[int],
    seeds: int,
    keep_weights: bool = False,
) -> pd.DataFrame:
    """Train every arm as the original did, for paired seeds 0 .. ``seeds`` - 1; one row an epoch of ``epochs``."""
    training = _constant(bench, choice.optimizer, choice.rate, tuple(epochs))
    runs = [(_with_activation(arm, choice.activation), training, seed) for arm in arms for seed in range(seeds)]
    return bench.run("original", runs, keep_weights=keep_weights)


def tune_each(bench: Bench, arms: Sequence[Arm], *, rates: Sequence[float], epochs: int) -> pd.DataFrame:
    """Choose the peak rate of every arm by validation error, widening the grid while the best lies at its edge.

    Args:
        bench: the data and the machine.
        arms: what to tune.
        rates: the first grid, geometric, ascending.
        epochs: the budget the rate is chosen for.

    Returns:
        One row a trained (arm, rate): the last epoch, with ``chosen`` and ``interior``.
    """
    step = rates[-1] / rates[-2]
    grids = {arm.name: list(rates) for arm in arms}
    todo = [(arm, rate) for arm in arms for rate in rates]
    tables: list[pd.DataFrame] = []
    for _ in range(WIDENINGS + 1):
        tables.append(bench.run("fair", [(arm, _cosine(bench, rate, epochs), TUNING_SEED) for arm, rate in todo]))
        table = pd.concat(tables)
        table = table[table.epoch == epochs].reset_index(drop=True)
        best = _best_rates(table)
        todo = []
        for arm in arms:
            grid = grids[arm.name]
            if best[arm.name] == grid[0]:
                grid.insert(0, _round(grid[0] / step))
                todo.append((arm, grid[0]))
            elif best[arm.name] == grid[-1]:
                grid.append(_round(grid[-1] * step))
                todo.append((arm, grid[-1]))
        if not todo:
            break
    table["chosen"] = [row.rate == best[row.arm] for row in table.itertuples()]
    edges = table.groupby("arm").rate.agg(["min", "max"])
    table["interior"] = [edges["min"][row.arm] < best[row.arm] < edges["max"][row.arm] for row in table.itertuples()]
    return table


def fair(
    bench: Bench,
    arms: Sequence[Arm],
    tuning: pd.DataFrame,
    *,
    epochs: int,
    seeds: int,
    evaluate: Sequence[int] = (),
    keep_weights: bool = False,
) -> pd.DataFrame:
    """Train every arm at its own rate for paired seeds; one row an epoch of ``evaluate`` and the last."""
    best = tuning[tuning.chosen].set_index("arm").rate
    runs = [
        (arm, _cosine(bench, float(best[arm.name]), epochs, evaluate), seed) for arm in arms for seed in range(seeds)
    ]
    return bench.run("fair", runs, keep_weights=keep_weights)


def together(*tables: pd.DataFrame) -> pd.DataFrame:
    """Several outcomes as one; a cell that two of them share stands once for each arm it belongs to."""
    joined = pd.concat(tables, ignore_index=True)
    return joined.drop_duplicates(["protocol", "arm", "cell", "epoch"]).reset_index(drop=True)


def last_epoch(cells: pd.DataFrame) -> pd.DataFrame:
    """Only the rows of each cell's last evaluated epoch."""
    return cells[cells.epoch == cells.groupby(["cell", "arm"]).epoch.transform("max")].reset_index(drop=True)


def _best_rates(table: pd.DataFrame) -> dict[str, float]:
    error = table.validation_fvu.where(table.finite, np.inf)
    return {arm: float(table.rate[part.idxmin()]) for arm, part in error.groupby(table.arm)}


def _round(rate: float) -> float:
    """Rates keep two significant digits, so that a widened grid has the same keys everywhere."""
    return float(f"{rate:.1e}")


def _with_activation(arm: Arm, activation: str) -> Arm:
    return replace(arm, architecture=replace(arm.architecture, activation=activation))


def _constant(bench: Bench, optimizer: str, rate: float, epochs: tuple[int, ...]) -> Training:
    return Training(
        learning_rate=rate,
        batch_size=bench.batch_size,
        epochs=max(epochs),
        optimizer=optimizer,
        schedule="constant",
        evaluate_at=tuple(sorted(epochs)),
    )


def _cosine(bench: Bench, rate: float, epochs: int, evaluate: Sequence[int] = ()) -> Training:
    return Training(
        learning_rate=rate,
        batch_size=bench.batch_size,
        epochs=epochs,
        optimizer="adam",
        schedule="cosine",
        warm_up=0.05,
        evaluate_at=tuple(sorted({*(e for e in evaluate if e < epochs), epochs})),
    )
