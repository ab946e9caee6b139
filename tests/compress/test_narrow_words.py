"""A word table in two factors: numpy's best approximation, smaller files, the same encoder made of them again."""

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from smallbert.compress import narrow_words
from smallbert.errors import DataError, UsageError

V, H, R = 40, 8, 3
TABLE = "embeddings.word_embeddings.weight"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny random BERT."""
    place = tmp_path_factory.mktemp("bert")
    with torch.random.fork_rng():
        torch.manual_seed(2)
        config = transformers.BertConfig(
            vocab_size=V, hidden_size=H, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
        )
        transformers.BertModel(config, add_pooling_layer=False).save_pretrained(place)
    return place


def test_the_product_is_the_best_of_its_rank(folder, tmp_path):
    narrow_words.restore(narrow_words.write(folder, tmp_path / "stored", R), tmp_path / "out")
    before, after = (load_file(one / "model.safetensors") for one in (folder, tmp_path / "out"))
    left, values, right = np.linalg.svd(before[TABLE].double().numpy(), full_matrices=False)
    np.testing.assert_allclose(after[TABLE].numpy(), (left[:, :R] * values[:R]) @ right[:R], atol=1e-6)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before if name != TABLE)
    assert transformers.BertModel.from_pretrained(tmp_path / "out").config.vocab_size == V


def test_frequencies_weigh_the_rows(folder, tmp_path):
    counts = np.random.default_rng(0).integers(0, 50, size=V)
    narrow_words.restore(narrow_words.write(folder, tmp_path / "stored", R, counts), tmp_path / "out")
    before, after = (load_file(one / "model.safetensors")[TABLE].double().numpy() for one in (folder, tmp_path / "out"))
    scales = np.sqrt(counts + 1.0)[:, None]
    left, values, right = np.linalg.svd(scales * before, full_matrices=False)
    np.testing.assert_allclose(after, (left[:, :R] * values[:R]) @ right[:R] / scales, atol=1e-6)


def test_factors_take_less_room(folder, tmp_path):
    narrow_words.write(folder, tmp_path, R)
    saved = (folder / "model.safetensors").stat().st_size - (tmp_path / narrow_words.WEIGHTS).stat().st_size
    assert saved == pytest.approx(4 * (V * H - R * (V + H)), abs=200)  # headers differ by a few names
    with pytest.raises(UsageError, match=r"below 6\.7, from which factors of 40 x 8 save nothing, got 7"):
        narrow_words.write(folder, tmp_path / "more", 7)


def test_what_is_no_such_encoder_is_refused(folder, tmp_path):
    with pytest.raises(DataError, match=r"Expected weights narrow_words\.safetensors"):
        narrow_words.restore(folder, tmp_path / "out")
    (tmp_path / "other").mkdir()
    save_file({"weight": torch.ones(2, 2)}, tmp_path / "other" / "model.safetensors")
    with pytest.raises(DataError, match="Expected one word table"):
        narrow_words.write(tmp_path / "other", tmp_path / "out", 1)
    save_file({"weight": torch.ones(2, 2)}, tmp_path / "other" / narrow_words.WEIGHTS)
    with pytest.raises(DataError, match="is not what was written"):
        narrow_words.restore(tmp_path / "other", tmp_path / "out")
