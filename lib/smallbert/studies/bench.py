"""What a study of autoencoders trains and on what: arms, and the bench that trains and measures them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from smallbert.compress.autoencoder import Architecture, Autoencoder
from smallbert.compress.cells import Cell, GridData
from smallbert.compress.grid import load_model, train
from smallbert.compress.training import Training
from smallbert.studies.floor import Floor
from smallbert.studies.matrices import SPLITS, Matrices


@dataclass(frozen=True)
class Arm:
    """One line of a study: an architecture, its name, and the labels a table groups by."""

    name: str
    architecture: Architecture
    schedule: str = "uniform"

    @property
    def bounded(self) -> bool:
        """Whether the linear floor binds: an affine decoder without output activation."""
        return self.architecture.has_pca_floor

    def labels(self) -> dict[str, object]:
        """Columns that describe the arm in every outcome."""
        a = self.architecture
        return {
            "arm": self.name,
            "depth": a.depth,
            "schedule": self.schedule,
            "bottleneck": a.bottleneck,
            "decoder": a.decoder,
            "bounded": self.bounded,
            "encoder_parameters": a.encoder_parameters,
        }


class Bench:
    """Everything training needs that is the same for all arms of a study.

    Args:
        matrices: raw vectors.
        store: folder of finished cells, so that a study resumes.
        device: where to train.
        batch_size: vectors a step.
        jobs: models trained at the same time; None leaves it to the machine.
        precision: number format of matrix products; published losses use fp32.
    """

    def __init__(
        self,
        matrices: Matrices,
        store: Path,
        *,
        device: str = "auto",
        batch_size: int = 256,
        jobs: int | None = None,
        precision: str = "fp32",
    ) -> None:
        self.floor = Floor.of(matrices)
        self.matrices = {"original": matrices, "fair": matrices.centred()}
        self.batch_size = batch_size
        self._grid = {name: GridData(m.train, m.validation, m.test) for name, m in self.matrices.items()}
        self._options: dict[str, Any] = {"device": device, "jobs": jobs, "precision": precision}
        self._store = store
        self._cells: dict[str, Cell] = {}

    def architecture(self, cell: str) -> Architecture:
        """What the cell with this key is."""
        return self._cells[cell].architecture

    def on(self, matrices: Matrices) -> Bench:
        """The same bench with other vectors."""
        return Bench(matrices, self._store, batch_size=self.batch_size, **self._options)

    def run(
        self, protocol: str, runs: Iterable[tuple[Arm, Training, int]], *, keep_weights: bool = False
    ) -> pd.DataFrame:
        """Train (arm, training, seed) triples; one row an evaluated epoch.

        Returns:
            The arm's labels, ``protocol``, ``seed``, ``rate``, ``optimizer``, ``activation``, ``budget``,
            ``epoch``, ``train_rows``, FVU and MSE by split, distances to the floor (``gap_*``: above PCA fitted on
            train; ``above_train``, ``above_oracle``: above PCA fitted on the split itself), ``finite``, ``seconds``,
            ``cell`` (its key).
        """
        runs = list(runs)
        cells = [Cell(arm.architecture, training, seed) for arm, training, seed in runs]
        outcome = train(
            cells, self._grid[protocol], self._store, keep_weights=lambda cell: keep_weights, **self._options
        )
        outcome = outcome[["key", "epoch", "train_rows", *(f"{split}_sse" for split in SPLITS), "finite", "seconds"]]
        labels = pd.DataFrame(
            [
                {
                    "cell": cell.key,
                    "protocol": protocol,
                    **arm.labels(),
                    "seed": seed,
                    "rate": training.learning_rate,
                    "optimizer": training.optimizer,
                    "activation": arm.architecture.activation,
                    "budget": training.epochs,
                }
                for cell, (arm, training, seed) in zip(cells, runs, strict=True)
            ]
        ).drop_duplicates(["cell", "arm"])
        self._cells.update({cell.key: cell for cell in cells})
        return self._measured(labels.merge(outcome.rename(columns={"key": "cell"}), on="cell"))

    def model(self, protocol: str, cell: str) -> Autoencoder:
        """The trained module of a cell that was run with ``keep_weights``, by its key."""
        precision, device = self._options["precision"], self._options["device"]
        return load_model(self._store, self._cells[cell], self._grid[protocol], precision, device)

    def _measured(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Squared errors as FVU, MSE and distances to the floor of the same width."""
        k = cells.bottleneck.to_numpy()
        for split in SPLITS:
            sse = cells.pop(f"{split}_sse").to_numpy()
            cells[f"{split}_fvu"] = sse / self.floor.sst(split)
            cells[f"{split}_mse"] = sse / getattr(self.matrices["original"], split).size
            cells[f"gap_{split}"] = cells[f"{split}_fvu"] - self.floor.transfer[split][k]
        cells["above_train"] = cells.train_fvu - self.floor.oracle["train"][k]
        cells["above_oracle"] = cells.test_fvu - self.floor.oracle["test"][k]
        return cells
