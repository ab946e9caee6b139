"""A reducer as an encoder's last layers, in a folder that sentence-transformers loads.

The folder is the encoder's own, which ``transformers`` loads as before, with files that say what follows it:
``modules.json``, ``1_Pooling``, and ``2_Dense`` for an affine map, or ``2_Dense``, ``3_Dense`` and so on for the layers
of an autoencoder's encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from smallbert import storage
from smallbert.compress.autoencoder import Autoencoder, ResidualBlock
from smallbert.compress.folders import copy_beside, write_modules
from smallbert.compress.linear import AffineCode
from smallbert.compress.vocabulary import check_free
from smallbert.errors import DataError, UsageError
from smallbert.models import last_layer, sources
from smallbert.models.last_layer import Layer
from smallbert.models.presets import sizes


def affine(code: AffineCode) -> Layer:
    """The layer of an affine code."""
    weight = np.ascontiguousarray(code.encoder.T, dtype=np.float32)
    # The product with the mean is taken in full precision: a large mean would cost digits.
    bias = (-(code.centre.astype(np.float64) @ code.encoder)).astype(np.float32)
    return Layer(torch.from_numpy(weight), torch.from_numpy(bias))


def encoding(module: Autoencoder, centre: np.ndarray) -> list[Layer]:
    """The layers of an autoencoder's encoder.

    Args:
        module: trained on vectors less ``centre``.
        centre: shape (d,), zeros for one that was trained on vectors as they are.

    Raises:
        UsageError: residual blocks, which sentence-transformers has no module for.
    """
    if any(isinstance(one, ResidualBlock) for one in module.encoder):
        raise UsageError("Expected an autoencoder of plain layers, got residual blocks.")
    layers: list[Layer] = []
    parts = list(module.encoder)
    for linear, activation in zip(parts[::2], parts[1::2], strict=True):
        weight, bias = linear.get_parameter("weight").detach(), linear.get_parameter("bias").detach()
        if not layers:
            bias = (bias.double() - weight.double() @ torch.from_numpy(centre).double()).float()
        kind = type(activation)
        layers.append(Layer(weight, bias, f"{kind.__module__}.{kind.__qualname__}"))
    return layers


def write(folder: Path, layers: Sequence[Layer], out: Path, *, pooling: str = "mean", max_tokens: int = 128) -> Path:
    """Write an encoder with last layers, behind those that it has; ``config.json`` comes last.

    Args:
        folder: a Hugging Face encoder.
        layers: fitted to its vectors.
        out: a folder without an encoder.
        pooling: ``mean`` or ``cls``, as the vectors were made.
        max_tokens: where a text is cut, as for these.

    Returns:
        ``out``.

    Raises:
        UsageError: ``out`` holds an encoder, or the layers that the encoder has need another pooling.
        DataError: the first layer is not of the width of the encoder's vectors.
        MachineError: the folder cannot be written.
    """
    check_free(out)
    before = last_layer.read(folder)
    width = before.width if before else sizes(str(folder)).hidden
    if (given := layers[0].weight.shape[1]) != width:
        raise DataError(f"Expected a map of {width} numbers, as the encoder has, got {given}.")
    if before:
        last_layer.require_pooling(before, pooling, folder)
    write_layers([*(before.layers if before else ()), *layers], out, pooling=pooling, max_tokens=max_tokens)
    copy_beside(folder, out, *(path.name for path in sources.weight_files(folder)), sources.INDEX)
    return out


def write_layers(layers: Sequence[Layer], out: Path, *, pooling: str, max_tokens: int) -> None:
    """Write the layers alone, and what tells sentence-transformers of them.

    Args:
        layers: first to last.
        out: folder of an encoder, or of one to be.
        pooling: ``mean`` or ``cls``.
        max_tokens: where a text is cut.

    Raises:
        MachineError: a file cannot be written.
    """
    for place, layer in enumerate(layers, start=2):
        state = {"linear.weight": layer.weight.contiguous(), "linear.bias": layer.bias.contiguous()}
        with storage.atomic_write(out / f"{place}_Dense" / sources.WEIGHTS) as file:
            file.write(save(state, metadata={"format": "pt"}))
        width, given = layer.weight.shape
        about = {"in_features": given, "out_features": width, "bias": True, "activation_function": layer.activation}
        storage.write_json(out / f"{place}_Dense" / "config.json", about)
    write_modules(out, layers[0].weight.shape[1], max_tokens=max_tokens, pooling=pooling, dense=len(layers))
