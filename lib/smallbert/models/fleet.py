"""Pretrains many small encoders at once: one core each, resumable, one line of progress for all."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping, MutableSequence, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging as reports

from smallbert import runtime, storage
from smallbert.errors import MachineError, SmallbertError, UsageError
from smallbert.models.pretrain import CHECKPOINT, FINISHED, pretrain
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokens import TokenStore
from smallbert.models.training import trained_steps
from smallbert.progress import Progress

POLL = 0.1
"""Seconds between two looks at what the workers have done."""


@dataclass(frozen=True)
class _Arm:
    """One encoder to train.

    Args:
        name: how errors call it.
        recipe: what to train.
        folder: where it will lie.
    """

    name: str
    recipe: PretrainRecipe
    folder: Path

    @property
    def tokens(self) -> int:
        """Tokens of the whole run."""
        return self.recipe.steps * self.recipe.batch_tokens

    @property
    def work(self) -> int:
        """Multiplications of the whole run, about: layers, attention and the head on the masked tokens."""
        recipe, width = self.recipe, getattr(self.recipe, "embedding", None) or self.recipe.hidden
        layer = 4 * recipe.hidden**2 + 2 * recipe.hidden * (recipe.intermediate + recipe.sequence_length)
        head = recipe.masking_probability * recipe.vocabulary_size * width
        return round(self.tokens * (recipe.layers * layer + head))


def pretrain_all(
    store: TokenStore,
    recipes: Mapping[str, PretrainRecipe] | Sequence[PretrainRecipe],
    where: Path,
    *,
    device: str = "auto",
    workers: int | None = None,
    label: str = "pretrain",
    checkpoint_every: int = 200,
) -> list[Path]:
    """Pretrain an encoder for every recipe, or find it finished.

    A result depends on its recipe and the store alone: on a CPU every encoder is trained by one thread, and is the same
    to the bit whatever trains beside it, with however many workers. After a kill at any moment the same call goes on
    from the checkpoints. The first error ends the others at their next step; what is finished is kept.

    Workers are processes: a step of an encoder this small is some thousand short calls from Python, which threads could
    only make in turn. A GPU takes one encoder at a time, in this process. A script that calls this must do so under
    ``if __name__ == "__main__":``.

    Args:
        store: the tokens all train on.
        recipes: what to train, by name where errors shall tell which it was; equal recipes are trained once.
        where: an encoder's folder is ``where/bert-KEY``, KEY that of recipe and store.
        device: auto, cpu or cuda.
        workers: processes on a CPU; all cores by default.
        label: name shown with the progress.
        checkpoint_every: steps between two checkpoints.

    Returns:
        One folder a recipe, in the order given; see :func:`smallbert.models.pretrain.pretrain`.

    Raises:
        UsageError: no worker; or as ``pretrain``, with the recipe's name.
        DataError: as ``pretrain``, with the recipe's name.
        MachineError: as ``pretrain``, with the recipe's name; or a worker was killed.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"Expected workers of at least 1, got {workers}.")
    kind = runtime.device(device).type
    pairs = recipes.items() if isinstance(recipes, Mapping) else (("", recipe) for recipe in recipes)
    arms = [_Arm(name, recipe, where / f"bert-{recipe.key(store.key)}") for name, recipe in pairs]
    if _missing(arms):
        where.mkdir(parents=True, exist_ok=True)
        with storage.lock(where, "fleet", wait=True):
            _train_missing(arms, store, kind, workers or runtime.cores(), label, checkpoint_every)
    return [arm.folder for arm in arms]


def _missing(arms: Sequence[_Arm]) -> list[_Arm]:
    """Those without a finished encoder, each once, longest first so that no core idles at the end."""
    by_folder = {arm.folder: arm for arm in arms if not (arm.folder / FINISHED).exists()}
    return sorted(by_folder.values(), key=lambda arm: -arm.work)


