"""The three arms end to end with encoders that know what they are made to know, and the verdict on made-up tables."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from smallbert.corpus import world
from smallbert.corpus.prepare import prepare
from smallbert.models import interchange
from smallbert.models.masking import generator
from smallbert.models.pair_modelling import PairRecipe
from smallbert.models.pairs import arrange
from smallbert.models.segments import SegmentRows
from smallbert.models.shared_encoder import fresh
from smallbert.models.tokenizer import CLS, SEP
from smallbert.models.tokens import TokenStore
from smallbert.published import published
from smallbert.studies import sentence_order as study
from smallbert.studies.embed import Texts
from smallbert.studies.pair_tasks import EVENT, NEAR, NSP, SOP, TITLE, Pairs, PairTask

BASE = PairRecipe(
    layers=1,
    hidden=16,
    heads=2,
    intermediate=32,
    vocabulary_size=600,
    sequence_length=48,
    batch_tokens=192,
    tokens=192 * 4,
    precision="fp32",
)
ARMS = list(study.ARMS.values())


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Untrained encoders of two seeds on a small world."""
    folder = tmp_path_factory.mktemp("study")
    batches = world.stream(500, 3, languages=("en", "es"))
    prepared = prepare(batches, folder / "corpus", test_fraction=0.3, validation_fraction=0.0, seed=1)
    store = TokenStore.build(Texts(prepared), 600, folder / "tokens", data_key=prepared.key)

    def train(arms):
        found = []
        for recipe in arms:
            out = folder / recipe.key(store.key)
            model = fresh(recipe.sizes(store.vocabulary_size, pair_head=True), recipe.seed, torch.device("cpu"))
            interchange.save(model, out)
            pd.DataFrame({"step": [1, 2], "held_out_accuracy": [0.1, 0.2 + recipe.seed]}).to_csv(out / "curve.csv")
            found.append(out)
        return found

    arms = study.recipes(BASE, [0, 1])
    return study.run(prepared, store, arms, train, rows=100, device="cpu")


def test_arms_differ_in_their_objective_alone():
    arms = study.recipes(BASE, [3, 5])
    assert [(arm.objective, arm.seed) for arm in arms] == [(task, seed) for seed in (3, 5) for task in study.ARMS]
    assert {replace(arm, objective="sop", seed=0) for arm in arms} == {BASE}
    assert len({arm.key("data") for arm in arms}) == 6


def test_every_arm_is_asked_every_task(measured):
    assert measured.columns.tolist() == [*study.COLUMNS, *study.GAIN]
    encoders = measured[measured.arm.isin(ARMS)]
    asked = encoders.groupby(["arm", "seed"]).apply(lambda part: set(zip(part.task, part.reader, strict=True)))
    tasks = {task for task, _ in asked.iloc[0]}
    assert {study.MLM, NSP, SOP, TITLE} <= tasks
    for (arm, _), found in asked.items():
        heads = {task for task, reader in found if reader == study.OWN}
        assert {task for task, reader in found if reader == study.FRESH} == tasks - {study.MLM}
        assert heads - {study.MLM} == (set() if arm == ARMS[0] else tasks & set(study.INTRINSIC))
    masked = measured[measured.task == study.MLM]
    assert (masked.value == 0.2 + masked.seed).all()  # the last row of the curve
    rest = measured[measured.task != study.MLM]
    assert (rest.low <= rest.value).all() and (rest.value <= rest.high).all() and (rest.n > 40).all()


def test_untrained_encoders_of_one_seed_answer_alike(measured):
    """The arms share their first weights and are asked the same pairs."""
    fresh_heads = measured[measured.reader == study.FRESH]
    for _, part in fresh_heads.groupby(["seed", "task"]):
        assert part.value.nunique() == 1


def test_symmetric_words_know_topics_but_no_order(measured):
    control = measured[measured.reader == study.WORDS].set_index(["arm", "task"])
    symmetric, signed = (control.loc[f"{study.WORDS}, {features}"] for features in study.FEATURES)
    assert symmetric.loc[NSP].low > 0.6
    assert symmetric.loc[SOP].low < 0.5 < symmetric.loc[SOP].high
    assert signed.loc[SOP].low > 0.8
    gain, low, high = signed.loc[SOP, study.GAIN]
    assert gain == pytest.approx(signed.value[SOP] - symmetric.value[SOP])
    assert 0 < low < gain < high
    assert measured.gain.notna().sum() == 1


