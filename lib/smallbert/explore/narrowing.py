"""Ways to narrow the vectors of articles to a width that is chosen by hand, and what is then compared."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smallbert.compress.autoencoder import Architecture
from smallbert.compress.baselines import random_projection, truncation
from smallbert.compress.cells import Cell, CellStore, GridData
from smallbert.compress.codes.autoencoded import Autoencoded
from smallbert.compress.codes.formats import Floats
from smallbert.compress.linear import AffineCode, Pca
from smallbert.compress.moments import Moments
from smallbert.compress.training import Training
from smallbert.errors import DataError
from smallbert.explore.articles import Articles
from smallbert.storage import read_json

TRAINED = {"affine": "autoencoder", "mlp": "autoencoder, two-layer decoder"}
"""Names of the stored autoencoders by their decoder, as page 8 calls them."""


@dataclass(frozen=True, eq=False)
class Narrowed:
    """What is compared after narrowing: a query, row i of ``queries``, with every row of ``documents``."""

    queries: np.ndarray
    documents: np.ndarray


@dataclass(frozen=True)
class Way:
    """One way to narrow.

    Args:
        name: in the list.
        widths: numbers a vector that can be had, ascending.
        narrow: the articles at one of these widths.
    """

    name: str
    widths: Sequence[int]
    narrow: Callable[[int], Narrowed]


def ways(articles: Articles, seed: int = 0) -> list[Way]:
    """Every way there is to narrow these articles: the linear ones at any width, autoencoders as they were trained."""
    moments = Moments.of(articles.matrices.train).about_zero()  # as page 8's codes are fitted
    pca, every = Pca.fit(moments), range(1, moments.width + 1)

    def linear(code: AffineCode) -> Narrowed:
        codes = code.encode(articles.vectors)
        return Narrowed(codes, codes)

    found = [
        Way("PCA", every, lambda k: linear(pca.code(k))),
        Way("truncation", every, lambda k: linear(truncation(moments, k))),
        Way("random projection", every, lambda k: linear(random_projection(moments, k, seed=seed))),
    ]
    matrices = articles.matrices.centred()
    mean = articles.matrices.train.mean(axis=0, dtype=np.float64).astype(np.float32)
    store = CellStore(articles.cache / "grid", GridData(matrices.train, matrices.validation, matrices.test), "fp32")

    def trained(cells: dict[int, Cell], k: int) -> Narrowed:
        cell = cells[k]
        code = Autoencoded(store.load(cell), mean, Floats(cell.architecture.bottleneck, 32))
        return Narrowed(articles.vectors, code.decode(code.encode(articles.vectors)))

    for decoder, name in TRAINED.items():
        cells = {cell.architecture.bottleneck: cell for cell in _stored(store.folder, decoder)}
        if cells:
            found.append(Way(name, sorted(cells), functools.partial(trained, cells)))
    return found


def _stored(folder: Path, decoder: str) -> list[Cell]:
    """Trained cells whose weights were kept, the first seed of each width last."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            record = read_json(path)
            told, kept = record["cell"], record["weights_sha256"] and record["curve"][-1]["finite"]
            cell = Cell(Architecture(**told["architecture"]), Training(**told["training"]), told["seed"])
        except (DataError, KeyError, TypeError, IndexError):
            continue  # not of a finished cell
        if kept and cell.architecture.decoder == decoder:
            found.append(cell)
    return sorted(found, key=lambda cell: -cell.seed)
