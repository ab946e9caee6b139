"""What bench_growth.py runs, each in a process of its own: work of one size, its seconds and its peak of memory.

python tests/benchmarks/growth_jobs.py NAME SIZE    prints MiB before, peak MiB and seconds
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import pyarrow as pa

from smallbert import runtime

Work = Callable[[], object]
SHORT = 0.5
"""Seconds; shorter work is repeated twice and the shortest counts."""


def embedding(rows: int, folder: Path) -> Work:
    """Extraction of so many short texts with a very small encoder: reading, tokenising, shards, the store."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    from smallbert.compress import embeddings
    from smallbert.models import encoder

    class Numbers:
        """A corpus made while it is read."""

        key, folder = f"numbers-{rows}", "numbers"

        def __init__(self) -> None:
            self.rows = rows

        def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
            for start in range(0, rows, 4096):
                numbers = [f"{n}" for n in range(start, min(start + 4096, rows))]
                values = {"title": [f"{n} " + " ".join(n * 2) for n in numbers], "id": numbers}
                blank = [""] * len(numbers)
                arrays = [pa.array(values.get(name, blank)) for name in columns]
                yield pa.RecordBatch.from_arrays(arrays, names=list(columns))

    raw = Tokenizer(models.WordLevel({"?": 0, **{str(n): n + 1 for n in range(10)}}, unk_token="?"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="?").save_pretrained(folder)
    small = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    transformers.BertModel(transformers.BertConfig(vocab_size=11, **small)).save_pretrained(folder)
    loaded = encoder.load(str(folder), max_tokens=32, device="cpu")
    loaded.encode(loaded.tokenize(["1 2 3"] * 64))

    def run() -> None:
        out = Path(tempfile.mkdtemp(dir=folder))
        with open(os.devnull, "w") as quiet:
            embeddings.extract(Numbers(), loaded, out / "store", progress=quiet)

    return run


def preparing(rows: int, folder: Path) -> Work:
    """Reading a CSV file of so many articles: checks, duplicates and near duplicates, splits, the prepared corpus."""
    from smallbert.corpus.prepare import prepare_source

    file, words = folder / "articles.csv", [f"word{n}" for n in range(2_000)]
    with file.open("w") as out:
        out.write("id,title,content\n")
        for start in range(0, rows, 4096):
            count = min(4096, rows - start)
            drawn = np.random.default_rng(start).integers(0, len(words), (count, 60))
            for row, places in enumerate(drawn):
                text = [words[place] for place in places]
                out.write(f"{start + row},{' '.join(text[:8])},{' '.join(text[8:])}\n")

    def run() -> None:
        stderr, sys.stderr = sys.stderr, open(os.devnull, "w")  # noqa: SIM115
        try:
            prepare_source(file, tempfile.mkdtemp(dir=folder))
        finally:
            sys.stderr = stderr

    return run


def components(rows: int, folder: Path, width: int = 768) -> Work:
    """PCA of so many vectors in one streaming pass: every floor, whatever the number of rows."""
    from smallbert.compress.linear import Pca
    from smallbert.compress.moments import Moments

    block = np.random.default_rng(0).standard_normal((8192, width), dtype=np.float32)

    def chunks() -> Iterator[np.ndarray]:
        for start in range(0, rows, len(block)):
            yield block[: min(len(block), rows - start)]

    def run() -> None:
        moments = Moments.of_chunks(chunks())
        Pca.fit(moments).fvu(moments)

    return run


def widths(width: int, folder: Path) -> Work:
    """The same for 50,000 vectors of so many numbers."""
    return components(50_000, folder, width)


def lengths(tokens: int, folder: Path) -> Work:
    """MiniLM over 64 texts of so many tokens each."""
    from smallbert.models import encoder

    loaded = encoder.load("minilm", max_tokens=512, device="cpu")
    rng = np.random.default_rng(0)
    ids = [rng.integers(1000, 20_000, tokens).astype(np.int32) for _ in range(64)]
    loaded.encode(ids)
    return lambda: loaded.encode(ids)


def hidden(width: int, folder: Path) -> Work:
    """An encoder of two layers of such a width over 64 texts of 128 tokens."""
    import torch

    from smallbert.models.families import read
    from smallbert.models.packed import PackedModel

    import transformers  # isort: skip

    small = {"num_hidden_layers": 2, "num_attention_heads": width // 32, "intermediate_size": 4 * width}
    model = transformers.BertModel(transformers.BertConfig(vocab_size=2000, hidden_size=width, **small))
    device = torch.device("cpu")
    forward = PackedModel(read(model, 2), "mean", runtime.dtype("auto", device), device)
    ids = torch.randint(0, 2000, (16 * 128,), generator=torch.Generator().manual_seed(0))

    def run() -> None:
        with torch.inference_mode():
            for _ in range(4):
                forward(ids, [(128, 16)])

    run()
    return run


def cells(count: int, folder: Path) -> Work:
    """A grid of so many small autoencoders."""
    from smallbert.compress.autoencoder import Architecture
    from smallbert.compress.cells import Cell, GridData
    from smallbert.compress.grid import train
    from smallbert.compress.training import Training

    matrix = np.random.default_rng(0).standard_normal((3072, 256), dtype=np.float32)
    data = GridData(matrix[:2048], matrix[2048:2560], matrix[2560:])
    grid = [Cell(Architecture(256, 32, (128,)), Training(1e-3, 5, batch_size=256), seed) for seed in range(count)]
    train(grid[:2], data, device="cpu", progress=False)
    return lambda: train(grid, data, device="cpu", progress=False)


JOBS: dict[str, Callable[[int, Path], Work]] = {
    one.__name__: one for one in (embedding, preparing, components, widths, lengths, hidden, cells)
}


def main() -> None:
    name, size = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        work = JOBS[name](size, Path(folder))
        before, seconds = memory(reset=True), []
        while not seconds or (seconds[0] < SHORT and len(seconds) < 3):
            began = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - began)
        print(before, memory(), min(seconds))


def memory(*, reset: bool = False) -> float:
    """Peak of this process's resident memory, MiB; ``reset``: from here on, so that preparation does not count.

    ``getrusage`` would not do: its peak outlives exec, so a child starts with that of the process that started it.
    """
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
