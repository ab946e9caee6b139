"""``smallbert build`` of maps, autoencoders and trained codes: other loaders read the vectors that the study made."""

import argparse
import json
from types import SimpleNamespace

import numpy as np
import pytest
import sentence_transformers
import torch

from smallbert import paths
from smallbert.cli import corpora, recommend
from smallbert.compress.codes import files, preprocessing
from smallbert.compress.codes.autoencoded import Autoencoded
from smallbert.compress.codes.catalogue import METHODS, Training
from smallbert.compress.codes.code import OfOneLength
from smallbert.compress.codes.sparse import Sparse
from smallbert.compress.linear import AffineCode
from smallbert.compress.moments import Moments
from smallbert.errors import DataError, UsageError
from smallbert.models import encoder as encoders
from smallbert.report.settings import MODELS
from smallbert.storage import read_json, write_json
from smallbert.studies import build_code, points, searches
from smallbert.studies.articles import draw, shuffled
from smallbert.studies.build import INDEX
from smallbert.studies.build_code import Settings

TEXTS = ["aa ab ba", "ca", "db da ea aa bb", "aa aa aa aa"]
FEW = {
    "02_autoencoder_depth": {"fair_epochs": [2, 3], "original_epochs": [2], "rates": [0.003, 0.01], "batch_size": 64},
    "08_frontier": {"budgets": [4, 8], "code_epochs": 2, "autoencoder_epochs": 60},
}


@pytest.fixture
def own(encoder):
    """An edition whose pages trained briefly."""
    write_json(paths.edition("own").results / "run.json", {"stages": {k: {"parameters": v} for k, v in FEW.items()}})
    return encoder


def build(point, encoder, news, out):
    flags = ["--encoder", encoder, "--corpus", news, "--out", out, "--edition", "own", "--lang", "en"]
    parser = argparse.ArgumentParser()
    recommend.add(parser.add_subparsers())
    options = ["build", point, *flags, "--max-tokens", 16, "--device", "cpu"]
    parsed = parser.parse_args([str(one) for one in options])
    return parsed.command(parsed)


def vectors(folder, news, *splits):
    """Of a corpus's splits, as sentence-transformers reads them."""
    names = {"columns": [], "lang": "en", "max_bad_rows": None, "keep_duplicates": False, "rows": None}
    corpus = corpora.corpus(argparse.Namespace(corpus=str(news), **names), {})
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    return [model.encode(shuffled(*draw(corpus, split, 20_000, 0), 0)[1]) for split in splits]


@pytest.mark.parametrize("name", points.MAPS)
def test_a_map_of_page_2_is_a_last_layer(own, news, tmp_path, name):
    assert build(f"{points.slug(name)}-3-fp32", own, news, tmp_path / "small") == 0
    [whole], [small] = vectors(own, news, "train"), vectors(tmp_path / "small", news, "train")
    if name == "whitening":
        np.testing.assert_allclose(np.cov(small.T), np.eye(3), atol=1e-3)
        return
    drawn = np.random.default_rng(0).standard_normal((3, 8)).T / np.sqrt(3)
    expected = whole[:, :3] if name.startswith("truncation") else whole @ drawn
    # Least squares and random directions may be centred: neighbours by distance do not see it.
    np.testing.assert_allclose(small - small.mean(axis=0), expected - expected.mean(axis=0), atol=1e-4)


