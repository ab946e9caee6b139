"""Findings come from an edition's tables, and words in both languages from the findings: no number differs."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pandas as pd
import pytest

from smallbert import paths
from smallbert.report.front import english, korean
from smallbert.report.front.answers import Frontier, Need, Triples
from smallbert.report.front.encoders import Kept, Sharing, Students, Tasks
from smallbert.report.front.findings import FINDINGS, collect
from smallbert.report.front.narrowing import Articles, Floor, Schedules
from smallbert.report.front.reference import Reference
from smallbert.report.front.tally import Tally
from smallbert.storage import read_json, write_json
from smallbert.studies.claims_checks import VERDICTS

ROOT = paths.root()
RESULTS = ROOT / "data" / "results"
EDITIONS = sorted(path.parent.name for path in RESULTS.glob("*/run.json") if path.parent.name != "smoke")
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?%?")


def numbers(text: str) -> set[str]:
    """Every number as it is written; commas of thousands stay, those of lists do not."""
    return {found.rstrip(",") for found in NUMBER.findall(text)}


EVERY = Tally(better=7, worse=11, equivalent=13, open=17, failed=19, uncorrected=23)
NEED = Need("The smallest index", "PCA, int8", "31 bytes a vector", 0.97, "topic accuracy", "02_autoencoder_depth", "x")
FEW = "whole encoder, bf16 products (64% of fp32's time for one text read alone (71% for many)) comes nearest, with "
FEW += "98% [94%, 101%] of topic accuracy over 200 articles, too few to be sure of 95%"
WHOLE = Need("The fastest service on a CPU", "keep the whole encoder in fp32", why=FEW)
KEPT = Kept("trimmed", 0.92, 0.89, 0.88, 0.9, 0), Kept("tiny", 0.004, 0.05, -0.3, 0.4, 3)
ENDLESS = Kept("random weights", 1.0, 0.6, float("-inf"), float("inf"), 0)
SOME = [
    Articles(12_345, 6, 678, 9),
    Floor(1_306, 0.0065, 2, EVERY, ("two-layer decoder", "mirrored, residual"), 30, ((10, 0.2045), (30, 0.0724))),
    Floor(306, 0.0, 1, Tally(worse=5), (), 15, ((5, 0.01), (15, 0.02))),
    Floor(306, 0.0, 1, Tally(worse=5), (), 15),
    Schedules("bottleneck-heavy-2", EVERY, -0.0123),
    Sharing(177_853_440, "E = 128, all shared", 0.13, 1.0, EVERY, 3, 13),
    Sharing(177_853_440, "E = 128, all shared", 0.13, 0.75, EVERY, 13, 13),
    Sharing(177_853_440, "E = 128, all shared", 0.13, 1.0, Tally(), 0, 13),
    Sharing(177_853_440, "E = 128, all shared", 0.13, 1.0, Tally(), 2, 13),
    Students(True, EVERY, "TinyBERT", (-0.6, -0.7, -0.5), (-0.08, -0.2, 0.04), Tally(open=1), (1, 5), 7.441),
    Students(False, Tally(open=3), "MiniLM", (0.04, -0.03, 0.12), (0.06, 0.03, 0.09), Tally(better=1)),
    Tasks(6, (), 0, None, None, None, 0, 0, 1_000),
    Tasks(6, ("one", "two"), 1, *KEPT, Kept("random", 1.0, 0.57, 0.54, 0.6, 0), 7, 4, 1_000),
    Tasks(6, ("one",), 0, KEPT[0], KEPT[0], ENDLESS, 7, 1, 1_000),
    Tasks(6, ("one",), 0, *KEPT, None, 7, 0, 1_000),
    Triples(Tally(better=1, open=1), EVERY, Tally(uncorrected=2)),
    Frontier(
        "95%", (NEED, WHOLE, Need("The smallest download", "nothing measured keeps 95% for sure")), {"a": "holds"}
    ),
    Frontier("", (), {str(place): verdict for place, verdict in enumerate(VERDICTS)}),
]


@pytest.mark.parametrize("found", SOME, ids=lambda one: type(one).__name__)
def test_both_languages_say_the_same_numbers(found):
    ours, theirs = english.sentence(found), korean.sentence(found)
    assert numbers(ours) == numbers(theirs), (ours, theirs)
    assert theirs.endswith(".")
    assert re.search("[가-힣]", theirs)
    assert not re.search("[가-힣]", ours)


def test_what_has_learnt_nothing_says_nothing_of_what_sharing_costs():
    said = english.sentence(Sharing(1_000, "all shared", 0.13, 1.0, Tally(equivalent=6), 0, 13))
    assert "saves 87% of its 1,000 parameters and none of its operations" in said
    assert "None of the 13 encoders trained here has learnt more than word frequencies" in said
    assert "equivalent" not in said
    all_learnt = english.sentence(Sharing(1_000, "all shared", 0.13, 0.75, Tally(equivalent=6), 13, 13))
    assert (
        "and 25% of its operations. All 13 encoders trained here" in all_learnt and "equivalent in all 6" in all_learnt
    )


def test_gains_of_students_stand_beside_word_frequencies_and_longer_training():
    limits = (-0.4, -0.45, -0.34), (-0.13, -0.19, -0.06)
    said = english.sentence(Students(True, Tally(better=5), "TinyBERT", *limits, Tally(better=1), (1, 5), 7.441))
    assert "TinyBERT, which lowers the loss by 0.400 [0.340, 0.450]" in said
    assert "as many operations: better (it lowers the loss by 0.130 [0.060, 0.190])" in said
    assert said.endswith("those that have learnt more than word frequencies alone (7.441 nats): 1.")


def test_part_of_a_gap_that_falls_with_training_is_not_depth():
    fell, stayed = (Floor(3, 0.0, 1, Tally(worse=5), (), 30, ((10, 0.2), (30, end))) for end in (0.07, 0.2))
    assert "fell from 0.2000 to 0.0700, so part of it is training" in english.sentence(fell)
    assert "did not fall (0.2000, then 0.2000)" in english.sentence(stayed)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_both_languages_say_on_what_it_was_measured(own, known):
    sizes = (4_434_688, 58_417, 177_853_440) if known else (0, 0, 0)
    found = Reference("a small BERT (3 layers)", own, *sizes, "film reviews")
    ours, theirs = english.measured(found), korean.measured(found)
    assert numbers(ours) == numbers(theirs)
    assert ours.startswith("Measured with a small BERT (3 layers)") and ",," not in ours and "  " not in ours
    assert ("not with released multilingual BERT" in ours) == own == ("다국어 BERT" in theirs)
    assert ("177,853,440" in ours) == (own and known)


def test_why_the_whole_is_kept_is_said_in_korean():
    told = korean.sentence(Frontier("95%", (WHOLE,), {}))
    assert "인코더 전체를 fp32로 둔다(가장 가까운 것은 whole encoder, bf16 products" in told
    assert "(글 하나를 따로 읽을 때 fp32 시간의 64% (여럿을 함께 읽으면 71%))" in told
    assert "topic accuracy 98% [94%, 101%]; 글 200편으로는 95%를 확신할 수 없다" in told
    assert english.take(Frontier("95%", (WHOLE,), {})).endswith(f"keep the whole encoder in fp32 ({FEW}).")


@pytest.mark.parametrize("words", [english, korean])
def test_words_ask_for_a_finding(words):
    with pytest.raises(TypeError, match="Expected a finding, got 3"):
        words.sentence(3)


@pytest.mark.parametrize(
    ("tally", "said", "told"),
    [
        (Tally(worse=5), "worse in all 5", "5건 모두 더 나빴다"),
        (Tally(better=1), "better in 1 of 1", "1건 중 1건은 더 좋았다"),
        (Tally(better=2, open=1), "better in 2 and no difference shown in 1 of 3",
         "3건 중 2건은 더 좋았고, 1건은 차이가 드러나지 않았다"),
        (Tally(equivalent=1, failed=1), "equivalent in 1 and not comparable in 1 of 2",
         "2건 중 1건은 동등했고, 1건은 견줄 수 없었다"),
        (Tally(open=1, uncorrected=1), "no difference shown in 1 and not told after correction in 1 of 2",
         "2건 중 1건은 차이가 드러나지 않았고, 1건은 보정한 뒤에는 가릴 수 없었다"),
        (Tally(), "not compared", "견준 것이 없다"),
    ],
)  # fmt: skip
def test_tallies_in_words(tally, said, told):
    assert english.told(tally) == said
    assert korean.told(tally) == told


def test_less_and_more_change_places_where_more_is_better():
    words = ["lower", "higher", "higher", "equivalent", "no difference shown", "diverged", "no difference shown"]
    limits = {"low": [-2, 1, 1, -0.1, -1, np.nan, 0.1], "high": [-1, 2, 2, 0.1, 1, np.nan, 0.2]}
    rows = pd.DataFrame({"verdict": words} | limits)
    assert Tally.of(rows) == Tally(better=1, worse=2, equivalent=1, open=1, failed=1, uncorrected=1)
    more = Tally(better=2, worse=1, equivalent=1, open=1, failed=1, uncorrected=1)
    assert Tally.of(rows, lower_is_better=False) == more and more.total == len(rows)
    assert Tally(1, 2, 3, 4, 5, 6) + Tally(1, 1, 1, 1, 1, 1) == Tally(2, 3, 4, 5, 6, 7)


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        ("32 bytes a vector", "벡터당 32바이트"),
        ("55% of the reference's time", "기준 시간의 55%"),
        ("80% of fp32's time for one text read alone (70% for many)",
         "글 하나를 따로 읽을 때 fp32 시간의 80% (여럿을 함께 읽으면 70%)"),
        ("80% of the whole encoder's time for one text read alone", "글 하나를 따로 읽을 때 전체 인코더 시간의 80%"),
        ("7.99 MB", "7.99 MB"),
    ],
)  # fmt: skip
def test_costs_in_korean(cost, told):
    assert korean.cost(cost) == told


def test_every_verdict_on_a_claim_has_words_in_both_languages():
    assert tuple(english.CLAIMS) == tuple(korean.CLAIMS) == VERDICTS
    assert set(korean.QUESTIONS) == set(FINDINGS)


def test_pages_that_have_not_run_are_left_out(tmp_path):
    assert collect(paths.Edition("none", tmp_path), [*FINDINGS, "77_unknown"]) == {}


def test_a_page_that_an_older_version_ran_is_left_out(tmp_path):
    page = tmp_path / "data" / "results" / "old" / "04_albert"
    shutil.copytree(RESULTS / "default" / "04_albert", page)
    shutil.copytree(ROOT / "figures" / "default", tmp_path / "figures" / "old")
    values = read_json(page / "values.json")
    del values["learnt"]
    write_json(page / "values.json", values)
    assert collect(paths.Edition("old", tmp_path), ["04_albert"]) == {}


@pytest.mark.parametrize("name", EDITIONS)
def test_findings_of_published_editions_are_what_their_tables_say(name):
    edition = paths.Edition(name, ROOT)
    found = collect(edition, list(FINDINGS))
    assert set(found) == set(FINDINGS)

    def table(stem: str, of: str) -> pd.DataFrame:
        return pd.read_csv(edition.results / stem / f"{of}.csv")

    articles, floor, schedules, sharing, students, tasks, triples, frontier = found.values()
    corpus = read_json(edition.results / "01_corpus_and_embeddings" / "values.json")["corpus"]
    assert (articles.rows, articles.languages) == (corpus["rows"], len(corpus["languages"]))
    answer = read_json(edition.results / "01_corpus_and_embeddings" / "values.json")["answer"]
    assert f"vectors of {articles.width} numbers" in answer
    assert f"{articles.components} principal components" in answer

    depths = table("02_autoencoder_depth", "contrasts").query("protocol == 'fair'")
    assert floor.deeper.worse == (depths.verdict == "higher").sum()
    assert floor.deeper.total == len(depths)
    gaps = pd.read_csv(edition.figures / "02_autoencoder_depth__gap_by_budget.csv")
    longest = gaps[gaps.budget == gaps.budget.max()].pivot_table("gap_test", "seed", "depth").mean()
    assert floor.budgets[-1] == (floor.epochs, pytest.approx(longest.max()))
    answer = read_json(edition.results / "02_autoencoder_depth" / "values.json")["answer"]
    for decoder in floor.freed:
        assert decoder in answer.split("Only a freed decoder")[1]
    assert bool(floor.freed) == ("No freed decoder" not in answer)

    matched = table("03_layer_schedules", "matched").query("protocol == 'fair'")
    assert schedules.equal_size.equivalent == (matched.verdict == "equivalent").sum()
    assert schedules.difference == pytest.approx(matched.difference.mean())

    answer = read_json(edition.results / "04_albert" / "values.json")["answer"]
    assert f"{sharing.parameters:,} parameters" in answer
    assert f"both {sharing.kept:.0%}; the operations of a forward pass stay at {sharing.operations:.0%}" in answer

    arms = table("04_albert", "arms")
    if sharing.learnt < sharing.arms == len(arms):
        assert sharing.trained.total < len(table("04_albert", "contrasts"))

    values = read_json(edition.results / "05_distillation" / "values.json")
    methods = table("05_distillation", "method_contrasts")
    methods = methods[methods.measure == ("loss" if students.by_loss else "similarity")].set_index("label")
    assert students.gain == tuple(methods.loc[students.best, ["difference", "low", "high"]])
    assert f"The best method by its mean, {students.best}, is" in values["answer"]
    ahead = f"The best method by its mean, {students.best}, is better than that longer training" in values["answer"]
    assert (students.against_longer.better == 1) == ahead
    assert students.against_longer.total == 1

    answer = read_json(edition.results / "06_transfer" / "values.json")["answer"]
    assert f"Frozen, on the {len(tasks.learnt)} of {tasks.tasks} tasks" in answer
    for kept in (tasks.best, tasks.smallest):
        told = f"retains {kept.share:.0%} [{kept.low:.0%}, {kept.high:.0%}]"
        told += f", lower for sure on {kept.worse}" if kept.worse else ""
        assert f"{kept.name}, {kept.parameters:.0%} of the parameters, {told}" in answer
    retained = pd.read_csv(edition.figures / "06_transfer__retained.csv").set_index("model")
    retained = retained.query("task == 'all learnt' and mode == 'frozen'").retained
    others = retained.drop("fresh weights")
    assert tasks.random.share == retained["fresh weights"]
    assert (tasks.encoders, tasks.not_above) == (len(others), (others <= retained["fresh weights"]).sum())
    assert tasks.reference == table("06_transfer", "shelf").parameters[0]
    scores = pd.read_csv(edition.figures / "06_transfer__scores.csv")
    scores = scores.query("model == 'whole encoder' and mode == 'frozen' and low > floor")
    assert tasks.learnt == tuple(scores.task) and tasks.over_words == (scores.low > scores.words).sum()

    compared = table("07_knowledge", "contrasts")
    assert triples.follows.better == ((compared.against == "wrong") & (compared.verdict == "higher")).sum()
    assert triples.text.total + triples.follows.total + triples.crowded.total <= len(compared)

    values = read_json(edition.results / "08_frontier" / "values.json")
    for need in frontier.answered:
        assert f"{need.need}: {need.take}" in english.take(frontier)
        told = need.take if need.cost.removesuffix(" a vector") in need.take else f"{need.take}, {need.cost}"
        assert f"{need.need}: {told}" in values["answer"]
    assert f"To keep {frontier.keep} of" in values["answer"]
    counts = pd.Series(frontier.claims).value_counts()
    assert counts.to_dict() == table("08_frontier", "claims").verdict.value_counts().to_dict()


@pytest.mark.parametrize("name", EDITIONS)
def test_sentences_of_published_editions_agree_in_their_numbers(name):
    for stem, found in collect(paths.Edition(name, ROOT), list(FINDINGS)).items():
        assert numbers(english.sentence(found)) == numbers(korean.sentence(found)), stem
