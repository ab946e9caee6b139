"""Page 5 end to end on a small corpus: which students there are, that they are paired, and what is measured."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import transformers

from smallbert import storage
from smallbert.compress.distill.methods import Method
from smallbert.corpus.prepare import prepare
from smallbert.corpus.rows import batch
from smallbert.errors import UsageError
from smallbert.measure.probe import probe
from smallbert.models import encoder
from smallbert.models.pretrain import pretrain
from smallbert.models.recipe import PretrainRecipe
from smallbert.studies import distillation as study
from smallbert.studies import distillation_readings as readings
from smallbert.studies import distillation_training as training
from smallbert.studies import distillation_verdicts as verdicts
from smallbert.studies import embed
from smallbert.studies.articles import draw

DESIGN = study.Design(
    layers=2,
    hidden=8,
    widths=[16],
    sequence=32,
    batch=128,
    tokens=512,
    copied_tokens=256,
    rate=3e-3,
    copied_rate=1e-3,
    temperatures=[1.0],
    shares=[0.5],
)
TOPICS = {"law": ["judge", "court", "trial"], "sport": ["ball", "goal", "match"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The cache of this file's study."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("smallbert.paths.cache", lambda: folder)
        yield folder


@pytest.fixture(scope="module")
def prepared(place):
    rng = np.random.default_rng(4)
    topics = rng.choice(list(TOPICS), 400)
    rows = batch(
        {
            "id": [str(i) for i in range(400)],
            "lang": ["en"] * 400,
            "content": [" ".join(rng.choice(TOPICS[topic], 12)) + "." for topic in topics],
            "topic": topics.tolist(),
        }
    )
    return prepare([rows], place / "corpus", test_fraction=0.3, validation_fraction=0.1, near_duplicates=False)


@pytest.fixture(scope="module")
def folder(prepared, place):
    """A teacher of 3 layers, as page 1 pretrains one."""
    recipe = PretrainRecipe(
        layers=3,
        hidden=24,
        heads=2,
        intermediate=48,
        vocabulary_size=300,
        sequence_length=48,
        batch_tokens=192,
        tokens=192 * 40,
        learning_rate=3e-3,
        precision="fp32",
    )
    return pretrain(embed.tokens(prepared, 300), recipe, place / "teacher", device="cpu")


@pytest.fixture(scope="module")
def given(folder):
    return study.teacher("pretrain", {"pretrained": "teacher"}, "cpu")


@pytest.fixture(scope="module")
def headless(folder, place):
    """The same without its predictions."""
    out = shutil.copytree(folder, place / "headless")
    (out / "model.safetensors").unlink()
    transformers.BertModel.from_pretrained(folder, add_pooling_layer=False).save_pretrained(out)
    return study.teacher(str(out), {}, "cpu")


@pytest.fixture(scope="module")
def trained(given, prepared):
    source, teacher = given
    store = study.tokens(prepared, teacher)
    made = training.train(study.arms(DESIGN, teacher), store, source, teacher, seeds=2, device="cpu", workers=1)
    asked = {"panels": ["methods", "removed"], "max_tokens": 32, "rows": 60, "seed": 0, "device": "cpu", "workers": 1}
    return readings.read(made, prepared, source, **asked)


def labels(trained, panel):
    return list(dict.fromkeys(trained.panel(panel).label))


def test_arms_differ_in_what_their_panel_is_about_and_are_shared(given):
    arms = study.arms(DESIGN, given[1])
    assert len({arm.name for arm in arms}) == len(arms) == 6 + 1 + 1 + 2 + 2 + 9 + 3
    assert arms[0].labels == dict.fromkeys(["methods", "shares", "sizes"], study.ALONE)
    by_panel = {}
    for arm in arms:
        for panel, label in arm.labels.items():
            by_panel.setdefault(panel, {}).setdefault(label, []).append(arm)
    for name in ("methods", "temperatures"):
        [recipe] = {one[0].recipe for label, one in by_panel[name].items() if label != study.EQUAL}
        assert (recipe.hidden, recipe.layers, recipe.tokens) == (8, 2, 512)
    assert {arm.recipe.hidden for label in by_panel["removed"].values() for arm in label} == {24}
    removed = {label: dict(one[0].method.terms) for label, one in by_panel["removed"].items()}
    whole = Method("distilbert").terms
    assert removed[study.TRIPLE] == removed[study.FRESH] == whole
    for term, label in study.REMOVED.items():
        assert removed[label] == {name: weight for name, weight in whole.items() if name != term}
    assert {one[0].start for label, one in by_panel["removed"].items() if label != study.FRESH} == {"released"}
    assert sorted(one.share for one in by_panel["shares"]["Hinton"]) == [0.5, 1.0]
    assert sorted(one.recipe.hidden for one in by_panel["sizes"]["DistilBERT"]) == [8, 16]


def test_layer_maps_that_copy_the_same_layers_are_one_start():
    assert study.starts(2, 3) == {"released": "released", "even = bottom": "even", "top": "top", "random": "random"}
    assert list(study.starts(6, 12)) == ["released", "even", "top", "bottom", "random"]
    with pytest.raises(UsageError, match="a student of 1 to 3 layers, as many as the teacher has, got 4"):
        study.starts(4, 3)


def test_layers_meet_evenly_where_they_can_and_minilm_predicts_beside():
    assert study.method("pkd", 12, 6).layer_map == "uniform" and study.method("pkd", 3, 2).layer_map == "top"
    assert study.method("minilm", 3, 2).terms == {"hard": 1.0, "attention": 1.0, "values": 1.0}
    assert not study.method("minilm", 3, 2, predicts=False).masked


def test_equal_operations_pay_for_the_teachers_reading(given):
    arm = next(arm for arm in study.arms(DESIGN, given[1]) if arm.labels.get("methods") == study.EQUAL)
    student, teacher = 2, 3  # layers
    layer = {width: 8 * width**2 + 4 * width * 32 + 8 * width**2 for width in (8, 24)}  # with F = 2 H
    vocabulary = arm.recipe.vocabulary_size
    head = {width: 0.15 * (2 * width**2 + 2 * width * vocabulary) for width in (8, 24)}
    own, theirs = (n * layer[width] + head[width] for n, width in ((student, 8), (teacher, 24)))
    assert arm.recipe.tokens == pytest.approx(512 * (3 * own + theirs) / (3 * own), abs=1)


def test_cells_hold_what_the_students_folders_say(trained):
    assert len(trained.cells) == 2 * len(trained.arms) and trained.predicts
    for cell in trained.cells.itertuples():
        folder = trained.folders[cell.arm, cell.seed]
        made = storage.read_json(folder / "recipe.json")
        assert (cell.loss, cell.agreement) == (made["measures"]["held_out_loss"], made["measures"]["agreement"])
        assert cell.loss == pd.read_csv(folder / "curve.csv").held_out_loss.iloc[-1]
        assert cell.parameters == made["parameters"] and made["recipe"]["seed"] == cell.seed
    few = trained.cells[trained.cells.share == 0.5]
    sizes = {storage.read_json(trained.folders[one.arm, one.seed] / "recipe.json")["data"]["train_tokens"]
             for one in few.itertuples()}  # fmt: skip
    assert all(256 <= size < 256 + 32 for size in sizes)
    assert trained.teacher["parameters"] > trained.cells.parameters.max()
    assert trained.teacher["loss"] < trained.panel("methods").loss.min()


def test_readings_are_those_of_the_probe_on_the_students_embeddings(trained, prepared):
    own = trained.panel("methods")
    assert own.topic.between(0.5, 1).all() and own.language.isna().all()  # one language: nothing to tell
    assert own.similarity.between(-1, 1).all() and trained.teacher["similarity"] == pytest.approx(1)
    only_starts = trained.cells[[set(one) == {"starts"} for one in trained.cells.labels]]
    assert len(only_starts) and only_starts.topic.isna().all()
    cell = own.iloc[3]
    student = encoder.load(str(trained.folders[cell.arm, cell.seed]), max_tokens=32, device="cpu")
    (known, texts), (asked, others) = draw(prepared, "train", 120, 0), draw(prepared, "test", 60, 0)
    vectors = [student.encode(student.tokenize(one)) for one in (texts, others)]
    expected = probe(vectors[0], known.topic, vectors[1], asked.topic, seed=0).accuracy.estimate
    assert cell.topic == expected


def test_finished_students_and_readings_are_found_again(trained, given, prepared, monkeypatch):
    monkeypatch.setattr("smallbert.models.workers.run", lambda jobs, **_: pytest.fail("trained again") if jobs else 0)
    source, teacher = given
    store = study.tokens(prepared, teacher)
    again = training.train(trained.arms, store, source, teacher, seeds=2, device="cpu")
    pd.testing.assert_frame_equal(again.cells, trained.cells[again.cells.columns])


def test_verdict_tables_cover_every_arm(trained):
    found = verdicts.methods(trained)
    assert set(found.measure) == {"loss", "agreement", "similarity", "topic"}
    assert found[found.measure == "loss"].label.tolist() == labels(trained, "methods")[1:]
    assert verdicts.gains(trained, "sizes", "hidden").hidden.tolist() == [8, 16]
    assert len(verdicts.starts(trained)) == 7 and verdicts.temperatures(trained).label.tolist() == ["1"]


def test_summary_has_the_teacher_first_and_a_row_an_arm(trained):
    table = training.summary(trained)
    assert table.arm.tolist() == ["the teacher", *(arm.name for arm in trained.arms)]
    own = trained.cells[trained.cells.arm == trained.arms[2].name].loss
    assert (table.loss[3], table["sd of loss"][3]) == pytest.approx((own.mean(), own.std(ddof=1)))
    assert table.loss[0] == trained.teacher["loss"] and table.parameters[0] == trained.teacher["parameters"]


def test_students_for_later_pages_lie_in_the_cache_and_are_the_best_of_their_width(trained, place):
    found = pd.DataFrame(verdicts.students(trained))
    assert found.groupby(["hidden", "kind"]).seed.apply(list).tolist() == [[0, 1]] * 4
    for row in found.itertuples():
        made = storage.read_json(place / row.folder / "recipe.json")
        assert (made["recipe"]["hidden"], made["method"]["name"]) == (row.hidden, row.method)
    losses = trained.panel("methods").groupby("label").loss.mean()
    distilled = losses.drop([study.ALONE, study.EQUAL])
    own = found[(found.hidden == 8) & (found.kind == "distilled")]
    assert own.loss.mean() == pytest.approx(distilled.min())


def test_a_teacher_without_predictions_has_students_of_its_embeddings(headless, prepared):
    source, teacher = headless
    arms = study.arms(DESIGN, teacher)
    assert set().union(*(arm.labels for arm in arms)) == {"methods", "shares", "sizes", "starts"}
    few = [arm for arm in arms if {"methods", "sizes"} & set(arm.labels)]
    store = study.tokens(prepared, teacher)
    made = training.train(few, store, source, teacher, seeds=2, device="cpu", workers=1)
    asked = {"panels": ["methods", "sizes"], "max_tokens": 32, "rows": 60, "seed": 0, "device": "cpu", "workers": 1}
    made = readings.read(made, prepared, source, **asked)
    assert not made.predicts and verdicts.measure_of(made) == "similarity"
    cells = made.panel("methods").set_index("label")
    assert cells.loss[list(study.HEADLESS.values())].isna().all() and cells.loss[study.ALONE].notna().all()
    assert cells.agreement.isna().all()
    found = verdicts.methods(made)
    assert "agreement" not in set(found.measure) and set(found[found.measure == "similarity"].pairs) == {2}
    assert verdicts.removals(made).empty and verdicts.temperatures(made).empty and verdicts.starts(made).empty
    assert {row["method"] for row in verdicts.students(made)} <= {"alone", "sentence", "minilm", "tinybert-general"}


def test_a_diverging_student_names_its_arm_and_step(given, prepared):
    source, teacher = given
    own = next(arm for arm in study.arms(DESIGN, teacher) if arm.labels.get("temperatures") == "1")
    wild = replace(own, recipe=replace(own.recipe, learning_rate=1e30))
    message = r"^hinton \(hard \+ soft\), 2 x 8, fresh, T 1, 512 tokens, seed 0: .* at step \d of 4"
    with pytest.raises(UsageError, match=message):
        training.train([wild], study.tokens(prepared, teacher), source, teacher, seeds=1, device="cpu", workers=1)
