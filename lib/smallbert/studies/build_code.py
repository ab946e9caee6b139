"""What a plan does to an encoder's vectors: a map, an autoencoder or a code, fitted to train articles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np

from smallbert import paths
from smallbert.compress.baselines import random_projection, truncation, whitening
from smallbert.compress.codes import catalogue, files, preprocessing
from smallbert.compress.codes.autoencoded import Bottleneck
from smallbert.compress.codes.code import Code, Mapped, OfOneLength, Symmetric, remapped
from smallbert.compress.codes.formats import Binary, Floats, Int8
from smallbert.compress.linear import AffineCode, Pca, require_width
from smallbert.compress.moments import Moments
from smallbert.errors import DataError, UsageError
from smallbert.storage import digest
from smallbert.studies import code_autoencoders, depth, protocols
from smallbert.studies.bench import Bench
from smallbert.studies.matrices import SPLITS, Matrices
from smallbert.studies.points import TRAINED, Network, Plan

SEED = 0
"""Of what is trained: the first of the pages'."""


@dataclass(frozen=True)
class Settings:
    """How an edition's pages train what a plan may need.

    Args:
        depth: parameters of page 2.
        frontier: parameters of page 8.
    """

    depth: SimpleNamespace
    frontier: SimpleNamespace


def require(plan: Plan, width: int) -> None:
    """Check that vectors can have a plan's code, before any of them is computed.

    Raises:
        UsageError: they cannot.
    """
    k = plan.network.width if plan.network else plan.width
    if k is not None:
        require_width(k, width, 1)
    elif plan.code is not None:
        name, nbytes = plan.code
        if nbytes not in (fitting := _sizes(name, width)):
            asked = ", ".join(map(str, fitting))
            raise UsageError(f"Expected one of {asked} bytes for {name} of {width} numbers, got {nbytes}.")


def splits(plan: Plan) -> Sequence[str]:
    """The splits whose vectors a plan needs: rates are chosen on validation, what is trained is tested."""
    return SPLITS if plan.trains else ("train",)


def fit(plan: Plan, vectors: Mapping[str, np.ndarray], seed: int, settings: Settings, device: str = "auto") -> Code:
    """The code of a plan.

    Args:
        plan: that narrows vectors.
        vectors: of the encoder as they come, by split, float32 (rows, width); those of :func:`splits`.
        seed: of what is drawn.
        settings: how what is trained is trained.
        device: where to train.

    Returns:
        A map, which an encoder's last layers can be, and a format behind it.

    Raises:
        DataError: a training diverged.
    """
    if plan.network is not None:
        return Mapped(_network(plan.network, vectors, settings.depth, device), Floats(plan.network.width, 32))
    if plan.code is not None and plan.code[0] in TRAINED:
        return _trained(*plan.code, vectors, settings.frontier, device)
    train = vectors["train"]
    if plan.code is not None:
        name, nbytes = plan.code
        mean = train.mean(axis=0, dtype=np.float64)
        fitted = catalogue.METHODS[name].fit(catalogue.Training(train - mean, [nbytes], epochs=0), nbytes, seed)
        return remapped(fitted, lambda map: replace(map, centre=mean + map.centre))
    assert plan.width is not None
    map = _affine(plan.map, Moments.of(train), plan.width, seed)
    code = Mapped(map, _format(plan.numbers, map.encode(train)))
    # Bits are compared with bits, as on page 8; else a query keeps all its digits.
    return Symmetric(code) if plan.numbers == "binary" else code


def _matrices(
    vectors: Mapping[str, np.ndarray], rows: int, change: Callable[[np.ndarray], np.ndarray] = np.asarray
) -> Matrices:
    """What a study trains on: at most ``rows`` of train, all of it changed; of the rows nothing is known."""
    changed = {split: change(vectors[split][: rows if split == "train" else None]) for split in SPLITS}
    return Matrices(**changed, rows={}, key=digest([len(one) for one in changed.values()]))


def _sizes(name: str, width: int) -> list[int]:
    """The bytes that a code of vectors of this width can have."""
    if name not in catalogue.METHODS:  # an autoencoder stores 16-bit numbers
        return list(range(2, 2 * width + 1, 2))
    return [size for size in range(1, 4 * width + 1) if catalogue.METHODS[name].fits(width, size)]


