"""Fixtures every test may use: offline by force, figures closed, the real data where it is."""

import os

# Before any import of a Hugging Face library: no test may reach a network.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("MPLBACKEND", "agg")
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    # And before torch and OpenBLAS are loaded: threads beyond a worker's share of the cores wait for each other, which
    # makes small products ten times slower.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // int(workers))))

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from smallbert import paths


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, the whole report before all: a long file that starts last leaves cores idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, item.path.parent != Path(__file__).parent))


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data (``$SMALLBERT_SHARED_DATA``, else ``../shared/data``); skips where absent."""
    folder = Path(os.environ.get("SMALLBERT_SHARED_DATA", paths.root().parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set SMALLBERT_SHARED_DATA to use a copy")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a named seed."""
    return np.random.default_rng(20261120)


@pytest.fixture(scope="session")
def tokenizer_of() -> Callable[..., Any]:
    """Makes a tokenizer of a list of tokens that begins with [PAD], [UNK], [CLS], [SEP] and, where it has one, [MASK].

    ``pieces`` of words are found as WordPiece does, else words are known whole; ``split`` finds the words, at blanks
    and marks if nothing is said.
    """
    from transformers import PreTrainedTokenizerFast  # seconds, which most tests need not wait

    def make(tokens: Sequence[str], *, pieces: bool = False, split: pre_tokenizers.PreTokenizer | None = None) -> Any:
        kind = models.WordPiece if pieces else models.WordLevel
        raw = Tokenizer(kind({token: place for place, token in enumerate(tokens)}, unk_token="[UNK]"))
        raw.pre_tokenizer = split or pre_tokenizers.Whitespace()
        raw.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        roles = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
        known = [role for role, token in zip(roles, tokens, strict=False) if token.startswith("[")]
        return PreTrainedTokenizerFast(tokenizer_object=raw, **dict(zip(known, tokens, strict=False)))

    return make
