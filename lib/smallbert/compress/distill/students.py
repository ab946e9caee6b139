"""A student: a BERT of any size on the teacher's vocabulary, fresh or started from some of the teacher's layers.

Like DistilBERT it has no pooler, and what the teacher adds to every token for the first token type stands in its
position embeddings. It keeps an own table of two token types, started at 0, so that it can read pairs of texts as BERT
does: DistilBERT saves these 2 H parameters and cannot.
"""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoTokenizer, BertForMaskedLM

from smallbert import storage
from smallbert.compress.distill.head import Head
from smallbert.compress.distill.layer_maps import copied_layers
from smallbert.compress.distill.teacher import Teacher
from smallbert.compress.distill.vocabulary import Vocabulary
from smallbert.errors import UsageError
from smallbert.models.families import Block
from smallbert.models.mlm import build_model
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.through_transformers import quiet
from smallbert.models.tokenizer import PAD

FRESH = "fresh"
"""In place of a layer map: weights drawn from the seed."""
EMBEDDINGS = "embeddings"
"""In place of a layer map: the teacher's embeddings, and its head where it has one, under layers of the seed."""


def build(recipe: PretrainRecipe, teacher: Teacher, start: str, device: torch.device) -> BertForMaskedLM:
    """A student before training.

    Args:
        recipe: its sizes and seed; its vocabulary is the teacher's.
        teacher: where the weights come from.
        start: a layer map of :func:`smallbert.compress.distill.layer_maps.copied_layers`, ``embeddings`` or ``fresh``.
        device: where it will train.

    Raises:
        UsageError: the sizes do not let layers be copied.
    """
    student = build_model(recipe, len(teacher.vocabulary.theirs), device)
    if start != FRESH:
        require_copies(recipe, teacher)
        copy_embeddings(student, teacher)
        if start != EMBEDDINGS:
            copy_layers(student, teacher, copied_layers(start, recipe.layers, teacher.layers, recipe.seed))
    return student


def require_copies(recipe: PretrainRecipe, teacher: Teacher) -> None:
    """Refuse to start a student from weights that do not fit it.

    Raises:
        UsageError: width, heads, feed-forward width or an activation differ, the head's included, or the teacher has
            fewer positions or factorised embeddings.
    """
    weights = teacher.weights
    theirs = {
        "hidden": teacher.width,
        "heads": weights.heads,
        "intermediate": teacher.intermediate,
    }
    differing = [
        f"{name} {getattr(recipe, name)} (teacher: {size})"
        for name, size in theirs.items()
        if getattr(recipe, name) != size
    ]
    if recipe.sequence_length > len(weights.positions):
        differing.append(f"sequence_length {recipe.sequence_length} (teacher: {len(weights.positions)})")
    if weights.projection is not None:
        differing.append("the teacher's factorised embeddings")
    activations = {"activation": weights.activation}
    if teacher.head is not None:
        activations["head's activation"] = teacher.head.activation
    differing += [f"the teacher's {name} {own}" for name, own in activations.items() if own != "gelu"]
    if differing:
        raise UsageError(
            f"Expected a student of the teacher's sizes to start from its weights, got {', '.join(differing)}.",
            f"Start it {FRESH}, or give it the teacher's sizes.",
        )


@torch.no_grad()
def copy_layers(student: BertForMaskedLM, teacher: Teacher, layers: list[int]) -> None:
    """Copy some layers of a teacher, counted from 0, into a student of as many."""
    for number, layer in zip(layers, student.bert.encoder.layer, strict=True):
        _copy_block(layer, teacher.weights.blocks[number])


@torch.no_grad()
def copy_embeddings(student: BertForMaskedLM, teacher: Teacher) -> None:
    """Copy embeddings, the head where there is one, and what layer norms add to variances, of a teacher."""
    weights, embeddings = teacher.weights, student.bert.embeddings
    embeddings.word_embeddings.weight.copy_(weights.words)
    embeddings.position_embeddings.weight.copy_(weights.positions[: len(embeddings.position_embeddings.weight)])
    embeddings.token_type_embeddings.weight.zero_()
    _copy(embeddings.LayerNorm, weights.norm)
    if teacher.head is not None:
        _copy_head(student, teacher.head)
    for module in student.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = weights.epsilon
    student.config.layer_norm_eps = weights.epsilon


def save(student: BertForMaskedLM, teacher_folder: Path, vocabulary: Vocabulary, out: Path, *, with_head: bool) -> None:
    """Write a student as a Hugging Face folder in the teacher's numbering of tokens, with the teacher's tokenizer.

    Args:
        student: the trained student.
        teacher_folder: where the tokenizer is.
        vocabulary: the teacher's.
        out: the folder; each file appears at once or not at all.
        with_head: write the masked-language-model head too; ``AutoModelForMaskedLM`` asks for it, ``AutoModel`` does
            not.
    """
    renumbered = copy.deepcopy(student).cpu()
    with torch.no_grad():
        words, bias = renumbered.bert.embeddings.word_embeddings.weight, renumbered.cls.predictions.bias
        for rows in (words, bias):
            rows.copy_(vocabulary.rows_to_theirs(rows))
    renumbered.config.pad_token_id = int(vocabulary.theirs[PAD])
    tokenizer = AutoTokenizer.from_pretrained(teacher_folder, trust_remote_code=False)
    tokenizer.model_max_length = student.config.max_position_embeddings
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    with TemporaryDirectory() as folder, quiet():
        (renumbered if with_head else renumbered.bert).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        for path in sorted(Path(folder).iterdir()):
            with path.open("rb") as source, storage.atomic_write(out / path.name) as file:
                shutil.copyfileobj(source, file)


def _copy(module: nn.Linear | nn.LayerNorm, pair: tuple[Tensor, Tensor]) -> None:
    module.weight.copy_(pair[0])
    module.bias.copy_(pair[1])


def _copy_block(layer: Any, block: Block) -> None:
    attention = layer.attention
    three = zip(block.qkv[0].chunk(3), block.qkv[1].chunk(3), strict=True)
    for module, pair in zip((attention.self.query, attention.self.key, attention.self.value), three, strict=True):
        _copy(module, pair)
    _copy(attention.output.dense, block.out)
    _copy(attention.output.LayerNorm, block.attention_norm)
    _copy(layer.intermediate.dense, block.up)
    _copy(layer.output.dense, block.down)
    _copy(layer.output.LayerNorm, block.norm)


def _copy_head(student: BertForMaskedLM, head: Head) -> None:
    """The decoder's matrix is the student's word embeddings; the teacher's own, where it has one, is left."""
    predictions = student.cls.predictions
    _copy(predictions.transform.dense, head.transform)
    _copy(predictions.transform.LayerNorm, head.norm)
    predictions.bias.copy_(head.decoder[1])
