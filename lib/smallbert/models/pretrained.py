"""Encoders read from their folders, the last of them kept: where many small trainings start from the same ones,
reading them took longer than the trainings."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor

from smallbert.models import sources
from smallbert.models.through_transformers import load_model

KEPT_BYTES = 256 << 20
"""Weights a process keeps, bytes; of the 20 MB and less that tests of small encoders take, all they need."""


@dataclass(frozen=True)
class Pretrained:
    """An encoder and its tokenizer, to be read only.

    Args:
        encoder: a model of ``transformers``; a copy of it can be trained.
        tokenizer: its fast tokenizer.
        depth: layers that it has.
        pooler: whether its file holds one, which else was drawn at random just now.
    """

    encoder: Any
    tokenizer: Any
    depth: int
    pooler: bool

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        """What the file holds, by name."""
        found = self.encoder.state_dict()
        return {name: one for name, one in found.items() if self.pooler or not name.startswith("pooler.")}

    @cached_property
    def bytes(self) -> int:
        """Of all weights."""
        return sum(one.nbytes for one in self.encoder.state_dict().values())


def read(folder: Path, layers: int = -1) -> Pretrained:
    """The encoder of a folder, or that of an earlier call while its files are the same.

    Args:
        folder: a Hugging Face encoder.
        layers: how many, from the lowest; -1 for all. See :func:`smallbert.models.through_transformers.load_model`.

    Raises:
        DataError: the folder holds no encoder that can be used.
        UsageError: it has not so many layers.
    """
    key = (folder, layers, *(_written(path) for path in sorted(folder.iterdir())))
    return _kept.of(key, lambda: _read(folder, layers))


class _Recent:
    """What was asked for last, up to so many bytes; the very last at any size."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.entries: OrderedDict[tuple[Any, ...], Pretrained] = OrderedDict()

    def of(self, key: tuple[Any, ...], make: Callable[[], Pretrained]) -> Pretrained:
        found = self.entries.pop(key, None) or make()
        self.entries[key] = found
        total = sum(one.bytes for one in self.entries.values())
        while total > self.most and len(self.entries) > 1:
            total -= self.entries.popitem(last=False)[1].bytes
        return found


_kept = _Recent(KEPT_BYTES)


def _read(folder: Path, layers: int) -> Pretrained:
    encoder, tokenizer, depth = load_model(folder, layers)
    return Pretrained(encoder, tokenizer, depth, _holds_pooler(folder))


def _written(path: Path) -> tuple[str, int, int]:
    """What changes when a file is written again."""
    found = path.stat()
    return path.name, found.st_size, found.st_mtime_ns


def _holds_pooler(folder: Path) -> bool:
    for path in sources.weight_files(folder):
        with safe_open(path, framework="pt") as file:
            if any("pooler" in key.split(".") for key in file.keys()):  # noqa: SIM118 - no mapping
                return True
    return False