@pytest.mark.parametrize(("point", "kinds"), [
    ("fair-3-layers-2-fp32", ["ReLU", "ReLU", "Identity"]),
    ("fair-1-layer-2-fp32", ["Identity"]),
    ("original-2-layers-2-fp32", None),
    ("trim-1+fair-2-layers-2-fp32", ["ReLU", "Identity"]),
])  # fmt: skip
def test_an_autoencoders_encoder_is_a_chain_of_dense_layers(own, news, tmp_path, capsys, point, kinds):
    """Trained on vectors less their mean; its first bias takes the mean off again."""
    assert build(point, own, news, tmp_path / "small") == 0
    assert "in 8 bytes each" in capsys.readouterr().out
    layers = sorted((tmp_path / "small").glob("*_Dense/config.json"))
    named = [read_json(layer)["activation_function"].rsplit(".", 1)[-1] for layer in layers]
    assert named == kinds or (kinds is None and len(named) == 2 and named[-1] == "Identity")
    splits = ("train", "validation", "test")
    given = dict(zip(splits, vectors(own, news, *splits), strict=True))
    defaults = {page: SimpleNamespace(**MODELS[page]().model_dump() | few) for page, few in FEW.items()}
    code = build_code.fit(points.parse(point.removeprefix("trim-1+")), given, 0, Settings(*defaults.values()), "cpu")
    assert isinstance(code.map.module.architecture.bottleneck, int)
    centre = given["train"].mean(axis=0) if "fair" in point else 0
    with torch.inference_mode():
        expected = code.map.module.encode(torch.from_numpy(given["test"] - centre)).numpy()
    [theirs] = vectors(tmp_path / "small", news, "test")
    np.testing.assert_allclose(theirs, expected, atol=2e-3)  # trained on vectors that differ in their last digits
    ours = encoders.load(str(tmp_path / "small"), precision="fp32", max_tokens=16, device="cpu")
    again = sentence_transformers.SentenceTransformer(str(tmp_path / "small"), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(ours.encode(ours.tokenize(TEXTS)), again, atol=1e-5)
    assert ours.width == 2


@pytest.mark.parametrize("point", [
    "matryoshka-head-4-bytes", "k-sparse-4-bytes", "autoencoder-4-bytes", "autoencoder-two-layer-decoder-4-bytes",
])  # fmt: skip
def test_a_trained_code_is_stored_with_all_that_it_takes(own, news, tmp_path, capsys, monkeypatch, point):
    monkeypatch.setattr("smallbert.compress.codes.catalogue.SPARSE", 4)  # so that a vector of 8 may have one
    assert build(point, own, news, tmp_path / "small") == 0
    assert "in 4 bytes each" in capsys.readouterr().out
    [train, test], [centred] = vectors(own, news, "train", "test"), vectors(tmp_path / "small", news, "test")
    stored = files.read(tmp_path / "small" / INDEX)
    coded = stored.encode(centred)
    assert coded.shape == (len(test), 4)
    usual = preprocessing.fit(preprocessing.USUAL, Moments.of(train))
    if "matryoshka" in point:
        head = METHODS["Matryoshka head"].fit(Training(usual(train), [4, 8], epochs=2), 4, 0)
        assert isinstance(head.map, AffineCode)
        expected = (test - train.mean(axis=0)) @ head.map.encoder
        np.testing.assert_allclose(centred, expected, atol=2e-3 * np.abs(expected).max())
        return
    np.testing.assert_allclose(centred, test - train.mean(axis=0), atol=1e-4)
    assert isinstance(stored, OfOneLength)
    found, whole = stored.decode(coded), usual(test)
    assert 0 < ((found - whole) ** 2).mean() < (whole**2).mean()  # it was trained, on vectors of this length
    if "sparse" in point:
        assert isinstance(stored.code, Sparse) and stored.code.k == 1
        made = METHODS["k-sparse"].fit(Training(usual(train), [4, 8], epochs=2), 4, 0)
        assert (made.encode(whole) == coded).mean() > 0.9
    else:
        assert isinstance(stored.code, Autoencoded)
        assert stored.code.module.architecture.decoder == ("mlp" if "two" in point else "affine")
        with torch.inference_mode():
            rows = torch.from_numpy(whole - usual(train).mean(axis=0))
            halves = stored.code.module.encode(rows).half().numpy()
        assert np.abs(halves.astype(float) - coded.view("<f2").astype(float)).max() < 1e-2


def test_the_word_table_of_a_trimmed_encoder_is_stored_as_factors(own, news, tmp_path):
    assert build("trim-1+truncate-the-word-table-by-frequency-rank-2", own, news, tmp_path / "small") == 0
    assert read_json(tmp_path / "small" / "config.json")["vocab_size"] == 34
    again = sentence_transformers.SentenceTransformer(str(tmp_path / "small"), device="cpu")
    table = again[0].auto_model.embeddings.word_embeddings.weight.detach().numpy()
    assert np.linalg.matrix_rank(table, tol=1e-4) == 2


def test_impossible_sizes_are_refused_before_any_text_is_read(own, news, tmp_path, monkeypatch):
    monkeypatch.setattr("smallbert.studies.build.draw", None)  # calling it would be another error
    for point, told in (
        ("fair-2-layers-9-fp32", "from 1 to 8"),
        ("whitening-9-fp32", "from 1 to 8"),
        ("autoencoder-18-bytes", "Expected one of 2, 4, 6, 8, 10, 12, 14, 16 bytes for autoencoder of 8 numbers"),
    ):
        with pytest.raises(UsageError, match=told):
            build(point, own, news, tmp_path / "made")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("point", "width"),
    [("int8", 2), ("trim-1", 2), ("trim-1+int8", 2), ("drop-layers-1-of-1-kept", 2), ("pca-1", 1), ("trim-1+pca-1", 1)],
)
def test_what_is_built_of_a_narrow_encoder_is_no_wider(own, news, tmp_path, point, width):
    assert build("fair-2-layers-2-fp32", own, news, tmp_path / "narrow") == 0
    assert build(point, tmp_path / "narrow", news, tmp_path / "small") == 0
    ours = encoders.load(str(tmp_path / "small"), precision="fp32", max_tokens=16, device="cpu")
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "small"), device="cpu")
    found = ours.encode(ours.tokenize(TEXTS))
    assert found.shape == (len(TEXTS), width) and theirs.max_seq_length == 16
    np.testing.assert_allclose(theirs.encode(TEXTS), found, atol=1e-5)


