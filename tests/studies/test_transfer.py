"""Encoders on tasks end to end with tiny ones, and what the tables and sentences make of cells that are made up."""

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from sklearn import decomposition
from transformers import AutoTokenizer

from smallbert.compress import dense, folders
from smallbert.compress.embeddings import extract
from smallbert.corpus import world
from smallbert.corpus.prepare import prepare
from smallbert.models import encoder as encoders
from smallbert.models.heads import narrowing
from smallbert.models.heads.fleet import Trial, finetune_all
from smallbert.models.last_layer import Layer
from smallbert.models.pretrain import pretrain
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.sharing import SharedRecipe
from smallbert.studies import transfer, transfer_sentences, transfer_shelf, transfer_table
from smallbert.studies.contrasts import LEVEL
from smallbert.studies.facts import WORLD
from smallbert.studies.sharing import Arm, Trained
from smallbert.studies.task_kinds import new_parameters
from smallbert.studies.task_suite import suite
from smallbert.studies.transfer import FROZEN, TUNED, Settings
from smallbert.studies.transfer_controls import CONSTANT, WORDS, controls
from smallbert.studies.transfer_shelf import FRESH, NARROWED, REFERENCE, TRIMMED, TRUNCATED
from smallbert.studies.transfer_table import ratio_interval

SIZES = {"layers": 1, "hidden": 16, "heads": 2, "intermediate": 32, "vocabulary_size": 300, "sequence_length": 48}
RECIPE = PretrainRecipe(**SIZES, batch_tokens=96, tokens=96 * 4, precision="fp32")
SETTINGS = Settings(
    seeds=2, max_tokens=64, head_rates=[1e-2, 1e-3], head_epochs=2, rates=[1e-3, 1e-6], epochs=1, largest=10**6
)


