"""The autoencoder grid against the plain PyTorch loop: same cells, same losses, one process, alternating order.

The plain loop is what one writes first: ``TensorDataset``, ``DataLoader(shuffle=True)``, ``nn.Sequential``,
``torch.optim.Adam``, one model after another on all cores. Eleven architectures (encoder depth 1 to 6, uniform and
bottleneck-heavy) of 768 -> 64 are trained for ten epochs of ``--rows`` rows at Adam 1e-3, from the same weights on
the same mini-batches, then evaluated on every split. Losses agree to rounding for shallow nets; deep ones amplify it
step by step (equality over the first steps is tested in tests/compress/test_engine.py).
"""

from __future__ import annotations

import statistics
from functools import partial

import numpy as np
import torch
from machine import arguments, describe, limits, save, show, side_by_side
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from smallbert.compress.autoencoder import Architecture, build, stream_seed
from smallbert.compress.cells import Cell, GridData
from smallbert.compress.grid import train
from smallbert.compress.schedules import hidden_widths
from smallbert.compress.training import Training

HEAVY = "bottleneck-heavy-2"
EPOCHS = 10


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


def compare(rows: int, batch: int, rounds: int, rates: dict[str, float]) -> list[dict[str, object]]:
    """One table: the plain loop, the engine in fp32 and in bf16, at one batch size."""
    matrix = vectors(rows + 1024, 768)
    data = GridData(matrix[:rows], matrix[rows : rows + 512], matrix[rows + 512 :])
    cells = [Cell(a, Training(1e-3, EPOCHS, batch_size=batch), seed=0) for a in architectures(768, 64)]
    losses: dict[str, list[float]] = {}

    def remember(name: str, run: partial[list[float]]) -> None:
        losses[name] = run()

    variants = {
        "plain loop": partial(plain_loop, cells, data),
        "grid fp32": partial(engine, cells, data, "fp32"),
        "grid bf16": partial(engine, cells, data, "bf16"),
    }
    timings = side_by_side({name: partial(remember, name, run) for name, run in variants.items()}, rounds=rounds)
    gflop = 1e-9 * EPOCHS * rows * sum(cell.architecture.training_flops for cell in cells)
    table = []
    for name, timing in timings.items():
        rate = gflop / timing.median
        differences = [abs(own - base) / base for own, base in zip(losses[name], losses["plain loop"], strict=True)]
        table.append(
            {
                "variant": name,
                "batch": batch,
                "seconds": timing.median,
                "x": timing.ratio,
                "x_min": min(timing.ratios),
                "x_max": max(timing.ratios),
                "model-rows/s": len(cells) * EPOCHS * rows / timing.median,
                "GFLOP/s": rate,
                "of matrix rate": rate / rates["bf16_gflops" if name.endswith("bf16") else "fp32_gflops"],
                "loss diff median": statistics.median(differences),
                "loss diff max": max(differences),
                "others": statistics.median(timing.others),
            }
        )
    return table


def sizing(rates: dict[str, float], quick: bool) -> list[dict[str, object]]:
    """Seconds a cell of the same eleven architectures at the sizes the default profile may use (median of three)."""
    table = []
    for width, bottleneck in ((256, 32), (384, 48)):
        rows = 1_024 if quick else 4_096
        matrix = vectors(rows + 1024, width)
        data = GridData(matrix[:rows], matrix[rows : rows + 512], matrix[rows + 512 :])
        for batch in (256, 1024):
            for precision in ("fp32", "bf16"):
                cells = [Cell(a, Training(1e-3, EPOCHS, batch_size=batch), 0) for a in architectures(width, bottleneck)]
                run = partial(engine, cells, data, precision)
                seconds = side_by_side({"grid": run}, rounds=3)["grid"].median / (len(cells) * EPOCHS)
                table.append(
                    {
                        "d": width,
                        "k": bottleneck,
                        "batch": batch,
                        "precision": precision,
                        "us per row and epoch": 1e6 * seconds / rows,
                        "s per cell, 20k x 10 epochs": seconds / rows * 200_000,
                        "s per cell, 60k x 10 epochs": seconds / rows * 600_000,
                    }
                )
    return table


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_560, help="training rows (default 2,560)")
    options = parser.parse_args()
    rows = 512 if options.quick else options.rows
    rates = limits()
    print(describe(rates))
    results: dict[str, object] = {"rows": rows}
    for batch in (256, 1024):
        results[f"batch {batch}"] = compare(rows, batch, options.rounds, rates)
        show(f"11 architectures, 768 -> 64, {rows:,} rows, batch {batch}", results[f"batch {batch}"])
    results["sizing"] = sizing(rates, options.quick)
    show("Sizing: one cell, all cores at work", results["sizing"])
    print(save("grid", options.out, results, rates))


if __name__ == "__main__":
    main()
