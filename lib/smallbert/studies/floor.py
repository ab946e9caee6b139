"""The linear floor under every autoencoder with an affine decoder, and the check that none goes below it.

Whatever the encoder does, an affine decoder puts all reconstructions into one affine subspace of k dimensions, so
the squared error on any set of vectors is at least that of PCA fitted to that set (Eckart and Young 1936; Bourlard
and Kamp 1988, doi 10.1007/BF00332918). On train the bound is PCA fitted on train; on test it is the oracle: PCA
fitted on the test vectors themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments
from smallbert.errors import SmallbertError
from smallbert.studies.matrices import SPLITS, Matrices

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Floor:
    """PCA of every width, fitted on train and on each split itself.

    Args:
        moments: first and second moments of each split.
        pca: fitted on train.
        transfer: FVU of ``pca`` on each split, an array over k = 0 .. width.
        oracle: FVU on each split of PCA fitted on that split, likewise.
    """

    moments: dict[str, Moments]
    pca: Pca
    transfer: dict[str, np.ndarray]
    oracle: dict[str, np.ndarray]

    @classmethod
    def of(cls, matrices: Matrices) -> Floor:
        """Compute the floor of three splits: one pass and one eigendecomposition each."""
        moments = {split: Moments.of(getattr(matrices, split)) for split in SPLITS}
        pca = Pca.fit(moments["train"])
        return cls(
            moments,
            pca,
            {split: pca.fvu(moments[split]) for split in SPLITS},
            {split: Pca.fit(moments[split]).fvu(moments[split]) for split in SPLITS},
        )

    def table(self) -> pd.DataFrame:
        """FVU by width: columns ``k``, ``train``, ``transfer`` (train to test), ``oracle`` (test to test)."""
        k = np.arange(len(self.transfer["test"]))
        frame = pd.DataFrame(
            {
                "k": k,
                "train": self.oracle["train"],
                "transfer": self.transfer["test"],
                "oracle": self.oracle["test"],
            }
        )
        return frame[frame.k > 0].reset_index(drop=True)

    def at(self, k: int) -> dict[str, float]:
        """FVU of PCA fitted on train with ``k`` components, by split."""
        return {split: float(fvu[k]) for split, fvu in self.transfer.items()}

    def mse(self, split: str, k: int) -> float:
        """The same on one split as squared error per element, the unit of the original study."""
        moments = self.moments[split]
        return float(self.transfer[split][k]) * moments.sst / (moments.n * moments.width)

    def sst(self, split: str) -> float:
        """Total squared deviation of a split from its own mean, the denominator of every FVU."""
        return self.moments[split].sst


def check_bound(*tables: pd.DataFrame) -> pd.DataFrame:
    """Hold every cell with an affine decoder, at every epoch it was evaluated, to the floor.

    Args:
        tables: outcomes; columns ``protocol``, ``cell``, ``arm``, ``seed``, ``train_rows``, ``finite``, ``bounded``
            (affine decoder without output activation), ``above_train`` (train FVU less PCA of the same train rows),
            ``above_oracle`` (test FVU less the oracle on test).

    Returns:
        One row: the number of cells checked, and their smallest distance on train and on test.

    Raises:
        SmallbertError: a cell lies below the floor by more than 1e-6, which no affine decoder can; something is
            wrong with the training, the measure or the floor.
    """
    cells = pd.concat(tables, ignore_index=True)
    bounded = cells[cells.bounded & cells.finite]
    for column, what in (("above_train", "PCA of train"), ("above_oracle", "the oracle PCA on test")):
        if (bounded[column] < -TOLERANCE).any():
            worst = bounded.loc[bounded[column].idxmin()]
            raise SmallbertError(
                f"Expected every affine decoder at or above {what}, but {worst.arm} (seed {worst.seed}) lies "
                f"{-worst[column]:.2e} below it, which Eckart and Young exclude.",
                "Suspect the evaluation or the split, not the theorem.",
            )
    return pd.DataFrame(
        {
            "cells checked": [len(bounded.drop_duplicates(["protocol", "cell", "train_rows"]))],
            "least above PCA, train": [bounded.above_train.min()],
            "least above oracle, test": [bounded.above_oracle.min()],
        }
    )