@pytest.fixture(scope="module")
def texts():
    rows = [row for batch in world.stream(300, 3, languages=("en",)) for row in batch.column("content").to_pylist()]
    return rows[:300]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The cache of all tests here."""
    place = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMALLBERT_CACHE", str(place))
        yield place


@pytest.fixture(scope="module")
def encoder(texts, place):
    return pretrain(texts, RECIPE, place / "encoders" / "reference", device="cpu")


@pytest.fixture(scope="module")
def first(encoder, place):
    """What page 1 records of an embedded corpus."""
    batches = world.stream(240, 3, languages=("en",))
    corpus = prepare(batches, place / "corpus", test_fraction=0.2, validation_fraction=0.1, seed=1)
    store = extract(corpus, encoders.load(str(encoder), device="cpu", max_tokens=48), place / "embeddings" / "one")
    return {"store": "embeddings/one", "pretrained": str(encoder.relative_to(place)), "width": store.width}


@pytest.fixture(scope="module")
def vectors(first):
    return transfer_shelf.vectors("pretrain", first)


@pytest.fixture(scope="module")
def shelf(encoder, texts, vectors, place):
    shared = SharedRecipe(**SIZES, batch_tokens=96, tokens=96, precision="fp32", sharing="all", embedding=8)
    twins = [pretrain(texts, replace(shared, seed=seed), place / "encoders" / f"twin{seed}") for seed in (0, 1)]
    return transfer_shelf.shelf(
        encoder,
        texts[:20],
        vectors,
        earlier={"page 4": transfer_shelf.recorded({"all shared": twins, "lost": [place / "gone"]}), "page 5": {}},
        peer="",
        coverage=0.9,
        seeds=2,
    )


@pytest.fixture(scope="module")
def tasks():
    return suite("world", examples=27, asked=27, seed=0, languages=["en"], kinds=["sentence", "entities", "questions"])


@pytest.fixture(scope="module")
def cells(tasks, shelf):
    return transfer.run(tasks, shelf, SETTINGS, device="cpu", jobs=1)


def test_the_shelf_takes_what_exists_and_says_what_is_missing(shelf):
    assert [model.name for model in shelf.models] == [REFERENCE, TRIMMED, TRUNCATED, NARROWED, "all shared", FRESH]
    assert shelf.missing == (
        "lost of page 4: its folder is not in the cache any more",
        "encoders of page 5: it has recorded none",
    )
    assert "Missing from the shelf: lost of page 4" in shelf.sentence()
    facts = shelf.facts().set_index("model")
    rows, width = 300, 16
    body = (48 + 2 + 2) * width + 4 * (width + 1) * width + (width + 1) * 32 + 33 * width + 4 * width
    assert facts.parameters[REFERENCE] == rows * width + body
    assert facts.parameters[TRUNCATED] == 4 * (rows + width) + body
    assert facts.parameters[TRIMMED] == facts.vocabulary[TRIMMED] * width + body < facts.parameters[REFERENCE]
    assert facts.parameters[NARROWED] == facts.parameters[REFERENCE] + 4 * (width + 1)
    assert facts.vector.to_dict() == {name: 4 if name == NARROWED else width for name in facts.index}
    assert (
        facts["of reference"][FRESH] == 1
        and (facts.operations[[TRIMMED, TRUNCATED]] == facts.operations[REFERENCE]).all()
    )


def test_copies_are_what_they_are_called(shelf, texts):
    from safetensors.torch import load_file

    models = {model.name: model for model in shelf.models}
    tables = {name: load_file(f"{models[name].folder(0)}/model.safetensors") for name in (REFERENCE, TRUNCATED, FRESH)}
    [name] = [name for name in tables[REFERENCE] if name.endswith("word_embeddings.weight")]
    assert np.linalg.matrix_rank(tables[TRUNCATED][name].numpy(), tol=1e-4) == 4
    same = [key for key in tables[REFERENCE] if key != name]
    assert all((tables[REFERENCE][key] == tables[TRUNCATED][key]).all() for key in same)
    assert models[FRESH].folder(0) != models[FRESH].folder(1) == models[FRESH].folder(3)
    own, theirs = (AutoTokenizer.from_pretrained(models[one].folder(0))(texts[0]) for one in (REFERENCE, FRESH))
    assert own["input_ids"] == theirs["input_ids"]


def test_the_narrowed_encoder_gives_principal_components(shelf, vectors):
    [model] = [model for model in shelf.models if model.name == NARROWED]
    layer = narrowing.read(Path(model.folder(0)))
    train = vectors.vectors(np.flatnonzero((vectors.rows["split"] == "train").to_numpy()))
    expected = np.abs(decomposition.PCA(4).fit_transform(train.astype(np.float64)))
    found = np.abs(layer(torch.from_numpy(train)).detach().numpy())
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_vectors_of_another_encoder_or_layer_narrow_nothing(first, shelf, encoder, texts, vectors, monkeypatch):
    assert transfer_shelf.vectors(shelf.models[-1].folder(0), first) is None
    monkeypatch.setitem(vectors.manifest["encoder"], "layer", 0)
    monkeypatch.setattr(transfer_shelf.EmbeddingStore, "open", lambda folder: vectors)
    assert transfer_shelf.vectors("pretrain", first) is None
    without = transfer_shelf.shelf(encoder, texts[:20], None, earlier={}, peer="", coverage=0.9, seeds=1)
    assert "vector narrowed: page 1 has no vectors of this encoder's last layer" in without.missing


def test_copies_of_a_narrow_encoder_are_as_narrow(shelf, texts, vectors):
    """With last layers an encoder is not narrowed again, and none of its copies is wider."""
    [narrow] = [model for model in shelf.models if model.name == NARROWED]
    found = transfer_shelf.shelf(narrow.folder(0), texts[:20], vectors, earlier={}, peer="", coverage=0.9, seeds=1)
    assert found.missing == ("vector narrowed: a last layer leaves 4 of 16 numbers already",)
    assert [model.name for model in found.models] == [REFERENCE, TRIMMED, TRUNCATED, FRESH]
    assert set(found.facts().vector) == {4} and found.reference.parameters == narrow.parameters
    layers = {model.name: narrowing.read(Path(model.folder(0))) for model in found.models}
    assert {encoders.load(model.folder(0), max_tokens=48, device="cpu").width for model in found.models} == {4}
    same = {name: torch.equal(layer.weight, layers[REFERENCE].weight) for name, layer in layers.items()}
    assert same == {REFERENCE: True, TRIMMED: True, TRUNCATED: True, FRESH: False}


def test_heads_read_beneath_layers_that_no_head_reads(encoder, texts, vectors, place):
    """LaBSE's dense layer ends in a tanh; what lies beneath it is the plain encoder, to the bit."""
    layer = Layer(torch.eye(16), torch.zeros(16), "torch.nn.modules.activation.Tanh")
    dense.write(Path(encoder), [layer], place / "labse", max_tokens=32)
    found = transfer_shelf.shelf(str(place / "labse"), texts[:20], vectors, earlier={}, peer="", coverage=0.9, seeds=1)
    origin = found.facts().set_index("model").origin[REFERENCE]
    assert origin.endswith("beneath its dense layers: heads read hidden states or one linear map")
    ours, theirs = (dict(folders.weights(Path(one))) for one in (found.reference.folder(0), encoder))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert "vector narrowed: page 1 has no vectors of this encoder's last layer" in found.missing
    assert not any((Path(model.folder(0)) / "modules.json").exists() for model in found.models)