def _train_missing(
    arms: Sequence[_Arm], store: TokenStore, kind: str, workers: int, label: str, checkpoint_every: int
) -> None:
    missing = _missing(arms)  # again: whoever held the lock may have trained them
    if not missing:
        return
    total = sum({arm.folder: arm.tokens for arm in arms}.values())
    earlier = [trained_steps(arm.folder / CHECKPOINT) * arm.recipe.batch_tokens for arm in missing]
    finished = total - sum(arm.tokens for arm in missing)
    jobs = [(place, arm, store.folder, kind, checkpoint_every) for place, arm in enumerate(missing)]
    with Progress(label, total, "tokens", done=finished + sum(earlier)) as line:

        def show(tokens: Sequence[int]) -> None:
            line.advance(finished + sum(tokens) - line.done)

        if kind == "cuda" or workers == 1 or len(missing) == 1:
            _here(jobs, earlier, show)
        else:
            _in_processes(jobs, earlier, show, min(workers, len(missing)))


def _here(jobs: Sequence[tuple[Any, ...]], tokens: list[int], show: Callable[[Sequence[int]], None]) -> None:
    """One after the other in this process."""
    threads = torch.get_num_threads()
    try:
        for job in jobs:
            _train(*job, tokens=tokens, then=lambda: show(tokens))
    finally:
        torch.set_num_threads(threads)


def _in_processes(
    jobs: Sequence[tuple[Any, ...]], earlier: list[int], show: Callable[[Sequence[int]], None], workers: int
) -> None:
    """Side by side; the first error, Ctrl-C included, ends the others at their next step."""
    # A server that has imported everything once forks the workers, now and in later calls; they start in milliseconds.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    tokens, stop = context.RawArray("q", earlier), context.RawValue("b", 0)
    pool = ProcessPoolExecutor(workers, context, _start_worker, (tokens, stop))
    try:
        pending = {pool.submit(_work, *job) for job in jobs}
        while pending:
            done, pending = wait(pending, POLL, FIRST_EXCEPTION)
            show(tokens)
            for future in done:
                future.result()
    except BrokenProcessPool as error:
        raise MachineError(
            "Expected the workers to live, but one was killed from outside, for instance because memory ran out.",
            "Finished encoders and checkpoints are kept: run again, with fewer workers if memory is short.",
        ) from error
    finally:
        stop.value = 1
        pool.shutdown(wait=True, cancel_futures=True)


def _train(
    place: int,
    arm: _Arm,
    store: Path,
    kind: str,
    checkpoint_every: int,
    *,
    tokens: MutableSequence[int],
    then: Callable[[], None],
) -> None:
    """Train one encoder, telling ``tokens[place]`` how far it is and calling ``then`` after every step."""
    if kind == "cpu":
        torch.set_num_threads(1)

    def report(trained: int) -> None:
        tokens[place] = trained
        then()

    try:
        pretrain(
            TokenStore.open(store),
            arm.recipe,
            arm.folder,
            device=kind,
            checkpoint_every=checkpoint_every,
            report=report,
        )
    except SmallbertError as error:
        raise type(error)(f"{arm.name or arm.folder.name}: {error.message}", error.hint) from error


_shared: tuple[MutableSequence[int], Any]
"""In a worker: tokens trained, one entry an arm, and whether to stop, both in memory shared with the caller."""


def _start_worker(tokens: MutableSequence[int], stop: Any) -> None:
    global _shared
    _shared = tokens, stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the caller tells the workers to stop
    threading.Thread(target=_die_with_the_caller, daemon=True).start()
    reports.disable_progress_bar()
    _keep_freed_memory()


def _work(*job: Any) -> None:
    tokens, stop = _shared

    def check() -> None:
        if stop.value:
            raise InterruptedError

    _train(*job, tokens=tokens, then=check)


def _die_with_the_caller() -> None:
    """A caller that is killed cannot tell its workers, which would train on beside the next run's."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _keep_freed_memory() -> None:
    """Let malloc keep freed memory, since every step asks for the same again.

    By default glibc gives a few megabytes back to the system after every step and takes 2,000 page faults a step to get
    them again; in a virtual machine that cost up to 40 % of a step. Other systems' malloc is left as it is.
    """
    trim_threshold, mmap_threshold = -1, -3  # malloc.h
    with suppress(AttributeError, OSError, TypeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, 32 << 20)
        libc.mallopt(trim_threshold, 1 << 30)
