"""``smallbert recommend`` and ``smallbert build``: what is built is what the report says, and other loaders load it."""

import argparse

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from smallbert.cli import recommend
from smallbert.compress import dense
from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments
from smallbert.compress.quantize import restore
from smallbert.errors import DataError, UsageError
from smallbert.models import encoder as encoders
from smallbert.models import sources
from smallbert.paths import edition
from smallbert.results import Results
from smallbert.storage import read_json

LETTERS = "abcdefghij"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def run(*arguments):
    parser = argparse.ArgumentParser()
    recommend.add(parser.add_subparsers())
    options = parser.parse_args([str(one) for one in arguments])
    return options.command(options) or 0


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    """An encoder of width 8 that knows every word of two letters."""
    monkeypatch.setenv("SMALLBERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SMALLBERT_OUT", str(tmp_path / "out"))
    pairs = [first + second for first in LETTERS for second in LETTERS]
    names = [*SPECIAL, *pairs, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    raw = Tokenizer(models.WordPiece({name: id for id, name in enumerate(names)}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    roles = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        config = transformers.BertConfig(
            vocab_size=len(names), max_position_embeddings=16, initializer_range=1.0, **sizes
        )
        transformers.BertModel(config).save_pretrained(tmp_path / "encoder")
    transformers.PreTrainedTokenizerFast(tokenizer_object=raw, **roles).save_pretrained(tmp_path / "encoder")
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
    assert "have 3 numbers" in capsys.readouterr().out
    ours = encoders.load(str(encoder), precision="fp32", max_tokens=16, device="cpu")
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "small"), device="cpu")
    found = theirs.encode(TEXTS)
    whole = ours.encode(ours.tokenize(TEXTS))
    layer = theirs[2].linear
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    np.testing.assert_allclose(found, whole @ weight.T + bias, atol=1e-5)
    np.testing.assert_allclose(weight @ weight.T, np.eye(3), atol=1e-5)  # principal directions are orthonormal
    # transformers loads the same folder as the encoder it was, and so do we
    again = encoders.load(str(tmp_path / "small"), precision="fp32", max_tokens=16, device="cpu")
    np.testing.assert_array_equal(again.encode(again.tokenize(TEXTS)), whole)


def test_the_last_layer_is_the_pca_of_a_store(encoder, tmp_path):
    import sentence_transformers

    rng = np.random.default_rng(5)
    vectors = (rng.standard_normal((200, 8)) * 3.0 ** -np.arange(8) + 5).astype(np.float32)
    code = Pca.fit(Moments.of(vectors)).code(4)
    dense.write(encoder, code, tmp_path / "reduced", max_tokens=16)
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "reduced"), device="cpu")
    ours = encoders.load(str(encoder), precision="fp32", max_tokens=16, device="cpu")
    np.testing.assert_allclose(theirs.encode(TEXTS), code.encode(ours.encode(ours.tokenize(TEXTS))), atol=1e-5)
    assert theirs.max_seq_length == 16
    with pytest.raises(DataError, match="Expected a map of 8 numbers"):
        dense.write(encoder, Pca.fit(Moments.of(vectors[:, :5])).code(2), tmp_path / "other")


def test_trimmed_and_stacked(encoder, news, tmp_path, capsys):
    assert build("trim-1+pca-4-int8", encoder, news, tmp_path / "both") == 0
    assert "the index stores them as int8" in capsys.readouterr().out
    assert read_json(tmp_path / "both" / "config.json")["vocab_size"] == 34
    assert build("trim-1", encoder, news, tmp_path / "trimmed") == 0
    assert "Keeps 100.0% [100.0%, 100.0%]" in capsys.readouterr().out
    with pytest.raises(UsageError, match="without an encoder"):
        build("trim-1", encoder, news, tmp_path / "trimmed")


def test_fewer_bits_are_restored(encoder, news, tmp_path, capsys):
    assert build("int8", encoder, news, tmp_path / "int8") == 0
    assert "quantize.restore" in capsys.readouterr().out
    restore(tmp_path / "int8", tmp_path / "restored")
    assert transformers.AutoModel.from_pretrained(tmp_path / "restored").config.hidden_size == 8


def write_points(encoder, news, kept):
    """The points of a report on this encoder and corpus."""
    from smallbert.report import embedding

    options = argparse.Namespace(
        corpus=str(news), columns=[], lang="en", max_bad_rows=None, keep_duplicates=False, rows=None
    )
    key = embedding.corpus(options, {}).key
    results = Results(edition("default"), "08_frontier")
    sha256 = sources.checksum(sources.find(str(encoder)))
    results.of("01_corpus_and_embeddings").record(encoder={"sha256": sha256}, corpus={"key": key})
    row = {"point": "trim-1", "measure": "neighbours kept", "kept": kept, "over": "articles", "page": "05_distillation"}
    results.write_table("points", pd.DataFrame([row | {"n": None}]))


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


def test_what_cannot_be_built_is_refused_before_any_work(tmp_path):
    with pytest.raises(UsageError, match="Expected trim-COVERAGE, pca-K") as error:
        build("student-2-x-64", "nowhere", "nothing.csv", tmp_path / "out")
    assert "smallbert distil" in error.value.hint


def test_recommend(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SMALLBERT_OUT", str(tmp_path))
    row = {"point": "trim-1", "name": "trim", "kind": "encoder", "megabytes": 3.0, "measure": "topic accuracy kept"}
    row |= {"kept": 0.9, "low": 0.8, "high": 1.0, "n": 200, "over": "articles", "page": "05_distillation"}
    row |= {"where": "reductions", "command": "smallbert build trim-1", "bytes": None, "time": None, "detail": False}
    Results(edition("default"), "08_frontier").write_table("points", pd.DataFrame([row]))
    assert run("recommend", "--budget-mb", "5") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "To build it: smallbert build trim-1"
    assert run("recommend", "--budget-mb", "2") == 0
    assert "Nothing that was measured by topic accuracy kept fits 2 MB." in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        run("recommend", "--budget-mb", "-1")
