"""Texts to vectors on a GPU, beside sentence-transformers in the same number format."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import transformers
from compare import Variant
from gpu_inputs import random_bert
from gpu_tools import Check
from texts import reading

from smallbert.errors import MachineError
from smallbert.models import encoder, presets, sources
from smallbert.models import tokenizer as wordpiece
from smallbert.models.attention import Groups, attend
from smallbert.models.encoder import TOKENS_PER_BATCH
from smallbert.models.packed import plan
from smallbert.models.sizes import from_config
from smallbert.models.tokens import TokenStore

MAX_TOKENS = 256
MULTILINGUAL = "google-bert/bert-base-multilingual-cased"
LARGE_BATCH = 256
"""Texts a batch of sentence-transformers, beside its default of 32: a GPU wants to be filled."""

BASE, MINILM = "Extraction, shape of BERT-base, on a GPU", "Extraction, MiniLM, on a GPU"
PEER, OURS = "sentence-transformers bf16", "smallbert bf16"


def measure(check: Check, texts: list[str], store: TokenStore) -> None:
    """BERT-base's shape with mBERT's vocabulary, MiniLM, and what attention over mixed lengths costs."""
    texts = texts[: check.size(8_000, 48)]
    for name, folder in ((BASE, partial(_base, check, store)), (MINILM, partial(_minilm, check, store))):
        check.attempt(name, lambda name=name, folder=folder: _beside_peers(check, name, folder(), texts))
    if check.device.type == "cuda":
        check.attempt("attention", lambda: _attention(check, texts, store))


def _base(check: Check, store: TokenStore) -> str:
    wide = presets.PRESETS[MULTILINGUAL]
    return random_bert(
        check.scratch / "base",
        store.folder,
        vocab_size=check.size(wide.vocabulary, store.vocabulary_size),
        hidden_size=check.size(wide.hidden, 32),
        num_hidden_layers=check.size(wide.layers, 2),
        num_attention_heads=check.size(wide.heads, 2),
        intermediate_size=check.size(wide.intermediate, 64),
    )


def _minilm(check: Check, store: TokenStore) -> str:
    """The package's weights; where it is missing, its shape: as fast, and said so."""
    if check.quick:
        return str(check.scratch / "base")
    try:
        return str(sources.find("minilm"))
    except MachineError:
        print("MiniLM's package is not installed: random weights in its shape.", flush=True)
        check.record["minilm"] = "random weights"
        shape = presets.sizes("minilm")
        return random_bert(
            check.scratch / "minilm", store.folder, vocab_size=shape.vocabulary, hidden_size=shape.hidden,
            num_hidden_layers=shape.layers, num_attention_heads=shape.heads, intermediate_size=shape.intermediate,
        )  # fmt: skip


def _beside_peers(check: Check, name: str, folder: str, texts: list[str]) -> None:
    own = encoder.load(folder, max_tokens=MAX_TOKENS, precision="bf16", device=check.device.type)
    ids = own.tokenize(texts)
    lengths = np.array([len(one) for one in ids])
    readers: dict[str, Callable[[], np.ndarray]] = {}
    peer = check.attempt(f"{name}: {PEER}", lambda: _sentence_transformers(check, folder))
    if peer:
        readers[PEER] = partial(peer, texts)
        readers[f"{PEER}, batch {LARGE_BATCH}"] = partial(peer, texts, batch_size=LARGE_BATCH)
    else:  # not installed, perhaps; the ratio to it then counts as not measured
        readers["transformers loop bf16"] = _padded_loop(check, folder, texts)
    readers[OURS] = lambda: own.encode(own.tokenize(texts))
    found: dict[str, np.ndarray] = {}

    def remember(key: str) -> Variant:
        return Variant(lambda: found.__setitem__(key, readers[key]()), "bf16")

    def checks() -> dict[str, dict[str, float]]:
        first = next(iter(found.values()))
        return {key: {"1 - cosine, worst": float(1 - _cosines(one, first).min())} for key, one in found.items()}

    sizes = from_config(transformers.AutoConfig.from_pretrained(folder))
    check.compare(
        name,
        {key: remember(key) for key in readers},
        amount=float(lengths.sum()),
        unit="tokens",
        gflop=reading(sizes, lengths),
        checks=checks,
        texts=len(texts),
    )
    check.compare(
        f"{name}, tokens given",
        {OURS: Variant(lambda: own.encode(ids), "bf16")},
        amount=float(lengths.sum()),
        unit="tokens",
        gflop=reading(sizes, lengths),
        texts=len(texts),
    )


def _sentence_transformers(check: Check, folder: str) -> Callable[..., np.ndarray]:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device=check.device.type, model_kwargs={"dtype": torch.bfloat16})
    model.max_seq_length = MAX_TOKENS
    return partial(model.encode, show_progress_bar=False)


def _padded_loop(check: Check, folder: str, texts: list[str]) -> Callable[[], np.ndarray]:
    """What sentence-transformers does: batches of 32 in order of characters, padded, the mean over real tokens."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.bfloat16).to(check.device).eval()
    order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))

    @torch.inference_mode()
    def run() -> np.ndarray:
        vectors = np.empty((len(texts), model.config.hidden_size), np.float32)
        for start in range(0, len(order), 32):
            rows = order[start : start + 32]
            batch = tokenizer(
                [texts[row] for row in rows], padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
            ).to(check.device)
            states = model(**batch).last_hidden_state.float()
            mask = batch["attention_mask"].unsqueeze(2).float()
            vectors[rows] = ((states * mask).sum(1) / mask.sum(1)).cpu().numpy()
        return vectors

    return run


def _attention(check: Check, texts: list[str], store: TokenStore) -> None:
    """Our one call a length beside torch's kernel for many lengths at once.

    Over a batch from the middle of many texts, which has few lengths, and over the one batch of a small corpus, which
    has most of them.
    """
    from torch.nn.attention.varlen import varlen_attn

    cuts = wordpiece.load(store.folder)
    lengths = np.array([min(len(one.ids), MAX_TOKENS) for one in cuts.encode_batch_fast(texts)])
    budget, wide = TOKENS_PER_BATCH["cuda"], presets.PRESETS[MULTILINGUAL]
    few, many = plan(lengths, budget), plan(lengths[: int(0.9 * budget / lengths.mean())], budget)
    generator = torch.Generator(check.device).manual_seed(0)
    for name, batch in (("few", few[len(few) // 2]), ("many", many[0])):
        each = [length for length, count in batch.groups for _ in range(count)]
        ends = torch.tensor([0, *np.cumsum(each)], dtype=torch.int32, device=check.device)
        qkv = torch.randn(batch.tokens, 3 * wide.hidden, generator=generator, device=check.device).bfloat16()
        split: Any = qkv.view(-1, 3, wide.heads, wide.hidden // wide.heads).unbind(1)

        def kernel(split: Any = split, ends: torch.Tensor = ends, longest: int = max(each)) -> None:
            varlen_attn(*split, ends, ends, longest, longest)

        def own(qkv: torch.Tensor = qkv, groups: Groups = batch.groups) -> None:
            attend(qkv, groups, wide.heads)

        check.compare(
            f"Attention, a batch of {name} lengths, on a GPU",
            {
                "torch varlen_attn": Variant(kernel, "bf16"),
                "smallbert, one call a length": Variant(own, "bf16"),
            },
            amount=float(batch.tokens),
            unit="tokens",
            gflop=1e-9 * sum(4 * length**2 * wide.hidden for length in each),
            lengths=len(batch.groups),
        )


def _cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