def test_every_encoder_is_asked_every_task_in_the_modes_it_allows(cells, tasks, shelf):
    asked = cells.scores.groupby(["model", "mode"]).size()
    assert set(asked) == {len(tasks) * 2}
    modes = cells.scores.groupby("model")["mode"].unique().map(set)
    assert modes[TRIMMED] == modes[TRUNCATED] == modes[FRESH] == {FROZEN}
    assert modes[REFERENCE] == modes["all shared"] == modes[NARROWED] == {FROZEN, TUNED}
    everything = replace(SETTINGS, copies=True)
    assert [len(everything.modes(model)) for model in shelf.models] == [2, 2, 1, 2, 2, 2]
    assert cells.scores.score.between(0, 1).all() and (cells.scores.seed < 2).all()
    counted = cells.scores.groupby(["model", "task"])["new parameters"].first()
    for task in tasks:
        for model, width in ((REFERENCE, 16), (NARROWED, 4)):
            head = new_parameters(task.kind, len(task.classes()), width)
            pooler = width * (width + 1) if task.kind == "sentence" else 0  # masked words alone leave none
            assert counted[model, task.name] == head + pooler


def test_the_rate_is_the_best_on_development(cells, tasks):
    assert cells.rates.groupby(transfer.KEYS).chosen.sum().eq(1).all()
    chosen = cells.rates[cells.rates.chosen]
    assert (chosen.development.to_numpy() == cells.rates.groupby(transfer.KEYS, sort=False).development.max()).all()
    used = cells.scores.groupby(transfer.KEYS, sort=False).rate.unique().map(list)
    assert used.to_dict() == {key: [rate] for key, rate in chosen.set_index(transfer.KEYS).rate.items()}


def test_rates_taken_stand_in_a_table_with_a_column_a_task(cells, tasks, shelf):
    table = transfer_table.chosen_rates(cells.rates)
    assert list(table.columns) == ["model", "mode", *(task.name for task in tasks)]
    row = table[(table.model == NARROWED) & (table["mode"] == TUNED)].iloc[0]
    chosen = cells.rates[cells.rates.chosen].set_index(["model", "mode", "task"]).rate
    assert [row[task.name] for task in tasks] == [chosen[NARROWED, TUNED, task.name] for task in tasks]
    one = cells.rates.assign(rate=np.where(cells.rates["mode"] == TUNED, 0.5, cells.rates.rate))
    said = transfer_table.chosen_rates(one)
    assert said[said["mode"] == TUNED].drop(columns="mode").to_numpy().tolist() == [
        ["every encoder", *[0.5] * len(tasks)]
    ]
    assert len(said[said["mode"] != TUNED]) == len(table[table["mode"] != TUNED])


