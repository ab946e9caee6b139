"""Published encoders by name: their sizes as the hub's ``config.json`` gives them, readable without network."""

from __future__ import annotations

import difflib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from smallbert.errors import DataError, MachineError, UsageError
from smallbert.models.sizes import Sizes, from_config

BERT_BASE = Sizes(vocabulary=30522, hidden=768, layers=12, heads=12, intermediate=3072)
BERT_LARGE = replace(BERT_BASE, hidden=1024, layers=24, heads=16, intermediate=4096)
ALBERT_BASE = replace(BERT_BASE, vocabulary=30000, embedding=128, share="all")
_TINY = replace(BERT_BASE, hidden=312, layers=4, intermediate=1200)
_MINILM = replace(BERT_BASE, hidden=384, intermediate=1536)
_SIX = replace(BERT_BASE, layers=6)
_DISTILBERT = replace(_SIX, types=0, pooler=False)

PRESETS: dict[str, Sizes] = {
    "google-bert/bert-base-uncased": BERT_BASE,
    "google-bert/bert-base-cased": replace(BERT_BASE, vocabulary=28996),
    "google-bert/bert-large-uncased": BERT_LARGE,
    "google-bert/bert-base-multilingual-cased": replace(BERT_BASE, vocabulary=119547),
    "google-bert/bert-base-multilingual-uncased": replace(BERT_BASE, vocabulary=105879),
    "albert/albert-base-v2": ALBERT_BASE,
    "albert/albert-large-v2": replace(ALBERT_BASE, hidden=1024, layers=24, heads=16, intermediate=4096),
    "albert/albert-xlarge-v2": replace(ALBERT_BASE, hidden=2048, layers=24, heads=16, intermediate=8192),
    "albert/albert-xxlarge-v2": replace(ALBERT_BASE, hidden=4096, heads=64, intermediate=16384),
    "distilbert/distilbert-base-uncased": _DISTILBERT,
    "distilbert/distilbert-base-multilingual-cased": replace(_DISTILBERT, vocabulary=119547),
    "huawei-noah/TinyBERT_General_4L_312D": _TINY,
    "huawei-noah/TinyBERT_General_6L_768D": _SIX,
    "microsoft/MiniLM-L12-H384-uncased": _MINILM,
    "nreimers/MiniLM-L6-H384-uncased": replace(_MINILM, layers=6),
    "MiniLM-L6-H768-uncased": _SIX,
    "sentence-transformers/all-MiniLM-L6-v2": replace(_MINILM, layers=6),
    "microsoft/Multilingual-MiniLM-L12-H384": replace(_MINILM, vocabulary=250037),
    "FacebookAI/xlm-roberta-base": replace(BERT_BASE, vocabulary=250002, positions=514, types=1),
    "openai-community/openai-gpt": replace(BERT_BASE, vocabulary=40478, types=0, embedding_norm=False, pooler=False),
}
"""Sizes by hub id; the 6-layer, 768-wide MiniLM was published outside the hub."""

_BY_LAST_PART = {name.split("/")[-1].casefold(): name for name in PRESETS}


def sizes(name: str) -> Sizes:
    """The sizes of an encoder by name: a local folder first, then a preset, then the hub. No weights are read.

    Args:
        name: a folder with a ``config.json``; a hub id, whose owner may be left out where it is a preset;
            or ``minilm`` (all-MiniLM-L6-v2).

    Raises:
        DataError: the configuration cannot be read, or is of no encoder known here.
        MachineError: neither a folder nor a preset, and the hub did not give it.
    """
    known = "all-minilm-l6-v2" if name == "minilm" else name.casefold().split("/")[-1]
    preset = _BY_LAST_PART.get(known)
    if not Path(name).is_dir() and preset and ("/" not in name or name.casefold() == preset.casefold()):
        return PRESETS[preset]
    config = _configuration(name)
    try:
        return from_config(config)
    except UsageError as error:
        raise DataError(f"The configuration of {name}: {error.message}", error.hint) from error


def _configuration(name: str) -> Any:
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    folder = os.path.isdir(name)  # False, too, for a name that no folder can have
    if folder and not (Path(name) / "config.json").is_file():
        raise DataError(
            f"Expected a Hugging Face encoder in {name}, but it has no config.json.",
            "Name the folder that save_pretrained wrote.",
        )
    try:
        return AutoConfig.from_pretrained(name, trust_remote_code=False)
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError, StrictDataclassError) as error:
        raise DataError(
            f"The configuration of {name} cannot be read: {str(error).splitlines()[0]}",
            "Give a config.json of a model that transformers knows without remote code.",
        ) from error
    except OSError as error:
        if folder:
            raise DataError(
                f"Expected a readable config.json in {name}; {type(error).__name__} came instead."
            ) from error
        raise MachineError(
            f"{name!r} is no folder here and no preset, and the hub did not give its config.json "
            f"({type(error).__name__}).",
            _suggestion(name),
        ) from error


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name.casefold().split("/")[-1], _BY_LAST_PART, n=3)
    if close:
        return f"Did you mean {' or '.join(_BY_LAST_PART[part] for part in close)}, which need no network?"
    return "Without network: name a local folder or a preset such as google-bert/bert-base-multilingual-cased."
