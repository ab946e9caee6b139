"""The twins end to end, small; that each differs in one thing; and what is said of made-up results."""

import pickle
import types
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.models.causal import TwinRecipe
from smallbert.models.heads.recipe import FineTuneRecipe
from smallbert.models.tokens import TokenStore
from smallbert.published import published
from smallbert.studies import twins as study
from smallbert.studies import twins_answers as answers
from smallbert.studies import twins_settings, twins_tasks, twins_tuning
from smallbert.studies.twins_tuning import Tuning

BASE = TwinRecipe(
    layers=1,
    hidden=16,
    heads=2,
    intermediate=32,
    vocabulary_size=400,
    sequence_length=64,
    batch_tokens=512,
    tokens=512 * 4,
    evaluations=1,
    precision="fp32",
    corpus_tokens=512 * 4,
)
TUNING = FineTuneRecipe(epochs=1, batch_size=16, max_tokens=64, precision="fp32")
RATES = [1e-3, 1e-2]


@pytest.fixture(scope="module")
def asked():
    return twins_tasks.from_world(7, examples=48, test=40)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return TokenStore.build(twins_tasks.articles(7, 3000), 400, tmp_path_factory.mktemp("tokens") / "store")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("twins")


@pytest.fixture(scope="module")
def found(store, asked, place):
    options = {"rates": RATES, "seeds": 2, "where": place, "device": "cpu", "workers": 1}
    return study.run(store, asked, study.twins(BASE), TUNING, **options)


def differing(one, other):
    """What two twins differ in, fields of the recipe among them."""
    a, b = (asdict(twin) | asdict(twin.recipe) | {"recipe": None} for twin in (one, other))
    return {name for name in a if a[name] != b[name]}


def test_twins_differ_in_one_thing_each():
    made = study.twins(BASE)
    parts = {name: differing(*(made[twin] for twin in pair)) for name, pair in study.DIFFERENCES.items()}
    single = list(parts.values())[:-1]
    assert single == [
        {"causal"},
        {"causal", "predicted"},  # the control of the first: the direction at as many predictions
        {"last"},
        {"segments"},
        {"corpus_tokens"},
        {"batch_tokens"},
        {"one_rate"},
    ]
    assert parts[study.ALL] == set().union(*single) - {"predicted"}
    assert made[study.FEWER].recipe.predicted == BASE.masking_probability


def test_text_and_batches_keep_the_papers_ratios():
    made = study.twins(replace(BASE, batch_tokens=131072, corpus_tokens=3_300_000 * 64, tokens=3_300_000 * 64))
    assert made[study.SMALL].recipe.batch_tokens == 32768
    assert made[study.LESS].recipe.corpus_tokens == 800_000 * 64
    tiny = study.twins(replace(BASE, batch_tokens=64, corpus_tokens=64))
    assert tiny[study.GPT].recipe.batch_tokens == tiny[study.GPT].recipe.corpus_tokens == 64


def test_the_recipe_reads_the_text_once_where_there_is_enough(store):
    rates = [1e-4, 1e-3, 1e-2]
    params = types.SimpleNamespace(layers=1, hidden=16, sequence=64, batch=512, tokens=2048, peak_rates=rates)
    made = twins_settings.recipe(params, store)
    assert (made.intermediate, made.corpus_tokens, made.vocabulary_size) == (64, 1024, store.vocabulary_size)
    assert (made.tokens, made.heads, made.learning_rate) == (1024, 4, 1e-3)
    params.tokens = 10**8
    assert twins_settings.recipe(params, store).corpus_tokens == len(store.train)


def test_every_twin_is_judged_on_every_task(found, asked):
    assert len(found.cells) == 9 * 3 * 2
    assert set(found.cells.twin) == set(study.twins(BASE)) and set(found.cells.task) == {one.name for one in asked}
    assert found.cells.score.between(0, 1).all() and found.cells.development.between(0, 1).all()
    assert len(found.rates) == 9 * 3 * 2 and found.rates.chosen.sum() == 9 * 3
    assert len(found.pretraining) == 18 and found.pretraining.loss.between(3, 7).all()


def test_rates_are_chosen_on_development_for_each_task_or_for_all(found):
    chosen = found.cells.drop_duplicates(["twin", "task"]).set_index(["twin", "task"]).rate
    assert found.cells.groupby(["twin", "task"]).rate.nunique().eq(1).all()
    for twin, tried in found.rates.groupby("twin"):
        if study.twins(BASE)[twin].one_rate:
            best = tried.groupby("rate").development.mean().idxmax()
            assert (chosen[twin] == best).all()
        else:
            for task, own in tried.groupby("task"):
                assert (
                    chosen[twin, task] == own.sort_values(["development", "rate"], ascending=[False, True]).rate.iloc[0]
                )


