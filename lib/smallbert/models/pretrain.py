"""Pretrains a small multilingual encoder: texts in, a Hugging Face folder out."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import transformers

from smallbert import runtime, storage
from smallbert.errors import DataError, UsageError
from smallbert.models import interchange, parallel
from smallbert.models import tokenizer as wordpiece
from smallbert.models.alone import held
from smallbert.models.causal import TwinRecipe, twin_modelling
from smallbert.models.mlm import MaskedLanguageModelling, SharedLanguageModelling, build_model
from smallbert.models.packing import PackedRows
from smallbert.models.pair_modelling import PairRecipe, pair_modelling
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.shared_encoder import SharedEncoder, fresh
from smallbert.models.sharing import SharedRecipe
from smallbert.models.through_transformers import quiet
from smallbert.models.tokens import TokenStore
from smallbert.models.training import Objective, fit

FINISHED = "recipe.json"
CHECKPOINT = "checkpoint.safetensors"


def pretrain(
    texts: TokenStore | Iterable[str],
    recipe: PretrainRecipe,
    out: Path,
    *,
    languages: Iterable[str] | None = None,
    data_key: str | None = None,
    device: str = "auto",
    checkpoint_every: int = 200,
    report: Callable[[int], None] | None = None,
) -> Path:
    """Pretrain to a recipe's objective, or return at once what an earlier call with the same key finished.

    After a kill at any moment the same call goes on from the last checkpoint, and the result is the one an
    uninterrupted call gives (on a CPU with the same number of threads: equal to the bit). Processes that ``torchrun``
    started share every step; see :mod:`smallbert.models.parallel`.

    Args:
        texts: an iterable that can be read several times, made into a token store in ``out/tokens``; or a finished
            store, to share one vocabulary and one encoding between runs.
        recipe: sizes, budget, optimisation; its class decides model and objective, see :func:`objective_of`.
        out: the encoder's folder: ``config.json``, ``model.safetensors`` (MLM head included), tokenizer files,
            ``curve.csv`` (see :func:`smallbert.models.training.fit`) and, written last, ``recipe.json`` (recipe, key,
            what it ran on, seconds, tokens per second).
        languages: one language code a text, to balance the vocabulary.
        data_key: identifies the texts; by default a digest of them, which costs one pass.
        device: auto, cpu or cuda.
        checkpoint_every: steps between two checkpoints.
        report: see :func:`smallbert.models.training.fit`.

    Returns:
        ``out``, loadable by ``AutoModel``, ``AutoModelForMaskedLM`` and ``AutoTokenizer``.

    Raises:
        UsageError: ``out`` holds another run's encoder, checkpoint or tokens; or the loss is no longer finite.
        DataError: the texts are too few, or the store's tokenizer is none of ours.
        MachineError: the device is missing or the disk is full.
    """
    where = runtime.device(device)
    dtype = runtime.dtype(recipe.precision, where)
    if isinstance(texts, TokenStore):
        store = texts
    else:
        with parallel.in_turn():
            store = TokenStore.build(
                texts, recipe.vocabulary_size, out / "tokens", languages=languages, data_key=data_key
            )
    if store.vocabulary_size > recipe.vocabulary_size:
        raise UsageError(
            f"Expected a token store of at most {recipe.vocabulary_size} tokens of vocabulary, "
            f"got {store.vocabulary_size}.",
            "Give the recipe the store's vocabulary_size.",
        )
    key = recipe.key(store.key)
    if (out / FINISHED).exists():
        _check_finished(out, key)
        return out
    _require_tokenizer(store)
    if len(store.train) < recipe.batch_tokens:
        raise DataError(
            f"Expected at least one step of {recipe.batch_tokens} tokens to train on, got {len(store.train)}.",
            "Give more text or lower batch_tokens.",
        )

    with held(out):
        if (out / FINISHED).exists():  # by the run that this one has waited for
            _check_finished(out, key)
            return out
        objective = objective_of(recipe, store, where, dtype)
        run = storage.digest({"key": key, "device": where.type, "dtype": str(dtype)})
        curve, seconds = fit(objective, recipe, out / CHECKPOINT, run, checkpoint_every=checkpoint_every, report=report)

        if parallel.here().first:
            _save_encoder(objective.model, store, recipe, out)
            _write_curve(out / "curve.csv", curve)
            stamp = {
                "key": key,
                "recipe": asdict(recipe),
                "data": {"key": store.key, "train_tokens": len(store.train), "held_out_tokens": len(store.held_out)},
                "device": where.type,
                "dtype": str(dtype).removeprefix("torch."),
                "processes": parallel.here().of,
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
                "transformers": transformers.__version__,
                "seconds": round(seconds, 1),
                "tokens_per_second": round(recipe.steps * recipe.batch_tokens / seconds),
                "model_sha256": storage.sha256_file(out / "model.safetensors"),
            }
            storage.remove_strays(out)  # before the record: what has one is never looked at again
            storage.write_json(out / FINISHED, stamp)
            (out / CHECKPOINT).unlink(missing_ok=True)
        parallel.wait()
    return out


def objective_of(recipe: PretrainRecipe, store: TokenStore, device: torch.device, dtype: torch.dtype) -> Objective:
    """The model a recipe describes, with fresh weights on ``device``, and what it is trained to do.

    The one place that knows which class of recipes means which objective. Another objective is a subclass of the
    recipe with its own settings (which enter the key), a class like ``MaskedLanguageModelling`` and a branch here. Its
    model is a transformers model or a :class:`SharedEncoder`: what can be saved.
    """
    if isinstance(recipe, PairRecipe):
        return pair_modelling(recipe, store, device, dtype)
    if isinstance(recipe, TwinRecipe):
        return twin_modelling(recipe, store, device, dtype)
    train = PackedRows(store.train, recipe.sequence_length, recipe.seed)
    held_out = PackedRows(store.held_out, recipe.sequence_length)
    if isinstance(recipe, SharedRecipe):
        model = fresh(recipe.sizes(store.vocabulary_size), recipe.seed, device)
        return SharedLanguageModelling(model, train, held_out, recipe, dtype)  # type: ignore[arg-type]
    return MaskedLanguageModelling(build_model(recipe, store.vocabulary_size, device), train, held_out, recipe, dtype)


def _check_finished(out: Path, key: str) -> None:
    found = storage.read_json(out / FINISHED)["key"]
    if found != key:
        raise UsageError(
            f"Expected the encoder {key} in {out}, found {found}, made with another recipe or corpus.",
            "Choose another folder or delete this one.",
        )


def _require_tokenizer(store: TokenStore) -> None:
    """Refuse, before any training, a store whose tokenizer cannot be saved with the encoder."""
    wordpiece.load(store.folder)
    path = store.folder / "tokenizer_config.json"
    if not path.exists():
        raise DataError(
            f"Expected a tokenizer's settings at {path}, which does not exist.",
            "Give texts, or a store of TokenStore.build that trained its own tokenizer: one of a teacher's tokenizer "
            "is for distilling.",
        )


def _save_encoder(model: Any, store: TokenStore, recipe: PretrainRecipe, out: Path) -> None:
    """Write config, weights and tokenizer; the tokenizer learns the longest input."""
    if isinstance(model, SharedEncoder):
        interchange.save(model, out)
    else:
        with TemporaryDirectory() as folder, quiet():
            model.save_pretrained(folder)
            for path in sorted(Path(folder).iterdir()):
                with path.open("rb") as source, storage.atomic_write(out / path.name) as file:
                    shutil.copyfileobj(source, file)
    settings = storage.read_json(store.folder / "tokenizer_config.json")
    storage.write_json(out / "tokenizer_config.json", {**settings, "model_max_length": recipe.sequence_length})
    storage.write_text(out / "tokenizer.json", (store.folder / "tokenizer.json").read_text(encoding="utf-8"))


def _write_curve(path: Path, curve: list[dict[str, float]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(curve[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(curve)
    storage.write_text(path, text.getvalue())
