"""Autoencoders among the codes of page 8: trained fairly, their bottleneck stored in 16-bit numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from smallbert.compress.autoencoder import Architecture
from smallbert.compress.codes.autoencoded import Autoencoded
from smallbert.compress.codes.code import Code
from smallbert.compress.codes.formats import Floats
from smallbert.compress.schedules import hidden_widths
from smallbert.studies.codes import Cell
from smallbert.studies.matrices import SPLITS, Matrices
from smallbert.studies.protocols import Arm, Bench, fair, last_epoch, tune_each
from smallbert.studies.searches import Searches

HIDDEN_DEPTH = 2
"""Affine layers of an autoencoder's encoder."""


def cells(
    searches: Searches,
    budgets: Sequence[int],
    store: Path,
    *,
    rates: Sequence[float],
    epochs: int,
    seeds: int,
    device: str = "auto",
    jobs: int | None = None,
) -> list[Cell]:
    """Autoencoders with an affine and with a two-layer decoder, their bottleneck in 16-bit numbers.

    Trained as page 2 trains fairly: the peak rate of every arm by validation, on a grid that is widened at its edges.

    Args:
        searches: whose preprocessing the vectors get.
        budgets: bytes of the codes; those beyond 16 bits a number of the whole vector are left out.
        store: folder of finished cells.
        rates: first grid of peak rates.
        epochs: budget of every training.
        seeds: how many.
        device: where to train.
        jobs: trainings at once; all cores by default.
    """
    raw = searches.collection.matrices
    splits = {split: searches.prepare(getattr(raw, split)) for split in SPLITS}
    own = Matrices(**splits, rows=raw.rows, key=f"{raw.key}-{searches.prepare.name}")
    bench = Bench(own, store, device=device, jobs=jobs)
    sizes = {nbytes // 2: nbytes for nbytes in budgets if nbytes <= 2 * own.width}
    arms = [
        Arm(f"autoencoder, {decoder} decoder, {k}", Architecture(
            own.width, k, hidden_widths("uniform", own.width, k, HIDDEN_DEPTH), activation="gelu", decoder=decoder
        ))
        for decoder in ("affine", "mlp") for k in sizes
    ]  # fmt: skip
    if not arms:
        return []
    tuning = tune_each(bench, arms, rates=rates, epochs=epochs)
    trained = last_epoch(fair(bench, arms, tuning, epochs=epochs, seeds=seeds, keep_weights=True))
    mean = own.train.mean(axis=0, dtype=np.float64).astype(np.float32)
    names = {"affine": "autoencoder", "mlp": "autoencoder, two-layer decoder"}

    def fit(row: Any) -> Code:
        return Autoencoded(bench.model("fair", row.cell), mean, Floats(row.bottleneck, 16))

    return [
        Cell(names[row.decoder], "maps", sizes[row.bottleneck], row.seed, partial(fit, row), row.cell)
        for row in trained[trained.finite].itertuples()
    ]
