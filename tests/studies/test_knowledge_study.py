"""The study's sentences and contrasts on made-up cells, and the whole of it on a tiny reader."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.corpus.world import World
from smallbert.knowledge import world as worlds
from smallbert.knowledge.given import Giver
from smallbert.knowledge.linking import Dictionary
from smallbert.models.heads.recipe import FineTuneRecipe
from smallbert.studies import knowledge as study
from smallbert.studies import knowledge_findings as findings

ARM = study.INJECTING["appended"]

ASKED = 200
"""Questions of a seed; of those an arm answers rightly the first so many."""


def made_up(right=0.95, nothing=0.25, wrong=0.05, closed=0.25, text=0.97, known=0.9, others=0.3, seeds=3, follows=0.9):
    """Cells of one kind, seeds a hundredth apart."""
    values = {
        (study.CLOSED, "of training", "nothing", 0): known,
        (study.CLOSED, "held out", "nothing", 0): closed,
        (study.TEXT, "of training", "text", 0): text,
        (study.TEXT, "held out", "text", 0): text,
        (ARM, "of training", "right", 0): right,
        (ARM, "held out", "nothing", 0): nothing,
        (ARM, "held out", "right", 0): right,
        (ARM, "held out", "right", 3): others,
        (ARM, "held out", "retrieved", 0): right,
        (ARM, "held out", "wrong", 0): wrong,
    }
    rows = []
    for seed in range(seeds):
        for number, ((arm, entities, given, count), value) in enumerate(values.items()):
            own = value + 0.01 * (seed - (seeds - 1) / 2) * (1 + number % 3)
            right = tuple(place < round(own * ASKED) for place in range(ASKED))
            agreed = np.nan if given == "nothing" else follows
            limits = np.mean(right), own - 0.1, own + 0.1
            about = tuple(f"seed {seed}, question {place}" for place in range(ASKED))
            rows.append((arm, seed, "birthplace", entities, given, count, *limits, ASKED, agreed, right, about))
    return pd.DataFrame(rows, columns=study.COLUMNS)


def said(cells):
    return " ".join(findings.details(cells, findings.contrasts(cells)))


def test_contrasts_are_paired_and_each_against_its_own():
    cells = made_up()
    found = findings.contrasts(cells).set_index(["arm", "given"])
    held = cells[cells.entities == "held out"].set_index(["arm", "given", "others", "seed"]).value.sort_index()
    pairs = {
        (study.TEXT, "text"): ((study.TEXT, "text", 0), (study.CLOSED, "nothing", 0)),
        (ARM, "right"): ((ARM, "right", 0), (ARM, "wrong", 0)),
        (ARM, "retrieved"): ((ARM, "retrieved", 0), (ARM, "right", 0)),
        (ARM, "right among 4"): ((ARM, "right", 3), (ARM, "right", 0)),
    }
    assert set(found.index) == set(pairs) and found.questions.eq(3 * ASKED).all()
    for row, (one, other) in pairs.items():
        gained = (held[one] - held[other]).to_numpy()
        half = stats.t.ppf(0.975, 2) * gained.std(ddof=1) / np.sqrt(3)
        low, high = gained.mean() - half, gained.mean() + half
        assert found.difference[row] == pytest.approx(gained.mean())
        assert found.low[row] <= low + 1e-12 and found.high[row] >= min(high, 1) - 1e-12
    assert found.verdict[ARM, "right"] == "higher" and found.verdict[ARM, "right among 4"] == "lower"
    assert found.note[ARM, "right"] == "the same in all 3 seeds" and found.note[ARM, "retrieved"] == ""


def few(accuracies, against):
    """Cells in which the accuracies with the right and the retrieved triple, and with a wrong one, are given."""
    cells = made_up(seeds=len(accuracies))
    for given, values in (("right", accuracies), ("wrong", against), ("retrieved", accuracies)):
        for seed, value in enumerate(values):
            own = (cells.arm == ARM) & (cells.given == given) & (cells.others == 0) & (cells.seed == seed)
            right = tuple(place < round(value * ASKED) for place in range(ASKED))
            cells.loc[own, "right"] = pd.Series([right] * own.sum(), index=cells.index[own])
    return cells


def test_what_only_the_correction_forbids_is_not_called_no_use():
    """The interval over three seeds leaves zero out, Holm's p of four comparisons does not."""
    cells = few([0.7, 1.0, 1.0], [0.2, 0.0, 0.35])
    found = findings.contrasts(cells)
    row = found[found.against == "wrong"].iloc[0]
    assert row.low > 0 and row.p_holm > 0.05 and row.verdict == "not told after correction"
    assert row.note == ""
    told = findings.answer(cells, found)
    assert f"Right less wrong triple with {ARM}: {row.difference:+.3f} [" in told
    assert f"not told after correction (3 seeds, p {row.p_holm:.3g})" in told and "No use" not in told
    assert "No use" not in said(cells) and "not told after correction" in said(cells)
    for p, shown in ((0.0501, "p 0.0501"), (0.04999, "p 0.04999"), (0.0004, "p below 0.001")):
        assert f"{shown})" in findings.answer(cells, found.assign(p_holm=p))


