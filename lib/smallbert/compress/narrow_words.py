"""An encoder whose word table is stored as two narrow factors, and the same encoder with their product.

The table (V, e) becomes the best product of (V, r) and (r, e), which is smaller where r (V + e) < V e. What computes
takes the product: a family without a factorised embedding has no place for factors.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save

from smallbert import storage
from smallbert.compress.factorise import truncate
from smallbert.compress.folders import copy_beside, copy_last_layers, weights
from smallbert.errors import DataError, UsageError

WEIGHTS = "narrow_words.safetensors"
LEFT, RIGHT = ".left", ".right"
"""The table ``NAME`` is stored as ``NAME.left`` (V, r) and ``NAME.right`` (r, e)."""

_ABOUT = "smallbert"
_TABLE = "embeddings.word_embeddings.weight"


def write(folder: Path, out: Path, rank: int, counts: np.ndarray | None = None) -> Path:
    """Store an encoder with its word table in two factors, beside its configuration and tokenizer.

    Args:
        folder: a Hugging Face encoder.
        out: a folder without an encoder.
        rank: inner width r.
        counts: occurrences of each token, shape (V,), one more of which weighs the square of its row's error; None
            weighs all rows alike.

    Returns:
        ``out``.

    Raises:
        UsageError: the rank saves nothing.
        DataError: the folder holds no readable weights or no word table.
        MachineError: the folder cannot be written.
    """
    tensors = dict(weights(folder))
    names = [name for name in tensors if name.endswith(_TABLE)]
    if len(names) != 1:
        raise DataError(f"Expected one word table {_TABLE} in {folder}, found {len(names)}.", "Use a BERT's folder.")
    table = tensors.pop(names[0]).float().numpy()
    require_rank(rank, *table.shape)
    factors = truncate(table, None if counts is None else counts + 1.0).factors(rank)
    for part, factor in zip((LEFT, RIGHT), factors, strict=True):
        tensors[names[0] + part] = torch.from_numpy(np.ascontiguousarray(factor, dtype=np.float32))
    about = {"format": "pt", _ABOUT: json.dumps({"table": names[0]})}
    with storage.atomic_write(out / WEIGHTS) as file:
        file.write(save(tensors, metadata=about))
    copy_last_layers(folder, out)
    copy_beside(folder, out)
    return out


def require_rank(rank: int, rows: int, width: int) -> None:
    """Check that factors are smaller than the table.

    Args:
        rank: their inner width.
        rows: of the table, V.
        width: of the table, e.

    Raises:
        UsageError: they are not.
    """
    if not 0 < rank * (rows + width) < rows * width:
        raise UsageError(
            f"Expected a rank below {rows * width / (rows + width):.1f}, from which factors of {rows:,} x {width} save "
            f"nothing, got {rank}.",
            "Take a smaller one.",
        )


def restore(stored: Path, out: Path) -> Path:
    """Make of stored factors an encoder that everything loads.

    Args:
        stored: what :func:`write` wrote.
        out: a folder without an encoder.

    Returns:
        ``out``.

    Raises:
        DataError: no such weights, or damaged ones.
        MachineError: the folder cannot be written.
    """
    tensors = dict(weights(stored, WEIGHTS))
    try:
        with safe_open(stored / WEIGHTS, framework="pt") as file:
            table = json.loads(file.metadata()[_ABOUT])["table"]
        tensors[table] = tensors.pop(table + LEFT) @ tensors.pop(table + RIGHT)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{stored / WEIGHTS} is not what was written: {error!r}.", "Build it again.") from error
    with storage.atomic_write(out / "model.safetensors") as file:
        file.write(save(tensors, metadata={"format": "pt"}))
    copy_last_layers(stored, out)
    copy_beside(stored, out)
    return out
