"""``smallbert recommend`` and ``smallbert build``: what is built is what the report says, and other loaders load it."""

import argparse

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

from smallbert.cli import recommend
from smallbert.compress import dense
from smallbert.compress.codes import files
from smallbert.compress.codes.catalogue import METHODS, Training
from smallbert.compress.factorise import truncate
from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments
from smallbert.compress.vocabulary import Vocabulary
from smallbert.errors import DataError, UsageError
from smallbert.models import encoder as encoders
from smallbert.models import sources
from smallbert.models.last_layer import Layer
from smallbert.models.words import word_table
from smallbert.paths import edition
from smallbert.results import Results
from smallbert.storage import read_json, write_json
from smallbert.studies import build as build_module
from smallbert.studies import points
from smallbert.studies.articles import draw, shuffled
from smallbert.studies.build_check import reported
from smallbert.studies.embed import Texts


def run(*arguments):
    parser = argparse.ArgumentParser()
    recommend.add(parser.add_subparsers())
    options = parser.parse_args([str(one) for one in arguments])
    return options.command(options) or 0


def build(point, encoder, news, out, *more):
    flags = [
        "--encoder",
        encoder,
        "--corpus",
        news,
        "--out",
        out,
        "--lang",
        "en",
        "--max-tokens",
        16,
        "--device",
        "cpu",
    ]
    return run("build", point, *flags, *more)


TEXTS = ["aa ab ba", "ca", "db da ea aa bb", "aa aa aa aa"]


def test_sentence_transformers_reads_the_same_vectors_as_our_pca(encoder, news, tmp_path, capsys):
    import sentence_transformers

    assert build("pca-3", encoder, news, tmp_path / "small") == 0
    assert "in 12 bytes each" in capsys.readouterr().out
    ours = encoders.load(str(encoder), precision="fp32", max_tokens=16, device="cpu")
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "small"), device="cpu")
    found = theirs.encode(TEXTS)
    whole = ours.encode(ours.tokenize(TEXTS))
    layer = theirs[2].linear
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    np.testing.assert_allclose(found, whole @ weight.T + bias, atol=1e-5)
    np.testing.assert_allclose(weight @ weight.T, np.eye(3), atol=1e-5)  # principal directions are orthonormal
    again = encoders.load(str(tmp_path / "small"), precision="fp32", max_tokens=16, device="cpu")
    np.testing.assert_allclose(again.encode(again.tokenize(TEXTS)), found, atol=1e-5)
    assert again.width == again.describe()["width"] == 3 and again.sha256 != ours.sha256
    # A layer that is asked for by its number, and transformers, have the encoder as it was.
    inner = encoders.load(str(tmp_path / "small"), layer=0, precision="fp32", max_tokens=16, device="cpu")
    assert inner.width == 8
    with pytest.raises(UsageError, match="Expected pooling mean, which the last layer"):
        encoders.load(str(tmp_path / "small"), pooling="cls", max_tokens=16, device="cpu")


def test_the_last_layer_is_the_pca_of_a_store(encoder, tmp_path):
    import sentence_transformers

    rng = np.random.default_rng(5)
    vectors = (rng.standard_normal((200, 8)) * 3.0 ** -np.arange(8) + 5).astype(np.float32)
    code = Pca.fit(Moments.of(vectors)).code(4)
    dense.write(encoder, [dense.affine(code)], tmp_path / "reduced", max_tokens=16)
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "reduced"), device="cpu")
    ours = encoders.load(str(encoder), precision="fp32", max_tokens=16, device="cpu")
    np.testing.assert_allclose(theirs.encode(TEXTS), code.encode(ours.encode(ours.tokenize(TEXTS))), atol=1e-5)
    assert theirs.max_seq_length == 16
    with pytest.raises(DataError, match="Expected a map of 8 numbers"):
        dense.write(encoder, [dense.affine(Pca.fit(Moments.of(vectors[:, :5])).code(2))], tmp_path / "other")


def test_trimmed_and_stacked(encoder, news, tmp_path, capsys):
    assert build("trim-1+pca-4-int8", encoder, news, tmp_path / "both") == 0
    assert "an index stores its vectors in 4 bytes each" in capsys.readouterr().out
    assert read_json(tmp_path / "both" / "config.json")["vocab_size"] == 34
    assert build("trim-1", encoder, news, tmp_path / "trimmed") == 0
    assert "Keeps 100.0% [100.0%, 100.0%]" in capsys.readouterr().out
    with pytest.raises(UsageError, match="without an encoder"):
        build("trim-1", encoder, news, tmp_path / "trimmed")


