"""What the arms of page 4 cost in time: measured on this machine, so that no two runs agree to the digit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smallbert.measure.stats import mean_interval
from smallbert.models.fleet import pretrain_all
from smallbert.models.throughput import training_throughput
from smallbert.models.tokens import TokenStore
from smallbert.studies import reading
from smallbert.studies.reading import ALONE, TOGETHER
from smallbert.studies.sharing import MODES, Trained, last_point

TRAINING = "training"
UNITS = {TRAINING: "token", ALONE: "text", TOGETHER: "text"}
"""What is timed, and what a time is of: a training step, reading one text at a time, and reading all at once."""


def timings(
    trained: Trained, store: TokenStore, texts: list[str], *, rounds: int, max_tokens: int, device: str = "auto"
) -> pd.DataFrame:
    """Train and run the arms of the panel ``sharing`` for a while, in alternating order, one encoder on all cores.

    Args:
        trained: the arms; their first seed is run.
        store: what is trained on.
        texts: what is embedded.
        rounds: timings of each.
        max_tokens: where a text is cut.
        device: where all of it runs.

    Returns:
        One row an arm, measure and round: ``arm``, ``sharing``, ``measure`` and ``of`` (:data:`UNITS`), ``round``,
        ``microseconds`` (of a token or a text).
    """
    chosen = {arm.name: arm for arm in trained.arms if "sharing" in arm.panels}
    recipes = {name: arm.recipe for name, arm in chosen.items()}
    speeds = training_throughput(recipes, store, rounds=rounds, device=device)
    rows = [(name, TRAINING, i, 1e6 / speed) for name in chosen for i, speed in enumerate(speeds[name])]
    trains = pd.DataFrame(rows, columns=["model", "measure", "round", "microseconds"])
    folders = {name: trained.folders[name, 0] for name in chosen}
    reads = reading.timings(folders, texts, rounds=rounds, max_tokens=max_tokens, device=device)
    found = pd.concat([trains, reads]).rename(columns={"model": "arm"})
    found = found.sort_values("arm", key=lambda arms: arms.map(list(chosen).index), kind="stable", ignore_index=True)
    modes = {name: arm.mode for name, arm in chosen.items()}
    return found.assign(sharing=found.arm.map(modes), of=found.measure.map(UNITS))


def summary(measured: pd.DataFrame) -> pd.DataFrame:
    """What was timed, geometric mean with its 95% interval over rounds.

    Args:
        measured: from :func:`timings`.

    Returns:
        Columns ``arm``, ``measure``, ``of``, ``microseconds``, ``low``, ``high``, ``rounds``.
    """
    rows = []
    for (arm, measure, of), part in measured.groupby(["arm", "measure", "of"], sort=False):
        found = reading.geometric_interval(part.microseconds)
        rows.append((arm, measure, of, found.estimate, found.low, found.high, found.n))
    return pd.DataFrame(rows, columns=["arm", "measure", "of", "microseconds", "low", "high", "rounds"])


def ratios(trained: Trained, measured: pd.DataFrame) -> pd.DataFrame:
    """Every cost of every arm as a share of the plain encoder's.

    Args:
        trained: the arms.
        measured: from :func:`timings`.

    Returns:
        Columns ``arm``, ``sharing``, ``measure``, ``ratio``, ``low``, ``high``. Parameters and operations are counted
        and have no spread; times are compared round by round, with a 95% interval.
    """
    cells = trained.panel("sharing").drop_duplicates("arm").set_index("arm")
    first = cells.index[0]
    rows = []
    for _, cell in cells.iterrows():
        for measure in ("parameters", "operations"):
            ratio = cell[measure] / cells[measure][first]
            rows.append((_short(cell), cell.sharing, measure, ratio, ratio, ratio))
    for one in reading.ratios(measured.rename(columns={"arm": "model"}), first).itertuples():
        rows.append((_short(cells.loc[one.model]), cells.sharing[one.model], one.measure, one.ratio, one.low, one.high))
    return pd.DataFrame(rows, columns=["arm", "sharing", "measure", "ratio", "low", "high"])


def equal_time(
    trained: Trained, measured: pd.DataFrame, store: TokenStore, where: Path, *, seeds: int, **options: Any
) -> pd.DataFrame:
    """Every mode with the factorised embedding again, with the time that the slowest of them needs for its steps.

    Args:
        trained: the arms, at equal steps.
        measured: from :func:`timings`.
        store: the tokens.
        where: folder of the encoders.
        seeds: paired repetitions.
        options: of :func:`smallbert.models.fleet.pretrain_all`.

    Returns:
        One row a mode: ``sharing``, ``speed`` (of the slowest's), ``tokens``, ``loss at equal steps`` and ``loss at
        equal time`` (held out, nats, means over seeds), ``gain`` with ``low`` and ``high`` (95% interval over seeds).
    """
    narrow = trained.panel("sharing").embedding.min()
    chosen = [arm for arm in trained.arms if "sharing" in arm.panels and arm.embedding == narrow]
    training = measured[measured.measure == TRAINING]
    # The best round of each: whatever else the machine does only adds to a time.
    pace = 1 / training.groupby("arm").microseconds.min()[[arm.name for arm in chosen]]
    # To whole twentieths: beyond that the timings do not repeat.
    speed = {name: round(20 * value) / 20 for name, value in (pace / pace.min()).items()}
    runs = [
        replace(arm.recipe, tokens=round(arm.recipe.tokens * speed[arm.name]), seed=seed)
        for arm in chosen
        for seed in range(seeds)
    ]
    folders = iter(pretrain_all(store, runs, where, label="equal time", **options))
    rows = []
    for arm in chosen:
        before = trained.cells[trained.cells.arm == arm.name].sort_values("seed").loss.to_numpy()
        after = np.array([float(last_point(next(folders)).held_out_loss) for _ in range(seeds)])
        gain = mean_interval(before - after)
        tokens = round(arm.recipe.tokens * speed[arm.name])
        losses = before.mean(), after.mean()
        rows.append((MODES[arm.recipe.sharing], speed[arm.name], tokens, *losses, gain.estimate, gain.low, gain.high))
    columns = ["sharing", "speed", "tokens", "loss at equal steps", "loss at equal time", "gain", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _short(cell: pd.Series) -> str:
    """An arm's name where all have the same depth."""
    return f"{cell.sharing}, E {cell.embedding}"