def test_a_cell_is_a_fine_tuning_like_any_other(cells, tasks, shelf, tmp_path):
    task, model = tasks[0], shelf.models[4]
    row = cells.scores[(cells.scores.task == task.name) & (cells.scores.model == model.name)].iloc[-1]
    recipe = SETTINGS.recipe(row["mode"], model, row.rate, int(row.seed))
    assert (recipe.max_tokens, recipe.pooling, recipe.frozen) == (48, "mean", False)
    trial = Trial("alone", str(model.folder(row.seed)), task.head(48), task.train, {"test": task.test}, recipe)
    [alone] = finetune_all([trial], tmp_path, device="cpu", jobs=1)
    said = json.loads(alone.read_text())["predictions"]["test"]
    right = [word == one.label for word, one in zip(said, task.test, strict=True)]
    assert row.score == np.mean(right)


def test_a_single_rate_needs_no_choice_and_large_encoders_stay_frozen(tasks, shelf, tmp_path):
    own = replace(SETTINGS, rates=[1e-3], head_rates=[1e-2], largest=shelf.models[4].parameters)
    two = replace(shelf, models=(shelf.models[0], shelf.models[4]))
    found = transfer.run(tasks[:1], two, own, where=tmp_path, device="cpu", jobs=1)
    modes = found.scores.groupby("model")["mode"].unique().map(list)
    assert modes.to_dict() == {REFERENCE: [FROZEN], "all shared": [FROZEN, TUNED]}
    assert found.rates.chosen.all() and found.rates[found.rates["mode"] == TUNED].development.isna().all()
    assert len(list(tmp_path.glob("*.json"))) == len(found.scores)


def test_the_threshold_of_unanswerable_questions(cells, tasks):
    task = tasks[-1]
    curves = transfer.threshold_curves(cells, tasks)
    assert set(curves.task) == {task.name} and set(curves["mode"]) == {TUNED}
    own = cells.scores[(cells.scores.task == task.name) & (cells.scores.model == REFERENCE)]
    own = own[own["mode"] == TUNED].set_index("seed")
    assert own.unanswerable.notna().all() and own.answerable.notna().all()
    for seed, part in curves.groupby("seed"):
        at = part.iloc[(part.tau - own.tau[seed]).abs().argmin()]
        assert at.test == pytest.approx(own.score[seed]) and at.development == part.development.max()
        assert part.chosen.eq(own.tau[seed]).all()
        assert part.test.iloc[-1] == part.silent.iloc[0] == np.mean([not one.answers for one in task.test])
    assert transfer.threshold_curves(cells, tasks[:-1]).empty


def test_tables_and_sentences_of_real_cells(cells, tasks, shelf):
    without = controls(tasks, AutoTokenizer.from_pretrained(shelf.reference.folder(0)))
    found = transfer_table.summary(cells.scores, without)
    assert len(found) == len(cells.scores) / 2
    totals = transfer_table.overall(cells.scores, found)
    differences = transfer_table.contrasts(cells.scores, found)
    facts = shelf.facts()
    assert transfer_sentences.learnt(found)
    assert transfer_sentences.answer(totals, differences, facts, len(tasks), found)


# --- cells that are made up ---

MODELS = {REFERENCE: 0.9, "small": 0.6, "smaller": 0.5, FRESH: 0.55}


def made_up(scores=MODELS, tasks=("one", "two"), mode=FROZEN, seeds=5):
    wobble = [0.004, -0.002, 0.0, 0.003, -0.005]
    rows = [
        (task, model, mode, "accuracy", seed, score + wobble[(seed + place) % 5])
        for task in tasks
        for place, (model, score) in enumerate(scores.items())
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["task", "model", "mode", "metric", "seed", "score"])


def without(floor=0.5, words=0.7, tasks=("one", "two")):
    rows = [(task, name, value) for task in tasks for name, value in ((CONSTANT, floor), (WORDS, words))]
    return pd.DataFrame(rows, columns=["task", "control", "score"])


FACTS = pd.DataFrame({"model": list(MODELS), "of reference": [1.0, 0.25, 0.1, 1.0]})


