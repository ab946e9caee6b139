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
from smallbert.studies.bench import Arm, Bench
from smallbert.studies.code_outcomes import Cell
from smallbert.studies.matrices import SPLITS, Matrices
from smallbert.studies.protocols import fair, last_epoch, tune_each
from smallbert.studies.searches import Searches

HIDDEN_DEPTH = 2
"""Affine layers of an autoencoder's encoder."""


DECODERS = {"autoencoder": "affine", "autoencoder, two-layer decoder": "mlp"}
"""By the names of their codes."""


def cells(searches: Searches, budgets: Sequence[int], store: Path, **options: Any) -> list[Cell]:
    """Autoencoders on the vectors that are searched; see :func:`trained`.

    Args:
        searches: whose preprocessing the vectors get.
        budgets: bytes of the codes.
        store: folder of finished cells.
        options: as of :func:`trained`.
    """
    raw = searches.collection.matrices
    splits = {split: searches.prepare(getattr(raw, split)) for split in SPLITS}
    own = Matrices(**splits, rows=raw.rows, key=f"{raw.key}-{searches.prepare.name}")
    return trained(own, budgets, store, **options)


def trained(
    own: Matrices,
    budgets: Sequence[int],
    store: Path,
    *,
    rates: Sequence[float],
    epochs: int,
    seeds: int,
    decoders: Sequence[str] = tuple(DECODERS.values()),
    device: str = "auto",
    jobs: int | None = None,
) -> list[Cell]:
    """Autoencoders with an affine and with a two-layer decoder, their bottleneck in 16-bit numbers.

    Trained as page 2 trains fairly: the peak rate of every arm by validation, on a grid that is widened at its edges.

    Args:
        own: vectors, prepared as those that will be coded.
        budgets: bytes of the codes; those beyond 16 bits a number of the whole vector are left out.
        store: folder of finished cells.
        rates: first grid of peak rates.
        epochs: budget of every training.
        seeds: how many.
        decoders: of which kinds.
        device: where to train.
        jobs: trainings at once; all cores by default.

    Returns:
        One cell a training that ended finite.
    """
    bench = Bench(own, store, device=device, jobs=jobs)
    sizes = {nbytes // 2: nbytes for nbytes in budgets if nbytes <= 2 * own.width}
    arms = [
        Arm(f"autoencoder, {decoder} decoder, {k}", Architecture(
            own.width, k, hidden_widths("uniform", own.width, k, HIDDEN_DEPTH), activation="gelu", decoder=decoder
        ))
        for decoder in decoders for k in sizes
    ]  # fmt: skip
    if not arms:
        return []
    tuning = tune_each(bench, arms, rates=rates, epochs=epochs)
    done = last_epoch(fair(bench, arms, tuning, epochs=epochs, seeds=seeds, keep_weights=True))
    mean = own.train.mean(axis=0, dtype=np.float64).astype(np.float32)
    names = {decoder: name for name, decoder in DECODERS.items()}

    def fit(row: Any) -> Code:
        return Autoencoded(bench.model("fair", row.cell), mean, Floats(row.bottleneck, 16))

    return [
        Cell(names[row.decoder], "maps", sizes[row.bottleneck], row.seed, partial(fit, row), row.cell)
        for row in done[done.finite].itertuples()
    ]
