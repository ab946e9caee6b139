"""Study 2, the decoder: how curved must a cloud be, and how many rows does it take, before a decoder pays?

With an affine decoder no encoder gets below PCA. A decoder that bends can, if the vectors lie on a bent sheet and there
are rows enough to learn how it bends. Here the encoder is PCA's throughout, fitted on the training rows, and decoders
of its code are compared with PCA's own on held-out rows: on clouds whose curvature is known, and on the embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from smallbert import runtime
from smallbert.compress import hidden_decoder, quadratic
from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments
from smallbert.compress.training import Training
from smallbert.errors import DataError, UsageError
from smallbert.progress import Progress
from smallbert.storage import digest, read_json, write_json
from smallbert.studies.curved_clouds import CurvedCloud
from smallbert.studies.decoder_best import EMBEDDINGS, WITHIN
from smallbert.studies.matrices import Matrices

FORMAT = 2
"""Part of every key: raise it when a change makes old numbers incomparable with new ones."""

LEAST_SQUARES, RIDGE = "quadratic", "quadratic by ridge"

STEPS, BATCH, RATE = 300, 256, 0.03
"""Training of the hidden layers. Codes and targets are standardised, so one rate serves all: at 0.01 and 0.06 no mean
gain had another sign (codes of 4 at 128 and 2,048 rows, of 16 at 2,048; curvature 0, 0.1, 0.3; 5 seeds, 400 steps)."""

TEST_ROWS = 1000
"""Held-out rows of a cloud and, at most, of the embeddings."""


@dataclass(frozen=True)
class Block:
    """All decoders and seeds of one cloud, or of real vectors, at one code width and number of training rows.

    Args:
        name: of the cloud.
        curvature: of the cloud; None for real vectors.
        k: code width.
        rows: training rows.
        hidden: units of the hidden layers compared.
        seeds: repetitions; each draws its own rows and initial weights.
    """

    name: str
    curvature: float | None
    k: int
    rows: int
    hidden: tuple[int, ...]
    seeds: int

    def split(self, seed: int, vectors: Matrices | None) -> tuple[np.ndarray, np.ndarray]:
        """Train and test rows of one seed, float64; the test rows of real vectors are the same for all seeds."""
        generator = np.random.default_rng([seed, self.k, self.rows])
        if vectors is None:
            train, test = population(self.k, self.curvature or 0.0).draw(self.rows, TEST_ROWS, generator=generator)
            return train, test
        chosen = generator.choice(len(vectors.train), self.rows, replace=False)
        held = np.random.default_rng(0).permutation(len(vectors.test))[:TEST_ROWS]
        return vectors.train[chosen].astype(np.float64), vectors.test[held].astype(np.float64)


def population(k: int, curvature: float) -> CurvedCloud:
    """The cloud that stands in the map at this code width and curvature."""
    return CurvedCloud(k, curvature, max(64, 2 * k))


def run(
    vectors: Matrices,
    store: Path,
    *,
    rows: Sequence[int],
    codes: Sequence[int],
    curvatures: Sequence[float],
    hidden: Sequence[int],
    seeds: int,
    jobs: int | None = None,
) -> pd.DataFrame:
    """Fit every decoder on every cloud and on the embeddings; finished blocks are found again.

    Args:
        vectors: the embeddings; where they have several languages, also with each one's mean taken off.
        store: folder of finished blocks.
        rows: numbers of training rows; the embeddings are left out of those more than half of theirs, of which two
            draws would be nearly one.
        codes: code widths k.
        curvatures: of the clouds.
        hidden: units of the hidden layers.
        seeds: paired repetitions.
        jobs: cores; all by default.

    Returns:
        One row a cloud, code width, number of rows, decoder and seed: ``cloud``, ``curvature`` (not-a-number for real
        vectors), ``k``, ``rows``, ``decoder``, ``parameters`` (of the decoder), ``seed``, ``pca`` and ``fvu`` (test),
        ``finite``.

    Raises:
        UsageError: fewer training rows than two a code number.
    """
    if min(rows) < 2 * max(codes):
        raise UsageError(f"Expected at least {2 * max(codes)} rows for codes of {max(codes)}, got {min(rows)}.")
    real = {EMBEDDINGS: vectors} | ({WITHIN: within} if (within := vectors.within_languages()) else {})
    clouds = {**{cloud_name(curvature): curvature for curvature in curvatures}, **dict.fromkeys(real)}
    blocks = [
        Block(name, curvature, k, n, tuple(hidden), seeds)
        for k in codes
        for name, curvature in clouds.items()
        for n in rows
        if name not in real or (2 * n <= len(vectors.train) and k < vectors.width)
    ]
    paths = {block: store / f"{_key(block, real.get(block.name))}.json" for block in blocks}
    found = {block: record for block, path in paths.items() if (record := _read(path)) is not None}
    missing = sorted(set(blocks) - set(found), key=lambda block: -block.rows * block.k)
    if missing:

        def fit(block: Block) -> None:
            found[block] = _fit(block, real.get(block.name))
            write_json(paths[block], found[block])

        threads = torch.get_num_threads()
        bar = Progress("decoders", len(blocks), "blocks", done=len(found))
        # One core a block: threads of the linear algebra would only wait for each other.
        with bar as line, threadpool_limits(1), ThreadPoolExecutor(jobs or runtime.cores()) as pool:
            for _ in pool.map(fit, missing):
                line.advance()
        torch.set_num_threads(threads)  # a worker's setting becomes the default of later threads
    return pd.DataFrame([row for block in blocks for row in found[block]]).astype({"curvature": float})


def _fit(block: Block, vectors: Matrices | None) -> list[dict[str, Any]]:
    """All rows of one block, on one core."""
    torch.set_num_threads(1)
    width = vectors.width if vectors else population(block.k, 0.0).width
    errors: dict[tuple[str, int], list[float]] = {}
    floors, train_codes, train_left, test_codes, test_left, totals = [], [], [], [], [], []
    for seed in range(block.seeds):
        train, test = block.split(seed, vectors)
        code = Pca.fit(Moments.of(train)).code(block.k)
        total = Moments.of(test).sst
        codes = code.encode(test)
        left = test - code.decode(codes)
        floors.append(float((left**2).sum()) / total)
        decoders = dict(zip((LEAST_SQUARES, RIDGE), quadratic.fit(code, train), strict=True))
        size = (block.k + 1 + quadratic.count(block.k)) * width
        for name, decoder in decoders.items():
            error = float(((left - decoder.correction(codes)) ** 2).sum()) / total
            errors.setdefault((name, size), []).append(error)
        own = code.encode(train)
        rest = train - code.decode(own)
        scale, unit = own.std(axis=0), rest.std()
        train_codes.append(own / scale)
        test_codes.append(codes / scale)
        train_left.append(rest / unit)
        test_left.append(left / unit)
        totals.append(total / unit**2)
    stacks = [np.stack(part).astype(np.float32) for part in (train_codes, train_left, test_codes, test_left)]
    batch = min(BATCH, block.rows)
    training = Training(RATE, -(-STEPS // -(-block.rows // batch)), batch, schedule="cosine", warm_up=0.1)
    for units in block.hidden:
        weights = hidden_decoder.train(*stacks[:2], hidden=units, training=training, seeds=range(block.seeds))
        missed = stacks[3] - hidden_decoder.correction(weights, stacks[2])
        size = hidden_decoder.parameters(block.k, width, units)
        errors[hidden_name(units), size] = [
            float((own.astype(np.float64) ** 2).sum()) / total for own, total in zip(missed, totals, strict=True)
        ]
    return [
        {
            "cloud": block.name,
            "curvature": block.curvature,
            "k": block.k,
            "rows": block.rows,
            "decoder": decoder,
            "parameters": size,
            "seed": seed,
            "pca": floors[seed],
            "fvu": fvu if np.isfinite(fvu) else None,
            "finite": bool(np.isfinite(fvu)),
        }
        for (decoder, size), own in sorted(errors.items(), key=lambda item: item[0][1])
        for seed, fvu in enumerate(own)
    ]


def hidden_name(units: int) -> str:
    """How a decoder with a hidden layer of so many units is called."""
    return f"hidden {units}"


def cloud_name(curvature: float) -> str:
    """How a cloud is called."""
    return f"{100 * curvature:g}% curved" if curvature else "flat"


def _key(block: Block, vectors: Matrices | None) -> str:
    """Digest of all that decides a block's numbers."""
    data = vectors.key if vectors else None
    recipe = {"format": FORMAT, "steps": STEPS, "batch": BATCH, "rate": RATE, "test": TEST_ROWS, "data": data}
    return digest(recipe | asdict(block))


def _read(path: Path) -> list[dict[str, Any]] | None:
    try:
        return list(read_json(path))
    except (DataError, TypeError):
        return None