def test_what_is_retained_counts_from_the_floor():
    cells = made_up()
    found = transfer_table.summary(cells, without()).set_index(["task", "model"])
    assert found.retained["one", "small"] == pytest.approx(0.1 / 0.4, abs=0.02)
    assert found.loc[("one", REFERENCE), transfer_table.RETAINED].tolist() == pytest.approx([1, 1, 1])
    own = cells[(cells.task == "one") & (cells.model == "small")].score
    expected = stats.t.interval(LEVEL, 4, own.mean(), stats.sem(own))
    assert tuple(found.loc[("one", "small"), ["low", "high"]]) == pytest.approx(expected)
    assert found.learnt["one", "small"] and not found.learnt["one", "smaller"]


def test_where_the_reference_is_too_large_the_others_stand_alone():
    cells = pd.concat([made_up(), made_up({"small": 0.9}, mode=TUNED)])
    found = transfer_table.summary(cells, without())
    assert found[found["mode"] == TUNED].retained.isna().all() and found[found["mode"] == TUNED].learnt.all()
    assert set(transfer_table.contrasts(cells, found)["mode"]) == {FROZEN}
    assert set(transfer_table.overall(cells, found)["mode"]) == {FROZEN}
    assert f"Fine-tuned, the {REFERENCE} is not used here" in transfer_sentences.learnt(found)


def test_of_a_task_not_learnt_nothing_is_retained():
    cells = pd.concat([made_up(tasks=["one"]), made_up({REFERENCE: 0.5, "small": 0.5}, tasks=["two"])])
    found = transfer_table.summary(cells, without())
    assert found[found.task == "two"].retained.isna().all()
    differences = transfer_table.contrasts(cells, found)
    assert set(differences.task) == {"one"} and set(differences.model) == {"small", "smaller"}
    said = transfer_sentences.learnt(found)
    assert f"the {REFERENCE} beats a constant answer on one (accuracy 0.90, floor 0.50); not on two, of which" in said
    assert "By its mean a bag of words is as good or better on two." in said
    assert "Of these it beats a bag of words for sure on one." in said


def test_over_all_tasks_means_are_compared_not_ratios():
    cells = pd.concat(
        [
            made_up({REFERENCE: 0.9, "small": 0.7}, tasks=["one"]),
            made_up({REFERENCE: 0.52, "small": 0.56}, tasks=["two"]),
        ]
    )
    found = transfer_table.summary(cells, without())
    totals = transfer_table.overall(cells, found).set_index("model")
    assert totals.retained["small"] == pytest.approx((0.2 + 0.06) / (0.4 + 0.02), abs=0.01)
    assert totals.tasks["small"] == 2


def test_fieller_covers_the_true_ratio(rng):
    inside, trials = 0, 2000
    for _ in range(trials):
        b = rng.normal(1.0, 0.2, 6)
        a = 0.5 * b + rng.normal(0.2, 0.1, 6)
        found = ratio_interval(a, b)
        inside += found.low <= 0.7 <= found.high
    low, high = stats.binomtest(inside, trials).proportion_ci(0.999)
    assert low <= LEVEL <= high


def test_fieller_solves_its_own_equation(rng):
    a, b = rng.normal(3, 1, 8), rng.normal(5, 1, 8)
    found = ratio_interval(a, b)
    for limit in (found.low, found.high):
        assert stats.ttest_1samp(a - limit * b, 0).pvalue == pytest.approx(1 - LEVEL)
    assert found.estimate == pytest.approx(a.mean() / b.mean())
    assert ratio_interval([1.0, 2.0], [1.0, -1.0]).high == math.inf
    assert ratio_interval([0.5, 0.5], [1.0, 1.0]) == ratio_interval([0.5, 0.5], [1.0, 1.0])


