"""Trains all cells of a study: in parallel, longest first, resumable, each finished cell stored at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from smallbert import runtime
from smallbert.compress.autoencoder import Autoencoder
from smallbert.compress.cells import SPLITS, Cell, CellStore, GridData
from smallbert.compress.engine import Curve, train_stack
from smallbert.compress.stack import Resident
from smallbert.errors import UsageError
from smallbert.progress import Progress

# Models trained together on a GPU: enough that one batched product fills it at a mini-batch of 256 rows.
_GPU_STACK = 16


def train(
    cells: Iterable[Cell],
    data: GridData,
    store: Path | None = None,
    *,
    device: str = "auto",
    precision: runtime.Precision = "fp32",
    jobs: int | None = None,
    keep_weights: Callable[[Cell], bool] = lambda cell: False,
    shard: tuple[int, int] = (1, 1),
    progress: bool = True,
) -> pd.DataFrame:
    """Train every cell that the store does not hold yet and return all their errors.

    A cell's result depends on the cell, the data and the precision alone: on one kind of CPU it is the same to the
    bit whatever trains beside it, in whatever order, with however many ``jobs``, in one run or in several. (A GPU sums
    in another order; so does another kind of CPU.) A cell that diverges is a result and ends no grid.

    Args:
        cells: equal cells are trained once.
        data: the matrices, all of the cells' input width.
        store: folder of finished cells, see :class:`CellStore`; None keeps nothing.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: ``fp32``; ``bf16`` for products in bf16 with fp32 master weights; ``auto`` for bf16 where it is fast.
        jobs: CPU cores to use, one model a core; all by default. A GPU takes one stack of models at a time.
        keep_weights: whether a cell's trained weights are stored too (see :func:`load_model`).
        shard: ``(i, n)``: only the i-th of n parts of the cells, 1-based, to share a store between processes.
        progress: print progress and time left, weighted by operations.

    Returns:
        One row per cell and recorded epoch, in the order given: ``key``; the architecture's fields with
        ``depth``, ``encoder_parameters``, ``decoder_parameters``, ``encode_flops``; the training's fields; ``seed``,
        ``precision``, ``device``, ``epoch``; ``train_sse``, ``validation_sse``, ``test_sse`` (squared errors summed
        over rows and dimensions, NaN where not finite) and the splits' ``train_rows``, ``validation_rows``,
        ``test_rows``; ``finite``; ``seconds`` of training so far (of the whole stack on a GPU).

    Raises:
        UsageError: no cells, a cell of another width, or a shard or number of jobs that makes no sense.
        MachineError: no such device, or the disk is full; finished cells are kept.
    """
    todo = list(dict.fromkeys(cells))
    _check(todo, data, shard, jobs)
    longest_first = sorted(todo, key=lambda cell: -cell.training.epochs * cell.architecture.training_flops)
    mine = longest_first[shard[0] - 1 :: shard[1]]
    where = runtime.device(device)
    name = format_name(precision, where)
    folder = None if store is None else CellStore(store, data, name)
    curves: dict[Cell, Curve] = {}
    if folder is not None:
        found = {cell: folder.read(cell, with_weights=keep_weights(cell)) for cell in mine}
        curves = {cell: curve for cell, curve in found.items() if curve}

    missing = [cell for cell in mine if cell not in curves]
    total, done = (sum(_work(cell, data) for cell in part) for part in (mine, curves))
    lock, stop = threading.Lock(), threading.Event()

    def run(stack: Sequence[Cell], resident: Resident, line: Progress | None) -> None:
        torch.set_num_threads(1)

        def on_epoch() -> None:
            if stop.is_set():
                raise InterruptedError
            if line:
                with lock:
                    line.advance(sum(_work(cell, data) // cell.training.epochs for cell in stack))

        stack_curves, modules = train_stack(stack, resident, on_epoch)
        for cell, curve, module in zip(stack, stack_curves, modules, strict=True):
            curve = [{**record, "device": where.type} for record in curve]
            if folder:
                folder.write(cell, curve, module if keep_weights(cell) else None)
            curves[cell] = curve

    if missing:
        gpu = where.type == "cuda"
        stacks = stackable(missing, _GPU_STACK) if gpu else [[cell] for cell in missing]
        resident = Resident(data, where, runtime.dtype(precision, where))
        bar = Progress("autoencoder grid", total, "GFLOP", done=done) if progress else nullcontext()
        with bar as line:
            _in_threads(lambda stack: run(stack, resident, line), stacks, 1 if gpu else jobs or runtime.cores(), stop)
    return pd.DataFrame([row for cell in todo if cell in curves for row in _rows(cell, curves[cell], data, name)])


def load_model(
    store: Path, cell: Cell, data: GridData, precision: runtime.Precision = "fp32", device: str = "auto"
) -> Autoencoder:
    """The trained autoencoder, on the CPU, of a cell whose weights :func:`train` was asked to keep.

    Args:
        store: as it was given to :func:`train`.
        cell: the cell.
        data: the matrices it was trained on.
        precision: as it was given to :func:`train`.
        device: as it was given to :func:`train`: what ``precision="auto"`` comes to, and with it the folder, depends
            on the device that trained.

    Raises:
        DataError: its weights are missing or damaged.
        MachineError: no such device.
    """
    return CellStore(store, data, format_name(precision, runtime.device(device))).load(cell)


def format_name(precision: runtime.Precision, where: torch.device) -> str:
    """The number format's name in results and folders: what ``auto`` comes to on this device."""
    return "fp32" if runtime.dtype(precision, where) == torch.float32 else "bf16"


