"""Layers after the pooling: applied whenever the last layer is read, part of what the encoder is, read by one rule."""

import shutil

import numpy as np
import pytest
import sentence_transformers
import torch
import transformers
from safetensors.torch import load_file

from smallbert.compress import dense, folders
from smallbert.errors import DataError, UsageError
from smallbert.models import encoder, last_layer, sources
from smallbert.models.last_layer import Layer
from smallbert.models.layers import with_layers
from smallbert.models.words import with_words, word_table
from smallbert.storage import read_json, write_json

try:
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
except ImportError:  # before version 6
    from sentence_transformers.models import Dense, Normalize, Pooling, Transformer

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{i}" for i in range(20))]
SIZES = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
TEXTS = ["w1 w2 w3", "w4", "w5 w5 w6 w7 w8"]
OPTIONS = {"max_tokens": 16, "precision": "fp32", "device": "cpu"}


@pytest.fixture(scope="module")
def plain(tmp_path_factory, tokenizer_of):
    """A tiny random BERT."""
    folder = tmp_path_factory.mktemp("plain")
    tokenizer_of(WORDS).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        config = transformers.BertConfig(
            vocab_size=len(WORDS), max_position_embeddings=16, initializer_range=1.0, **SIZES
        )
        transformers.BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def square(plain, tmp_path):
    """The encoder with its numbers in the opposite order: a last layer that no width tells of."""
    layer = Layer(torch.eye(8).flip(0), torch.zeros(8))
    return dense.write(plain, [layer], tmp_path / "square", max_tokens=16)


def vectors(folder, **options):
    one = encoder.load(str(folder), **OPTIONS | options)
    return one.encode(one.tokenize(TEXTS))


@pytest.mark.parametrize("layer", [-1, 2])
def test_the_last_layer_by_either_name_has_what_follows_it(plain, square, layer):
    np.testing.assert_array_equal(vectors(square, layer=layer), vectors(plain)[:, ::-1])
    loaded = encoder.load(str(square), layer=layer, **OPTIONS)
    assert loaded.describe()["last_layers"] == [8]
    np.testing.assert_array_equal(vectors(square, layer=loaded.describe()["layer"]), vectors(square))


@pytest.mark.parametrize("layer", [0, 1, -2])
def test_a_lower_layer_has_nothing_behind_it(plain, square, layer):
    np.testing.assert_array_equal(vectors(square, layer=layer), vectors(plain, layer=layer))
    assert "last_layers" not in encoder.load(str(square), layer=layer, **OPTIONS).describe()


def test_without_its_modules_an_encoder_is_another(plain, square):
    """Of the same width: nothing but the checksum can tell."""
    before = encoder.load(str(square), **OPTIONS).describe()
    (square / "modules.json").unlink()
    after = encoder.load(str(square), **OPTIONS).describe()
    assert after["width"] == before["width"] and after["sha256"] != before["sha256"]
    assert after["sha256"] == encoder.load(str(plain), **OPTIONS).sha256
    np.testing.assert_array_equal(vectors(square), vectors(plain))


