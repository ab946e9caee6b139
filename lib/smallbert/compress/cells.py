"""What a grid consists of: the data, its cells, and the record of a finished cell on disk."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from safetensors.torch import load_file, save
from torch import nn

from smallbert.compress.autoencoder import Architecture, Autoencoder, build
from smallbert.compress.training import Training
from smallbert.errors import DataError
from smallbert.storage import atomic_write, digest, read_json, sha256_file, write_json

# Part of every key: raise it when a change makes old numbers incomparable with new ones.
FORMAT = 1
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Cell:
    """One model of a grid: what is trained, how, and from which seed (initial weights and order of rows)."""

    architecture: Architecture
    training: Training
    seed: int

    @cached_property
    def key(self) -> str:
        """Digest of everything that determines the cell's result besides data and precision."""
        return digest({"format": FORMAT, **asdict(self)})


class GridData:
    """The three matrices of a grid, float32 and of equal width; centred or raw is the caller's choice.

    Args:
        train, validation, test: (rows, d) arrays or tensors. A writable contiguous float32 array is not copied.

    Raises:
        DataError: no matrix, no rows, unequal widths, or numbers that are not finite.
    """

    def __init__(self, train: ArrayLike, validation: ArrayLike, test: ArrayLike) -> None:
        self.train, self.validation, self.test = (
            _matrix(name, value) for name, value in zip(SPLITS, (train, validation, test), strict=True)
        )
        widths = [getattr(self, name).shape[1] for name in SPLITS]
        if len(set(widths)) > 1:
            raise DataError(f"Expected train, validation and test vectors of one width; got {widths}.")

    @property
    def width(self) -> int:
        """``d``, numbers in a vector."""
        return self.train.shape[1]

    @cached_property
    def key(self) -> str:
        """Digest of the three matrices' shapes and bytes."""
        total = hashlib.blake2b(digest_size=8)
        for name in SPLITS:
            matrix = getattr(self, name).numpy()
            total.update(repr(matrix.shape).encode())
            total.update(matrix.data)
        return total.hexdigest()


def _matrix(name: str, value: ArrayLike) -> torch.Tensor:
    matrix = np.require(value, np.float32, ["C_CONTIGUOUS", "WRITEABLE"])
    if matrix.ndim != 2 or not matrix.size:
        raise DataError(f"Expected {name} vectors of shape (rows, d) with rows; got {matrix.shape}.")
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(matrix.sum(dtype=np.float64))
    if not finite:
        row = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
        raise DataError(f"Expected finite {name} vectors; row {row} has NaN or infinity.", "Verify the embeddings.")
    return torch.from_numpy(matrix)


class CellStore:
    """Finished cells in a folder: one checked JSON record each, and weights where they were kept.

    Records stand in ``root/<data key>-<precision>/<cell key>.json``. Each is written in one atomic step after its
    weights, so a crash leaves a finished cell or none, and processes that share the folder need no lock: whoever
    writes the same cell writes the same numbers.
    """

    def __init__(self, root: Path, data: GridData, precision: str) -> None:
        self.folder = Path(root) / f"{data.key}-{precision}"

    def read(self, cell: Cell, with_weights: bool = False) -> list[dict[str, Any]] | None:
        """The cell's curve, or None where it is missing, damaged, or lacks the weights asked for."""
        try:
            record = read_json(self._path(cell))
            expected, weights = record.pop("sha256"), record["weights_sha256"]
            intact = expected == digest(record, length=64) and record["key"] == cell.key
            if intact and with_weights:
                intact = weights == sha256_file(self._weights(cell))
        except (DataError, OSError, AttributeError, KeyError, TypeError):
            return None
        return record["curve"] if intact else None

    def write(self, cell: Cell, curve: list[dict[str, Any]], module: nn.Module | None) -> None:
        """Store a finished cell, with the weights of ``module`` if one is given.

        Raises:
            MachineError: the disk is full or not writable; finished cells stay.
        """
        weights = None
        if module is not None:
            content = save({name: tensor.contiguous().cpu() for name, tensor in module.state_dict().items()})
            weights = hashlib.sha256(content).hexdigest()
            with atomic_write(self._weights(cell)) as file:
                file.write(content)
        record = {"key": cell.key, "cell": asdict(cell), "curve": curve, "weights_sha256": weights}
        write_json(self._path(cell), {**record, "sha256": digest(record, length=64)})

    def load(self, cell: Cell) -> Autoencoder:
        """The trained module of a cell whose weights were kept.

        Raises:
            DataError: they were not, or are damaged.
        """
        if self.read(cell, with_weights=True) is None:
            raise DataError(
                f"Expected the trained weights of cell {cell.key} in {self.folder}; they are missing or damaged.",
                "Train the grid again with keep_weights true for this cell.",
            )
        module = build(cell.architecture, cell.seed)
        module.load_state_dict(load_file(self._weights(cell)))
        return module.eval()

    def _path(self, cell: Cell) -> Path:
        return self.folder / f"{cell.key}.json"

    def _weights(self, cell: Cell) -> Path:
        return self.folder / f"{cell.key}.safetensors"
