"""Study 2: how far the embedding can be narrowed, and whether depth beats the linear floor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from smallbert.compress.autoencoder import Architecture
from smallbert.compress.baselines import mean_predictor, random_projection, truncation, whitening
from smallbert.compress.linear import AffineCode, principal_angles
from smallbert.compress.schedules import hidden_widths
from smallbert.measure.cost import affine_flops, affine_parameters
from smallbert.studies.bench import Arm, Bench
from smallbert.studies.floor import Floor
from smallbert.studies.protocols import Choice, fair, last_epoch, original
from smallbert.studies.quality import Code, Ruler

SAME_DIRECTION = 5.0
"""Degrees: subspaces whose principal angles are all this small are called the same."""


def arm(width: int, bottleneck: int, depth: int, schedule: str = "uniform", **changes: Any) -> Arm:
    """An arm with an affine decoder and ReLU, or with ``changes`` of its architecture."""
    hidden = hidden_widths(schedule, width, bottleneck, depth)
    architecture = Architecture(width, bottleneck, hidden, **changes)
    return Arm(f"{depth} layers, k={bottleneck}", architecture, schedule)


def depth_arms(width: int, bottlenecks: Sequence[int], depths: Sequence[int]) -> list[Arm]:
    """Uniform encoders of every depth and bottleneck, one affine decoder layer."""
    return [arm(width, k, depth) for k in bottlenecks for depth in depths]


def smallest(arms: Sequence[Arm]) -> Arm:
    """The arm the original tunes on: of uniform widths, the fewest parameters among those with a hidden layer.

    Without a hidden layer there would be no activation to choose.
    """
    candidates = [one for one in arms if one.architecture.hidden and one.schedule == "uniform"]
    return min(candidates, key=lambda one: one.architecture.encoder_parameters)


def at_width(arms: Sequence[Arm], bottleneck: int) -> list[Arm]:
    """The arms with this bottleneck."""
    return [one for one in arms if one.architecture.bottleneck == bottleneck]


def other_arms(width: int, bottleneck: int, depth: int) -> list[Arm]:
    """The arms that settle the question: the same encoder with one thing changed."""
    changes: dict[str, dict[str, Any]] = {
        "linear encoder": {"activation": "identity"},
        "GELU": {"activation": "gelu"},
        "tanh": {"activation": "tanh"},
        "ReLU on the code": {"code_activation": "relu"},
        "residual, normalised": {"residual": True},
        "tanh on the output": {"output_activation": "tanh"},
        "two-layer decoder": {"decoder": "mlp"},
        "two-layer decoder, GELU": {"decoder": "mlp", "activation": "gelu"},
        "mirrored decoder": {"decoder": "mirrored"},
        "mirrored, residual": {"decoder": "mirrored", "residual": True},
    }
    plain = arm(width, bottleneck, depth)
    arms = [Arm("affine decoder, ReLU", plain.architecture)]
    for name, change in changes.items():
        arms.append(Arm(name, arm(width, bottleneck, depth, **change).architecture))
    return arms


def linear_codes(floor: Floor, bottleneck: int, seed: int) -> list[AffineCode]:
    """The linear methods of one width, fitted on train."""
    train = floor.moments["train"]
    return [
        floor.pca.code(bottleneck),
        whitening(train, bottleneck),
        truncation(train, bottleneck, "least squares"),
        truncation(train, bottleneck),
        random_projection(train, bottleneck, seed=seed),
    ]


def baselines(floor: Floor, bottlenecks: Sequence[int], seeds: int) -> pd.DataFrame:
    """FVU of what is free: columns ``method``, ``k``, ``seed``, ``train_fvu``, ``test_fvu``.

    Whitening is PCA's reconstruction in other units, and PCA is the floor itself; both are left out. The random
    projection is drawn once a seed.
    """
    train = floor.moments["train"]
    rows = []
    for k in bottlenecks:
        codes = [(0, mean_predictor(train)), (0, truncation(train, k)), (0, truncation(train, k, "least squares"))]
        codes += [(seed, random_projection(train, k, seed=seed)) for seed in range(seeds)]
        rows += [(code.name, k, seed, code.fvu(train), code.fvu(floor.moments["test"])) for seed, code in codes]
    return pd.DataFrame(rows, columns=["method", "k", "seed", "train_fvu", "test_fvu"])


def by_rows(
    bench: Bench, arms: Sequence[Arm], choice: Choice, *, shares: Sequence[float], epochs: Sequence[int], seeds: int
) -> pd.DataFrame:
    """The original protocol on growing parts of train: the last epoch, with ``pca_test`` of the same train rows."""
    matrices = bench.matrices["original"]
    tables = []
    for share in sorted(shares):
        part = bench.on(matrices.first(max(2 * arms[0].architecture.bottleneck, round(share * len(matrices.train)))))
        table = last_epoch(original(part, arms, choice, epochs=epochs, seeds=seeds))
        table["pca_test"] = part.floor.transfer["test"][table.bottleneck.to_numpy()]
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def subspace(bench: Bench, arm: Arm, tuning: pd.DataFrame, *, epochs: int, seeds: int) -> pd.DataFrame:
    """Does a linear autoencoder find the principal subspace? Angles between its decoder's span and PCA's.

    Returns:
        One row a seed: ``seed``, ``median``, ``largest`` (principal angles, degrees), ``gap_train`` (FVU above PCA).
        Directions on either side of a small gap between eigenvalues may be exchanged at next to no cost in FVU.
    """
    cells = last_epoch(fair(bench, [arm], tuning, epochs=epochs, seeds=seeds, keep_weights=True))
    principal = bench.floor.pca.code(arm.architecture.bottleneck).encoder
    rows = []
    for cell in cells[cells.finite].itertuples():
        learned = bench.model(cell.protocol, cell.cell).decoder.get_parameter("0.weight").detach().numpy()
        angles = principal_angles(learned, principal)
        rows.append((cell.seed, float(np.median(angles)), float(angles.max()), cell.gap_train))
    return pd.DataFrame(rows, columns=["seed", "median", "largest", "gap_train"])


def subspace_sentence(angles: pd.DataFrame, epochs: int) -> str:
    """Whether the linear autoencoder found the principal subspace.

    Args:
        angles: from :func:`subspace`.
        epochs: of its training.
    """
    after = f"After {epochs} epochs"
    if angles.empty:
        return f"{after} no linear autoencoder ended finite, so nothing is compared."
    if angles.largest.max() <= SAME_DIRECTION:
        found = "is"
    else:
        found = "is, but for some directions" if angles["median"].max() <= SAME_DIRECTION else "is not"
    return (
        f"{after} it {found}: the median angle is {_span(angles['median'], '.2g')} degrees, the largest "
        f"{_span(angles.largest, '.2g')}, and {_span(angles.gap_train, '.4f')} of the variance of the training "
        f"articles is left above PCA ({len(angles)} seed{'' if len(angles) == 1 else 's'})."
    )


def _span(values: pd.Series, form: str) -> str:
    low, high = (format(float(value), form) for value in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def quality(bench: Bench, cells: pd.DataFrame, *, bottleneck: int, rows: int, seed: int) -> pd.DataFrame:
    """Every measure for the linear methods and for trained cells of one width.

    Args:
        bench: data and finished cells, whose weights were kept.
        cells: last epochs; columns ``cell``, ``protocol``, ``depth``, ``seed``, ``encoder_parameters``.
        bottleneck: the width compared.
        rows: articles measured on, at most.
        seed: of the draws.
    """
    centred = bench.matrices["fair"]
    mean = bench.matrices["original"].train.mean(axis=0, dtype=np.float64).astype(np.float32)
    ruler = Ruler(centred, rows=rows, seed=seed)
    codes = [_whole(centred.width)]
    for linear in linear_codes(Floor.of(centred), bottleneck, seed):
        widths = (centred.width, bottleneck)
        # Keeping the first numbers costs nothing; every other code is one affine layer.
        cost = (0, 0) if "truncation" in linear.name else (affine_parameters(widths), affine_flops(widths))
        codes.append(Code(linear.name, seed, linear.encode, linear.decode, bottleneck, *cost))
    chosen = cells[(cells.bottleneck == bottleneck) & cells.finite].sort_values(
        ["protocol", "depth", "seed"], ascending=[False, True, True]
    )
    for cell in chosen.itertuples():
        shift = mean if cell.protocol == "original" else np.zeros_like(mean)
        codes.append(_trained(bench, cell, shift))
    return pd.DataFrame([ruler.measure(code) for code in codes])


def _whole(width: int) -> Code:
    def same(vectors: np.ndarray) -> np.ndarray:
        return vectors

    return Code("whole embedding", 0, same, same, width, 0, 0)


def _trained(bench: Bench, cell: Any, shift: np.ndarray) -> Code:
    """A trained cell as a code of centred vectors; ``shift`` is what its own protocol did not take off."""
    model = bench.model(cell.protocol, cell.cell)
    a = bench.architecture(cell.cell)

    def encode(vectors: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model.encode(torch.from_numpy(vectors + shift)).numpy()

    def decode(codes: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model.decode(torch.from_numpy(codes)).numpy() - shift

    return Code(
        f"{cell.protocol}, {cell.depth} layer{'s' if cell.depth > 1 else ''}",
        cell.seed,
        encode,
        decode,
        a.bottleneck,
        a.encoder_parameters,
        a.encode_flops,
    )
