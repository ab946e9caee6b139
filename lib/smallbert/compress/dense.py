"""A linear reducer as an encoder's last layer, in a folder that sentence-transformers loads.

The folder is the encoder's own, which ``transformers`` loads as before, with three files that say what follows it:
``modules.json``, ``1_Pooling`` and ``2_Dense``, the affine map without an activation.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from smallbert import storage
from smallbert.compress.folders import copy_beside, write_modules
from smallbert.compress.linear import AffineCode
from smallbert.compress.vocabulary import check_free
from smallbert.errors import DataError
from smallbert.models.presets import sizes


def write(folder: Path, code: AffineCode, out: Path, *, pooling: str = "mean", max_tokens: int = 128) -> Path:
    """Write an encoder with a last layer; ``config.json`` comes last.

    Args:
        folder: a Hugging Face encoder.
        code: fitted to its vectors.
        out: a folder without an encoder.
        pooling: ``mean`` or ``cls``, as the vectors were made.
        max_tokens: where a text is cut, as for these.

    Returns:
        ``out``.

    Raises:
        UsageError: ``out`` holds an encoder.
        DataError: the code is not of the encoder's width.
        MachineError: the folder cannot be written.
    """
    check_free(out)
    width = sizes(str(folder)).hidden
    if len(code.encoder) != width:
        raise DataError(f"Expected a map of {width} numbers, as the encoder has, got {len(code.encoder)}.")
    weight = np.ascontiguousarray(code.encoder.T, dtype=np.float32)
    # The product with the mean is taken in full precision: a large mean would cost digits.
    bias = (-(code.centre.astype(np.float64) @ code.encoder)).astype(np.float32)
    layer = {"linear.weight": torch.from_numpy(weight), "linear.bias": torch.from_numpy(bias)}
    with storage.atomic_write(out / "2_Dense" / "model.safetensors") as file:
        file.write(save(layer, metadata={"format": "pt"}))
    storage.write_json(
        out / "2_Dense" / "config.json",
        {
            "in_features": width,
            "out_features": code.width,
            "bias": True,
            "activation_function": "torch.nn.modules.linear.Identity",
        },
    )
    write_modules(out, width, max_tokens=max_tokens, pooling=pooling, dense=True)
    copy_beside(folder, out, "*.safetensors")
    return out
