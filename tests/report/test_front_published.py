"""Findings of the published editions are what their tables say, and read alike in both languages."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from smallbert import paths
from smallbert.report.front import english, korean
from smallbert.report.front.findings import FINDINGS, collect
from smallbert.storage import read_json

ROOT = paths.root()
RESULTS = ROOT / "data" / "results"
EDITIONS = sorted(path.parent.name for path in RESULTS.glob("*/run.json") if path.parent.name != "smoke")
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?%?")


def numbers(text: str) -> set[str]:
    """Every number as it is written; commas of thousands stay, those of lists do not."""
    return {found.rstrip(",") for found in NUMBER.findall(text)}


@pytest.mark.parametrize("name", EDITIONS)
def test_findings_of_published_editions_are_what_their_tables_say(name):
    edition = paths.Edition(name, ROOT)
    found = collect(edition, list(FINDINGS))
    assert set(found) == set(FINDINGS)

    def table(stem: str, of: str) -> pd.DataFrame:
        return pd.read_csv(edition.results / stem / f"{of}.csv")

    articles, floor, schedules, sharing, students, tasks, triples, frontier, planned = found.values()
    corpus = read_json(edition.results / "01_corpus_and_embeddings" / "values.json")["corpus"]
    assert (articles.rows, articles.languages) == (corpus["rows"], len(corpus["languages"]))
    answer = read_json(edition.results / "01_corpus_and_embeddings" / "values.json")["answer"]
    assert f"vectors of {articles.width} numbers" in answer
    assert f"{articles.components} principal components" in answer

    depths = table("02_autoencoder_depth", "contrasts").query("protocol == 'fair'")
    assert floor.deeper.worse == (depths.verdict == "higher").sum()
    assert floor.deeper.total == len(depths)
    cells = pd.read_csv(edition.figures / "02_autoencoder_depth__gap_by_budget.csv")
    longest = cells[cells.budget == floor.epochs].pivot_table("test_fvu", "seed", "depth")
    lost = longest.drop(columns=floor.shallowest).sub(longest[floor.shallowest], axis=0).mean(axis=1)
    assert cells.budget.max() == floor.epochs and floor.training.after.estimate == pytest.approx(lost.mean())
    answer = read_json(edition.results / "02_autoencoder_depth" / "values.json")["answer"]
    for decoder in floor.freed:
        assert decoder in answer.split("Only a freed decoder")[1]
    assert bool(floor.freed) == ("No freed decoder" not in answer)
    gains = table("02_autoencoder_depth", "decoder_gains").query("cloud == 'embeddings'")
    most = gains[gains.rows == gains.rows.max()].set_index("code")
    assert [one.k for one in floor.bent] == most.index.tolist()
    for one in floor.bent:
        assert bool(one.decoder) == (most["smallest that helps"][one.k] != "none")
        assert one.gain >= -most["its gain"].fillna(0)[one.k] and (one.within is None) == (articles.languages == 1)
    assert (floor.training.outcome == "grows") == ("more training does not remove it" in answer)

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
    assert f"The best method by its mean, {students.best}, " in values["answer"]
    ahead = rf"{re.escape(students.best)},? is better than that longer training"
    assert (students.against_longer.better == 1) == bool(re.search(ahead, values["answer"]))
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
    known = table("06_transfer", "tasks")
    assert tasks.examples == (known.train.min(), known.train.max())
    kept = pd.read_csv(edition.figures / "06_transfer__retained.csv")
    kept = kept.query("task == 'all learnt' and mode == 'frozen' and model != 'fresh weights'")
    assert tasks.widest.high - tasks.widest.low == (kept["retained high"] - kept["retained low"]).max()
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
    for need in frontier.needs:
        assert need.why in values["answer"]
    counts = pd.Series(frontier.claims).value_counts()
    assert counts.to_dict() == table("08_frontier", "claims").verdict.value_counts().to_dict()

    answer = read_json(edition.results / "09_scale" / "values.json")["answer"]
    for plan in planned.plans:
        assert f"{plan.time} and {plan.disk} of disk" in answer
    assert f"{planned.reached} of {planned.targets} measured targets" in answer


@pytest.mark.parametrize("name", EDITIONS)
def test_sentences_of_published_editions_agree_in_their_numbers(name):
    for stem, found in collect(paths.Edition(name, ROOT), list(FINDINGS)).items():
        assert numbers(english.sentence(found)) == numbers(korean.sentence(found)), stem
