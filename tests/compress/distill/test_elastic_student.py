"""A cut student is the whole one read out earlier and sliced, to the bit; trimmed too, where its tokens are kept."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from smallbert import storage
from smallbert.compress import dense
from smallbert.compress.distill import elastic_student
from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments
from smallbert.compress.vocabulary import Vocabulary, stored
from smallbert.errors import DataError, UsageError
from smallbert.models import encoder as encoders
from smallbert.models.last_layer import Layer

SEQUENCE = 24
WORDS = [a + b for a in "bdfgklmnprst" for b in "aeiou"]


def write_teacher(folder, model):
    """Save an encoder that knows words of one syllable."""
    model.save_pretrained(folder)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: place for place, word in enumerate([*special, *WORDS])}
    transformers.BertTokenizerFast(vocab=vocabulary).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def source(tmp_path_factory, toy):
    """Folder of an encoder of 4 layers."""
    config = transformers.BertConfig(vocab_size=65, max_position_embeddings=40, **toy.SIZES)
    return write_teacher(tmp_path_factory.mktemp("elastic-teacher"), toy.stir(transformers.BertModel(config)))


@pytest.fixture(scope="module")
def given():
    """Texts of the first 30 words, of 3 to 20 of them."""
    rng = np.random.default_rng(2)
    return [" ".join(rng.choice(WORDS[:30], rng.integers(3, 21))) for _ in range(40)]


def vectors(folder, texts, **options):
    loaded = encoders.load(str(folder), max_tokens=SEQUENCE, precision="fp32", device="cpu", **options)
    return loaded.encode(loaded.tokenize(texts))


@pytest.fixture(scope="module")
def student(source, given):
    pca = Pca.fit(Moments.of(vectors(source, given)))
    return elastic_student.start(source, pca, layer=4, pooling="mean")


@pytest.fixture(scope="module")
def folder(student, source, tmp_path_factory):
    return elastic_student.save(student, source, tmp_path_factory.mktemp("student"), max_tokens=SEQUENCE)


@torch.inference_mode()
def read(student, folder, texts, layers):
    loaded = encoders.load(str(folder), max_tokens=SEQUENCE, precision="fp32", device="cpu")
    ids = [torch.from_numpy(one.astype(np.int64)) for one in loaded.tokenize(texts)]
    padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    return student(padded, padded != 0, layers)


def test_a_student_starts_as_its_teachers_principal_components(student, source, given):
    whole = vectors(source, given)
    pca = Pca.fit(Moments.of(whole))
    own = read(student, source, given, [4])[4].numpy()
    np.testing.assert_allclose(own, pca.code(32).encode(whole), atol=2e-5)


@pytest.mark.parametrize(("layers", "width"), [(1, 8), (3, 16), (4, 5), (2, 32)])
def test_a_cut_student_is_the_whole_one_sliced_to_the_bit(folder, given, tmp_path, layers, width):
    small = elastic_student.load(
        elastic_student.cut(folder, tmp_path / "small", layers=layers, width=width, max_tokens=SEQUENCE)
    )
    assert (small.layers, small.width) == (layers, width)
    whole = read(elastic_student.load(folder), folder, given, [layers])[layers][:, :width]
    np.testing.assert_array_equal(read(small, folder, given, [layers])[layers].numpy(), whole.numpy())


def test_a_cut_student_is_loaded_as_any_encoder_and_is_smaller(student, folder, given, tmp_path):
    small = elastic_student.cut(folder, tmp_path / "small", layers=2, width=8, max_tokens=SEQUENCE)
    expected = read(student, folder, given, [2])[2][:, :8].numpy()
    np.testing.assert_allclose(vectors(small, given), expected, atol=2e-5)
    assert stored(small)[0] < stored(folder)[0]
    assert not any(
        name.startswith("encoder.layer.2") for name in transformers.AutoModel.from_pretrained(small).state_dict()
    )


def test_a_trimmed_student_gives_the_same_bits_for_kept_tokens(folder, given, tmp_path):
    vocabulary = Vocabulary(folder)
    kept = vocabulary.keep(vocabulary.count(given), coverage=1.0)
    options = {"layers": 3, "width": 16, "max_tokens": SEQUENCE}
    whole = elastic_student.cut(folder, tmp_path / "whole", **options)
    small = elastic_student.cut(folder, tmp_path / "small", **options, kept=kept)
    assert Vocabulary(small).rows == len(kept) < Vocabulary(whole).rows
    np.testing.assert_array_equal(vectors(small, given), vectors(whole, given))


def test_what_cannot_be_cut_is_refused(folder, source, tmp_path):
    with pytest.raises(UsageError, match="layer from 1 to 4 and a width from 1 to 32, got \\(5, 8\\)"):
        elastic_student.cut(folder, tmp_path / "deep", layers=5, width=8, max_tokens=SEQUENCE)
    with pytest.raises(DataError, match="a map behind its pooling"):
        elastic_student.load(encoders.sources.find(source))
    narrow = Pca.fit(Moments.of(np.random.default_rng(0).standard_normal((40, 16))))
    with pytest.raises(DataError, match="principal components of 32 numbers, as the teacher has, got 16"):
        elastic_student.start(source, narrow, layer=4, pooling="mean")


def test_the_first_token_can_be_the_vector(source, given):
    pca = Pca.fit(Moments.of(vectors(source, given, pooling="cls")))
    student = elastic_student.start(source, pca, layer=4, pooling="cls")
    own = read(student, source, given, [4])[4].numpy()
    np.testing.assert_allclose(own, pca.code(32).encode(vectors(source, given, pooling="cls")), atol=2e-5)


@pytest.mark.parametrize("layer", [4, 3])
def test_linear_layers_of_the_teacher_are_part_of_the_map(source, given, tmp_path, layer):
    """After its last layer it is these that the components are of; a lower one has nothing behind it."""
    draw = torch.Generator().manual_seed(3)
    maps = [Layer(torch.randn(wide, given, generator=draw), torch.ones(wide)) for given, wide in ((32, 20), (20, 32))]
    dense.write(Path(source), maps, tmp_path / "teacher", max_tokens=SEQUENCE)
    whole = vectors(tmp_path / "teacher", given, layer=layer)
    pca = Pca.fit(Moments.of(whole))
    student = elastic_student.start(str(tmp_path / "teacher"), pca, layer=layer, pooling="mean")
    own = read(student, source, given, [layer])[layer].numpy()
    expected = pca.code(32).encode(whole)
    np.testing.assert_allclose(own, expected, atol=1e-5 * np.abs(expected).max())


@pytest.fixture(scope="module")
def grouped(tmp_path_factory, toy):
    """Folder of an ALBERT of six layers in two groups, which says what it shares as ours do."""
    sizes = {**toy.SIZES, "num_hidden_layers": 6, "num_hidden_groups": 2, "embedding_size": 8}
    config = transformers.AlbertConfig(vocab_size=65, max_position_embeddings=40, **sizes)
    config.smallbert = {"sharing": "all", "groups": 2}
    return write_teacher(tmp_path_factory.mktemp("grouped-teacher"), toy.stir(transformers.AlbertModel(config)))


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
def test_the_layers_of_an_albert_with_groups_are_those_of_the_whole(grouped, given, tmp_path, layers):
    pca = Pca.fit(Moments.of(vectors(grouped, given, layer=layers)))
    student = elastic_student.start(grouped, pca, layer=layers, pooling="mean")
    expected = pca.code(32).encode(vectors(grouped, given, layer=layers))
    np.testing.assert_allclose(read(student, grouped, given, [layers])[layers].numpy(), expected, atol=2e-5)
    made = elastic_student.save(student, grouped, tmp_path / "student", max_tokens=SEQUENCE)
    np.testing.assert_allclose(vectors(made, given), expected, atol=2e-5)
    assert "smallbert" not in storage.read_json(made / "config.json")


def test_a_student_of_an_albert_with_groups_is_cut_where_they_fit(grouped, given, tmp_path):
    pca = Pca.fit(Moments.of(vectors(grouped, given)))
    student = elastic_student.start(grouped, pca, layer=6, pooling="mean")
    folder = elastic_student.save(student, grouped, tmp_path / "student", max_tokens=SEQUENCE)
    for layers in (2, 3):
        options = {"layers": layers, "width": 8, "max_tokens": SEQUENCE}
        small = elastic_student.load(elastic_student.cut(folder, tmp_path / str(layers), **options))
        whole = read(elastic_student.load(folder), folder, given, [layers])[layers][:, :8]
        np.testing.assert_array_equal(read(small, folder, given, [layers])[layers].numpy(), whole.numpy())
        assert len(small.encoder.encoder.albert_layer_groups) == 1
    with pytest.raises(UsageError, match="a number of layers out of 1, 2, 3, 5, 6, got 4"):
        elastic_student.cut(folder, tmp_path / "4", layers=4, width=8, max_tokens=SEQUENCE)
    assert not (tmp_path / "4").exists()


def test_the_configuration_is_written_once_and_last(student, source, tmp_path, monkeypatch):
    written, write = [], storage.atomic_write
    monkeypatch.setattr(storage, "atomic_write", lambda path: written.append(path) or write(path))
    out = elastic_student.save(student, source, tmp_path / "student", max_tokens=SEQUENCE)
    assert [path for path in written if path == out / "config.json"] == written[-1:]
    assert out / "tokenizer.json" in written
