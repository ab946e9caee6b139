"""A format in a file: what an index has to know to store numbers and to read them again.

One safetensors file. Its metadata names the format; its tensors are the format's own fields.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from smallbert import storage
from smallbert.compress.autoencoder import Architecture, Autoencoder
from smallbert.compress.codes.autoencoded import Autoencoded
from smallbert.compress.codes.code import OfOneLength
from smallbert.compress.codes.formats import Binary, Floats, Int8
from smallbert.compress.codes.product import ProductQuantiser
from smallbert.compress.codes.sparse import Dictionary, Sparse
from smallbert.errors import DataError, UsageError

Format = Floats | Int8 | Binary | ProductQuantiser | Sparse | Autoencoded | OfOneLength

_KEY = "smallbert format"
_CENTRE = "centre"


def write(format: Format, path: Path) -> None:
    """Write a format; the file appears when it is whole.

    Raises:
        MachineError: the file cannot be written.
    """
    about, arrays = _told(format)
    with storage.atomic_write(path) as file:
        file.write(save(arrays, metadata={_KEY: json.dumps(about, sort_keys=True)}))


def read(path: Path) -> Format:
    """The format that :func:`write` wrote.

    Raises:
        DataError: no such file, or a damaged or foreign one.
    """
    try:
        with safe_open(path, "numpy") as file:
            about = json.loads((file.metadata() or {})[_KEY])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no mapping
        return _made(about.pop("format"), about, arrays)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, UsageError, SafetensorError) as error:
        raise DataError(f"Expected the format of an index in {path}: {error}", "Build the point again.") from error


def _told(format: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What a format's metadata and its tensors are."""
    about: dict[str, Any] = {"format": type(format).__name__}
    if isinstance(format, OfOneLength):
        inner, arrays = _told(format.code)
        return about | {"code": inner}, arrays
    if isinstance(format, Floats):
        return about | {"width": format.width, "bits": format.bits}, {}
    if isinstance(format, ProductQuantiser):
        return about, {"codewords": format.codewords.numpy()}
    if isinstance(format, Sparse):
        return about | {"k": format.k}, {
            name: one.contiguous().numpy() for name, one in vars(format.dictionary).items()
        }
    if isinstance(format, Autoencoded):
        own, arrays = _told(format.format)
        weights = {name: one.contiguous().numpy() for name, one in format.module.state_dict().items()}
        about |= {"architecture": asdict(format.module.architecture), "numbers": own}
        return about, arrays | weights | {_CENTRE: np.ascontiguousarray(format.centre)}
    return about, {name: np.ascontiguousarray(value) for name, value in vars(format).items()}


def _made(name: str, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> Format:
    """The format that :func:`_told` told of."""
    if name == OfOneLength.__name__:
        code: Any = _made(about["code"].pop("format"), about["code"], arrays)
        return OfOneLength(code)
    if name == ProductQuantiser.__name__:
        return ProductQuantiser(torch.from_numpy(arrays["codewords"]))
    if name == Sparse.__name__:
        return Sparse(Dictionary(**{part: torch.from_numpy(array) for part, array in arrays.items()}), about["k"])
    if name == Autoencoded.__name__:
        module = Autoencoder(Architecture(**about["architecture"]), torch.Generator())
        centre = arrays.pop(_CENTRE)
        module.load_state_dict({part: torch.from_numpy(array) for part, array in arrays.items()})
        numbers: Any = _made(about["numbers"].pop("format"), about["numbers"], {})
        return Autoencoded(module, centre, numbers)
    kinds: dict[str, Callable[..., Format]] = {kind.__name__: kind for kind in (Floats, Int8, Binary)}
    return kinds[name](**about, **arrays)