@pytest.mark.parametrize(
    "point", ["fp16", "int8", "int4", "trim-1", "trim-1+int8", "pca-3", "trim-1+pca-2", "drop-layers-1-of-1-kept"]
)
def test_everything_loads_what_is_built_with_the_same_vectors(encoder, news, tmp_path, point):
    import sentence_transformers

    assert build(point, encoder, news, tmp_path / "small") == 0
    ours = encoders.load(str(tmp_path / "small"), precision="fp32", max_tokens=16, device="cpu")
    vectors = ours.encode(ours.tokenize(TEXTS))
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "small"), device="cpu")
    assert theirs.max_seq_length == 16
    np.testing.assert_allclose(theirs.encode(TEXTS), vectors, atol=1e-5)
    if "pca" in point:
        return
    model = transformers.AutoModel.from_pretrained(tmp_path / "small")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "small")
    with torch.inference_mode():
        for text, vector in zip(TEXTS, vectors, strict=True):
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state
            np.testing.assert_allclose(states.mean(dim=1)[0], vector, atol=1e-5)


@pytest.mark.parametrize("point", ["fp16", "trim-1", "pca-3"])
def test_an_encoder_of_first_tokens_and_a_dense_layer_is_built_as_such(encoder, news, tmp_path, point):
    """No edition has it, so that its own modules say how it is read."""
    import sentence_transformers

    draw = torch.Generator().manual_seed(4)
    layer = Layer(torch.randn(8, 8, generator=draw), torch.zeros(8), "torch.nn.modules.activation.Tanh")
    dense.write(encoder, [layer], tmp_path / "labse", pooling="cls", max_tokens=16)
    assert build(point, tmp_path / "labse", news, tmp_path / "out") == 0
    one = encoders.load(str(tmp_path / "out"), precision="fp32", max_tokens=16, device="cpu")
    assert one.describe()["pooling"] == "cls" and one.width == (3 if point == "pca-3" else 8)
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "out"), device="cpu")
    np.testing.assert_allclose(theirs.encode(TEXTS), one.encode(one.tokenize(TEXTS)), atol=1e-5)


def test_fewer_bits_are_sent_and_restored(encoder, news, tmp_path, capsys):
    out = tmp_path / "int8"
    assert build("int8", encoder, news, out) == 0
    said = capsys.readouterr().out
    megabytes = (out / "stored" / "quantised.safetensors").stat().st_size / 1e6
    assert (
        f"{megabytes:.4g} MB in files of weights" in said and f"smallbert restore {out / 'stored'} --out FOLDER" in said
    )
    assert not list((out / "stored").glob("model*")) and not (out / "quantised.safetensors").exists()
    assert run("restore", out / "stored", "--out", tmp_path / "again") == 0
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()
    with pytest.raises(UsageError, match="without an encoder"):
        run("restore", out / "stored", "--out", tmp_path / "again")
    with pytest.raises(UsageError, match="is what holds them") as caught:
        run("restore", out, "--out", tmp_path / "third")
    assert caught.value.hint == f"Name {out / 'stored'}."
    with pytest.raises(DataError, match="found none"):
        run("restore", tmp_path / "again", "--out", tmp_path / "third")


def test_modules_of_the_source_are_not_copied_halfway(encoder, news, tmp_path):
    """A sentence-transformers folder names modules in folders of their own, which are no part of the encoder."""
    import sentence_transformers

    (encoder / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "9_Lost", "type": "lost.Module"}]')
    for point in ("int4", "pca-2", "trim-1"):
        assert build(point, encoder, news, tmp_path / point) == 0
        assert sentence_transformers.SentenceTransformer(str(tmp_path / point), device="cpu").encode("aa").shape


def corpus_of(news):
    from smallbert.cli import corpora

    options = argparse.Namespace(
        corpus=str(news), columns=[], lang="en", max_bad_rows=None, keep_duplicates=False, rows=None
    )
    return corpora.corpus(options, {})


def write_points(encoder, news, kept, *, page="05_distillation", over="articles", n=None):
    """The points of a report on this encoder and corpus."""
    key = corpus_of(news).key
    results = Results(edition("default"), "08_frontier")
    sha256 = sources.checksum(sources.find(str(encoder)))
    results.of("01_corpus_and_embeddings").record(encoder={"sha256": sha256}, corpus={"key": key})
    row = {"point": "trim-1", "measure": "neighbours kept", "kept": kept, "over": over, "page": page}
    row |= {"method": "trim", "command": "smallbert build trim-1"}
    results.write_table("points", pd.DataFrame([row | {"n": n}]))