def test_what_cannot_matter_is_not_trained_twice(found):
    """Tags are read from every token, and one text has no segments."""
    scores = found.cells.set_index(["twin", "task", "seed"]).score.sort_index()
    assert (scores[study.BOTH, "entities"] == scores[study.BERT, "entities"]).all()
    assert (scores[study.PLAIN, "topic of a sentence"] == scores[study.LEFT, "topic of a sentence"]).all()


def test_a_second_call_trains_nothing_and_finds_the_same(found, store, asked, place, monkeypatch):
    for module in ("smallbert.models.fleet.processes", "smallbert.studies.twins_tuning.workers"):
        monkeypatch.setattr(f"{module}.run", lambda jobs, **options: pytest.fail("trained") if jobs else None)
    options = {"rates": RATES, "seeds": 2, "where": place, "device": "cpu", "workers": 1}
    again = study.run(store, asked, study.twins(BASE), TUNING, **options)
    pd.testing.assert_frame_equal(again.cells, found.cells)


def test_a_worker_can_be_sent_a_fine_tuning_and_finds_the_same(found, asked, place, tmp_path):
    """It can be pickled, and begins again after a kill."""
    folder = next(place.glob("bert-*"))
    one = Tuning(folder, asked[1], replace(TUNING, seed=1), last=True, segments=False)
    scores, told = [], []
    assert pickle.dumps(one)
    for number in range(2):
        twins_tuning._tune(one, tmp_path / f"{number}.json", "cpu", report=told.append)
        scores.append((tmp_path / f"{number}.json").read_text())
    assert scores[0] == scores[1] and told == [1, 2, 3] * 2 and one.steps == 3


def made_up(changes, seeds=4, noise=0.004):
    """Cells of both tasks in which each twin's score is 0.5 and its change."""
    rng = np.random.default_rng(4)
    rows = [
        (twin, task, "accuracy", seed, 1e-3, 0.5, 0.5 + changes.get(twin, 0.0) + 0.1 * seed + rng.normal(0, noise))
        for twin in study.twins(BASE)
        for task in ("one", "two")
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["twin", "task", "measure", "seed", "rate", "development", "score"])


LEARNT = {(twin, task) for twin in study.twins(BASE) for task in ("one", "two")}

TASKS = [
    types.SimpleNamespace(name="one", one_token=True, pairs=True),
    types.SimpleNamespace(name="two", one_token=False, pairs=False),
]


def test_contrasts_are_of_means_over_the_tasks_concerned_paired_by_seed():
    cells = made_up({study.LEFT: 0.2})
    table = answers.contrasts(cells, TASKS, LEARNT).set_index("difference")
    assert table.tasks.tolist() == [2, 2, 1, 1, 2, 2, 2, 2]
    direction = next(iter(study.DIFFERENCES))
    means = cells.groupby(["twin", "seed"]).score.mean()
    expected = stats.ttest_rel(means[study.LEFT], means[study.BOTH])
    interval = expected.confidence_interval()
    assert table.loc[direction, ["low", "high"]].tolist() == pytest.approx([interval.low, interval.high])
    assert table.loc[direction, "p_holm"] == pytest.approx(8 * expected.pvalue, rel=0.5)
    assert table.loc[direction, "verdict"] == "higher"
    alone = answers.by_task(cells, TASKS)
    assert len(alone) == 6 * 2 + 2 and "verdict" not in alone
    assert alone.groupby("difference").size()[[list(study.DIFFERENCES)[2], list(study.DIFFERENCES)[3]]].tolist() == [
        1,
        1,
    ]


def test_the_answer_follows_the_verdicts():
    said = answers.answer(
        answers.contrasts(made_up({study.BOTH: -0.3, study.FEWER: -0.3, study.PLAIN: -0.2}), TASKS, LEARNT)
    )
    assert "8 comparisons over 4 paired seeds" in said
    assert "GPT-1's way is better: next token from the left" in said
    assert "BERT's way is better: last token read, not [CLS] (-0." in said and "; no segment embeddings (-0." in said
    assert "Equivalent within 0.02: " in said and "All of GPT-1's ways against all of BERT's: equivalent" in said

    said = answers.answer(answers.contrasts(made_up({study.GPT: -0.1}, noise=0.3), TASKS, LEARNT))
    assert "In no single difference is it shown that GPT-1's way is better." in said
    assert "In no single difference is it shown that BERT's way is better." in said
    assert "Not told by so few seeds: next token from the left" in said and "Equivalent" not in said
    assert "smaller batches, as many tokens. All of" in said, "what is not told has its numbers in the table alone"
    assert "against all of BERT's: no difference shown (" in said

    table = answers.contrasts(made_up({study.GPT: -0.1}, noise=0.3), TASKS, LEARNT)
    first = table.index == 0
    said = answers.answer(table.assign(low=table.low.where(~first, 0.01), high=table.high.where(~first, 0.2)))
    assert f"Not told after correction for so many comparisons: {table.difference[0]} (" in said
    assert f"Not told by so few seeds: {table.difference[1]}; {table.difference[2]}" in said


