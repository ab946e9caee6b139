"""A small real corpus, a small real encoder, and the store that one process makes of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import transformers
from tokenizers import pre_tokenizers

from smallbert.compress.embeddings import extract
from smallbert.corpus import world
from smallbert.corpus.prepare import prepare
from smallbert.corpus.prepared import Corpus
from smallbert.models import encoder as encoders

ROWS, SHARD_ROWS = 1200, 50


def contents(folder: Path) -> dict[str, str]:
    """Every file of a folder that is no lock: name -> sha256."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith(".lock")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="session")
def scale() -> SimpleNamespace:
    """Sizes, and how folders are compared."""
    return SimpleNamespace(ROWS=ROWS, SHARD_ROWS=SHARD_ROWS, contents=contents)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Corpus:
    """Articles of the generated world."""
    return prepare(world.stream(ROWS, 0), tmp_path_factory.mktemp("scale") / "corpus", near_duplicates=False)


@pytest.fixture(scope="session")
def settings(tmp_path_factory, tokenizer_of) -> dict[str, object]:
    """Arguments that load an encoder of letters."""
    folder = tmp_path_factory.mktemp("encoder")
    letters = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(chr(code) for code in range(97, 123))]
    tokenizer_of(letters, split=pre_tokenizers.Split("", "isolated")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(letters), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.BertModel(config).save_pretrained(folder)
    return {"name": str(folder), "max_tokens": 64, "precision": "fp32", "device": "cpu"}


@pytest.fixture(scope="session")
def whole(corpus, settings, tmp_path_factory) -> Path:
    """The store of one process."""
    folder = tmp_path_factory.mktemp("whole")
    extract(corpus, encoders.load(**settings), folder, shard_rows=SHARD_ROWS)
    return folder
