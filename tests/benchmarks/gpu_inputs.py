"""The text of the GPU check: a corpus of one's own or the generated world, and its tokens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import torch
import transformers
from gpu_tools import Check

from smallbert.corpus import world
from smallbert.corpus.prepare import prepare_source
from smallbert.corpus.text import text
from smallbert.models.tokens import TokenStore

VOCABULARY = 30_000
"""Tokens of the vocabulary that is trained on the texts, at most."""


def articles(check: Check) -> list[str]:
    """Texts of articles, drawn at random: real ones where a corpus is given."""
    rows = check.size(12_000, 240)

    def batches() -> Iterator[pa.RecordBatch]:
        if check.corpus is None:
            return world.stream(rows, seed=0)
        corpus = prepare_source(check.corpus, check.scratch / "corpora", rows=rows)
        return corpus.batches(["title", "content"])

    found = [one for batch in batches() for one in text(batch)]
    source = "the generated world" if check.corpus is None else check.corpus.name
    check.record["texts"] = {"source": source, "texts": len(found)}
    print(f"{len(found):,} texts of {source}", flush=True)
    return found


def tokens(check: Check, texts: list[str]) -> TokenStore:
    """A vocabulary trained on the texts, and their token ids."""
    return TokenStore.build(texts, check.size(VOCABULARY, 300), check.scratch / "tokens", data_key="gpu check")


def random_bert(folder: Path, tokenizer: Path, **sizes: int) -> str:
    """A BERT of random weights from a fixed seed, saved with a tokenizer; its speeds mean something, no more."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.BertModel(transformers.BertConfig(**sizes)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((tokenizer / name).read_bytes())
    return str(folder)