def _affine(name: str, train: Moments, k: int, seed: int) -> AffineCode:
    """A map of page 2."""
    maps: dict[str, Callable[[], AffineCode]] = {
        "PCA": lambda: Pca.fit(train).code(k),
        "whitening": lambda: whitening(train, k),
        "truncation": lambda: truncation(train, k),
        "truncation, least squares": lambda: truncation(train, k, "least squares"),
        "random projection, gaussian": lambda: random_projection(train, k, seed=seed),
    }
    return maps[name]()


def _network(asked: Network, vectors: Mapping[str, np.ndarray], given: SimpleNamespace, device: str) -> Bottleneck:
    """The encoder of an autoencoder, trained as page 2 trains its."""
    own = _matrices(vectors, given.train_rows)
    bench = Bench(own, paths.cache() / "grid", device=device, batch_size=given.batch_size)
    arm = depth.arm(own.width, asked.width, asked.layers)
    if asked.protocol == "fair":
        epochs = max(given.fair_epochs)
        tuning = protocols.tune_each(bench, [arm], rates=given.rates, epochs=epochs)
        cells = protocols.fair(bench, [arm], tuning, epochs=epochs, seeds=SEED + 1, keep_weights=True)
        centre = own.train.mean(axis=0, dtype=np.float64).astype(np.float32)
    else:
        choice, _ = protocols.tune_once(
            bench,
            depth.smallest(depth.depth_arms(own.width, [asked.width], given.depths)),
            activations=given.activations,
            optimizers=given.optimizers,
            rates=given.original_rates,
            epochs=min(given.original_epochs),
        )
        cells = protocols.original(
            bench, [arm], choice, epochs=given.original_epochs, seeds=SEED + 1, keep_weights=True
        )
        centre = np.zeros(own.width, np.float32)
    last = protocols.last_epoch(cells)
    if not last.finite.all():
        raise DataError(
            f"Expected an autoencoder of {asked.layers} layers to end finite by the {asked.protocol} protocol, it did "
            "not.",
            "Build another point.",
        )
    return Bottleneck(bench.model(asked.protocol, last.cell.iloc[0]), centre)


def _trained(name: str, nbytes: int, vectors: Mapping[str, np.ndarray], given: SimpleNamespace, device: str) -> Code:
    """A code that page 8 trains, on vectors of one length."""
    moments = Moments.of(vectors["train"][: given.train_rows])
    usual = preprocessing.fit(preprocessing.USUAL, moments)
    own = _matrices(vectors, given.train_rows, usual)
    behind = replace(catalogue.identity(own.width), centre=moments.mean)
    if name in catalogue.METHODS:
        training = catalogue.Training(own.train, sorted({*given.budgets, nbytes}), epochs=given.code_epochs)
        code = catalogue.METHODS[name].fit(training, nbytes, SEED)
        if isinstance(code, Mapped):  # linear, so that lengths do not matter to it
            return remapped(code, lambda map: replace(map, centre=moments.mean))
    else:
        cells = code_autoencoders.trained(
            own,
            [nbytes],
            paths.cache() / "grid",
            decoders=[code_autoencoders.DECODERS[name]],
            rates=given.rates,
            epochs=given.autoencoder_epochs,
            seeds=SEED + 1,
            device=device,
        )
        if not cells:
            raise DataError(f"Expected {name} of {nbytes} bytes to end finite, it did not.", "Build another point.")
        code = cells[0].fit()
    return Mapped(behind, OfOneLength(code))


def _format(numbers: str, codes: np.ndarray) -> files.Format:
    """How an index stores numbers; what has to be calibrated is, on these train codes."""
    width = codes.shape[1]
    formats: dict[str, Callable[[], files.Format]] = {
        "fp32": lambda: Floats(width, 32),
        "fp16": lambda: Floats(width, 16),
        "int8": lambda: Int8.fit(codes),
        "binary": lambda: Binary.signs(width),
    }
    return formats[numbers]()
