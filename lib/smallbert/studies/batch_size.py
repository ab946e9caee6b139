"""Study 6, batch size: do small batches generalise better, or do they train further?

One small encoder is trained in several batch sizes, once for as many tokens (equal epochs) and once for as many updates
(equal steps), its rate fixed or scaled with the batch. A corpus that is read less than once leaves nothing to memorise:
loss on new text and on text read before are then the same but for chance. So these encoders read a deliberately small
share of the corpus several times.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from smallbert import runtime, storage
from smallbert.compress.distill.shares import documents
from smallbert.errors import DataError
from smallbert.measure.sharpness import rises
from smallbert.models import interchange, workers
from smallbert.models.fleet import pretrain_all
from smallbert.models.masking import generator
from smallbert.models.mlm import SharedLanguageModelling
from smallbert.models.packing import PackedRows
from smallbert.models.sharing import SharedRecipe
from smallbert.models.tokens import TokenStore
from smallbert.studies import model_size
from smallbert.studies.sharing import last_point, tune

SHARE_STREAM = 8

HALF = 2
"""The encoder is half as deep and wide as the middle one of the sizes, and its base batch is half as large."""

TIMES = 5
"""It reads a fifth of the tokens that sizes read: a fifth of that, five times."""

RULES = {"fixed": 0.0, "square root": 0.5, "linear": 1.0}
"""How the peak rate follows the batch, as the exponent of their ratio to the base's: not at all, by the square root
(Krizhevsky 2014) or in proportion (Goyal et al. 2017)."""

EPOCHS, STEPS = "equal epochs", "equal steps"
REGIMES = (EPOCHS, STEPS)

MEASURES = {"held out": "held-out loss", "train": "loss on training text", "gap": "gap", "sharpness": "sharpness"}
"""What is compared, all in nats; the gap is the held-out loss less that on training text."""

NOISE = 0.5
"""Length of the noise on a row of weights, as a share of the row's own."""

DRAWS = 4
"""Directions of noise behind a sharpness."""

SHARP_ROWS = 32
"""Rows of training text that the sharpness is measured on."""


def share(store: TokenStore, tokens: int, where: Path, *, seed: int) -> TokenStore:
    """Whole documents drawn from a store's training text, to be read several times; the held-out part stays.

    Args:
        store: where they come from.
        tokens: how many at least; the last document drawn is kept whole.
        where: the new store's folder is ``where/share-KEY``; a finished one is opened.
        seed: of the draw.

    Raises:
        DataError: the store has fewer.
    """
    if tokens > len(store.train):
        raise DataError(f"Expected a share of at most {len(store.train):,} tokens, got {tokens:,}.")
    key = storage.digest({"store": store.key, "tokens": tokens, "seed": seed})
    out = where / f"share-{key}"
    if not (out / "manifest.json").exists():
        drawn = documents(store.train, tokens, generator(seed, SHARE_STREAM))
        for path in sorted(store.folder.iterdir()):
            if path.name not in ("train.bin", "manifest.json") and path.is_file():
                with path.open("rb") as source, storage.atomic_write(out / path.name) as file:
                    shutil.copyfileobj(source, file)
        with storage.atomic_write(out / "train.bin") as file:
            file.write(drawn.tobytes())
        manifest = storage.read_json(store.folder / "manifest.json")
        storage.write_json(out / "manifest.json", manifest | {"key": key, "train": len(drawn)})
    return TokenStore.open(out)


@dataclass(frozen=True)
class BatchArm:
    """One encoder.

    Args:
        recipe: everything that decides it but the seed.
        places: the comparisons it takes part in, each a regime and a rule.
    """

    recipe: SharedRecipe
    places: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """How tables call it."""
        return f"batch {self.recipe.batch_tokens}, rate {self.recipe.learning_rate:.2g}, {self.recipe.steps} steps"


def base(
    recipe: SharedRecipe, rates: Sequence[float], store: TokenStore, where: Path, **options: Any
) -> tuple[SharedRecipe, pd.DataFrame]:
    """The recipe of the base batch at the peak rate that suits it; see :func:`smallbert.studies.sharing.tune`."""
    [arm], table = tune([BatchArm(recipe, ())], rates, store, where, **options)
    return arm.recipe, table


