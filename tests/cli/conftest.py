"""A tiny encoder and tiny news for commands."""

import numpy as np
import pytest
import torch
import transformers

LETTERS = "abcdefghij"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture
def encoder(tmp_path, monkeypatch, tokenizer_of):
    """An encoder of width 8 that knows every word of two letters."""
    monkeypatch.setenv("SMALLBERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SMALLBERT_OUT", str(tmp_path / "out"))
    pairs = [first + second for first in LETTERS for second in LETTERS]
    names = [*SPECIAL, *pairs, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        config = transformers.BertConfig(
            vocab_size=len(names), max_position_embeddings=16, initializer_range=1.0, **sizes
        )
        transformers.BertModel(config).save_pretrained(tmp_path / "encoder")
    tokenizer_of(names, pieces=True).save_pretrained(tmp_path / "encoder")
    return tmp_path / "encoder"


@pytest.fixture
def news(tmp_path):
    """Articles of words out of twenty."""
    rng = np.random.default_rng(3)
    words = [first + second for first in LETTERS[:5] for second in LETTERS[:4]]
    rows = [f"{' '.join(rng.choice(words, 2))},{' '.join(rng.choice(words, 5))}" for _ in range(300)]
    path = tmp_path / "news.csv"
    path.write_text("title,content\n" + "\n".join(rows) + "\n")
    return path
