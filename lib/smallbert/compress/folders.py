"""What lies in an encoder's folder beside its weights, and how sentence-transformers is told what follows it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from smallbert import storage
from smallbert.errors import DataError
from smallbert.models import last_layer, sources

_BESIDE = ("*.json", "*.txt", "*.model")
_OF_MODULES = {sources.MODULES, sources.READING, "config_sentence_transformers.json"}


def weights(folder: Path, name: str | None = None) -> Iterator[tuple[str, Tensor]]:
    """Every weight of an encoder by its name, one at a time.

    Args:
        folder: of an encoder, or of one that is stored in a smaller form.
        name: of the file that holds such a form; None for the encoder's own weights.

    Raises:
        DataError: no such file, or a damaged one.
    """
    paths = sources.weight_files(folder) if name is None else [*folder.glob(name)]
    if not paths:
        asked = name or "model*.safetensors"
        raise DataError(f"Expected weights {asked} in {folder}, found none.", "Name a folder that holds an encoder.")
    for path in paths:
        try:
            with safe_open(path, framework="pt") as file:
                yield from ((name, file.get_tensor(name)) for name in file.keys())  # noqa: SIM118
        except SafetensorError as error:
            raise DataError(f"{path} holds no weights: {error}", "Copy or download it again.") from error


def copy_beside(folder: Path, out: Path, *more: str, config: bool = True) -> None:
    """Copy configuration and tokenizer; the configuration last, for it makes a folder an encoder.

    What tells sentence-transformers of modules stays behind: it names folders that are not copied.

    Args:
        folder: of an encoder.
        out: where to.
        more: patterns of further files.
        config: whether the configuration too; False where the caller then writes another.

    Raises:
        MachineError: a file cannot be written.
    """
    beside = {path for pattern in _BESIDE for path in folder.glob(pattern)}
    files = {path for path in beside if path.name not in _OF_MODULES and not path.name.endswith(".index.json")}
    files |= {path for pattern in more for path in folder.glob(pattern)}
    if not config:
        files.discard(folder / "config.json")
    for path in sorted(files, key=lambda path: (path.name == "config.json", path.name)):
        _copy(path, out / path.name)


def copy_last_layers(folder: Path, out: Path) -> None:
    """Copy what sentence-transformers is told of an encoder: its pooling, and the layers after it where there are some.

    What makes an encoder smaller leaves its width as it is: what followed it fits still, and without it vectors would
    be of another width, or another mean, without a word. Folders with modules of other kinds are read for the encoder
    alone, and so copied; a normalisation at the end has no file of its own.

    Args:
        folder: of an encoder.
        out: of what is made of it; before its ``config.json``, as :func:`copy_beside` writes it.

    Raises:
        DataError: the layers cannot be read.
        MachineError: a file cannot be written.
    """
    if last_layer.read(folder) is None and not sources.is_pooled_alone(folder):
        return
    layers = [place / name for place in sources.last_layers(folder) for name in ("config.json", sources.WEIGHTS)]
    told = [folder / name for name in (sources.POOLING, sources.READING, sources.MODULES)]
    for path in [*layers, *(path for path in told if path.is_file())]:
        _copy(path, out / path.relative_to(folder))


def _copy(path: Path, to: Path) -> None:
    with storage.atomic_write(to) as file, path.open("rb") as source:
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
        out / sources.POOLING,
        {"word_embedding_dimension": width} | {f"pooling_mode_{name}": value for name, value in modes.items()},
    )
    storage.write_json(out / sources.READING, {"max_seq_length": max_tokens, "do_lower_case": False})
    types = ["Transformer", "Pooling", *["Dense"] * dense]
    storage.write_json(
        out / sources.MODULES,
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