def test_the_sentences_follow_the_numbers():
    cells = made_up()
    found = transfer_table.summary(cells, without())
    totals, differences = transfer_table.overall(cells, found), transfer_table.contrasts(cells, found)
    small, smaller = transfer_sentences.costs(totals, differences, FACTS)
    assert small.startswith("small, frozen: 25% of the parameters, 25% [") and "lower on one (-0.30" in small
    assert "and two (" in small and smaller.startswith("smaller, frozen: 10% of the parameters, ")
    said = transfer_sentences.answer(totals, differences, FACTS, 3, found)
    assert (
        f"Frozen, on the 2 of 3 tasks on which the {REFERENCE} beats a constant answer (one and two; a bag of words "
        "too on 2), of the points above that answer, summed over these tasks: the best by its mean, small, 25% of the "
        "parameters, retains"
    ) in said
    assert "; the smallest, smaller, 10% of the parameters, retains" in said
    assert said.count("lower for sure on 2") == 2 and "; lower for sure on some task: 2 of 2." in said
    # Fresh weights stand 0.05 above the constant answer, small 0.1 and smaller 0.
    assert "with fresh weights retains 13% [11%" in said and "; 1 of the 2 encoders are not above it by mean." in said
    wordy = transfer_table.summary(cells, without(words=0.95))
    # A bag of words that is worse than a constant answer is beaten without anything learnt.
    poor = transfer_table.summary(
        pd.concat([cells, made_up({REFERENCE: 0.5}, ["three"])]), without(words=0.1, tasks=("one", "two", "three"))
    )
    assert "Of these it beats a bag of words for sure on one and two." in transfer_sentences.learnt(poor)
    assert "a bag of words too on 0)" in transfer_sentences.answer(totals, differences, FACTS, 3, wordy)
    assert "with fresh weights reaches, frozen, 13% [11%" in transfer_sentences.fresh(totals)

    better = made_up({REFERENCE: 0.7, "small": 0.8, "smaller": 0.7005})
    found = transfer_table.summary(better, without())
    totals, differences = transfer_table.overall(better, found), transfer_table.contrasts(better, found)
    small, smaller = transfer_sentences.costs(totals, differences, FACTS)
    assert "higher on one" in small and "equivalent within 0.01 on one" in smaller
    assert transfer_sentences.fresh(totals) == ""
    said = transfer_sentences.answer(totals, differences, FACTS, 3, found)
    assert "same architecture" not in said and "; lower for sure on some task: none of 2." in said
    beside_zero = differences.assign(verdict="no difference shown")
    small, smaller = transfer_sentences.costs(totals, beside_zero, FACTS)
    assert "not told after correction on one (+0.10 [" in small and "no difference shown on one and two" in smaller
    assert "By their means no bag of words" in transfer_sentences.learnt(
        transfer_table.summary(better, without(words=0.1))
    )


def test_an_answer_names_the_best_and_the_smallest_alone():
    cells = made_up({REFERENCE: 0.9, "small": 0.6, "smaller": 0.8, "middle": 0.7})
    facts = pd.DataFrame({"model": [*MODELS, "middle"], "of reference": [1.0, 0.25, 0.1, 1.0, 0.15]})
    found = transfer_table.summary(cells, without())
    totals, differences = transfer_table.overall(cells, found), transfer_table.contrasts(cells, found)
    said = transfer_sentences.answer(totals, differences, facts, 2, found)
    assert "the best by its mean, smaller, 10%" in said and "the smallest" not in said  # they are one
    assert "middle" not in said and "lower for sure on some task: 3 of 3." in said
    alone = made_up({REFERENCE: 0.9})
    found = transfer_table.summary(alone, without())
    said = transfer_sentences.answer(transfer_table.overall(alone, found), differences[:0], FACTS, 2, found)
    assert said.endswith("summed over these tasks: no other encoder stands beside it.")


def test_how_many_examples_a_task_has_is_told_with_their_source():
    listing = pd.DataFrame({"task": ["one", "two", "three"], "train": [80, 80, 1_200], "test": [100, 100, 30]})
    said = transfer_sentences.examples(listing.assign(source=WORLD))
    assert said == (
        "Examples to learn from and to be tested on: 80 and 100 (one; two), 1,200 and 30 (three). "
        "All tasks are generated."
    )
    files = transfer_sentences.examples(listing.assign(source="train.tsv"))
    assert files.endswith("No task is generated: all are read from files.")