def stackable(cells: Iterable[Cell], limit: int) -> list[list[Cell]]:
    """Groups of at most ``limit`` cells that can form one :class:`smallbert.compress.stack.Stack`.

    They differ in seed and learning rate only; cells of equal training stand together. Groups keep the order of their
    first cells.
    """
    groups: dict[Any, list[Cell]] = {}
    for cell in cells:
        shape = (cell.architecture, replace(cell.training, learning_rate=1.0))
        groups.setdefault(shape, []).append(cell)
    for group in groups.values():
        group.sort(key=lambda cell: (cell.training.learning_rate, cell.seed))
    return [group[i : i + limit] for group in groups.values() for i in range(0, len(group), limit)]


def _check(cells: Sequence[Cell], data: GridData, shard: tuple[int, int], jobs: int | None) -> None:
    if not cells:
        raise UsageError("Expected at least one cell to train; got none.")
    for cell in cells:
        if cell.architecture.input_width != data.width:
            raise UsageError(
                f"Expected cells of input width {data.width}, the width of the data; got {cell.architecture}."
            )
    if not 1 <= shard[0] <= shard[1]:
        raise UsageError(f"Expected shard (i, n) with 1 <= i <= n; got {shard}.")
    if jobs is not None and jobs < 1:
        raise UsageError(f"Expected jobs of at least 1; got {jobs}.")


def _work(cell: Cell, data: GridData) -> int:
    """Operations of a cell's training in units of 1e9, the same each epoch and at least one."""
    return cell.training.epochs * max(1, round(cell.architecture.training_flops * len(data.train) / 1e9))


def _in_threads(
    run: Callable[[Sequence[Cell]], None],
    stacks: Sequence[Sequence[Cell]],
    jobs: int,
    stop: threading.Event,
) -> None:
    """Run all stacks, ``jobs`` at a time; the first error, Ctrl-C included, ends the others at their next epoch."""
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(min(jobs, len(stacks)), thread_name_prefix="grid")
    try:
        futures = [pool.submit(run, stack) for stack in stacks]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(threads)  # a worker's setting becomes the default of later threads


def _rows(cell: Cell, curve: Curve, data: GridData, precision: str) -> list[dict[str, Any]]:
    architecture = cell.architecture
    fixed = {
        "key": cell.key,
        **asdict(architecture),
        "depth": architecture.depth,
        "encoder_parameters": architecture.encoder_parameters,
        "decoder_parameters": architecture.decoder_parameters,
        "encode_flops": architecture.encode_flops,
        **asdict(cell.training),
        "seed": cell.seed,
        "precision": precision,
        **{f"{name}_rows": len(getattr(data, name)) for name in SPLITS},
    }
    errors = [f"{name}_sse" for name in SPLITS]
    return [
        fixed | record | {name: float("nan") if record[name] is None else record[name] for name in errors}
        for record in curve
    ]
