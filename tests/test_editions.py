"""The published editions are whole: every page, figure and table is there, and the claims that can be checked hold."""

import re

import pandas as pd
import pytest

from smallbert import paths
from smallbert.corpus import sources
from smallbert.corpus.tasks import description
from smallbert.report.parameters import MODELS
from smallbert.storage import read_json
from smallbert.studies.claims import load as load_claims
from smallbert.studies.claims_checks import VERDICTS
from smallbert.studies.floor import TOLERANCE

ROOT = paths.root()
RESULTS = ROOT / "data" / "results"
EDITIONS = ("default", "news-18-languages", "news-english-minilm", "reviews-korean")  # published; yours stand beside
GENERATED = "generated"


def test_there_is_an_edition_on_generated_and_several_on_real_news():
    kinds = [read_json(RESULTS / name / "01_corpus_and_embeddings" / "values.json")["corpus"] for name in EDITIONS]
    assert sum(kind[GENERATED] for kind in kinds) >= 1
    real = [kind for kind in kinds if not kind[GENERATED]]
    assert len(real) >= 3
    assert max(kind["rows"] for kind in real) >= 50_000
    assert max(len(kind["languages"]) for kind in real) >= 15


def test_what_the_editions_read_is_described_and_still_there():
    folder = ROOT / "data" / "editions"
    if not (ROOT.parent / "shared" / "data").is_dir():  # where the descriptions look for it
        pytest.skip("no real data beside the project")
    assert len(sources.parts(folder / "news-18-languages.toml", sources.Options())) == 47
    kinds = {
        name: {one.kind for one in description.load(folder / name)}
        for name in ("tasks-english.toml", "tasks-korean.toml")
    }
    assert kinds["tasks-english.toml"] == {"tagging", "questions"} and len(kinds["tasks-korean.toml"]) == 6


@pytest.mark.parametrize("name", EDITIONS)
def test_every_page_figure_and_table_is_there(name):
    edition = paths.Edition(name, ROOT)
    for stem, model in MODELS.items():
        assert (edition.report / f"{stem}.html").stat().st_size > 10_000
        for figure in model.figures:
            for suffix in (".svg", ".png", ".csv"):
                assert (edition.figures / f"{stem}__{figure}{suffix}").stat().st_size > 0
        for table in model.tables:
            assert (edition.figures / f"{stem}__{table}.html").stat().st_size > 0
            assert (edition.results / stem / f"{table}.csv").stat().st_size > 0
    assert name in (ROOT / "report" / "index.html").read_text(encoding="utf-8")
    assert f"report/{name}/index.html" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EDITIONS)
@pytest.mark.parametrize("stem", ["02_autoencoder_depth", "03_layer_schedules"])
def test_published_cells_respect_the_floor_and_have_five_seeds(name, stem):
    bound = pd.read_csv(RESULTS / name / stem / "bound.csv").iloc[0]
    assert bound["cells checked"] > 100
    assert bound["least above PCA, train"] >= -TOLERANCE
    assert bound["least above oracle, test"] >= -TOLERANCE
    values = read_json(RESULTS / name / stem / "values.json")
    assert len(values["seeds"]) >= 5


@pytest.mark.parametrize("name", EDITIONS)
def test_published_arms_are_paired_and_no_trained_factorisation_beats_the_truncation(name):
    folder = RESULTS / name / "04_albert"
    assert len(read_json(folder / "values.json")["seeds"]) >= 3
    arms = pd.read_csv(folder / "arms.csv")
    plain = arms[(arms.sharing == "nothing shared") & (arms.embedding == arms.embedding.max())].iloc[0]
    assert (arms[arms.layers == plain.layers].operations <= 1.15 * plain.operations).all()  # the map from E to H
    assert arms[arms.sharing == "all shared"].parameters.min() < plain.parameters / 2
    assert len(pd.read_csv(folder / "contrasts.csv")) == 6
    bound = pd.read_csv(folder / "trained_factors.csv").iloc[0]
    assert bound["factorisations checked"] >= 3
    assert bound["least above the truncation"] >= -TOLERANCE


@pytest.mark.parametrize("name", EDITIONS)
def test_published_students_and_tasks_have_seeds_and_the_shelf_starts_with_the_whole_encoder(name):
    folder = RESULTS / name / "05_distillation"
    values = read_json(folder / "values.json")
    assert len(values["seeds"]) >= 3
    assert {one["kind"] for one in values["students"]} == {"alone", "distilled"}
    students = pd.read_csv(folder / "students.csv")
    assert students.parameters.min() <= students.parameters.iloc[0] / 10  # the first row is the teacher
    shelf = pd.read_csv(RESULTS / name / "06_transfer" / "shelf.csv")
    assert shelf["of reference"].iloc[0] == 1.0
    assert len(shelf) >= 5
    assert len(pd.read_csv(RESULTS / name / "06_transfer" / "tasks.csv")) >= 3


@pytest.mark.parametrize("name", EDITIONS)
def test_every_claim_has_a_verdict_and_every_point_a_cost(name):
    claims = pd.read_csv(RESULTS / name / "08_frontier" / "claims.csv")
    assert claims.claim.tolist() == [one.claim for one in load_claims()]
    assert set(claims.verdict) <= set(VERDICTS)
    points = pd.read_csv(RESULTS / name / "08_frontier" / "points.csv")
    assert len(points) > 50
    assert points[["bytes", "megabytes"]].notna().any(axis=1).all()
    assert read_json(RESULTS / name / "08_frontier" / "values.json")["missing"] == []


@pytest.mark.parametrize("name", EDITIONS)
def test_a_page_repeats_the_answer_that_was_computed(name):
    page = (ROOT / "report" / name / "02_autoencoder_depth.html").read_text(encoding="utf-8")
    answer = read_json(RESULTS / name / "02_autoencoder_depth" / "values.json")["answer"]
    assert answer.split(";")[0].split(":")[0] in page


@pytest.mark.parametrize("name", EDITIONS)
def test_the_record_says_what_made_the_edition(name):
    record = read_json(RESULTS / name / "run.json")
    assert record["profile"]
    for stem in MODELS:
        stage = record["stages"][stem]
        assert stage["commit"]
        assert stage["machine"]["processor"]
        assert stage["versions"]["torch"]
    values = read_json(RESULTS / name / "01_corpus_and_embeddings" / "values.json")
    assert len(values["encoder"]["sha256"]) == 64
    assert len(values["corpus"]["rows_sha256"]) == 64


def test_nothing_published_names_a_folder_of_the_machine_it_ran_on():
    folder = re.compile(r"(?<![\w.])/(home|root|tmp|work|Users|mnt|data)/\w")
    for part in (RESULTS, ROOT / "figures", ROOT / "report"):
        for path in part.rglob("*"):
            if path.suffix in (".csv", ".json", ".html"):
                found = folder.search(re.sub(r"base64,[^\"]*", "", path.read_text(encoding="utf-8")))
                assert found is None, f"{path} names {found[0]}"