def test_seeds_that_agree_have_an_interval_all_the_same():
    found = findings.contrasts(few([1.0] * 3, [0.0] * 3)).set_index("given")
    right, retrieved = found.loc["right"], found.loc["retrieved"]
    assert right.note == "the same in all 3 seeds" and right.verdict == "higher"
    z = stats.norm.ppf(0.975)  # Tango's limit where every trial differs the same way
    assert right.low == pytest.approx((600 - z**2) / (600 + z**2)) and right.high == 1.0
    assert retrieved.low < 0 < retrieved.high and retrieved.high == pytest.approx(-retrieved.low)


def test_the_caption_of_the_contrasts_gives_their_numbers():
    said = findings.compared_caption(findings.contrasts(made_up()))
    assert "paired over 3 seeds and the 600 different subjects of their questions" in said and "not corrected" in said
    assert "nothing is compared" in findings.compared_caption(findings.contrasts(made_up(seeds=1)))


def test_the_answer_says_what_is_used_and_what_is_not():
    cells = made_up()
    told = findings.answer(cells, findings.contrasts(cells))
    assert told.startswith("Born where? About entities that training never named a closed book is at chance (25% [")
    assert "chance is 25%. The sentence adds +0.720 [" in told
    assert (
        "(3 seeds, p below 0.001). Answers follow triples appended (" in told and "of wrong ones 90% copied)." in told
    )
    assert "No use" not in told
    cells = made_up(right=0.73, nothing=0.73, wrong=0.73, follows=0.27)
    told = findings.answer(cells, findings.contrasts(cells))
    assert told.endswith("p below 0.001). No use is shown of triples appended.") and "Answers follow" not in told
    single = made_up(seeds=1)
    assert findings.answer(single, findings.contrasts(single)).endswith("There is one seed, so nothing is compared.")


def test_the_details_follow_the_cells():
    told = said(made_up())
    assert "Closed book: above chance (90% [" in told and "at chance (25% [" in told
    assert "with the sentence that states the answer above chance (97%" in told
    assert "Its answers follow what it is given: 90% of them copy a wrong triple." in told
    assert "3 others beside it" in told

    told = said(made_up(closed=0.6))
    assert "so the questions may give something away" in told
    assert "give something away" not in said(made_up())


def test_a_reader_that_is_as_right_with_a_wrong_triple_does_not_use_it():
    """Above chance with the right triple, but no more than with a wrong one: luck of training, not knowledge."""
    told = said(made_up(right=0.73, nothing=0.73, wrong=0.73, follows=0.27))
    assert "With triples appended it is above chance (73%" in told
    assert "No use of the triples is shown" in told and "copy" not in told


