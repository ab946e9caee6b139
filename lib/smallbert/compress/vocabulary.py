"""Vocabulary trimming: an encoder with the tokens that a corpus needs, and the same vectors for texts made of them.

Over half of a multilingual BERT is its word table, most of it rows for other languages than a user's. Rows of tokens
that a corpus does not use can go without any training (Abdaoui et al. 2020, "Load What You Need"). Kept rows keep their
bits, so a text all of whose tokens are kept has the same vectors to the bit; :mod:`smallbert.compress.subwords` proves
that it is cut into the same tokens. Rows of a masked-language-model head go with their tokens, its bias too: cut off
at the new size instead, it would give every token the bias of another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from tokenizers import Tokenizer

from smallbert import storage
from smallbert.compress import folders
from smallbert.compress.subwords import restricted, subwords
from smallbert.errors import DataError, UsageError
from smallbert.models import sources
from smallbert.models.tokens import ENCODE_AT_ONCE

FAMILIES = ("bert", "roberta", "xlm-roberta", "distilbert", "albert")

_WORDS = "embeddings.word_embeddings.weight"
_ROWS = (
    _WORDS,
    *(f"{head}.{name}" for head in ("predictions", "lm_head") for name in ("bias", "decoder.bias", "decoder.weight")),
    "vocab_projector.bias",
    "vocab_projector.weight",
)
"""Ends of the names of weights with a row for each token, in all families."""

_CONFIGURED = tuple(f"{role}_token_id" for role in ("pad", "bos", "eos", "unk", "cls", "sep", "mask"))


class Vocabulary:
    """The tokens of an encoder, and the rows of its weights that belong to them.

    Args:
        encoder: ``minilm``, a folder or a hub id.

    Attributes:
        folder: the encoder's files.
        tokenizer: its tokenizer, without padding or truncation.
        rows: rows of its word table, V.
        special: ids of the special and added tokens and of the unknown token.

    Raises:
        DataError: no encoder of :data:`FAMILIES`, no fast tokenizer, an algorithm other than WordPiece, Unigram or
            BPE, or tokenizer and weights that do not belong together.
        MachineError: as :func:`smallbert.models.sources.find` says.
    """

    def __init__(self, encoder: str | Path) -> None:
        self.folder = sources.find(str(encoder))
        self._config, self._loaded = _load(self.folder)
        self.rows: int = self._config.vocab_size
        self._specification = json.loads(self._loaded.backend_tokenizer.to_str())
        self._subwords = subwords(self._specification["model"])
        self.tokenizer = Tokenizer.from_str(json.dumps(self._specification))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        known = max(self.tokenizer.get_vocab().values())
        found = {name: shape[0] for name, shape in _shapes(self.folder) if name.endswith(_ROWS)}
        if not any(name.endswith(_WORDS) for name in found) or set(found.values()) != {self.rows} or known >= self.rows:
            raise DataError(
                f"Expected a word table in {self.folder} with the {self.rows:,} rows that config.json says, enough for "
                f"tokens up to {known:,}; got {found}.",
                "Copy configuration, tokenizer and weights from the same place.",
            )
        added = {token["id"] for token in self._specification["added_tokens"]}
        self.special = frozenset(added if self.unknown is None else added | {self.unknown})

    def __len__(self) -> int:
        """Tokens of the tokenizer; the word table may have rows beyond them."""
        return self.tokenizer.get_vocab_size()

    def count(self, texts: Iterable[str], *, advance: Callable[[int], None] = lambda texts: None) -> np.ndarray:
        """Occurrences of every token in a corpus, which is streamed.

        Args:
            texts: the corpus, whole texts; what an encoder would cut off counts too.
            advance: called with the number of texts after each batch.

        Returns:
            int64 (V,), without the tokens put around a text.
        """
        counts = np.zeros(self.rows, np.int64)
        for batch in batches(texts):
            encodings = self.tokenizer.encode_batch_fast(batch, add_special_tokens=False)
            ids = np.fromiter(chain.from_iterable(one.ids for one in encodings), np.int64)
            counts += np.bincount(ids, minlength=self.rows)
            advance(len(batch))
        return counts

    def check(self, coverage: float | None, tokens: int | None) -> None:
        """Refuse what :meth:`keep` cannot do, before any text is read.

        Raises:
            UsageError: not one of the two, or out of range.
        """
        if (coverage is None) == (tokens is None):
            raise UsageError("Expected either a coverage or a number of tokens.", "For example coverage=0.9999.")
        if coverage is not None and not 0 < coverage <= 1:
            raise UsageError(
                f"Expected a coverage above 0 and at most 1, got {coverage}.",
                "It is the share of token occurrences to keep: 0.9999 leaves one in 10,000.",
            )
        least = len(self._always())
        if tokens is not None and not least <= tokens < len(self):
            raise UsageError(
                f"Expected from {least:,} tokens, which are always kept, to {len(self) - 1:,}; got {tokens:,}.",
                f"The encoder has {len(self):,} tokens.",
            )

    def keep(self, counts: np.ndarray, *, coverage: float | None = None, tokens: int | None = None) -> np.ndarray:
        """The tokens a corpus needs: the most frequent ones, what these need, and the special tokens.

        Args:
            counts: from :meth:`count`.
            coverage: keep the fewest of the most frequent tokens that make up this share of all occurrences but
                special tokens; or
            tokens: keep at most so many tokens in all. A token that does not occur is never kept for its own sake.

        Returns:
            Ids, int64, ascending: a token's place here is its new id. Equally frequent tokens go by their id.

        Raises:
            UsageError: as :meth:`check` says.
            DataError: the corpus has no token.
        """
        self.check(coverage, tokens)
        kept = self._always()
        ordinary = counts.copy()
        ordinary[list(self.special)] = 0
        if not ordinary.any():
            raise DataError(
                "Expected a corpus with text to count tokens in, got no token of the vocabulary.", "Give more text."
            )
        total, anyway = ordinary.sum(), ordinary[list(kept)].sum()
        ordinary[list(kept)] = 0
        order = np.argsort(-ordinary, kind="stable")[: np.count_nonzero(ordinary)]
        if coverage is not None:
            covered = anyway + np.cumsum(ordinary[order])
            order = order[: np.searchsorted(np.append(anyway, covered), coverage * total)]
        for token in order.tolist():
            new = ({token} | self._subwords.parts(token)) - kept
            if tokens is not None and len(kept) + len(new) > tokens:
                break
            kept |= new
        return np.array(sorted(kept))

    def trim(self, kept: np.ndarray, out: Path) -> Vocabulary:
        """Write the encoder with fewer tokens as a Hugging Face folder; ``config.json`` comes last.

        Args:
            kept: ids from :meth:`keep`.
            out: receives ``model.safetensors``, last layers, the tokenizer's files and ``config.json``.

        Returns:
            The vocabulary of the smaller encoder.

        Raises:
            UsageError: ``out`` holds an encoder already.
            MachineError: the disk is full.
        """
        check_free(out)
        new = {old: place for place, old in enumerate(kept.tolist())}
        specification = restricted(self._specification, self._subwords, new)
        with storage.atomic_write(out / "model.safetensors") as file:
            file.write(save(_trimmed(self.folder, kept), metadata={"format": "pt"}))
        folders.copy_last_layers(self.folder, out)
        storage.write_text(out / "tokenizer.json", json.dumps(specification, ensure_ascii=False))
        storage.write_json(out / "tokenizer_config.json", self._settings())
        config = storage.read_json(self.folder / "config.json") | {"vocab_size": len(kept)}
        for name in _CONFIGURED:
            # Written out even where the file leaves it to a default, which would name the old id.
            if (old := getattr(self._config, name, None)) in new:
                config[name] = new[old]
        storage.remove_strays(out)  # before the file that says that all are there
        storage.write_json(out / "config.json", config)
        return Vocabulary(out)

    def renumbering(self, other: Vocabulary) -> np.ndarray:
        """Id in ``other`` of each of our tokens, -1 for those it has not: int64 (V,)."""
        theirs = np.full(self.rows, -1)
        ids = other.tokenizer.get_vocab()
        for token, id in self.tokenizer.get_vocab().items():
            theirs[id] = ids.get(token, -1)
        return theirs

    @property
    def unknown(self) -> int | None:
        """Id of what has no token."""
        return self._subwords.unknown

    def _always(self) -> set[int]:
        configured = {getattr(self._config, name, None) for name in _CONFIGURED}
        ids: set[int] = (set(self.tokenizer.get_vocab().values()) & configured) | self._subwords.always | self.special
        if self._config.model_type in ("roberta", "xlm-roberta"):
            ids |= set(range(self._config.pad_token_id))  # positions count from the padding id, which must not move
        return ids

    def _settings(self) -> dict[str, Any]:
        # The generic class reads tokenizer.json as it is; a family's own would rebuild parts with its defaults.
        roles = {role: str(token) for role, token in self._loaded.special_tokens_map.items() if isinstance(token, str)}
        same = ("model_max_length", "model_input_names", "padding_side", "truncation_side")
        return {
            "tokenizer_class": "PreTrainedTokenizerFast",
            **{name: getattr(self._loaded, name) for name in same},
            **roles,
        }


def check_free(out: Path) -> None:
    """Refuse to write an encoder over another, or into what is no folder.

    Raises:
        UsageError: the folder holds an encoder, or is a file.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"Expected a folder, but {out} is a file.", "Choose another one.")
    if (out / "config.json").exists():
        raise UsageError(
            f"Expected a folder without an encoder, but {out} has a config.json.",
            "Choose another folder or delete this one.",
        )


