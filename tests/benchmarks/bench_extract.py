"""Embedding texts: MiniLM beside its peers, an encoder of BERT-base's shape, and where the time goes.

    python tests/benchmarks/bench_extract.py             250 texts of mixed length, 5 rounds, all peers
    python tests/benchmarks/bench_extract.py --texts 2000 --few    sentence-transformers' default alone
    python tests/benchmarks/bench_extract.py --profile   where the time goes, alone
    python tests/benchmarks/bench_extract.py --quick     60 texts, 1 round: to see that it runs

Texts are those of texts.py; MiniLM's own limit of 256 tokens holds for all. Timings include tokenisation and pooling.
Useful work counts real tokens only, so that padding shows as a lower share of the limit.
"""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import machine
import numpy as np
import parts
import peers
import torch
import transformers
from compare import Variant, compare
from texts import news, reading

from smallbert import runtime
from smallbert.compress import quantize
from smallbert.models import encoder, sources
from smallbert.models.sizes import from_config

MAX_TOKENS = 256
BASE_TEXTS = 48
PRECISIONS = ("fp32", "bf16")


def vectors_of(variants: dict[str, tuple[peers.Encode, str]], texts: list[str], rounds: int, name: str, folder: str):
    """The comparison ``name`` over texts; the first variant is the peer, and all vectors are held against its own."""
    found: dict[str, np.ndarray] = {}

    def remember(key: str, encode: peers.Encode) -> Variant:
        return Variant(lambda: found.__setitem__(key, encode(texts)), variants[key][1])

    def checks() -> dict[str, dict[str, float]]:
        first = next(iter(found.values()))
        return {key: {"1 - cosine, worst": float(1 - _cosines(one, first).min())} for key, one in found.items()}

    own = encoder.load(folder, max_tokens=MAX_TOKENS, device="cpu", precision="fp32")
    lengths = np.array([len(ids) for ids in own.tokenize(texts)])
    sizes = from_config(transformers.AutoConfig.from_pretrained(sources.find(folder)))
    return compare(
        name,
        {key: remember(key, one) for key, (one, _) in variants.items()},
        amount=float(lengths.sum()),
        unit="tokens",
        rounds=rounds,
        gflop=reading(sizes, lengths),
        checks=checks,
    ) | {"texts": len(texts)}


def ours(folder: str) -> dict[str, tuple[peers.Encode, str]]:
    """Our encoder in both number formats."""

    def reader(precision: str) -> peers.Encode:
        loaded = encoder.load(folder, max_tokens=MAX_TOKENS, precision=precision, device="cpu")
        return lambda texts: loaded.encode(loaded.tokenize(texts))

    return {f"smallbert {one}": (reader(one), one) for one in PRECISIONS}


def minilm(texts: list[str], rounds: int, few: bool) -> dict[str, Any]:
    """MiniLM's real weights beside every peer that is installed."""
    folder = str(sources.find("minilm"))
    default = peers.sentence_transformers(folder, MAX_TOKENS)
    variants: dict[str, tuple[peers.Encode, str]] = {"sentence-transformers": (default, "fp32"), **ours("minilm")}
    if quantize.integer_units():
        integers = quantize.dynamic("minilm", max_tokens=MAX_TOKENS)
        variants["smallbert int8"] = (lambda texts: integers.encode(integers.tokenize(texts)), "int8")
    if not few:
        sample = texts[:: max(1, len(texts) // 128)]
        batch = min(
            (8, 16, 64, 128),
            key=lambda size: _seconds(peers.sentence_transformers(folder, MAX_TOKENS, batch=size), sample),
        )
        variants[f"sentence-transformers, batch {batch}"] = (
            peers.sentence_transformers(folder, MAX_TOKENS, batch=batch),
            "fp32",
        )
        variants["sentence-transformers bf16"] = (
            peers.sentence_transformers(folder, MAX_TOKENS, torch.bfloat16),
            "bf16",
        )
        variants["transformers pipeline"] = (peers.pipeline(folder, MAX_TOKENS), "fp32")
        tokenizer = encoder.load("minilm", max_tokens=MAX_TOKENS, precision="fp32", device="cpu")
        variants |= peers.graphs("minilm", tokenizer.tokenize)
    name = f"Extraction, MiniLM, {len(texts):,} texts" if few else "Extraction, MiniLM"
    return vectors_of(variants, texts, rounds, name, "minilm")


def base(texts: list[str], rounds: int) -> dict[str, Any]:
    """BERT-base's shape (12 x 768) with random weights: its speeds mean something, its vectors do not.

    The vocabulary is MiniLM's; that of mBERT is four times as large, but words are only looked up.
    """
    with tempfile.TemporaryDirectory() as place:
        torch.manual_seed(0)
        folder = str(Path(place) / "base")
        transformers.AutoTokenizer.from_pretrained(sources.find("minilm")).save_pretrained(folder)
        transformers.BertModel(transformers.BertConfig()).save_pretrained(folder)
        variants = {"sentence-transformers": (peers.sentence_transformers(folder, MAX_TOKENS), "fp32"), **ours(folder)}
        return vectors_of(variants, texts, rounds, "Extraction, shape of BERT-base", folder)


def profile(texts: list[str], precisions: Sequence[runtime.Precision] = PRECISIONS) -> list[dict[str, Any]]:
    """Where the time of MiniLM goes, in these number formats and, where the processor has units for it, in int8."""
    sizes = from_config(transformers.AutoConfig.from_pretrained(sources.find("minilm")))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        limits, rows = machine.best_limits(), []
        for precision in precisions:
            loaded = encoder.load("minilm", max_tokens=MAX_TOKENS, precision=precision, device="cpu")
            rows += parts.of(loaded, texts, sizes, limits[f"{precision}_gflops"])
        if quantize.integer_units():
            loaded = quantize.dynamic("minilm", max_tokens=MAX_TOKENS)
            rows += parts.of(loaded, texts, sizes, limits["int8_gflops"])
    finally:
        torch.set_num_threads(before)
    return rows


def _seconds(encode: peers.Encode, texts: list[str]) -> float:
    encode(texts)
    began = time.perf_counter()
    encode(texts)
    return time.perf_counter() - began


def _cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def main() -> None:
    parser = machine.arguments(__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=250, help="texts a variant and round (default 250)")
    parser.add_argument("--few", action="store_true", help="beside sentence-transformers' default alone")
    parser.add_argument("--profile", action="store_true", help="print where the time goes, and nothing else")
    options = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    texts, rounds = news(60 if options.quick else options.texts), machine.rounds(options)
    if options.profile:
        parts.show(profile(texts[:200]))
        return
    found = [minilm(texts, rounds, options.few)]
    if not options.few:
        found.append(base(texts[: 8 if options.quick else BASE_TEXTS], rounds))
    best = machine.best_of(one["limits"] for one in found)
    name = "extract-few" if options.few else "extract"
    machine.save(name, options.out, best, comparisons=found)


if __name__ == "__main__":
    main()