def test_what_is_built_is_held_to_the_report(encoder, news, tmp_path, capsys):
    write_points(encoder, news, 1.0)
    assert build("trim-1", encoder, news, tmp_path / "same") == 0
    assert "The report: 100.0%, +0.0%, as the report says" in capsys.readouterr().out
    write_points(encoder, news, 0.8)
    assert build("trim-1", encoder, news, tmp_path / "other") == 1
    assert "not what the report says" in capsys.readouterr().out
    assert build("trim-1", encoder, news, tmp_path / "wide", "--tolerance", 0.3) == 0
    write_points(tmp_path / "same", news, 1.0)
    assert build("trim-1", encoder, news, tmp_path / "foreign") == 0
    assert "another encoder or corpus: nothing to compare with" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("page", "over", "expected"),
    [
        ("05_distillation", "articles", {"rows": 200, "max_tokens": 32, "seed": 3, "metric": "l2"}),
        ("02_autoencoder_depth", "seeds", {"rows": 500, "max_tokens": 128, "seed": 3, "metric": "l2"}),
        ("08_frontier", "articles", {"rows": 50, "max_tokens": 64, "seed": 3, "metric": "l2"}),
        ("08_frontier", "queries", {"rows": 700, "max_tokens": 128, "seed": 3, "metric": "cosine"}),
    ],
)
def test_a_point_is_measured_as_its_page_measured_it(encoder, news, page, over, expected):
    write_points(encoder, news, 1.0, page=page, over=over, n=700)
    parameters = {
        "01_corpus_and_embeddings": {"max_tokens": 128, "seed": 3},
        "02_autoencoder_depth": {"metric_rows": 500, "seed": 3},
        "05_distillation": {"probe_rows": 200, "sequence": 32, "seed": 3},
        "08_frontier": {"weight_rows": 50, "weight_tokens": 64, "seed": 3},
    }
    run = {"stages": {name: {"parameters": own} for name, own in parameters.items()}}
    results = Results(edition("default"), "08_frontier")
    write_json(results.edition.results / "run.json", run)
    row, measured, why = reported(results, "trim-1", str(encoder), corpus_of(news))
    assert (row.kept, measured, why) == (1.0, expected, "")


def test_what_cannot_be_built_is_refused_before_any_work(tmp_path):
    with pytest.raises(UsageError, match="Expected trim-COVERAGE, pca-K") as error:
        build("student-7-x-7", "nowhere", "nothing.csv", tmp_path / "out")
    assert "smallbert distil" in error.value.hint


