"""The cells of an autoencoder study over several workers, one job a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smallbert import runtime, storage
from smallbert.compress import grid
from smallbert.compress.cells import SPLITS, Cell, CellStore, GridData
from smallbert.models import workers as processes
from smallbert.models.workers import Job


def train(
    cells: Iterable[Cell],
    data: GridData,
    store: Path,
    *,
    run: processes.Run = processes.run,
    precision: runtime.Precision = "fp32",
    keep_weights: bool = False,
    workers: int | None = None,
) -> pd.DataFrame:
    """Train every cell that the store does not hold yet: the numbers of :func:`smallbert.compress.grid.train`.

    On CPUs; one GPU trains a whole stack of cells at once, which is faster than a job a cell.

    Args:
        cells: equal cells are trained once.
        data: the matrices, written beside the cells for the workers to map.
        store: folder of finished cells that every worker sees.
        run: where the cells are trained: this machine's cores, or :meth:`smallbert.scale.cluster.Cluster.run`.
        precision: as for ``grid.train``.
        keep_weights: store the trained weights too.
        workers: how many; all there are by default.

    Returns:
        The table of ``grid.train``.

    Raises:
        UsageError, DataError, MachineError: as ``grid.train`` or ``run``.
    """
    todo, store = list(dict.fromkeys(cells)), store.resolve()
    found = CellStore(store, data, grid.format_name(precision, runtime.device("cpu")))
    missing = [cell for cell in todo if found.read(cell, with_weights=keep_weights) is None]
    if missing:
        _write(data, store / f"{data.key}-matrices")
    jobs = [
        Job(
            name=f"cell {cell.key}",
            work=_train,
            arguments=(cell, store / f"{data.key}-matrices", store, precision, keep_weights),
            units=1,
            cost=cell.training.epochs * cell.architecture.training_flops,
        )
        for cell in missing
    ]
    run(jobs, label="autoencoder grid", unit="cells", finished=len(todo) - len(missing), workers=workers)
    return grid.train(
        todo, data, store, device="cpu", precision=precision, keep_weights=lambda _: keep_weights, progress=False
    )


def _write(data: GridData, folder: Path) -> None:
    for name in SPLITS:
        if not (path := folder / f"{name}.npy").exists():
            storage.write_array(path, getattr(data, name).numpy())


@lru_cache(maxsize=1)
def _read(folder: Path) -> GridData:
    """The matrices, mapped once a process and shared by those of a machine; copied only where written to."""
    return GridData(*(np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in SPLITS))


def _train(
    cell: Cell,
    matrices: Path,
    store: Path,
    precision: runtime.Precision,
    keep_weights: bool,
    *,
    report: Callable[[int], None],
) -> None:
    """Train a cell, in any process on any machine that sees the folders."""
    options: dict[str, Any] = {"keep_weights": lambda _: keep_weights, "jobs": 1, "progress": False}
    grid.train([cell], _read(matrices), store, device="cpu", precision=precision, **options)
