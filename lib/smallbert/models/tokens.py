"""A corpus as token ids on disk: one flat file for training, one held out, the tokenizer beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from tokenizers import Tokenizer

from smallbert import storage
from smallbert.errors import DataError, UsageError
from smallbert.models import tokenizer as wordpiece

HELD_OUT_EVERY = 50
"""One document of so many, drawn at random, is kept from training to measure the loss on."""

ENCODE_AT_ONCE = 1024
"""Texts per call of the tokenizer: enough to keep all cores busy, small enough to bound memory."""


VERSION = 2
"""Part of the key: raise it when the same texts would give other tokens."""


class Encodes(Protocol):
    """A tokenizer from elsewhere whose special tokens bear our numbers."""

    @property
    def sha256(self) -> str:
        """What decides the ids of a text."""

    def get_vocab_size(self) -> int:
        """Ids that can occur."""

    def encode_batch_fast(self, texts: list[str]) -> Iterable[Any]:
        """One object a text whose ``ids`` are ``[CLS] ... [SEP]``."""

    def to_str(self) -> str:
        """The content of its ``tokenizer.json``."""


@dataclass(frozen=True)
class TokenStore:
    """Documents as ``[CLS] ids [SEP]``, one after another; a document begins at each ``[CLS]``.

    Args:
        folder: holds ``train.bin``, ``held_out.bin``, ``manifest.json`` and the tokenizer's files.
        train: ids to train on, memory-mapped, uint16 (int32 for vocabularies beyond 65,536).
        held_out: ids of the held-out documents, same format.
        vocabulary_size: tokens the tokenizer knows.
        key: digest of what the store was made from.
    """

    folder: Path
    train: np.ndarray
    held_out: np.ndarray
    vocabulary_size: int
    key: str

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        vocabulary_size: int,
        out: Path,
        *,
        languages: Iterable[str] | None = None,
        data_key: str | None = None,
        tokenizer: Encodes | None = None,
    ) -> TokenStore:
        """Train a tokenizer on ``texts`` and encode them; a finished store of the same data is opened at once.

        Args:
            texts: an iterable that can be read several times; streamed, never held in memory.
            vocabulary_size: tokens of the vocabulary to train.
            out: the store's folder.
            languages: one language code a text, to balance the vocabulary (see ``train_wordpiece``).
            data_key: identifies the texts and their languages; by default a digest of them, which costs one pass.
            tokenizer: encode with this one instead of training one; ``vocabulary_size`` is then its own.

        Raises:
            UsageError: ``out`` holds a store of other data, or an iterable can be read only once.
            DataError: the texts are too few for a vocabulary or for a held-out part.
        """
        wordpiece.check_readable_twice(texts, "texts")
        wordpiece.check_readable_twice(languages, "languages")
        made_from = {
            "texts": data_key or digest_texts(texts),
            "vocabulary_size": vocabulary_size,
            "languages": None if languages is None else data_key or digest_texts(languages),
            "tokenizer": tokenizer and tokenizer.sha256,
            "version": VERSION,
        }
        key = storage.digest(made_from)
        manifest = out / "manifest.json"
        if not manifest.exists():
            storage.make_folder(out)
            with storage.lock(out, "tokens", wait=True):  # another notebook may want the same tokens
                if not manifest.exists():
                    cls._write(texts, vocabulary_size, out, languages, key, tokenizer)
        store = cls.open(out)
        if store.key != key:
            raise UsageError(
                f"Expected token store {key} in {out}, found {store.key}: other texts or another vocabulary.",
                "Choose another folder or delete this one.",
            )
        return store

    @staticmethod
    def _write(
        texts: Iterable[str],
        vocabulary_size: int,
        out: Path,
        languages: Iterable[str] | None,
        key: str,
        tokenizer: Encodes | None,
    ) -> None:
        storage.remove_strays(out)
        if tokenizer is None:
            wordpiece.train_wordpiece(texts, vocabulary_size, out, languages=languages)
        else:
            storage.write_text(out / "tokenizer.json", tokenizer.to_str())
        cuts = wordpiece.load(out) if tokenizer is None else tokenizer
        dtype = np.dtype("<u2" if cuts.get_vocab_size() <= 1 << 16 else "<i4")
        with (
            storage.atomic_write(out / "train.bin") as train,
            storage.atomic_write(out / "held_out.bin") as held_out,
        ):
            counts = _encode(texts, cuts, dtype, train, held_out)
        if not counts["held_out"] or not counts["train"]:
            raise DataError(
                f"Expected at least {HELD_OUT_EVERY} texts, so that one can be held out, got {counts['documents']}."
            )
        manifest = {"key": key, "dtype": dtype.str, "vocabulary_size": cuts.get_vocab_size(), **counts}
        storage.write_json(out / "manifest.json", manifest)

    @classmethod
    def open(cls, folder: Path) -> TokenStore:
        """Open a finished store.

        Raises:
            DataError: there is none, or a file has not the size its manifest says.
        """
        manifest = storage.read_json(folder / "manifest.json")
        arrays = {}
        for part in ("train", "held_out"):
            path, dtype = folder / f"{part}.bin", np.dtype(manifest["dtype"])
            expected = manifest[part] * dtype.itemsize
            found = path.stat().st_size if path.exists() else 0
            if found != expected:
                raise DataError(
                    f"Expected {path} with {expected} bytes, found {found}.", f"Delete {folder} and run again."
                )
            arrays[part] = np.memmap(path, dtype, mode="r")
        return cls(folder, arrays["train"], arrays["held_out"], manifest["vocabulary_size"], manifest["key"])


def digest_texts(texts: Iterable[str]) -> str:
    """SHA-256 over the texts in their order, lengths included so that moved borders show."""
    digest = hashlib.sha256()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def _encode(
    texts: Iterable[str], tokenizer: Tokenizer | Encodes, dtype: np.dtype, train: BinaryIO, held_out: BinaryIO
) -> dict[str, int]:
    """Write every document's ids to one of the two files; returns documents and tokens written."""
    counts = {"documents": 0, "train": 0, "held_out": 0}
    choice = _held_out()
    for batch in _batches(texts):
        for encoding in tokenizer.encode_batch_fast(batch):
            ids = np.asarray(encoding.ids, dtype)
            part, file = ("held_out", held_out) if next(choice) else ("train", train)
            file.write(ids.tobytes())
            counts[part] += len(ids)
            counts["documents"] += 1
    return counts


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    stream = iter(texts)
    while batch := list(islice(stream, ENCODE_AT_ONCE)):
        yield batch


def _held_out() -> Iterator[bool]:
    """For each document whether it is held out: one at a random place of every ``HELD_OUT_EVERY``."""
    generator = np.random.default_rng(0)
    while True:
        chosen = generator.integers(HELD_OUT_EVERY)
        yield from (place == chosen for place in range(HELD_OUT_EVERY))