def test_a_code_wider_than_a_narrow_encoder_is_refused(own, news, tmp_path):
    assert build("fair-1-layer-2-fp32", own, news, tmp_path / "narrow") == 0
    with pytest.raises(UsageError, match="from 1 to 2"):
        build("pca-3", tmp_path / "narrow", news, tmp_path / "small")


def test_titles_are_read_with_the_last_layers_that_articles_were_read_with(own, news, tmp_path):
    """A store tells the layer by its number; searches read titles with the encoder as it was then."""
    assert build("fair-2-layers-2-fp32", own, news, tmp_path / "narrow") == 0
    made = encoders.load(str(tmp_path / "narrow"), precision="fp32", max_tokens=16, device="cpu")
    store = SimpleNamespace(manifest={"encoder": made.describe()})
    again = searches.reader(store, str(tmp_path / "narrow"), "cpu")
    assert again.describe() == made.describe() and again.width == 2
    np.testing.assert_array_equal(again.encode(again.tokenize(TEXTS)), made.encode(made.tokenize(TEXTS)))


def test_an_activation_is_looked_up_and_never_imported(own, news, tmp_path):
    assert build("fair-2-layers-2-fp32", own, news, tmp_path / "small") == 0
    path = tmp_path / "small" / "2_Dense" / "config.json"
    for named in ("os.system", "torch.nn.modules.container.Sequential"):
        path.write_text(json.dumps(read_json(path) | {"activation_function": named}))
        with pytest.raises(DataError, match=f"Expected an activation .* out of torch.* got '{named}'"):
            encoders.load(str(tmp_path / "small"), max_tokens=16, device="cpu")


def test_a_layer_that_the_checksum_does_not_cover_is_not_read(own, news, tmp_path):
    """A folder elsewhere could change without the encoder's key: it is read as an encoder without modules."""
    assert build("fair-1-layer-2-fp32", own, news, tmp_path / "small") == 0
    options = {"max_tokens": 16, "precision": "fp32", "device": "cpu"}
    before = encoders.load(str(tmp_path / "small"), **options)
    (tmp_path / "small" / "2_Dense").rename(tmp_path / "elsewhere")
    path = tmp_path / "small" / "modules.json"
    path.write_text(path.read_text().replace("2_Dense", "../elsewhere"))
    after = encoders.load(str(tmp_path / "small"), **options)
    assert (before.width, after.width) == (2, 8) and before.sha256 != after.sha256
