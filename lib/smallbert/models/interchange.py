"""Encoders of ours to and from Hugging Face folders: BertModel without a factor map, AlbertModel with one.

transformers can share whole layers in runs (ALBERT's groups) and nothing less. An encoder that shares attention or
feed-forward layers alone, or that shares without a map, is written with its shared weights once for every layer that
uses them: the folder loads everywhere and gives the same vectors, but its bytes are those of the untied encoder. The
sizes that the copies came from stand in ``config.json`` under ``smallbert``, so that :func:`load` shares them again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor
from transformers import AlbertConfig, AutoConfig, BertConfig, PreTrainedConfig

from smallbert import runtime, storage
from smallbert.errors import DataError, UsageError
from smallbert.models import sizes as known
from smallbert.models import sources
from smallbert.models.families import ACTIVATIONS
from smallbert.models.shared_encoder import SharedEncoder, fresh
from smallbert.models.sizes import Sizes
from smallbert.models.tokenizer import PAD

OURS = "smallbert"
"""Entry of ``config.json`` that says what is shared: ``{"sharing": ..., "groups": ...}``."""

NAMES = {"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu"}
"""Our activations -> transformers' names."""

HEADS = ("vocabulary_head.", "pair_head.")

PAIR_HEAD = ("cls.seq_relationship.weight", "sop_classifier.classifier.weight")
"""What a model with a pair head has, BERT's or ALBERT's."""


def save(model: SharedEncoder, folder: Path) -> None:
    """Write ``config.json`` and ``model.safetensors``.

    Loadable by ``AutoModel`` and ``AutoModelForMaskedLM``, with a pair head also by ``AutoModelForPreTraining``, and by
    :func:`smallbert.models.encoder.load`. Heads are included.

    Args:
        model: the encoder.
        folder: made if it is not there; files of these names are replaced.

    Raises:
        MachineError: the folder cannot be written.
    """
    family, groups = _stored_as(model.sizes)
    own = dict(model.named_parameters())
    state = {}
    for theirs, ours, third in _tensors(model, family, groups):
        tensor = own[ours] if third is None else own[ours].chunk(3)[third]
        state[theirs] = tensor.detach().cpu().clone()  # safetensors refuses tensors that share memory
    with storage.atomic_write(folder / "model.safetensors") as file:
        file.write(to_bytes(state, metadata={"format": "pt"}))
    storage.write_text(folder / "config.json", _config(model, family, groups).to_json_string())


def load(name: str | Path, *, pair_head: bool | None = None, seed: int = 0, device: str = "auto") -> SharedEncoder:
    """Load a BERT or ALBERT to train on, with what its layers share.

    Args:
        name: as for :func:`smallbert.models.encoder.load`: a folder, ``minilm`` or a hub id.
        pair_head: whether the encoder shall have one; None keeps what the folder has.
        seed: of the heads' weights where the folder has none.
        device: auto, cpu or cuda.

    Raises:
        MachineError: the encoder or the device is not to be had here.
        DataError: the folder holds no such encoder, or copies of a shared weight differ.
    """
    where = runtime.device(device)
    folder = sources.find(str(name))
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        state = {name: tensor for path in sources.weight_files(folder) for name, tensor in load_file(path).items()}
    except Exception as error:  # transformers meets a file that is none with errors of any kind
        message = f"{folder} holds no encoder that can be loaded: {error}"
        raise DataError(message, "Copy or download the whole folder again.") from error
    return _read(config, state, str(folder), pair_head=pair_head, seed=seed).to(where)


def _read(
    config: PreTrainedConfig, state: dict[str, Tensor], origin: str, *, pair_head: bool | None, seed: int
) -> SharedEncoder:
    """An encoder of ours from a configuration and the tensors of transformers' names."""
    found = _sizes(config, origin)
    family = config.model_type
    if "embeddings.word_embeddings.weight" in state:  # a bare encoder, whose names lack its own
        state = {f"{family}.{name}": tensor for name, tensor in state.items()}
    if pair_head is None:
        pair_head = any(name in state for name in PAIR_HEAD)
    model = fresh(
        replace(found, pooler=pair_head, head="pretraining" if pair_head else "mlm"),
        seed,
        torch.device("cpu"),
        activation=ACTIVATIONS[config.hidden_act],
        epsilon=config.layer_norm_eps,
    )
    groups = config.num_hidden_groups if family == "albert" else config.num_hidden_layers
    own = dict(model.named_parameters())
    first: dict[tuple[str, int | None], str] = {}
    for theirs, ours, third in _tensors(model, family, groups):
        if theirs not in state:
            if ours.startswith(HEADS):
                continue
            raise DataError(
                f"Expected the weights {theirs} in {origin}, which has none.", "Copy the whole folder again."
            )
        target = own[ours] if third is None else own[ours].chunk(3)[third]
        if state[theirs].shape != target.shape:
            raise DataError(
                f"Expected {theirs} of shape {tuple(target.shape)} in {origin}, got {tuple(state[theirs].shape)}.",
                "Weights and config.json are of different encoders: copy the whole folder again.",
            )
        original = first.setdefault((ours, third), theirs)
        if not torch.equal(state[theirs], state[original]):
            raise DataError(
                f"Expected {theirs} to equal {original} in {origin}, whose layers share {found.share}; they differ.",
                f"It was trained on as layers of their own: take the entry {OURS} out of its config.json.",
            )
        with torch.no_grad():
            target.copy_(state[theirs])
    return model


