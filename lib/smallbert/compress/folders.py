"""What lies in an encoder's folder beside its weights, and how sentence-transformers is told what follows it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from smallbert import storage
from smallbert.errors import DataError

_BESIDE = ("*.json", "*.txt", "*.model")
_OF_MODULES = {"modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"}


def weights(folder: Path, pattern: str = "*.safetensors") -> Iterator[tuple[str, Tensor]]:
    """Every weight of an encoder by its name, one at a time.

    Raises:
        DataError: no such file, or a damaged one.
    """
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise DataError(f"Expected weights {pattern} in {folder}, found none.", "Name a folder that holds an encoder.")
    for path in paths:
        try:
            with safe_open(path, framework="pt") as file:
                yield from ((name, file.get_tensor(name)) for name in file.keys())  # noqa: SIM118
        except SafetensorError as error:
            raise DataError(f"{path} holds no weights: {error}", "Copy or download it again.") from error


def copy_beside(folder: Path, out: Path, *more: str) -> None:
    """Copy configuration and tokenizer; the configuration last, for it makes a folder an encoder.

    What tells sentence-transformers of modules stays behind: it names folders that are not copied.

    Args:
        folder: of an encoder.
        out: where to.
        more: patterns of further files.

    Raises:
        MachineError: a file cannot be written.
    """
    found = {path for pattern in (*_BESIDE, *more) for path in folder.glob(pattern)}
    files = {path for path in found if path.name not in _OF_MODULES and not path.name.endswith(".index.json")}
    for path in sorted(files, key=lambda path: (path.name == "config.json", path.name)):
        with storage.atomic_write(out / path.name) as file, path.open("rb") as source:
            shutil.copyfileobj(source, file)


def write_modules(out: Path, width: int, *, max_tokens: int, pooling: str = "mean", dense: int = 0) -> None:
    """Write what sentence-transformers reads: ``modules.json`` and ``1_Pooling``.

    Args:
        out: folder of the encoder.
        width: of its vectors.
        max_tokens: where a text is cut.
        pooling: ``mean`` or ``cls``.
        dense: how many layers follow, in ``2_Dense``, ``3_Dense`` and so on.

    Raises:
        MachineError: a file cannot be written.
    """
    modes = {"cls_token": pooling == "cls", "mean_tokens": pooling == "mean"}
    modes |= dict.fromkeys(("max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"), False)
    storage.write_json(
        out / "1_Pooling" / "config.json",
        {"word_embedding_dimension": width} | {f"pooling_mode_{name}": value for name, value in modes.items()},
    )
    storage.write_json(out / "sentence_bert_config.json", {"max_seq_length": max_tokens, "do_lower_case": False})
    types = ["Transformer", "Pooling", *["Dense"] * dense]
    storage.write_json(
        out / "modules.json",
        [
            {
                "idx": place,
                "name": str(place),
                "path": f"{place}_{kind}" if place else "",
                "type": f"sentence_transformers.models.{kind}",
            }
            for place, kind in enumerate(types)
        ],
    )