@pytest.mark.parametrize("file", ["2_Dense/config.json", "2_Dense/model.safetensors"])
def test_the_checksum_covers_what_is_applied(square, file):
    before = sources.checksum(square)
    with (square / file).open("ab") as opened:
        opened.write(b" ")
    assert sources.checksum(square) != before


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("unit", [False, True])
def test_a_folder_that_sentence_transformers_wrote(plain, tmp_path, pooling, unit):
    """Of unit length, as LaBSE's, theirs are ours divided by their length; so also of an encoder made smaller."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        chain = [Dense(8, 5), Dense(5, 3, bias=False, activation_function=torch.nn.Identity())]
    chain += [Normalize()] if unit else []
    model = sentence_transformers.SentenceTransformer(
        modules=[Transformer(str(plain)), Pooling(8, pooling), *chain], device="cpu"
    )
    model.save(str(tmp_path / "theirs"))
    found = vectors(tmp_path / "theirs", pooling=pooling)
    lengths = np.linalg.norm(found, axis=1, keepdims=True) if unit else 1.0
    assert found.shape == (3, 3) and not np.allclose(np.linalg.norm(found, axis=1), 1)
    np.testing.assert_allclose(found / lengths, model.encode(TEXTS), atol=1e-5)
    folders.copy_last_layers(tmp_path / "theirs", tmp_path / "smaller")
    folders.copy_beside(tmp_path / "theirs", tmp_path / "smaller", sources.WEIGHTS)
    np.testing.assert_array_equal(vectors(tmp_path / "smaller", pooling=pooling), found)
    again = sentence_transformers.SentenceTransformer(str(tmp_path / "smaller"), device="cpu")
    np.testing.assert_allclose(again.encode(TEXTS), model.encode(TEXTS), atol=1e-6)


def test_what_is_read_otherwise_than_by_sentence_transformers_is_told(plain, square, tmp_path):
    assert last_layer.unread(plain, "cls") == "" and last_layer.unread(square, "mean") == ""
    told = "sentence-transformers reads this encoder otherwise: "
    for chain, pooling, expected in [
        ([], "mean", ""),
        ([Normalize()], "mean", ""),
        ([], "cls", f"{told}pooling is cls, here mean"),
        ([], "max", f"{told}pooling is of another kind, here mean"),
        ([Dense(8, 5), Normalize()], "mean", ""),
        ([Normalize(), Dense(8, 5)], "cls", f"{told}pooling is cls, here mean; Dense follows, here nothing"),
    ]:
        shutil.rmtree(tmp_path / "theirs", ignore_errors=True)
        with torch.random.fork_rng():
            modules = [Transformer(str(plain)), Pooling(8, pooling), *chain]
            sentence_transformers.SentenceTransformer(modules=modules, device="cpu").save(str(tmp_path / "theirs"))
        assert last_layer.unread(tmp_path / "theirs", "mean") == expected


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False, "pooling_mode_max_tokens": True}, "got .*max"),
        ("1_Pooling/config.json", {"pooling_mode": ["mean", "max"]}, r"got \['mean', 'max'\]"),
        ("2_Dense/config.json", {"use_residual": True}, "adds nothing"),
        ("2_Dense/config.json", {"activation_function": "os.system"}, "got 'os.system'"),
    ],
)
def test_what_would_be_computed_otherwise_is_refused(square, file, change, told):
    write_json(square / file, read_json(square / file) | change)
    with pytest.raises(DataError, match=told) as caught:
        encoder.load(str(square), **OPTIONS)
    assert "remove its modules.json" in caught.value.hint


@pytest.mark.parametrize("modules", [{"type": "Dense"}, [{"path": ""}], [3], [{"type": 1}]], ids=str)
def test_modules_that_are_none_are_refused(square, modules):
    write_json(square / "modules.json", modules)
    with pytest.raises(DataError, match="is no list of modules"):
        encoder.load(str(square), **OPTIONS)


def test_a_part_in_front_of_last_layers_is_exchanged_and_they_still_follow(plain, square):
    """The square one's layer turns the numbers round; what stands before it is the plain encoder's."""
    whole, turned = (encoder.load(str(folder), **OPTIONS) for folder in (plain, square))
    np.testing.assert_array_equal(word_table(turned), word_table(whole))
    words = word_table(whole)[::-1].copy()
    for exchange in (lambda one: with_words(one, words), lambda one: with_layers(one, [1])):
        expected, found = (exchange(one) for one in (whole, turned))
        vectors_of = [one.encode(one.tokenize(TEXTS)) for one in (expected, found)]
        np.testing.assert_array_equal(vectors_of[1], vectors_of[0][:, ::-1])
        assert found.sha256 != turned.sha256 and found.describe()["last_layers"] == [8]
    np.testing.assert_array_equal(turned.encode(turned.tokenize(TEXTS)), vectors(plain)[:, ::-1])  # untouched


@pytest.mark.parametrize(
    ("chain", "pooling", "own"),
    [
        ([], "mean", "mean"),
        ([Normalize()], "cls", "cls"),
        ([Dense(8, 5), Normalize()], "cls", "cls"),
        ([], "max", "mean"),
        ([Normalize(), Dense(8, 5)], "cls", "mean"),
    ],
    ids=["mean", "BGE", "LaBSE", "unread pooling", "unread layers"],
)
def test_an_encoder_is_pooled_as_its_modules_say_where_nobody_says_otherwise(plain, tmp_path, chain, pooling, own):
    with torch.random.fork_rng():
        modules = [Transformer(str(plain)), Pooling(8, pooling), *chain]
        sentence_transformers.SentenceTransformer(modules=modules, device="cpu").save(str(tmp_path / "theirs"))
    assert encoder.load(str(tmp_path / "theirs"), **OPTIONS).describe()["pooling"] == own
    assert encoder.load(str(plain), **OPTIONS).describe()["pooling"] == "mean"


def test_a_pooling_that_last_layers_do_not_take_is_refused_with_the_one_they_do(square):
    with pytest.raises(UsageError, match=r"Expected pooling mean, which the last layer in .*, got cls") as caught:
        encoder.load(str(square), pooling="cls", **OPTIONS)
    assert caught.value.hint == "Give --pooling mean, or for a report -p pooling=mean."


def test_a_pickled_layer_is_refused(square):
    layer = square / "2_Dense" / "model.safetensors"
    torch.save(load_file(layer), square / "2_Dense" / "pytorch_model.bin")
    layer.unlink()
    with pytest.raises(DataError, match="Expected the last layer") as caught:
        encoder.load(str(square), **OPTIONS)
    assert "writes safetensors" in caught.value.hint


def test_further_layers_follow_those_that_are_there(plain, square, tmp_path):
    weight, bias = torch.randn(3, 8, generator=torch.Generator().manual_seed(2)), torch.arange(3.0)
    out = dense.write(square, [Layer(weight, bias)], tmp_path / "both", max_tokens=16)
    expected = vectors(plain)[:, ::-1] @ weight.numpy().T + bias.numpy()
    np.testing.assert_allclose(vectors(out), expected, atol=1e-5)
    theirs = sentence_transformers.SentenceTransformer(str(out), device="cpu")
    np.testing.assert_allclose(theirs.encode(TEXTS), expected, atol=1e-5)
    assert len(last_layer.read(out).layers) == 2
    with pytest.raises(DataError, match="Expected a map of 3 numbers, as the encoder has, got 8"):
        dense.write(out, [Layer(torch.eye(8), torch.zeros(8))], tmp_path / "wrong")


def test_an_encoder_in_several_files_gets_last_layers(plain, tmp_path):
    transformers.BertModel.from_pretrained(plain).save_pretrained(tmp_path / "sharded", max_shard_size="2KB")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(plain / name, tmp_path / "sharded" / name)
    assert len(sources.weight_files(tmp_path / "sharded")) > 1
    out = dense.write(tmp_path / "sharded", [Layer(torch.eye(8)[:3], torch.zeros(3))], tmp_path / "out", max_tokens=16)
    np.testing.assert_array_equal(vectors(out), vectors(plain)[:, :3])