def test_where_nothing_is_learnt_the_answer_says_so():
    cells = made_up({REFERENCE: 0.5, "small": 0.5})
    found = transfer_table.summary(cells, without())
    totals, differences = transfer_table.overall(cells, found), transfer_table.contrasts(cells, found)
    assert totals.empty and differences.empty
    assert transfer_sentences.costs(totals, differences, FACTS) == []
    said = transfer_sentences.answer(totals, differences, FACTS, 2, found)
    assert said == f"The {REFERENCE} beats a constant answer on none of the 2 tasks: nothing can be retained."
    assert "beats a constant answer on no task; not on one and two" in transfer_sentences.learnt(found)


def test_questions_with_and_without_an_answer_stand_apart(cells):
    table = transfer_table.answering(cells.scores)
    assert len(table) == cells.scores[cells.scores.tau.notna()].groupby(transfer.KEYS).ngroups > 0
    np.testing.assert_allclose(table.F1, (table["answerable F1"] + table.unanswerable) / 2, atol=0.2)
    nothing = transfer_table.answering(made_up())
    assert nothing.empty and "empty, since no task" in transfer_sentences.answering_caption(nothing)
    assert transfer_sentences.answering_caption(table) == "Questions with and without an answer, apart."


def test_rates_are_told_beside_those_of_bert(cells):
    said = transfer_sentences.rates(cells.rates)
    assert (
        "among 2e-05, 3e-05, 4e-05 and 5e-05" in said and "frozen 0.001 and 0.01 (20 to 200 times its largest)" in said
    )


def test_a_single_rate_is_told_once(cells):
    one = cells.rates[cells.rates.rate == 0.001]
    assert "frozen 0.001 (20 times its largest)" in transfer_sentences.rates(one)
    frozen = one[one["mode"] == FROZEN]
    assert transfer_sentences.rates_caption(frozen) == "One peak rate, set beforehand (frozen 0.001); none was chosen."
    assert transfer_sentences.rates_caption(cells.rates) == "Peak rates taken, the best on development."
    mixed = pd.concat([frozen, cells.rates[cells.rates["mode"] == TUNED]])
    assert transfer_sentences.rates_caption(mixed).endswith(
        "best on development; one rate set beforehand: frozen 0.001."
    )


def test_page_4_records_its_plain_and_its_smallest_shared_encoder(place):
    base = SharedRecipe(**SIZES, batch_tokens=96, tokens=96)
    changes = ({}, {"sharing": "all"}, {"sharing": "all", "embedding": 8}, {"sharing": "all", "layers": 2})
    arms = [Arm(replace(base, **change), ("sharing",)) for change in changes]
    folders = {(arm.name, seed): place / "encoders" / f"{n}-{seed}" for n, arm in enumerate(arms) for seed in (0, 1)}
    assert transfer_shelf.twins(Trained(tuple(arms), pd.DataFrame(), folders)) == {
        "nothing shared, E 16": ["encoders/0-0", "encoders/0-1"],
        "all shared, E 8": ["encoders/2-0", "encoders/2-1"],
    }


def test_the_widest_students_of_page_5_are_taken_seed_by_seed():
    found = [
        {"kind": kind, "method": method, "hidden": width, "seed": seed, "folder": f"{method}-{width}-{seed}"}
        for seed in (1, 0)
        for width in (32, 64)
        for kind, method in (("alone", "alone"), ("distilled", "minilm"))
    ]
    assert transfer_shelf.students(found) == {
        "student alone, width 64": ["alone-64-0", "alone-64-1"],
        "student distilled (minilm), width 64": ["minilm-64-0", "minilm-64-1"],
    }
    assert transfer_shelf.students([]) == {}


def test_settings_come_from_the_parameters():
    names = {"tuning_rates": [1e-3], "tuning_epochs": 2, "tune_copies": True, "largest": 5}
    common = {"seeds": 3, "max_tokens": 64, "head_rates": [1e-2], "head_epochs": 4}
    found = transfer.settings(SimpleNamespace(**names, **common))
    assert found == Settings(**common, rates=[1e-3], epochs=2, copies=True, largest=5)


def test_results_are_plain_files(cells):
    [file, *_] = cells.files.values()
    assert json.loads(file.read_text())["predictions"].keys() == {"development", "test"}
