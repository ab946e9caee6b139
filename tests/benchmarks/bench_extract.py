"""Embedding texts against sentence-transformers' ``encode``, and memory against the number of rows.

    python tests/benchmarks/bench_extract.py            4,000 texts of mixed length, 5 rounds
    python tests/benchmarks/bench_extract.py --quick    400 texts, 2 rounds: to see that it runs
    python tests/benchmarks/bench_extract.py --memory   peak memory at 10k, 100k and 1M rows

Texts are English news (``$SMALLBERT_SHARED_DATA``, else ../shared/data; generated words where absent), cut
to lengths drawn from a lognormal law between 20 and 400 tokens, and MiniLM's own limit of 256 tokens holds
for both sides. Timings include tokenisation and pooling. Work is counted on real tokens only: two per
weight of the linear layers and token, and 4 L^2 d per layer for attention.
"""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

import subprocess
import sys
import tempfile
from pathlib import Path

import machine
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from smallbert import paths, runtime

MAX_TOKENS = 256
MEMORY_ROWS = (10_000, 100_000, 1_000_000)


def news(count: int) -> list[str]:
    """Texts of mixed length, the same ones every time."""
    rng = np.random.default_rng(20261120)
    file = Path(os.environ.get("SMALLBERT_SHARED_DATA", paths.root().parent / "shared" / "data"))
    file = file / "news" / "english.parquet"
    if file.exists():
        table = pq.read_table(file, columns=["title", "content"])
        rows = table.take(rng.choice(table.num_rows, size=2 * count, replace=False))
        pairs = zip(rows["title"].to_pylist(), rows["content"].to_pylist(), strict=True)
        long = [f"{title}\n{content}" for title, content in pairs]
        words = [f"{one} {other}".split() for one, other in zip(long[::2], long[1::2], strict=True)]
    else:
        vocabulary = ["news", "of", "the", "river", "trade", "minister", "weather", "in", "school", "match"]
        words = [rng.choice(vocabulary, size=400).tolist() for _ in range(count)]
    lengths = np.clip(rng.lognormal(np.log(97), 0.65, size=count), 20, 400) / 1.3  # 1.3 tokens a word
    return [" ".join(text[: int(length)]) for text, length in zip(words, lengths, strict=True)]


def work(lengths: np.ndarray, layers: int, width: int) -> float:
    """Useful floating-point operations of a BERT forward."""
    return float(layers * (24 * width**2 * lengths.sum() + 4 * width * (lengths.astype(float) ** 2).sum()))


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def speed(count: int, rounds: int, out: Path) -> None:
    from sentence_transformers import SentenceTransformer

    from smallbert.models import encoder, sources

    texts, limits = news(count), machine.limits()
    peer = SentenceTransformer(str(sources.find("minilm")), device="cpu")
    ours = {p: encoder.load("minilm", max_tokens=MAX_TOKENS, precision=p, device="cpu") for p in ("fp32", "bf16")}
    results = {}

    def run(precision: str) -> None:
        results[precision] = ours[precision].encode(ours[precision].tokenize(texts))

    def run_peer() -> None:
        results["peer"] = peer.encode(texts, show_progress_bar=False)

    timings = machine.side_by_side(
        {"sentence-transformers": run_peer, "exact (fp32)": lambda: run("fp32"), "fast (bf16)": lambda: run("bf16")},
        rounds=rounds,
    )
    limits = machine.best_of(limits, machine.limits())
    print(machine.describe(limits))
    lengths = np.array([len(ids) for ids in ours["fp32"].tokenize(texts)])
    flops, rows, record = work(lengths, 6, 384), [], {"texts": len(texts), "tokens": int(lengths.sum())}
    for (name, timing), key in zip(timings.items(), ("peer", "fp32", "bf16"), strict=True):
        limit = limits["bf16_gflops" if key == "bf16" else "fp32_gflops"]
        similar = cosines(results[key], results["peer"])
        row = {
            "variant": name,
            "texts/s": len(texts) / timing.median,
            "tokens/s": lengths.sum() / timing.median,
            "GFLOP/s": flops / timing.median / 1e9,
            "of the limit": flops / timing.median / 1e9 / limit,
            "ratio": timing.ratio,
            "1 - cosine, worst": float(1 - similar.min()),
            "others' cores": float(np.median(timing.others)),
        }
        rows.append(row)
        record[name] = {**row, **timing.record()}
    machine.show(f"{len(texts):,} texts, {lengths.sum():,} tokens, {rounds} rounds, MiniLM", rows)
    print("written:", machine.save("extract", out, record, limits))


def memory(out: Path, quick: bool) -> None:
    """Peak memory of whole runs, one process each, at growing numbers of rows."""
    rows = []
    for count in MEMORY_ROWS[:2] if quick else MEMORY_ROWS:
        output = subprocess.run([sys.executable, __file__, "--one", str(count)], check=True, capture_output=True)
        before, peak, seconds = map(float, output.stdout.split())
        rows.append({"rows": count, "before MiB": before, "peak MiB": peak, "seconds": seconds})
        print(rows[-1], flush=True)
    machine.show("Peak resident memory of an extraction (tiny model, 12 words a text)", rows)
    print("written:", machine.save("extract-memory", out, {"rows": rows}, machine.limits()))


def one(count: int) -> None:
    """Embed ``count`` short texts with a tiny model; print MiB before, peak MiB and seconds."""
    import time

    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    from smallbert.compress import embeddings
    from smallbert.models import encoder

    class Numbers:
        """A corpus made while it is read."""

        rows, key, folder = count, f"numbers-{count}", "numbers"

        def batches(self, columns):
            for start in range(0, count, 4096):
                numbers = [f"{n}" for n in range(start, min(start + 4096, count))]
                titles = [f"{n} " + " ".join(n * 2) for n in numbers]
                values = {"title": titles, "id": numbers}
                blank = [""] * len(numbers)
                arrays = [pa.array(values.get(name, blank)) for name in columns]
                yield pa.RecordBatch.from_arrays(arrays, names=list(columns))

    with tempfile.TemporaryDirectory() as folder:
        raw = Tokenizer(models.WordLevel({"?": 0, **{str(n): n + 1 for n in range(10)}}, unk_token="?"))
        raw.pre_tokenizer = pre_tokenizers.Whitespace()
        transformers.PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="?").save_pretrained(folder)
        config = transformers.BertConfig(
            vocab_size=11, hidden_size=64, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
        )
        transformers.BertModel(config).save_pretrained(folder)
        loaded = encoder.load(folder, max_tokens=32, device="cpu")
        loaded.encode(loaded.tokenize(["1 2 3"] * 64))
        before, start = runtime.peak_memory_bytes(), time.perf_counter()
        with open(os.devnull, "w") as quiet:
            embeddings.extract(Numbers(), loaded, Path(folder) / "store", progress=quiet)
        print(before / 2**20, runtime.peak_memory_bytes() / 2**20, time.perf_counter() - start)


def main() -> None:
    parser = machine.arguments(__doc__.splitlines()[0])
    parser.add_argument("--memory", action="store_true", help="measure memory against rows instead of speed")
    parser.add_argument("--one", type=int, help="one memory run (used by --memory)")
    parser.add_argument("--texts", type=int, default=4000, help="texts a variant and round (default 4000)")
    options = parser.parse_args()
    if options.one:
        one(options.one)
    elif options.memory:
        memory(options.out, options.quick)
    else:
        speed(400 if options.quick else options.texts, 2 if options.quick else options.rounds, options.out)


if __name__ == "__main__":
    main()
