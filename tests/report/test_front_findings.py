"""Findings come from an edition's tables, and words in both languages from the findings: no number differs."""

from __future__ import annotations

import re
import shutil

import pandas as pd
import pytest

from smallbert import paths
from smallbert.report.front import english, korean
from smallbert.report.front.encoders import Frontier, Kept, Need, Sharing, Students, Tasks, Triples
from smallbert.report.front.findings import FINDINGS, collect
from smallbert.report.front.narrowing import Articles, Floor, Schedules
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


EVERY = Tally(better=7, worse=11, equivalent=13, open=17, failed=19)
NEED = Need("The smallest index", "PCA, int8", "31 bytes a vector", 0.97, "topic accuracy", "02_autoencoder_depth", "x")
SOME = [
    Articles(12_345, 6, 678, 9),
    Floor(1_306, 0.0065, 2, EVERY, ("two-layer decoder", "mirrored, residual")),
    Floor(306, 0.0, 1, Tally(worse=5), ()),
    Schedules("bottleneck-heavy-2", EVERY, -0.0123),
    Sharing(177_853_440, "E = 128, all shared", 0.13, 1.0, EVERY, 3, 13),
    Students(True, EVERY, "TinyBERT", (-0.6, -0.7, -0.5), (-0.08, -0.2, 0.04)),
    Students(False, Tally(open=3), "MiniLM", (0.04, -0.03, 0.12), (0.06, 0.03, 0.09)),
    Tasks(6, 0, None, None),
    Tasks(6, 4, Kept("trimmed", 0.92, 0.89, 0.88, 0.9, 0), Kept("tiny", 0.004, 0.05, -0.3, 0.4, 3)),
    Tasks(6, 4, Kept("one", 0.5, 0.6, float("-inf"), float("inf"), 0), Kept("two", 0.1, 0.2, 0.1, 0.3, 1)),
    Triples(Tally(better=1, open=1), EVERY, Tally()),
    Frontier("95%", (NEED, Need("The smallest download", "nothing measured keeps 95% for sure")), {"a": "holds"}),
    Frontier("", (), {str(place): verdict for place, verdict in enumerate(VERDICTS)}),
]


@pytest.mark.parametrize("found", SOME, ids=lambda one: type(one).__name__)
def test_both_languages_say_the_same_numbers(found):
    ours, theirs = english.sentence(found), korean.sentence(found)
    assert numbers(ours) == numbers(theirs), (ours, theirs)
    assert theirs.endswith(".")
    assert re.search("[가-힣]", theirs)
    assert not re.search("[가-힣]", ours)


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
        (Tally(), "not compared", "견준 것이 없다"),
    ],
)  # fmt: skip
def test_tallies_in_words(tally, said, told):
    assert english.told(tally) == said
    assert korean.told(tally) == told


def test_less_and_more_change_places_where_more_is_better():
    words = ["lower", "higher", "higher", "equivalent", "no difference shown", "diverged"]
    assert Tally.of(words) == Tally(better=1, worse=2, equivalent=1, open=1, failed=1)
    assert Tally.of(words, lower_is_better=False) == Tally(better=2, worse=1, equivalent=1, open=1, failed=1)
    assert Tally(1, 2, 3, 4, 5) + Tally(1, 1, 1, 1, 1) == Tally(2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        ("32 bytes a vector", "벡터당 32바이트"),
        ("55% of the reference's time", "기준 시간의 55%"),
        ("7.99 MB", "7.99 MB"),
    ],
)
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

    answer = read_json(edition.results / "05_distillation" / "values.json")["answer"]
    assert f"{students.best} {english.change(students.gain)}" in answer
    assert english.change(students.longer) in answer
    assert f"The best method by its mean, {students.best}," in answer

    answer = read_json(edition.results / "06_transfer" / "values.json")["answer"]
    assert f"Frozen, on the {tasks.learnt} of {tasks.tasks} tasks" in answer
    for kept in (tasks.best, tasks.smallest):
        told = f"retains {kept.share:.0%} [{kept.low:.0%}, {kept.high:.0%}]"
        told += f", lower for sure on {kept.worse}" if kept.worse else ""
        assert f"{kept.name}, {kept.parameters:.0%} of the parameters, {told}" in answer

    compared = table("07_knowledge", "contrasts")
    assert triples.follows.better == ((compared.against == "wrong") & (compared.verdict == "higher")).sum()
    assert triples.text.total + triples.follows.total + triples.crowded.total <= len(compared)

    values = read_json(edition.results / "08_frontier" / "values.json")
    for need in frontier.answered:
        told = need.take if need.cost.removesuffix(" a vector") in need.take else f"{need.take}, {need.cost}"
        assert f"{need.need}: {told}" in values["answer"]
    assert f"To keep {frontier.keep} of" in values["answer"]
    counts = pd.Series(frontier.claims).value_counts()
    assert counts.to_dict() == table("08_frontier", "claims").verdict.value_counts().to_dict()


@pytest.mark.parametrize("name", EDITIONS)
def test_sentences_of_published_editions_agree_in_their_numbers(name):
    for stem, found in collect(paths.Edition(name, ROOT), list(FINDINGS)).items():
        assert numbers(english.sentence(found)) == numbers(korean.sentence(found)), stem