def test_one_seed_has_intervals_but_no_contrasts():
    cells = made_up(seeds=1)
    assert findings.contrasts(cells).empty
    assert "There is one seed, so nothing is compared." in said(cells)
    means = findings.summary(cells)
    assert (means.seeds == 1).all() and means[["low", "mean", "high"]].notna().all(axis=None)
    assert (means.chance == 0.25).all()


def test_every_reader_is_asked_what_its_arm_can_answer(tmp_path, monkeypatch):
    """The whole of it, with readers that answer by what they are given and nothing else."""
    world = World(3, languages=("en",))
    graph = worlds.graph(world, study.LANGUAGE)
    giver = Giver(graph, Dictionary(graph))

    def by_what_is_given(tasks, where, **options):
        assert options == {"device": "cpu"} and where == tmp_path
        return {
            name: {asked: [max(item.offered, 0) for item in items] for asked, items in task.asked.items()}
            for name, task in tasks.items()
        }

    monkeypatch.setattr(study, "answer_all", by_what_is_given)
    monkeypatch.setattr(study.sources, "find", lambda name: tmp_path)
    monkeypatch.setattr(study.sources, "checksum", lambda folder: "x")
    plan = study.Plan(("appended", "embedded"), seeds=3, tools=8, birthplaces=12, people=6, asked=24, others=(1, 3))
    vectors = np.ones((len(graph.entities), 2), np.float32)
    exam = study.questions(world, plan, 0)
    table = study.examples(giver, exam)
    assert len(table) == 2 and (table.question.str.endswith("___")).all()
    for row in table.itertuples():
        assert sum(row[4].endswith(f" {candidate}.") for candidate in row.candidates.split(", ")) == 1
    assert "put to all-MiniLM-L6-v2, of which 4 layers are used:" in study.reader_sentence("minilm", 4)
    assert "put to the encoder of page 1:" in study.reader_sentence("pretrain", -1)
    assert "finds the right triple for 100% of 48 questions" in study.linking_sentence(giver, exam)
    cells = study.run(world, giver, "none", plan, FineTuneRecipe(), tmp_path, vectors=vectors, device="cpu")
    assert cells.columns.tolist() == study.COLUMNS and (cells.right.map(len) == 24).all()
    # A seed keeps two actions from training, of two purposes each: questions about these repeat four subjects.
    assert (cells.n == cells.subjects.map(lambda about: len(set(about)))).all()
    held = cells[cells.entities == "held out"].groupby("kind").n.unique()
    assert held["tool"].tolist() == [4] and held["birthplace"].tolist() == [24]
    found = findings.summary(cells).set_index(["kind", "arm", "entities", "given", "others"])["mean"].sort_index()
    assert found.loc[:, study.TEXT].eq(1).all()
    for arm, counts in ((ARM, [0, 1, 3]), (study.INJECTING["embedded"], [0])):
        for kind in study.KINDS:
            own = found.loc[kind, arm, "held out"]
            assert own.loc["right"].index.tolist() == counts and own.loc["right"].eq(1).all()
            assert own.loc["retrieved", 0] == 1 and own.loc["wrong", 0] == 0
            assert found.loc[kind, arm, "of training", "right", 0] == 1
    wrong = cells[cells.given == "wrong"]
    assert wrong.follows.eq(1).all() and cells[cells.given == "nothing"].follows.isna().all()
    assert cells.groupby("arm").seed.nunique().eq(3).all()


def test_the_reader_is_the_reports_own_or_another(tmp_path, monkeypatch):
    monkeypatch.setattr(study.paths, "cache", lambda: tmp_path)
    assert study.source({"pretrained": "encoders/own"}, "pretrain") == str(tmp_path / "encoders" / "own")
    assert study.source({}, "minilm") == "minilm" and study.place() == tmp_path / "knowledge"
