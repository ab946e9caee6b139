"""The autoencoder grid against the plain PyTorch loop: same cells, same losses, one process, alternating order.

The plain loop is what one writes first: ``TensorDataset``, ``DataLoader(shuffle=True)``, ``nn.Sequential``,
``torch.optim.Adam``, one model after another on all cores. Eleven architectures (encoder depth 1 to 6, uniform and
bottleneck-heavy) of 768 -> 64 are trained for ten epochs of ``--rows`` rows at Adam 1e-3, from the same weights on
the same mini-batches, then evaluated on every split. Losses agree to rounding for shallow nets; deep ones amplify it
step by step (equality over the first steps is tested in tests/compress/test_engine.py).
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import machine
import numpy as np
import parts
import torch
from compare import Variant, compare
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from smallbert.compress.autoencoder import Architecture, build, stream_seed
from smallbert.compress.cells import Cell, GridData
from smallbert.compress.grid import train
from smallbert.compress.schedules import hidden_widths
from smallbert.compress.training import Training

HEAVY = "bottleneck-heavy-2"
EPOCHS = 10
WIDTH, CODE = 768, 64


def vectors(rows: int, width: int, seed: int = 0) -> np.ndarray:
    """Embedding-like rows: a power-law spectrum in a random basis, bent, plus noise."""
    generator = np.random.default_rng(seed)
    rank = min(width, 128)
    scores = generator.standard_normal((rows, rank), dtype=np.float32)
    scores += 0.3 * np.tanh(scores[:, ::-1])
    scores *= np.arange(1, rank + 1, dtype=np.float32) ** -0.5
    basis = np.linalg.qr(generator.standard_normal((width, rank)))[0].astype(np.float32)
    return scores @ basis.T + 0.02 * generator.standard_normal((rows, width), dtype=np.float32)


def architectures(width: int, bottleneck: int) -> list[Architecture]:
    """Depth 1, then depths 2 to 6 in uniform and in bottleneck-heavy widths: eleven."""
    hidden = [()] + [
        hidden_widths(name, width, bottleneck, depth) for name in ("uniform", HEAVY) for depth in range(2, 7)
    ]
    return [Architecture(width, bottleneck, widths) for widths in hidden]


def plain_loop(cells: list[Cell], data: GridData) -> list[float]:
    """Train the cells one after another and return their mean squared error on the training rows."""
    losses = []
    for cell in cells:
        initial = build(cell.architecture, cell.seed)
        model = nn.Sequential(*initial.encoder, *initial.decoder)
        optimizer = torch.optim.Adam(model.parameters(), lr=cell.training.learning_rate)
        rows = TensorDataset(data.train)
        generator = torch.Generator()
        # What shuffle=True makes, with the generator in our hands, so that both sides see the same mini-batches.
        sampler = RandomSampler(rows, generator=generator)
        loader = DataLoader(rows, cell.training.batch_size, sampler=sampler)
        for epoch in range(1, cell.training.epochs + 1):
            generator.manual_seed(stream_seed(cell.seed, 1, epoch))
            for (batch,) in loader:
                optimizer.zero_grad()
                nn.functional.mse_loss(model(batch), batch).backward()
                optimizer.step()
        with torch.no_grad():
            parts = (data.train, data.validation, data.test)
            train_loss, _, _ = (nn.functional.mse_loss(model(part), part).item() for part in parts)
        losses.append(train_loss)
    return losses


def engine(cells: list[Cell], data: GridData, precision: str) -> list[float]:
    """The same through :func:`smallbert.compress.grid.train`."""
    frame = train(cells, data, device="cpu", precision=precision, progress=False)
    return list(frame.train_sse / (frame.train_rows * data.width))


def against_plain(rows: int, batch: int, rounds: int) -> dict[str, Any]:
    """The plain loop, the engine in fp32 and in bf16, at one batch size."""
    data = split(rows)
    cells = [Cell(a, Training(1e-3, EPOCHS, batch_size=batch), seed=0) for a in architectures(WIDTH, CODE)]
    losses: dict[str, list[float]] = {}

    def remember(name: str, form: str, run: Callable[[], list[float]]) -> Variant:
        return Variant(lambda: losses.__setitem__(name, run()), form)

    def checks() -> dict[str, dict[str, float]]:
        base = losses["plain loop"]
        away = {name: [abs(a - b) / b for a, b in zip(own, base, strict=True)] for name, own in losses.items()}
        return {
            name: {"loss away, median": statistics.median(one), "loss away, most": max(one)}
            for name, one in away.items()
        }

    return compare(
        f"Autoencoder grid, batch {batch:,}",
        {
            "plain loop": remember("plain loop", "fp32", partial(plain_loop, cells, data)),
            "smallbert fp32": remember("smallbert fp32", "fp32", partial(engine, cells, data, "fp32")),
            "smallbert bf16": remember("smallbert bf16", "bf16", partial(engine, cells, data, "bf16")),
        },
        amount=len(cells) * EPOCHS * rows,
        unit="rows of one model",
        rounds=rounds,
        gflop=1e-9 * EPOCHS * rows * sum(cell.architecture.training_flops for cell in cells),
        checks=checks,
    ) | {"rows of the data": rows}


def against_scikit(rows: int, rounds: int) -> dict[str, Any]:
    """Two models of one layer a side, as MLPRegressor has them: with the activation on the code."""
    data = split(rows)
    shallow = Architecture(WIDTH, CODE, code_activation="relu")
    cells = [Cell(shallow, Training(1e-3, EPOCHS, batch_size=256), seed) for seed in (0, 1)]
    matrix = data.train.numpy()

    def scikit() -> None:
        for cell in cells:
            MLPRegressor(
                hidden_layer_sizes=(CODE,), batch_size=256, learning_rate_init=1e-3, alpha=0.0, max_iter=EPOCHS,
                tol=0.0, n_iter_no_change=EPOCHS, random_state=cell.seed,
            ).fit(matrix, matrix)  # fmt: skip

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is the point
        return compare(
            "Autoencoder, one layer a side",
            {
                "scikit-learn MLPRegressor": Variant(scikit),
                "plain loop": Variant(partial(plain_loop, cells, data)),
                "smallbert fp32": Variant(partial(engine, cells, data, "fp32")),
            },
            amount=len(cells) * EPOCHS * rows,
            unit="rows of one model",
            rounds=rounds,
            gflop=1e-9 * EPOCHS * rows * sum(cell.architecture.training_flops for cell in cells),
        ) | {"rows of the data": rows}


def split(rows: int) -> GridData:
    """Training rows, and 512 each to evaluate on."""
    matrix = vectors(rows + 1024, WIDTH)
    return GridData(matrix[:rows], matrix[rows : rows + 512], matrix[rows + 512 :])


def profile(rows: int) -> list[dict[str, Any]]:
    """Where the time of a deep model at the large batch goes, on one core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        cell = Cell(architectures(WIDTH, CODE)[4], Training(1e-3, EPOCHS, batch_size=1024), seed=0)
        return parts.of_training(cell, split(rows), machine.best_limits()["fp32_gflops"])
    finally:
        torch.set_num_threads(before)


def main() -> None:
    parser = machine.arguments(__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_048, help="training rows (default 2,048)")
    options = parser.parse_args()
    rows, rounds = 512 if options.quick else options.rows, machine.rounds(options)
    found = [against_plain(rows, 256, rounds), against_plain(rows, 1024, rounds), against_scikit(rows, rounds)]
    best = machine.best_of(one["limits"] for one in found)
    machine.save("grid", options.out, best, comparisons=found)


if __name__ == "__main__":
    main()