def _sizes(config: PreTrainedConfig, origin: str) -> Sizes:
    """The sizes a configuration describes, without heads.

    Raises:
        DataError: the encoder is none that ours can be.
    """
    for name, expected in (
        ("model_type", ("bert", "albert")),
        ("hidden_act", tuple(ACTIVATIONS)),
        ("inner_group_num", (1,)),
        ("is_decoder", (False,)),
        ("tie_word_embeddings", (True,)),
    ):
        value = getattr(config, name, expected[0])
        if value not in expected:
            raise DataError(f"Expected {name} {' or '.join(map(str, expected))} in {origin}, got {value!r}.")
    found = known.from_config(config)
    if sharing := getattr(config, OURS, None):
        try:
            return replace(found, share=sharing["sharing"], groups=sharing["groups"])
        except (TypeError, KeyError, UsageError) as error:
            raise DataError(f"Expected the entry {OURS} in {origin} to fit its sizes, got {sharing!r}.") from error
    if found.groups == found.layers:  # an ALBERT of as many groups as layers shares nothing
        return replace(found, share="none", groups=1)
    return found


def _stored_as(sizes: Sizes) -> tuple[str, int]:
    """The family an encoder is written as, and how many layers of weights that has."""
    if sizes.embedding is None:
        return "bert", sizes.layers
    return "albert", sizes.groups if sizes.share == "all" else sizes.layers


def _config(model: SharedEncoder, family: str, groups: int) -> PreTrainedConfig:
    sizes = model.sizes
    form = "PreTraining" if model.pair_head else "MaskedLM"
    common: dict[str, Any] = {
        "vocab_size": sizes.vocabulary,
        "hidden_size": sizes.hidden,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "intermediate_size": sizes.intermediate,
        "hidden_act": NAMES[model.activation],
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "max_position_embeddings": sizes.positions,
        "type_vocab_size": sizes.types,
        "layer_norm_eps": model.epsilon,
        "pad_token_id": PAD,
        "dtype": "float32",
        OURS: {"sharing": sizes.share, "groups": sizes.groups},
    }
    if family == "bert":
        return BertConfig(**common, architectures=[f"BertFor{form}"])
    return AlbertConfig(
        **common, architectures=[f"AlbertFor{form}"], embedding_size=sizes.factor, num_hidden_groups=groups
    )


def _tensors(model: SharedEncoder, family: str, groups: int) -> Iterator[tuple[str, str, int | None]]:
    """Every tensor of transformers' form: its name there, ours, and which third of ours (query, key, value) it is."""
    own = dict(model.named_parameters())
    modules = {"bert": _bert, "albert": _albert}[family](model, groups)
    for theirs, ours, third in modules:
        for kind in ("weight", "bias"):
            if f"{ours}.{kind}" in own:
                yield f"{theirs}.{kind}", f"{ours}.{kind}", third


Modules = Iterator[tuple[str, str, int | None]]


def _bert(model: SharedEncoder, layers: int) -> Modules:
    yield from _embeddings("bert")
    for layer in range(layers):
        place = f"bert.encoder.layer.{layer}"
        attention, feed_forward = _block(model, layer)
        for third, name in enumerate(("query", "key", "value")):
            yield f"{place}.attention.self.{name}", f"{attention}.qkv", third
        yield f"{place}.attention.output.dense", f"{attention}.out", None
        yield f"{place}.attention.output.LayerNorm", f"{attention}.norm", None
        yield f"{place}.intermediate.dense", f"{feed_forward}.up", None
        yield f"{place}.output.dense", f"{feed_forward}.down", None
        yield f"{place}.output.LayerNorm", f"{feed_forward}.norm", None
    yield "cls.predictions.transform.dense", "vocabulary_head.dense", None
    yield "cls.predictions.transform.LayerNorm", "vocabulary_head.norm", None
    yield "cls.predictions", "vocabulary_head", None
    yield "bert.pooler.dense", "pair_head.pooler", None
    yield "cls.seq_relationship", "pair_head.classifier", None


def _albert(model: SharedEncoder, groups: int) -> Modules:
    yield from _embeddings("albert")
    yield "albert.encoder.embedding_hidden_mapping_in", "embeddings.map", None
    for group in range(groups):
        place = f"albert.encoder.albert_layer_groups.{group}.albert_layers.0"
        attention, feed_forward = _block(model, group * model.sizes.layers // groups)
        for third, name in enumerate(("query", "key", "value")):
            yield f"{place}.attention.{name}", f"{attention}.qkv", third
        yield f"{place}.attention.dense", f"{attention}.out", None
        yield f"{place}.attention.LayerNorm", f"{attention}.norm", None
        yield f"{place}.ffn", f"{feed_forward}.up", None
        yield f"{place}.ffn_output", f"{feed_forward}.down", None
        yield f"{place}.full_layer_layer_norm", f"{feed_forward}.norm", None
    yield "predictions.dense", "vocabulary_head.dense", None
    yield "predictions.LayerNorm", "vocabulary_head.norm", None
    yield "predictions", "vocabulary_head", None
    yield "albert.pooler", "pair_head.pooler", None
    yield "sop_classifier.classifier", "pair_head.classifier", None


def _embeddings(family: str) -> Modules:
    for name in ("word", "position", "token_type"):
        ours = {"word": "words", "position": "positions", "token_type": "types"}[name]
        yield f"{family}.embeddings.{name}_embeddings", f"embeddings.{ours}", None
    yield f"{family}.embeddings.LayerNorm", "embeddings.norm", None


def _block(model: SharedEncoder, layer: int) -> tuple[str, str]:
    """Names of the two modules that make a layer."""
    names = {module: name for name, module in model.named_modules()}
    attention, feed_forward = model.block(layer)
    return names[attention], names[feed_forward]