def stored(folder: Path) -> tuple[int, int]:
    """Parameters in an encoder's own weights, and the bytes of their files."""
    parameters = sum(int(np.prod(shape)) for name, shape in _shapes(folder) if not name.endswith("position_ids"))
    return parameters, sum(path.stat().st_size for path in sources.weight_files(folder))


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts in lists that the tokenizer cuts on all cores and that bound memory."""
    stream = iter(texts)
    while batch := list(islice(stream, ENCODE_AT_ONCE)):
        yield batch


def _load(folder: Path) -> tuple[Any, Any]:
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
        loaded = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # transformers meets a file that is none with errors of any kind
        raise DataError(
            f"{folder} holds no encoder that can be loaded without its own code: {error}",
            "Use a family that transformers has built in, saved whole with save_pretrained.",
        ) from error
    if config.model_type not in FAMILIES:
        raise DataError(
            f"Expected an encoder of the family {', '.join(FAMILIES)}; got {config.model_type}.",
            "Which of another family's weights have a row a token is not known here.",
        )
    if not loaded.is_fast:
        raise DataError(
            f"Expected a fast tokenizer in {folder} (tokenizer.json), got {type(loaded).__name__}.",
            "Convert it: AutoTokenizer.from_pretrained(folder, use_fast=True).save_pretrained(folder).",
        )
    return config, loaded


def _shapes(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """Name and shape of every weight; nothing but headers is read."""
    for path in sources.weight_files(folder):
        try:
            with safe_open(path, framework="pt") as file:
                yield from ((name, file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
        except SafetensorError as error:
            raise DataError(f"{path} holds no weights: {error}", "Copy or download it again.") from error


def _trimmed(folder: Path, kept: np.ndarray) -> dict[str, torch.Tensor]:
    """All weights; those with a row for each token without the other rows."""
    index = torch.from_numpy(kept)
    return {name: tensor[index] if name.endswith(_ROWS) else tensor for name, tensor in folders.weights(folder)}
