"""A teacher's tokenizer, renumbered so that packing and masking find the special tokens where they expect them.

:mod:`smallbert.models` puts [PAD], [UNK], [CLS], [SEP] and [MASK] first. A teacher from elsewhere has them elsewhere
(BERT's [MASK] is 103, XLM-R's 250,001), so tokens are renumbered on their way in, the rows of the teacher's vocabulary
with them, and a finished student's back on their way out. Nothing else changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer

from smallbert import storage
from smallbert.errors import DataError
from smallbert.models.tokenizer import SPECIAL_TOKENS, UNK

ROLES = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
"""What transformers calls the special tokens, in our order."""


class Encoded(NamedTuple):
    """Token ids of a text, special tokens included, in our numbers."""

    ids: np.ndarray


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Tokens of a teacher in our numbers; :func:`read` makes one.

    Args:
        tokenizer: the teacher's, without padding or truncation, blind to special tokens inside a text.
        theirs: their id of each of our ids, a permutation of 0, ..., V - 1; V is the rows of the teacher's embeddings.
        ours: the inverse.
    """

    tokenizer: Tokenizer
    theirs: np.ndarray
    ours: np.ndarray

    @property
    def sha256(self) -> str:
        """Checksum of the tokenizer and of the numbering."""
        return storage.digest({"tokenizer": self.to_str(), "theirs": self.theirs.tolist()}, length=64)

    def get_vocab_size(self) -> int:
        """V, ids that can occur."""
        return len(self.theirs)

    def encode_batch_fast(self, texts: list[str]) -> Iterator[Encoded]:
        """Token ids of each text, whole."""
        for encoding in self.tokenizer.encode_batch_fast(texts):
            ids = self.ours[encoding.ids]
            inner = ids[1:-1]
            inner[inner < len(SPECIAL_TOKENS)] = UNK  # SentencePiece has "<s>" among its ordinary pieces too
            yield Encoded(ids)

    def to_str(self) -> str:
        """The teacher's ``tokenizer.json``, in its own numbers."""
        return self.tokenizer.to_str()

    def rows_to_ours(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows of a vocabulary matrix, (V, ...), in our order."""
        return rows[torch.from_numpy(self.theirs)]

    def rows_to_theirs(self, rows: torch.Tensor) -> torch.Tensor:
        """The inverse of :meth:`rows_to_ours`."""
        return rows[torch.from_numpy(self.ours)]


def read(folder: Path, size: int) -> Vocabulary:
    """The vocabulary of the model in ``folder``.

    Args:
        folder: a Hugging Face folder with a fast tokenizer.
        size: V, rows of the model's embeddings; at least the tokenizer's.

    Raises:
        DataError: the tokenizer has no ``tokenizer.json``, lacks a special token or has one for two uses, does not set
            texts between [CLS] and [SEP], or knows more tokens than the model.
    """
    import transformers

    try:
        loaded = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # transformers meets a file that is none with errors of any kind
        raise DataError(
            f"{folder} holds no tokenizer that can be loaded without its own code: {error}",
            "Copy or download the whole folder again.",
        ) from error
    if not loaded.is_fast:
        raise DataError(
            f"Expected a fast tokenizer in {folder} (tokenizer.json), got {type(loaded).__name__}.",
            "Convert it: AutoTokenizer.from_pretrained(folder, use_fast=True).save_pretrained(folder).",
        )
    if missing := [role for role in ROLES if getattr(loaded, role) is None]:
        raise DataError(
            f"Expected the special tokens {', '.join(SPECIAL_TOKENS)} in the tokenizer of {folder}, "
            f"found no {missing[0]}.",
            "Distil an encoder of the BERT family.",
        )
    tokenizer = loaded.backend_tokenizer
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True  # a text that says "[MASK]" means six characters
    if tokenizer.get_vocab_size() > size:
        raise DataError(
            f"Expected at most {size} tokens in the tokenizer of {folder}, as many as the model has embeddings, "
            f"got {tokenizer.get_vocab_size()}.",
            "Copy tokenizer and model from the same place.",
        )
    special = [loaded.convert_tokens_to_ids(getattr(loaded, role)) for role in ROLES]
    ids = tokenizer.encode("a").ids
    if ids[0] != special[2] or ids[-1] != special[3]:
        raise DataError(
            f"Expected the tokenizer of {folder} to set a text between {loaded.cls_token} and {loaded.sep_token}, "
            f"got {tokenizer.encode('a').tokens}.",
            "Distil an encoder of the BERT family.",
        )
    if len(set(special)) < len(special):
        raise DataError(
            f"Expected a token of its own for each of {', '.join(SPECIAL_TOKENS)} in the tokenizer of {folder}, "
            f"got ids {special}.",
            "Distil an encoder of the BERT family.",
        )
    theirs = np.concatenate([special, np.setdiff1d(np.arange(size), special)])
    return Vocabulary(tokenizer, theirs, np.argsort(theirs))