class Oracle(torch.nn.Module):
    """Knows one token that opens the articles: says class 1 where the pair does not start with it."""

    def __init__(self, opener):
        super().__init__()
        self.opener, self.weight = opener, torch.nn.Parameter(torch.zeros(1))

    def encode(self, inputs, positions, inside, types):
        assert (inputs[:, 0] == CLS).all() and (types[:, 0] == 0).all() and (inputs == SEP).sum(1).eq(2).all()
        starts = (inputs[:, 1] == self.opener).float()
        return torch.stack([starts, 1 - starts], 1)[:, None].expand(*inputs.shape, 2)

    def pair_logits(self, hidden):
        return hidden


def test_a_model_that_knows_the_order_is_right_with_either_head(rng):
    ids = rng.integers(6, 50, (200, 12))
    ids[:, 0] = 99
    starts = np.concatenate([12 * np.arange(200), 12 * np.arange(200) + 5])
    rows = SegmentRows.gather(ids.ravel(), starts, np.full(400, 5))
    both = [Pairs(rows, arrange("sop", np.full(200, 5), generator(seed))) for seed in (1, 2)]
    found = study.measure(Oracle(99), replace(BASE, objective="sop", seed=7), [PairTask(SOP, *both)], seed=0)
    assert found[["arm", "seed", "task", "reader", "value", "n"]].to_numpy().tolist() == [
        [study.ARMS["sop"], 7, SOP, study.OWN, 1.0, 200],
        [study.ARMS["sop"], 7, SOP, study.FRESH, 1.0, 200],
    ]


ASKED = 4000
"""Pairs of a seed; of those an arm judges rightly the first so many."""


def answered(value):
    return tuple(place < round(value * ASKED) for place in range(ASKED))


def made_up(own, fresh, words=(0.9, 0.5, 0.95), seeds=4, gain=(0.45, 0.43, 0.47)):
    """Measures of seeds a hundredth apart; ``own`` and ``fresh`` give (arm, task) -> mean."""
    rows = []
    for reader, values in ((study.OWN, own), (study.FRESH, fresh)):
        for ((arm, task), value), seed in product(values.items(), range(seeds)):
            judged = value + 0.01 * (seed - (seeds - 1) / 2)
            limits = judged, value - 0.1, value + 0.1, ASKED
            rows.append((study.ARMS[arm], seed, task, reader, *limits, answered(judged)))
    named = zip((("symmetric", NSP), ("symmetric", SOP), ("signed", SOP)), words, strict=True)
    rows += [
        (f"{study.WORDS}, {features}", 0, task, study.WORDS, value, value - 0.02, value + 0.02, 2000, ())
        for (features, task), value in named
    ]
    found = pd.DataFrame(rows, columns=study.COLUMNS)
    found.loc[found.arm == f"{study.WORDS}, signed", study.GAIN] = gain
    return found


OWN = {("nsp", NSP): 0.9, ("nsp", SOP): 0.51, ("sop", NSP): 0.7, ("sop", SOP): 0.86}
FRESH = {(arm, task): 0.8 for arm in study.ARMS for task in (NSP, SOP)}


def test_the_answer_follows_the_measures():
    measures = made_up(OWN, FRESH)
    said = " ".join(study.findings(measures, study.contrasts(measures)))
    assert "own head is above chance (90.0% [87.9%, 92.1%]) on next sentence and at chance (51.0%" in said
    assert "own head is above chance (86.0% [83.9%, 88.1%]) on sentence order and above chance (70.0%" in said
    assert "give its order away" in said and "nothing follows" not in said
    printed = published("albert.table5.nsp.intrinsic").value[2], published("albert.table5.sop.intrinsic").value[1]
    assert all(f"{value:.1f}%" in said for value in printed)

    assert "same language" not in said

    measures = made_up(OWN | {("nsp", NEAR): 0.5}, FRESH)
    said = " ".join(study.findings(measures, study.contrasts(measures)))
    assert "same language, the head trained on next sentence is at chance (50.0%" in said
    assert "learnt is to tell languages apart" in said

    measures = made_up(OWN | {("nsp", NEAR): 0.525}, FRESH)
    said = " ".join(study.findings(measures, study.contrasts(measures)))
    assert "same language, the head trained on next sentence is barely above chance (52.5% [50.4%" in said
    assert ": what it has learnt is, nearly all of it, to tell languages apart." in said

    measures = made_up(OWN | {("sop", SOP): 0.525}, FRESH)
    said = " ".join(study.findings(measures, study.contrasts(measures)))
    assert "It has hardly learnt its own task, so nothing follows for sentence order." in said

    measures = made_up(OWN | {("nsp", NSP): 0.5, ("nsp", NEAR): 0.5}, FRESH)
    assert "languages apart" not in " ".join(study.findings(measures, study.contrasts(measures)))

    measures = made_up(OWN | {("nsp", NEAR): 0.7, ("sop", SOP): 0.5, ("sop", NSP): 0.55}, FRESH, words=(0.9, 0.5, 0.51))
    said = " ".join(study.findings(measures, study.contrasts(measures)))
    assert "has not learnt its own task, so nothing follows for sentence order" in said
    assert "next sentence is above chance (70.0%" in said and "languages apart" not in said
    assert "above chance (55.0%" in said


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        ((0.021, 0.004, 0.038), "+2.1% [+0.4%, +3.8%] on the same pairs: the words that begin an article give its"),
        # Both far above chance, as where few pairs favour one class: nothing has been given away.
        ((0.021, -0.09, 0.13), "+2.1% [-9.0%, +13.0%] on the same pairs: not told from words that cannot know the"),
        ((0.0, -0.02, 0.02), "+0.0% [-2.0%, +2.0%] on the same pairs: within 5% no words give the order away"),
    ],
)
def test_the_order_is_given_away_only_by_words_that_beat_those_that_cannot_know_it(gain, words):
    measures = made_up(OWN, FRESH, words=(0.9, 0.58, 0.6), gain=gain)
    assert words in " ".join(study.findings(measures, study.contrasts(measures)))


