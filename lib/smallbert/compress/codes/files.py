"""A format in a file: what an index has to know to store numbers and to read them again.

One safetensors file. Its metadata names the format; its tensors are the format's own fields.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from smallbert import storage
from smallbert.compress.codes.formats import Binary, Floats, Int8
from smallbert.compress.codes.product import ProductQuantiser
from smallbert.errors import DataError

Format = Floats | Int8 | Binary | ProductQuantiser

_KEY = "smallbert format"


def write(format: Format, path: Path) -> None:
    """Write a format; the file appears when it is whole.

    Raises:
        MachineError: the file cannot be written.
    """
    about: dict[str, int] = {}
    arrays: dict[str, np.ndarray] = {}
    if isinstance(format, Floats):
        about = {"width": format.width, "bits": format.bits}
    elif isinstance(format, ProductQuantiser):
        arrays = {"codewords": format.codewords.numpy()}
    else:
        arrays = {name: np.ascontiguousarray(value) for name, value in vars(format).items()}
    name = type(format).__name__
    with storage.atomic_write(path) as file:
        file.write(save(arrays, metadata={_KEY: json.dumps({"format": name, **about}, sort_keys=True)}))


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
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise DataError(f"Expected the format of an index in {path}: {error}", "Build the point again.") from error


def _made(name: str, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> Format:
    if name == ProductQuantiser.__name__:
        return ProductQuantiser(torch.from_numpy(arrays["codewords"]))
    kinds: dict[str, Callable[..., Format]] = {kind.__name__: kind for kind in (Floats, Int8, Binary)}
    return kinds[name](**about, **arrays)
