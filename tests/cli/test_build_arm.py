"""``smallbert build`` of an encoder of page 4: the one its edition pretrained, to the bit, and held to its loss."""

import argparse
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from smallbert import paths
from smallbert.cli import corpora, recommend
from smallbert.errors import UsageError
from smallbert.models import encoder as encoders
from smallbert.results import Results
from smallbert.storage import write_json
from smallbert.studies import albert, build_arm, embed, points, sharing
from smallbert.studies.frontier_points import ALBERT, FRONTIER, SHARED, arm_command

PARAMETERS = {
    "layers": 2, "hidden": 16, "heads": 2, "vocabulary": 200, "embedding": 4, "embeddings": [], "depths": [1],
    "sequence": 16, "batch": 64, "tokens": 256,
}  # fmt: skip


@pytest.fixture
def edition(news, tmp_path, monkeypatch):
    """An edition whose page 4 has pretrained its encoders; returns its results and what was trained."""
    monkeypatch.setenv("SMALLBERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SMALLBERT_OUT", str(tmp_path / "out"))
    names = {"columns": [], "lang": "en", "max_bad_rows": None, "keep_duplicates": False, "rows": None}
    corpus = corpora.corpus(argparse.Namespace(corpus=str(news), **names), {})
    params = SimpleNamespace(**PARAMETERS)
    arms = sharing.arms(albert.plain(params), embedding=4, embeddings=[], depths=[1])
    store = embed.tokens(corpus, params.vocabulary)
    # Rates as if page 4 had tried two and chosen for each: the second is not the recipe's own.
    rates = pd.DataFrame({"arm": [arm.name for arm in arms], "rate": 0.003, "chosen": True})
    arms, _ = sharing.tune(arms, [0.003], store, albert.place())
    trained = sharing.train(arms, store, albert.place(), seeds=2, workers=1, device="cpu")
    results = Results(paths.edition("own"), FRONTIER)
    results.of("01_corpus_and_embeddings").record(corpus={"key": corpus.key})
    results.of(ALBERT).write_table("rates", rates)
    for panel in build_arm.PANELS:
        path = results.edition.figures / f"{ALBERT}__{panel}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        trained.panel({"embedding_sweep": "embedding", "depth_sweep": "depth"}.get(panel, panel)).to_csv(path)
    write_json(results.edition.results / "run.json", {"stages": {ALBERT: {"parameters": PARAMETERS}}})
    rows = [{"point": points.slug(arm.name), "page": ALBERT, "method": SHARED} for arm in arms]
    results.write_table("points", pd.DataFrame(rows))
    return results, trained


def build(point, news, out, *more):
    parser = argparse.ArgumentParser()
    recommend.add(parser.add_subparsers())
    flags = ["--corpus", news, "--out", out, "--edition", "own", "--lang", "en", "--device", "cpu"]
    options = parser.parse_args([str(one) for one in ["build", point, *flags, *more]])
    return options.command(options)


@pytest.mark.parametrize(
    "name", ["all shared, E 4, 2 layers", "nothing shared, E 16, 2 layers", "attention shared, E 4, 2 layers"]
)
def test_the_encoder_of_a_name_is_trained_to_the_bit_and_held_to_its_loss(
    news, edition, tmp_path, capsys, monkeypatch, name
):
    import sentence_transformers

    results, trained = edition
    monkeypatch.setenv("SMALLBERT_CACHE", str(tmp_path / "another cache"))  # so that it is trained again
    point = points.slug(name)
    assert arm_command(point, results).startswith(f"smallbert build {point} --edition own --corpus")
    assert build(point, news, tmp_path / "made") == 0
    loss = trained.cells.query("arm == @name and seed == 0").loss.item()
    assert f"{loss:.4f} nats, perplexity +0.0%, as the report says" in capsys.readouterr().out
    found, expected = (load_file(one / "model.safetensors") for one in (tmp_path / "made", trained.folders[name, 0]))
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in found)
    ours, theirs = (
        encoders.load(str(one), precision="fp32", max_tokens=16, device="cpu")
        for one in (tmp_path / "made", trained.folders[name, 0])
    )
    ids = ours.tokenize(["aa ab ba", "ca"])
    np.testing.assert_array_equal(ours.encode(ids), theirs.encode(ids))
    loaded = sentence_transformers.SentenceTransformer(str(tmp_path / "made"), device="cpu")
    np.testing.assert_allclose(loaded.encode(["aa ab ba", "ca"]), ours.encode(ids), atol=1e-5)


def test_another_loss_is_told_and_another_corpus_is_not_compared(news, edition, tmp_path, capsys):
    results, trained = edition
    name = trained.arms[0].name
    for panel in build_arm.PANELS:
        path = results.edition.figures / f"{ALBERT}__{panel}.csv"
        cells = pd.read_csv(path)
        cells.assign(loss=cells.loss + 0.5).to_csv(path, index=False)
    assert build(points.slug(name), news, tmp_path / "off") == 1
    assert "perplexity -39.3%, not what the report says" in capsys.readouterr().out  # exp(-0.5) - 1
    other = tmp_path / "other.csv"
    other.write_text(news.read_text().replace("aa", "ea"))
    assert build(points.slug(name), other, tmp_path / "other") == 0
    assert "Edition own measured another corpus: nothing to compare with." in capsys.readouterr().out


def test_a_single_rate_needs_no_choice(edition):
    results, trained = edition
    page = results.of(ALBERT)
    page.write_table("rates", page.table("rates").drop(columns="chosen"))
    assert build_arm.find(results, points.slug(trained.arms[0].name)).arm.recipe.learning_rate == 0.003


def test_what_the_page_does_not_have_is_refused(news, edition, tmp_path):
    results, trained = edition
    point = points.slug(trained.arms[0].name)
    with pytest.raises(UsageError, match=f"--encoder has no meaning for {point}"):
        build(point, news, tmp_path / "made", "--encoder", "minilm")
    with pytest.raises(UsageError, match="Expected an encoder to build trim-1 from"):
        build("trim-1", news, tmp_path / "made")
    results.write_table("points", pd.DataFrame([{"point": "gone", "page": ALBERT, "method": SHARED}]))
    with pytest.raises(UsageError, match="Expected an encoder of page 4 of edition own, got 'gone'"):
        build("gone", news, tmp_path / "made")
    assert not (tmp_path / "made").exists()