def test_one_seed_is_judged_by_its_own_interval():
    measures = made_up(OWN, FRESH, seeds=1)
    assert study.contrasts(measures).empty
    said = " ".join(study.findings(measures, study.contrasts(measures)))
    assert "not told from chance (51.0% [41.0%, 61.0%]) on sentence order" in said
    means = study.summary(measures)
    assert (means.seeds == 1).all() and means[["low", "mean", "high"]].notna().all(axis=None)


def test_contrasts_are_paired_by_seed(rng):
    arms = {("none", TITLE): 0.6, ("nsp", TITLE): 0.7, ("sop", TITLE): 0.7, **dict.fromkeys(
        (("none", EVENT), ("nsp", EVENT), ("sop", EVENT)), 0.5)}  # fmt: skip
    measures = made_up(OWN, FRESH | arms)
    chosen = measures.task.isin([TITLE, EVENT])
    measures.loc[chosen, "value"] += rng.normal(0, 0.004, chosen.sum())
    measures.loc[chosen, "right"] = measures.value[chosen].map(answered)
    found = study.contrasts(measures).set_index(["task", "arm", "against"])
    assert len(found) == 6
    wide = measures[measures.task == TITLE].pivot(index="seed", columns="arm", values="value")
    for (task, arm, against), row in found.iterrows():
        if task == TITLE:
            expected = stats.ttest_rel(wide[arm], wide[against]).confidence_interval()
            assert row.low <= expected.low + 1e-3 and row.high >= expected.high - 1e-3
    assert found.loc[(TITLE, study.ARMS["nsp"], study.ARMS["none"]), "verdict"] == "higher"
    assert found.loc[(TITLE, study.ARMS["sop"], study.ARMS["nsp"]), "verdict"] != "higher"


def test_seeds_that_agree_on_the_same_pairs_have_the_pairs_interval():
    """Of three seeds with no spread Student's t has no width, and Wilson's is that of the pairs of one."""
    measures = made_up(OWN, FRESH, seeds=3)
    own = (measures.arm == study.ARMS["nsp"]) & (measures.task == SOP) & (measures.reader == study.OWN)
    few = tuple([True, False] * 20)
    measures.loc[own, "right"] = pd.Series([few] * 3, index=measures.index[own])
    found = study.summary(measures).set_index(["arm", "task", "reader"]).loc[study.ARMS["nsp"], SOP, study.OWN]
    expected = stats.binomtest(20, 40).proportion_ci(method="wilson")
    assert (found["mean"], found.low, found.high) == pytest.approx((0.5, expected.low, expected.high))
    said = " ".join(study.findings(measures, study.contrasts(measures)))
    assert "not told from chance (50.0% [35.2%, 64.8%]) on sentence order" in said


def test_reported_numbers_are_those_of_the_ledger():
    table = study.reported().pivot(index="arm", columns="task", values="mean")
    for task, arm in study.ARMS.items():
        expected = published(f"albert.table5.{task}.intrinsic").value
        assert (100 * table.loc[arm, [study.MLM, NSP, SOP]]).tolist() == pytest.approx(expected)
