"""An encoder with some of its layers, as a folder that loads like any other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import save

from smallbert import storage
from smallbert.compress.folders import copy_beside, copy_last_layers, weights
from smallbert.compress.vocabulary import check_free
from smallbert.errors import UsageError
from smallbert.models.interchange import OURS

_LAYER = re.compile(r"(?<![^.])(encoder|transformer)\.layer\.(\d+)\.")
_COUNTS = ("num_hidden_layers", "n_layers")
"""What configurations call the number of layers; the second is DistilBERT's."""


def write(folder: Path, layers: Sequence[int], out: Path) -> Path:
    """Write the encoder with some of its layers; heads, tokenizer and last layers stay, ``config.json`` comes last.

    Args:
        folder: of a BERT, RoBERTa, XLM-R or DistilBERT.
        layers: which, counted from 0, in the order in which they run.
        out: a folder without an encoder.

    Returns:
        ``out``.

    Raises:
        UsageError: ``out`` holds an encoder, or the encoder has no such layers of their own.
        DataError: the folder holds no readable weights.
        MachineError: the folder cannot be written.
    """
    check_free(out)
    whole = dict(weights(folder))
    known = {int(found[2]) for name in whole if (found := _LAYER.search(name))}
    if missing := sorted(set(layers) - known):
        raise UsageError(
            f"Expected an encoder with a layer {missing[0]} of its own, {folder.name} has {len(known)}.",
            "BERT, RoBERTa, XLM-R and DistilBERT have them; ALBERT's layers are one.",
        )
    kept = {name: tensor for name, tensor in whole.items() if not _LAYER.search(name)}
    for place, layer in enumerate(layers):
        for name, tensor in whole.items():
            found = _LAYER.search(name)
            if found and int(found[2]) == layer:
                kept[_LAYER.sub(rf"\g<1>.layer.{place}.", name)] = tensor.clone()  # a layer may run twice
    with storage.atomic_write(out / "model.safetensors") as file:
        file.write(save(kept, metadata={"format": "pt"}))
    config = storage.read_json(folder / "config.json")
    copy_last_layers(folder, out)
    copy_beside(folder, out, config=False)
    config.pop(OURS, None)  # tells which of all the layers shared weights: these are others
    storage.write_json(out / "config.json", config | {name: len(layers) for name in _COUNTS if name in config})
    return out
