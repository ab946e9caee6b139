"""A linear layer behind an encoder, so that heads read narrower vectors: a reducer such as PCA, in place.

Its form is the one of ``sentence-transformers`` (modules.json, 2_Dense), as :mod:`smallbert.compress.dense` writes it:
what an index stores of a text is then what a head reads of it. Fine-tuning trains the layer with the encoder.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import nn
from torch.nn.utils import skip_init

from smallbert import storage

LAYER = "narrow"
"""What the layer is called in a task model."""

_IDENTITY = "torch.nn.modules.linear.Identity"


def place(folder: Path) -> Path | None:
    """The file of an encoder's last layer; None where there is none, or several, or where an activation follows it."""
    path = folder / "modules.json"
    modules = storage.read_json(path) if path.is_file() else []
    dense = [folder / module["path"] for module in modules if module["type"].endswith(".Dense")]
    if len(dense) != 1 or storage.read_json(dense[0] / "config.json")["activation_function"] != _IDENTITY:
        return None
    return dense[0] / "model.safetensors"


def read(folder: Path) -> nn.Linear | None:
    """The last layer of an encoder, fp32, H to k, where it has one."""
    path = place(folder)
    if path is None:
        return None
    weights = {name.removeprefix("linear."): part.float() for name, part in safetensors.torch.load_file(path).items()}
    width, wide = weights["weight"].shape
    layer = skip_init(nn.Linear, wide, width, bias="bias" in weights)
    layer.load_state_dict(weights)
    return layer


def put(model: Any, layer: nn.Linear) -> None:
    """Set the layer behind a task model's encoder, and draw its head, pooler included, anew for the narrower vectors.

    The pooler becomes the task model's own: inside the encoder it would read what is not narrowed yet.

    Args:
        model: a ``transformers`` task model.
        layer: H to k.
    """
    config = copy.deepcopy(model.config)
    config.hidden_size, config.num_attention_heads, config.num_hidden_layers = layer.out_features, 1, 0
    config.vocab_size = (config.pad_token_id or 0) + 1
    narrow = type(model)(config)  # whose head has the right shapes for its family
    for name in ("pre_classifier", "classifier", "qa_outputs"):
        if hasattr(model, name):
            setattr(model, name, getattr(narrow, name))
    if getattr(model.base_model, "pooler", None) is not None:
        model.base_model.pooler, model.pooler = None, narrow.base_model.pooler
    setattr(model, LAYER, layer)
