"""A linear layer behind an encoder, so that heads read narrower vectors: a reducer such as PCA, in place.

Its form is the one of ``sentence-transformers`` (modules.json, 2_Dense), as :mod:`smallbert.compress.dense` writes it:
what an index stores of a text is then what a head reads of it. Fine-tuning trains the layer with the encoder.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from torch import nn
from torch.nn.utils import skip_init

from smallbert.errors import UsageError
from smallbert.models import last_layer

LAYER = "narrow"
"""What the layer is called in a task model."""


def is_readable(folder: Path) -> bool:
    """Whether heads read what an encoder gives: hidden states, or one linear map of them."""
    return _is_one_map(last_layer.read(folder))


def _is_one_map(last: last_layer.LastLayers | None) -> bool:
    return last is None or (len(last.layers) == 1 and last.layers[0].is_affine)


def read(folder: Path) -> nn.Linear | None:
    """The last layer of an encoder, fp32, H to k, where it has one.

    Raises:
        UsageError: several of them, or an activation behind it.
        DataError: it cannot be read.
    """
    last = last_layer.read(folder)
    if last is None:
        return None
    if not _is_one_map(last):
        kinds = ", ".join(one.activation.rsplit(".", 1)[-1] for one in last.layers)
        raise UsageError(
            f"Expected one linear last layer in {folder} for a head to read, got {len(last.layers)} with {kinds}.",
            "Fine-tune the encoder that it was built from, or one that was narrowed by a map such as pca-32.",
        )
    [map] = last.layers
    width, wide = map.weight.shape
    layer = skip_init(nn.Linear, wide, width)
    layer.load_state_dict({"weight": map.weight, "bias": map.bias})
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
