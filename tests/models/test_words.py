"""An encoder with another word table gives what transformers gives with that table, and the first stays as it was."""

import numpy as np
import pytest
import torch
import transformers

from smallbert.errors import UsageError
from smallbert.models import encoder as encoders
from smallbert.models.words import with_words, word_table

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(40))]
SIZE = {"vocab_size": len(WORDS), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
CONFIGS = {
    "bert": transformers.BertConfig(**SIZE, intermediate_size=64),
    "albert": transformers.AlbertConfig(**SIZE, intermediate_size=64, embedding_size=16),
    "electra": transformers.ElectraConfig(**SIZE, intermediate_size=64, embedding_size=16),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("encoders")
    for family, config in CONFIGS.items():
        with torch.random.fork_rng():
            torch.manual_seed(1)
            transformers.AutoModel.from_config(config).save_pretrained(base / family)
        transformers.BertTokenizerFast(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(base / family)
    return base


def load(folder):
    return encoders.load(str(folder), max_tokens=16, precision="fp32", device="cpu")


@pytest.mark.parametrize("family", ["bert", "albert"])
def test_equals_transformers_with_the_same_table(folders, family, rng):
    original = load(folders / family)
    ids = original.tokenize(["w1 w2 w3", "w7", "w3 w39 w11 w11"])
    before = original.encode(ids)
    table = word_table(original)
    assert table.shape == (len(WORDS), 16 if family == "albert" else 32)
    new = rng.standard_normal(table.shape)
    changed = with_words(original, new)
    model = transformers.AutoModel.from_pretrained(folders / family).eval()
    model.get_input_embeddings().weight.data = torch.from_numpy(new).float()
    with torch.inference_mode():
        expected = [model(input_ids=torch.tensor(text[None])).last_hidden_state[0].mean(0).numpy() for text in ids]
    np.testing.assert_allclose(changed.encode(ids), expected, atol=2e-5)
    np.testing.assert_array_equal(original.encode(ids), before)
    assert np.abs(changed.encode(ids) - before).max() > 0.01


def test_the_checksum_covers_the_new_table(folders):
    original = load(folders / "bert")
    table = word_table(original)
    one, same, other = (with_words(original, words) for words in (table, table.copy(), 2 * table))
    assert len({original.sha256, one.sha256, other.sha256}) == 3
    assert one.sha256 == same.sha256
    assert {**one.describe(), "sha256": ""} == {**original.describe(), "sha256": ""}


def test_what_cannot_be_exchanged_is_told(folders):
    original = load(folders / "bert")
    with pytest.raises(UsageError, match=r"table of shape \(45, 32\), got \(45, 31\)"):
        with_words(original, word_table(original)[:, :31])
    with pytest.raises(UsageError, match="Expected an encoder of the BERT family, got electra"):
        word_table(load(folders / "electra"))
