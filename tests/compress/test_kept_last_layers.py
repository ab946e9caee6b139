"""What makes an encoder smaller keeps the layers behind its pooling, and takes an index beside it for no weights."""

import shutil

import numpy as np
import pytest
import sentence_transformers
import torch
import transformers
from safetensors.torch import load_file, save_file

from smallbert.compress import dense, fewer_layers, folders, narrow_words, quantize
from smallbert.compress.vocabulary import Vocabulary, stored
from smallbert.errors import DataError
from smallbert.models import encoder, interchange
from smallbert.models.last_layer import Layer
from smallbert.storage import read_json, write_json

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [first + second for first in "abcdef" for second in "abcdef"]
NAMES = [*SPECIAL, *WORDS, *"abcdef", *(f"##{letter}" for letter in "abcdef")]
TEXTS = ["aa ab ba", "ca", "da ea aa bb", "aa aa aa aa"]
WIDTH = 3


@pytest.fixture(scope="module")
def plain(tmp_path_factory, tokenizer_of):
    """A tiny random BERT."""
    folder = tmp_path_factory.mktemp("plain")
    tokenizer_of(NAMES, pieces=True).save_pretrained(folder)
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    with torch.random.fork_rng():
        torch.manual_seed(5)
        config = transformers.BertConfig(
            vocab_size=len(NAMES), max_position_embeddings=16, initializer_range=1.0, **sizes
        )
        transformers.BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def layers():
    """An autoencoder's: 8 numbers to 6, cut off below zero, to 3."""
    draw = torch.Generator().manual_seed(6)
    first, second = (torch.randn(size, generator=draw) for size in ((6, 8), (WIDTH, 6)))
    return [Layer(first, torch.ones(6), "torch.nn.modules.activation.ReLU"), Layer(second, torch.arange(3.0))]


@pytest.fixture
def narrow(plain, layers, tmp_path):
    """The encoder with them, and the format of an index, as ``smallbert build`` leaves it."""
    folder = dense.write(plain, layers, tmp_path / "narrow", max_tokens=10)
    save_file({"low": torch.ones(7, 2)}, folder / "index.safetensors")
    return folder


def trimmed(folder, out):
    vocabulary = Vocabulary(folder)
    vocabulary.trim(vocabulary.keep(vocabulary.count(TEXTS), coverage=1), out)


def restored(way, *arguments):
    def make(folder, out):
        place = out.with_name(f"{out.name}-stored")
        way.write(folder, place, *arguments)
        way.restore(place, out)

    return make


WAYS = {
    "trimmed": trimmed,
    "int8": restored(quantize, 8),
    "fp16": restored(quantize, 16),
    "fewer layers": lambda folder, out: fewer_layers.write(folder, [1], out),
    "two factors": restored(narrow_words, 2),
}


def vectors(folder):
    one = encoder.load(str(folder), max_tokens=10, precision="fp32", device="cpu")
    return one.encode(one.tokenize(TEXTS))


@pytest.mark.parametrize("way", WAYS)
def test_a_smaller_encoder_gives_vectors_of_the_same_width(plain, narrow, layers, tmp_path, way):
    WAYS[way](plain, tmp_path / "wide")
    WAYS[way](narrow, tmp_path / "out")
    wide, own = (load_file(tmp_path / name / "model.safetensors") for name in ("wide", "out"))
    assert own.keys() == wide.keys() and all(torch.equal(own[name], wide[name]) for name in wide)
    first, second = (one.weight.double().numpy() for one in layers)
    expected = np.maximum(vectors(tmp_path / "wide") @ first.T + 1, 0) @ second.T + np.arange(3)
    np.testing.assert_allclose(vectors(tmp_path / "out"), expected, atol=1e-4)
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "out"), device="cpu")
    np.testing.assert_allclose(theirs.encode(TEXTS), expected, atol=1e-4)
    assert theirs.max_seq_length == 10 and expected.shape == (len(TEXTS), WIDTH)


def then(folder, kind):
    """One more module, without files of its own, at the end of those that sentence-transformers is told of."""
    modules = read_json(folder / "modules.json")
    own = {"idx": 2, "name": "2", "path": f"2_{kind}", "type": f"sentence_transformers.models.{kind}"}
    write_json(folder / "modules.json", [*modules, own])


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_a_smaller_encoder_is_pooled_and_cut_as_it_was(plain, tmp_path, way, unit):
    """What sentence-transformers assumes where nothing is told is the mean, and texts as long as there are places."""
    shutil.copytree(plain, tmp_path / "pooled")
    folders.write_modules(tmp_path / "pooled", 8, max_tokens=4, pooling="cls")
    if unit:
        then(tmp_path / "pooled", "Normalize")
    WAYS[way](tmp_path / "pooled", tmp_path / "out")
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "out"), device="cpu")
    one = encoder.load(str(tmp_path / "out"), max_tokens=4, pooling="cls", precision="fp32", device="cpu")
    found = one.encode(one.tokenize(TEXTS))
    lengths = np.linalg.norm(found, axis=1, keepdims=True) if unit else 1.0
    np.testing.assert_allclose(theirs.encode(TEXTS), found / lengths, atol=1e-5)
    assert theirs.max_seq_length == 4


@pytest.mark.parametrize("way", WAYS)
def test_modules_of_other_kinds_stay_behind_with_what_they_name(plain, tmp_path, way):
    shutil.copytree(plain, tmp_path / "other")
    folders.write_modules(tmp_path / "other", 8, max_tokens=4)
    then(tmp_path / "other", "LayerNorm")
    WAYS[way](tmp_path / "other", tmp_path / "out")
    assert not (tmp_path / "out" / "modules.json").exists() and not (tmp_path / "out" / "1_Pooling").exists()


def test_an_index_is_neither_weights_nor_parameters(plain, narrow):
    assert stored(narrow) == stored(plain)
    assert dict(folders.weights(narrow)).keys() == load_file(plain / "model.safetensors").keys()
    ours, theirs = (interchange.load(folder, device="cpu").state_dict() for folder in (narrow, plain))
    assert ours.keys() == theirs.keys()


@pytest.mark.parametrize("way", WAYS)
def test_layers_that_cannot_be_read_are_not_left_behind(narrow, tmp_path, way):
    (narrow / "3_Dense" / "model.safetensors").unlink()
    with pytest.raises(DataError, match="Expected the last layer"):
        WAYS[way](narrow, tmp_path / "out")
    assert not (tmp_path / "out" / "config.json").exists()


def test_other_modules_stay_behind(plain, tmp_path):
    WAYS["trimmed"](plain, tmp_path / "trimmed")
    assert {path.name for path in (tmp_path / "trimmed").iterdir()} == {
        *("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    }