def small(middle: SharedRecipe) -> SharedRecipe:
    """The encoder that is trained in several batch sizes, in its base batch.

    Args:
        middle: the encoder in the middle of the sizes.
    """
    hidden, row = middle.hidden // HALF, middle.sequence_length
    return replace(
        middle,
        layers=max(middle.layers // HALF, 1),
        hidden=hidden,
        heads=model_size.heads(hidden, max(middle.heads // HALF, 1)),
        intermediate=hidden * middle.intermediate // middle.hidden,
        batch_tokens=max(middle.batch_tokens // HALF // row, 1) * row,
        tokens=middle.tokens // TIMES,
    )


def rates(middle: SharedRecipe, given: Sequence[float]) -> list[float]:
    """Peak rates of :func:`small` for those of ``middle``: scaled to its size, and by the root of its batch's share."""
    own = small(middle)
    factor = model_size.rate_factor(middle, own) * math.sqrt(own.batch_tokens / middle.batch_tokens)
    return [rate * factor for rate in given]


def batches(recipe: SharedRecipe, ratios: Iterable[float]) -> list[int]:
    """Batch sizes that are so many times that of a recipe, as whole rows, tokens."""
    row = recipe.sequence_length
    return sorted({max(round(ratio * recipe.batch_tokens / row), 1) * row for ratio in ratios})


def text(recipe: SharedRecipe, batches: Iterable[int]) -> int:
    """Tokens of the text that is read several times: at least a step of the largest batch.

    Args:
        recipe: from :func:`small`.
        batches: from :func:`batches`.
    """
    return max(recipe.tokens // TIMES, recipe.batch_tokens, *batches)


def arms(recipe: SharedRecipe, batches: Iterable[int]) -> list[BatchArm]:
    """Every batch by every regime and rule; the base's own batch is one encoder in all of them.

    Args:
        recipe: of the base batch, from :func:`base`; others read as many tokens, or make as many steps.
        batches: other batch sizes, tokens.

    Returns:
        Arms without repetition, the base first.

    Raises:
        UsageError: a batch is no multiple of the row's length.
    """
    found: dict[SharedRecipe, list[tuple[str, str]]] = {recipe: []}
    for regime in REGIMES:
        for rule, exponent in RULES.items():
            for batch in sorted({*batches, recipe.batch_tokens}):
                ratio = batch / recipe.batch_tokens
                changed = replace(
                    recipe,
                    batch_tokens=batch,
                    tokens=recipe.tokens if regime == EPOCHS or ratio == 1 else recipe.steps * batch,
                    learning_rate=recipe.learning_rate * ratio**exponent,
                )
                found.setdefault(changed, []).append((regime, rule))
    return [BatchArm(changed, tuple(places)) for changed, places in found.items()]


def train(chosen: Sequence[BatchArm], store: TokenStore, where: Path, *, seeds: int, **options: Any) -> pd.DataFrame:
    """Pretrain every arm for every seed and measure it, or find that done.

    Both losses are of the finished encoder, on fixed rows masked once and for all by the same draws: all of the share
    it was trained on (or as much of it as of the held-out text), and text it never saw.

    Args:
        chosen: from :func:`arms`.
        store: from :func:`share`.
        where: folder of the encoders.
        seeds: how many; the same seed gives every arm the same first weights and the same order of rows.
        options: ``device`` and ``workers``, of :func:`smallbert.models.fleet.pretrain_all`.

    Returns:
        One row a regime, rule, batch and seed: ``regime``, ``rule``, ``batch``, ``seed``, ``rate``, ``steps``,
        ``epochs`` (times the share is read), and the :data:`MEASURES`.
    """
    runs = [(arm, replace(arm.recipe, seed=seed)) for arm in chosen for seed in range(seeds)]
    folders = pretrain_all(store, [recipe for _, recipe in runs], where, label="batches", **options)
    kind = runtime.device(options.get("device", "auto")).type
    found = [folder / f"generalisation-{_identity(kind)}.json" for folder in folders]
    jobs = [
        workers.Job(arm.name, measure, (folder, store.folder, recipe, path, kind), units=1)
        for (arm, recipe), folder, path in zip(runs, folders, found, strict=True)
        if not path.exists()
    ]
    done = len(runs) - len(jobs)
    workers.run(jobs, label="gaps", unit="encoders", finished=done, kind=kind, workers=options.get("workers"))
    rows = []
    for (arm, recipe), path in zip(runs, found, strict=True):
        measured = storage.read_json(path)
        of = {
            "batch": recipe.batch_tokens,
            "seed": recipe.seed,
            "rate": recipe.learning_rate,
            "steps": recipe.steps,
            "epochs": recipe.steps * recipe.batch_tokens / len(store.train),
        }
        rows += [{"regime": regime, "rule": rule} | of | measured for regime, rule in arm.places]
    lines = [(regime, rule) for regime in REGIMES for rule in RULES]
    rows.sort(key=lambda row: (lines.index((row["regime"], row["rule"])), row["batch"], row["seed"]))
    return pd.DataFrame(rows)


def measure(
    folder: Path, store: Path, recipe: SharedRecipe, out: Path, kind: str, *, report: Callable[[int], None]
) -> None:
    """Write the :data:`MEASURES` of one finished encoder to ``out``, as JSON.

    The sharpness is the mean rise of the loss on training text under noise on the weights, in fp32: see
    :mod:`smallbert.measure.sharpness`.

    Args:
        folder: the encoder's, from :func:`smallbert.models.pretrain.pretrain`.
        store: folder of the tokens it was trained on.
        recipe: what it was trained by.
        out: a new file.
        kind: cpu or cuda.
        report: see :class:`smallbert.models.workers.Job`.
    """
    model = interchange.load(folder, device=kind).eval()
    tokens, length = TokenStore.open(store).train, recipe.sequence_length

    def objective(tokens: np.ndarray, dtype: torch.dtype) -> SharedLanguageModelling:
        rows = PackedRows(tokens, length)
        return SharedLanguageModelling(model, rows, rows, recipe, dtype)  # type: ignore[arg-type] # see its model

    held_out = float(last_point(folder).held_out_loss)
    own = objective(tokens, runtime.dtype(recipe.precision, model.device)).evaluate()["held_out_loss"]
    few = objective(tokens[: SHARP_ROWS * length], torch.float32)
    noisy = rises(model, lambda: few.evaluate()["held_out_loss"], share=NOISE, draws=DRAWS)
    values = {"held out": held_out, "train": own, "gap": held_out - own, "sharpness": float(noisy.mean())}
    storage.write_json(out, values)
    report(1)


def _identity(kind: str) -> str:
    """What, beside the encoder, decides a measurement."""
    return storage.digest([NOISE, DRAWS, SHARP_ROWS, kind], 8)