def test_too_small_a_corpus_is_refused_before_anything_is_written(encoder, tmp_path):
    rows = [f"aa{' ab' * n},ba{' ca' * n}" for n in range(30)]
    (tmp_path / "few.csv").write_text("title,content\n" + "\n".join(rows) + "\n")
    with pytest.raises(DataError, match="Expected more than 10 test articles"):
        build("trim-1", encoder, tmp_path / "few.csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_int8_is_calibrated_on_train_articles_and_written_down(encoder, news, tmp_path):
    assert build("pca-3-int8", encoder, news, tmp_path / "small") == 0
    stored = files.read(tmp_path / "small" / build_module.INDEX)
    ours = encoders.load(str(tmp_path / "small"), precision="fp32", max_tokens=16, device="cpu")
    _, texts = shuffled(*draw(corpus_of(news), "train", build_module.TRAIN_ROWS, 0), 0)
    codes = ours.encode(ours.tokenize(texts))
    np.testing.assert_allclose(stored.low, codes.min(axis=0), atol=1e-4)
    np.testing.assert_allclose(stored.step * 255, np.ptp(codes, axis=0), atol=1e-4)


@pytest.mark.parametrize(
    "point",
    ["whitening-8-bytes", "int8-8-bytes", "binary-1-bytes", "binary-rescored-1-bytes"],
)
def test_a_code_of_page_8_is_a_last_layer_and_a_format(encoder, news, tmp_path, capsys, point):
    """What the folder gives, coded by its file, is what the catalogue's code makes of the whole encoder's vectors."""
    import sentence_transformers

    assert build(point, encoder, news, tmp_path / "small") == 0
    method, nbytes = points.parse(point).code
    assert f"in {nbytes} bytes each" in capsys.readouterr().out
    _, texts = shuffled(*draw(corpus_of(news), "train", build_module.TRAIN_ROWS, 0), 0)
    theirs = sentence_transformers.SentenceTransformer(str(encoder), device="cpu").encode(texts)
    centred = theirs - theirs.mean(axis=0, dtype=np.float64)
    expected = METHODS[method].fit(Training(centred, [nbytes], epochs=0), nbytes, 0)
    own = sentence_transformers.SentenceTransformer(str(tmp_path / "small"), device="cpu").encode(texts)
    np.testing.assert_allclose(own, expected.query(centred) if method != "binary" else centred, atol=1e-4)
    stored = files.read(tmp_path / "small" / build_module.INDEX).encode(own)
    assert stored.shape == (len(texts), nbytes)
    assert (stored == expected.encode(centred)).mean() > 0.99  # a number at an edge may fall to either side


def test_a_product_is_fitted_to_train_articles(encoder, news, tmp_path):
    """K-means ends elsewhere for vectors that differ in the last digit, but nowhere much worse."""
    again = [line.replace(",", " cd,", 1) for line in news.read_text().splitlines()[1:]]
    news.write_text("\n".join([*news.read_text().splitlines(), *again]) + "\n")  # more than its 256 codewords
    assert build("pca-product-2-bytes", encoder, news, tmp_path / "small") == 0
    _, texts = shuffled(*draw(corpus_of(news), "train", build_module.TRAIN_ROWS, 0), 0)
    ours, whole = (
        encoders.load(str(one), precision="fp32", max_tokens=16, device="cpu") for one in (tmp_path / "small", encoder)
    )
    numbers, vectors = (one.encode(one.tokenize(texts)) for one in (ours, whole))
    product = files.read(tmp_path / "small" / build_module.INDEX)
    expected = METHODS["PCA, product"].fit(Training(vectors - vectors.mean(axis=0), [2], epochs=0), 2, 0)
    mapped = expected.query(vectors - vectors.mean(axis=0))
    np.testing.assert_allclose(numbers, mapped, atol=1e-3)
    lost = [((one - made.decode(made.encode(one))) ** 2).sum() for one, made in
            ((numbers, product), (mapped, expected.format))]  # fmt: skip
    assert 0 < lost[0] < 1.2 * lost[1]


def test_a_code_that_vectors_of_this_width_cannot_have_is_refused(encoder, news, tmp_path):
    with pytest.raises(UsageError, match="Expected one of 1, 2 bytes for product of 8 numbers, got 3"):
        build("product-3-bytes", encoder, news, tmp_path / "out")


@pytest.mark.parametrize("point", ["truncate-the-word-table-rank-3", "truncate-the-word-table-by-frequency-rank-3"])
def test_a_narrow_word_table_is_sent_as_factors(encoder, news, tmp_path, capsys, point):
    assert build(point, encoder, news, tmp_path / "small") == 0
    assert "holds them: `smallbert restore" in capsys.readouterr().out
    assert run("restore", tmp_path / "small" / "stored", "--out", tmp_path / "again") == 0
    options = {"precision": "fp32", "max_tokens": 16, "device": "cpu"}
    whole, small, again = (encoders.load(str(tmp_path / one), **options) for one in ("encoder", "small", "again"))
    counts = Vocabulary(encoder).count(Texts(corpus_of(news))) + 1.0 if "frequency" in point else None
    left, right = truncate(word_table(whole), counts).factors(3)
    np.testing.assert_allclose(word_table(small), left @ right, atol=1e-5)
    ids = small.tokenize(TEXTS)
    np.testing.assert_array_equal(small.encode(ids), again.encode(ids))


def test_a_rank_that_saves_nothing_is_refused_before_any_token_is_counted(encoder, news, tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "_counts", None)  # calling it would be another error
    with pytest.raises(UsageError, match=r"Expected a rank below 7\.5, .* got 8"):
        build("truncate-the-word-table-by-frequency-rank-8", encoder, news, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_recommend(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SMALLBERT_OUT", str(tmp_path))
    row = {"point": "trim-1", "name": "trim", "kind": "encoder", "megabytes": 3.0, "measure": "topic accuracy kept"}
    row |= {"kept": 0.9, "low": 0.8, "high": 1.0, "n": 200, "over": "articles", "page": "05_distillation"}
    row |= {"where": "reductions", "command": "smallbert build trim-1", "bytes": None, "time": None, "detail": False}
    row["floor"] = None
    Results(edition("default"), "08_frontier").write_table("points", pd.DataFrame([row]))
    assert run("recommend", "--budget-mb", "5") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "To build it: smallbert build trim-1"
    assert run("recommend", "--budget-mb", "2") == 0
    assert "Nothing that was measured by topic accuracy kept fits 2 MB of weights." in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        run("recommend", "--budget-mb", "-1")
