"""A small set of vectors with a known spectrum, the bench that trains on it, and a tiny teacher with its texts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

from smallbert.studies.bench import Bench
from smallbert.studies.matrices import Matrices

WIDTH = 12


@pytest.fixture(scope="session")
def vectors() -> Matrices:
    """Vectors with a falling spectrum and a large mean, labelled by topic and with translations known."""
    rng = np.random.default_rng(5)
    rotation = np.linalg.qr(rng.standard_normal((WIDTH, WIDTH)))[0]
    scale = 0.7 ** np.arange(WIDTH)

    def split(rows: int) -> np.ndarray:
        return ((rng.standard_normal((rows, WIDTH)) * scale) @ rotation + 2.0).astype(np.float32)

    def known(rows: int) -> pd.DataFrame:
        events = np.arange(rows) // 2
        return pd.DataFrame(
            {
                "lang": np.where(np.arange(rows) % 2, "ko", "en"),
                "topic": np.where(events % 3 == 0, "sport", "law"),
                "group": [f"event-{event}" for event in events],
            }
        )

    sizes = {"train": 600, "validation": 100, "test": 200}
    return Matrices(
        **{name: split(n) for name, n in sizes.items()}, rows={n: known(k) for n, k in sizes.items()}, key="t"
    )


@pytest.fixture(scope="session")
def bench(vectors, tmp_path_factory) -> Bench:
    return Bench(vectors, tmp_path_factory.mktemp("grid"), device="cpu", batch_size=64, jobs=1)


@pytest.fixture(scope="session")
def predicting_teacher(tmp_path_factory) -> Path:
    """Folder of a tiny teacher of 4 layers that predicts words of one syllable, every weight moved from its start."""
    words = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    folder = tmp_path_factory.mktemp("teacher")
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = transformers.BertForMaskedLM(
            transformers.BertConfig(
                vocab_size=5 + len(words), hidden_size=32, num_hidden_layers=4, num_attention_heads=4,
                intermediate_size=64, max_position_embeddings=40,
            )
        )  # fmt: skip
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.15 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = transformers.BertTokenizerFast(vocab={word: i for i, word in enumerate([*special, *words])})
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def syllables() -> list[str]:
    """Texts of 4 to 30 syllables that the teacher reads."""
    rng = np.random.default_rng(11)
    words = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    return [" ".join(rng.choice(words, rng.integers(4, 31))) for _ in range(24)]