def test_a_task_that_neither_twin_has_learnt_does_not_water_a_difference_down():
    cells = made_up({study.LEFT: 0.2})
    dead = cells.task == "two"
    cells.loc[dead, "score"] = 0.2  # the commonest answer, whoever is asked
    only = {(study.LEFT, "one")}
    table = answers.contrasts(cells, TASKS, only).set_index("difference")
    first = next(iter(study.DIFFERENCES))
    own = cells[~dead].pivot(index="seed", columns="twin", values="score")
    assert table.tasks[first] == 1
    assert table.change[first] == pytest.approx((own[study.LEFT] - own[study.BOTH]).mean())
    blind = [name for name, pair in study.DIFFERENCES.items() if study.LEFT not in pair]
    assert set(table.verdict[[name for name in blind if name in table.index]]) == {answers.NOT_LEARNT}
    said = answers.answer(table.reset_index())
    assert "neither twin has learnt a task that it concerns: " + "; ".join(blind[:1]) in said
    assert "No difference between the twins is to be seen" in answers.answer(answers.contrasts(cells, TASKS, set()))


def test_who_has_learnt_a_task_lies_above_the_commonest_answer_with_its_interval():
    means = pd.DataFrame({"twin": ["a", "b"], "task": "t", "mean": 0.5, "low": [0.31, 0.29], "high": 0.7})
    controls = pd.DataFrame({"task": "t", "control": ["commonest answer", "bag of words"], "score": [0.3, 0.9]})
    assert answers.learnt(means, controls) == {("a", "t")}


def test_no_change_at_all_is_told_apart_from_equivalence():
    cells = made_up({})
    of = {name: cells.twin == name for name in (study.FIXED, study.LEFT)}
    cells.loc[of[study.FIXED], "score"] = cells.score[of[study.LEFT]].to_numpy()
    said = answers.answer(answers.contrasts(cells, TASKS, LEARNT))
    assert "Nothing changes at all, in any seed: one fine-tuning rate, not the best on development." in said
    assert "one fine-tuning rate" not in said.split("Equivalent within")[1]


def test_tasks_that_nothing_has_learnt_are_named():
    means = study.summary(made_up({}))
    rows = [("one", "commonest answer", 0.2), ("one", "bag of words", 0.3), ("two", "commonest answer", 0.9),
            ("two", "bag of words", 0.95)]  # fmt: skip
    said = answers.learnt_sentence(means, pd.DataFrame(rows, columns=["task", "control", "score"]))
    assert "One: 9 of 9 twins are told above the commonest answer (20.0%), 9 have a mean above what the words" in said
    assert "Two: 0 of 9 twins are told above the commonest answer (90.0%), 0 have" in said
    assert said.endswith("(95.0%); here nothing has been learnt, so nothing follows.") and said.count("nothing") == 2


def test_the_pretraining_is_told_for_both_kinds(found):
    said = answers.pretraining_sentence(found.pretraining)
    own = found.pretraining[found.pretraining.twin == study.LEFT]
    assert f"from the left: {own.accuracy.mean():.1%} right, {own.loss.mean():.2f} nats" in said
    assert "masked tokens from both sides: " in said and "not compared" in said


def test_means_have_t_intervals():
    cells = made_up({})
    row = study.summary(cells).iloc[0]
    own = cells[(cells.twin == row.twin) & (cells.task == row.task)].score
    assert (row.low, row.high) == pytest.approx(stats.t.interval(0.95, 3, own.mean(), stats.sem(own)))


def test_reported_changes_are_those_of_the_papers_table():
    table = answers.reported().set_index("task")
    both, left = (published(f"bert.table5.{name}.scores").value for name in ("no_nsp", "left_to_right"))
    assert table["both sides"].tolist() == list(both) and table["left to right"].tolist() == list(left)
    assert list(table.index) == ["MNLI-m", "QNLI", "MRPC", "SST-2", "SQuAD1.1 F1"]
    assert table.change["MRPC"] == pytest.approx(left[2] - both[2])
