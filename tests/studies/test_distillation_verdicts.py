"""What is said of page 5's students, on cells whose differences are planted: true whatever the numbers are."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.studies import distillation as study
from smallbert.studies import distillation_sentences as sentences
from smallbert.studies import distillation_verdicts as verdicts
from smallbert.studies.distillation_training import Trained

PRINTED = {"without_soft": -3.0, "without_cosine": -1.5, "without_hard": -0.3, "fresh_start": -3.7}
TABLE = {f"distilbert.table4.{name}": SimpleNamespace(value=value) for name, value in PRINTED.items()}
NOISE = (0.0, 0.004, -0.004, 0.002, -0.002)
"""Of an arm by seed, turned on by one for the next arm; its mean is 0."""

METHODS = {study.ALONE: 8.0, "Hinton": 7.5, "DistilBERT": 7.4, "Patient KD": 8.0, study.EQUAL: 7.2}
REMOVED = {study.TRIPLE: 6.0, "without soft targets": 6.3, "without cosine": 6.001, "without masked words": 5.8}
REMOVED |= {study.FRESH: 8.0}
STARTS = {f"alone, {study.FRESH}": 8.0, "alone, embeddings": 6.3, "alone, released": 6.1}
STARTS |= {f"DistilBERT, {study.FRESH}": 7.6, "DistilBERT, embeddings": 5.9}
STARTS |= {"DistilBERT, released": 6.0, "DistilBERT, top": 6.2}


@pytest.fixture
def make(monkeypatch):
    """Students whose loss is planted by panel and label; the spread over seeds is common to all arms of a panel."""
    monkeypatch.setattr(verdicts, "load", lambda: TABLE)

    def make(gains=((0.1, 0.9), (1.0, 0.3)), *, methods=METHODS, removed=REMOVED, starts=STARTS, predicts=True, **more):
        rows = []

        def enter(panel, label, loss, **known):
            turned = np.roll(NOISE, len(rows) // len(NOISE))
            for seed, own in enumerate(turned):
                value = {"loss": loss + seed + own, "topic": 0.5 - loss / 100 + own}
                if not predicts:
                    value = {"loss": np.nan, "similarity": -loss - own}
                rows.append(
                    {"arm": f"{panel} {label} {known}", "seed": seed, "labels": {panel: label}, **value, **known}
                )

        for label, loss in methods.items():
            enter("methods", label, loss, method="alone" if "alone" in label else label, hidden=64, parameters=100)
        for panel, planted in (("removed", removed), ("starts", starts)):
            for label, loss in planted.items():
                enter(panel, label, loss, method=label, hidden=256, parameters=700)
        for share, gain in gains:
            for label, loss in ((study.ALONE, 8.0), ("Hinton", 8.0 - gain)):
                enter("shares", label, loss, share=share, method=label, hidden=64, parameters=100)
        for width, gain in more.get("sizes", ((32, 0.5), (128, 0.4))):
            for label, loss in ((study.ALONE, 9 - width / 128), ("DistilBERT", 9 - width / 128 - gain)):
                enter("sizes", label, loss, hidden=width, parameters=width * 2, method=label)
        for temperature, loss in more.get("temperatures", ((1.0, 7.4), (2.0, 7.5), (8.0, 7.8))):
            known = {"temperature": temperature, "mass kept": 1 / (1 + temperature), "method": "hinton"}
            enter("temperatures", f"{temperature:g}", loss, **known, hidden=64, parameters=100)
        cells = pd.DataFrame(rows).assign(layers=2)
        teacher = {"layers": 3, "hidden": 256, "parameters": 1000, "loss": 5.9 if predicts else np.nan, "accuracy": 0.1}
        folders = {(row.arm, row.seed): verdicts.paths.cache() / row.arm for row in cells.itertuples()}
        return Trained((), cells, folders, teacher)

    return make


def test_contrasts_are_paired_t_intervals(make):
    trained = make()
    found = verdicts.methods(trained).set_index(["measure", "label"])
    wide = trained.panel("methods").pivot(index="seed", columns="label", values="loss")
    difference = wide["Hinton"] - wide[study.ALONE]
    interval = stats.t.interval(0.95, 4, difference.mean(), stats.sem(difference))
    assert (found.low["loss", "Hinton"], found.high["loss", "Hinton"]) == pytest.approx(interval)
    assert found.verdict["loss"].to_dict() == {
        "Hinton": "lower", "DistilBERT": "lower", "Patient KD": "equivalent", study.EQUAL: "lower",
    }  # fmt: skip


def test_a_loss_that_students_do_not_have_is_not_defined_and_not_diverged(make):
    trained = make()
    headless = [dict(labels).get("methods") == "Hinton" for labels in trained.cells.labels]
    trained.cells.loc[headless, "loss"] = np.nan
    found = verdicts.methods(trained).set_index(["measure", "label"])
    assert found.verdict["loss", "Hinton"] == "not defined" and found.pairs["loss", "Hinton"] == 0
    assert found.verdict["loss", "DistilBERT"] == "lower" and found.verdict["topic", "Hinton"] != "not defined"


def test_the_best_method_is_held_against_training_longer(make):
    said = sentences.methods_sentence(make())
    assert "(held-out loss, nats): better (Hinton; DistilBERT), equivalent within 0.02 (Patient KD). The best" in said
    assert "The best method by its mean, DistilBERT, lowers the loss by 0.600 [0." in said
    assert "trained alone is better than one of equal steps" in said
    assert "; DistilBERT is worse than that longer training (raises the loss by 0.200" in said
    said = sentences.methods_sentence(make(methods=METHODS | {study.EQUAL: 7.9}))
    assert "; DistilBERT is better than that longer training (lowers the loss by 0.500" in said
    said = sentences.methods_sentence(make(methods=METHODS | {"Patient KD": 7.6}))
    assert "(held-out loss, nats): better in all 3. The best" in said


def test_signs_stand_beside_the_papers(make):
    found = verdicts.removals(make(), TABLE).set_index("label")
    assert found.sign.to_dict() == {
        "without soft targets": "the same",
        "without cosine": "no difference here",
        "without masked words": "the opposite",
        study.FRESH: "the same",
    }
    assert found.printed.tolist() == [-3.0, -1.5, -0.3, -3.7]
    assert found.topic["without soft targets"] == pytest.approx(-0.003, abs=1e-6)
    said = sentences.removals_sentence(make())
    assert "Both get worse in 2 of 4; the paper's gets worse and ours better in 1; whether ours gets worse" in said
    assert "without soft targets raises the loss by 0.300 [" in said and "(printed: 3.70 points worse)" in said


def test_starts_tell_copying_from_losses(make):
    said = sentences.starts_sentence(make())
    assert (
        "(released), embeddings and head, without a word from it in training, is better than a fresh one (lowers the "
        "loss by 1.900" in said
    )
    assert "one from its embeddings and head alone is better than a fresh one (lowers the loss by 1.700" in said
    assert "and one with its layers too is better than one without them (lowers the loss by 0.200" in said
    assert "DistilBERT from a fresh start is better than training alone (lowers the loss by 0.400" in said
    assert "DistilBERT is better than training on without the teacher (lowers the loss by 0.100" in said
    assert (
        ". Of 2 choices of layers, each against a fresh start, best by its mean: released lowers the loss by " in said
    )
    assert "; worst: top lowers the loss by 1.400 [1." in said and said.endswith("], better.")
    said = sentences.starts_sentence(make(starts=STARTS | {"DistilBERT, released": 6.3}))
    assert "DistilBERT is worse than training on without the teacher (raises the loss by 0.200" in said


@pytest.mark.parametrize(
    ("gains", "ending"),
    [
        (((0.1, 0.9), (1.0, 0.3)), "]: the teacher helps most where data are few."),
        (((0.1, 0.2), (1.0, 0.5)), "]: the teacher helps more where data are many."),
        (((0.1, 0.2), (1.0, 0.2)), ": its help does not depend on the amount of data (within 0.02)."),
    ],
)
def test_the_slope_is_computed(make, gains, ending):
    trained = make(gains)
    assert sentences.shares_sentence(trained).endswith(ending)
    change, _ = verdicts.slope(trained)
    assert change.estimate == pytest.approx(gains[1][1] - gains[0][1])
    way = "falls" if change.estimate < 0 else "rises"
    assert f"From 10% of the data to all of it the teacher's gain {way} by" in sentences.shares_sentence(trained)


def test_the_change_of_the_gain_is_over_the_range_of_shares_not_a_tenfold(make):
    """A line through gains that fall by 0.1 each halving: over 25% to 100% by 0.2."""
    trained = make(((0.25, 0.5), (0.5, 0.4), (1.0, 0.3)))
    change, _ = verdicts.slope(trained)
    assert change.estimate == pytest.approx(-0.2)
    said = sentences.shares_sentence(trained)
    assert (
        "Along a line through all 3 shares: from 25% of the data to all of it the teacher's gain falls by 0.200" in said
    )


def test_sizes_say_which_student_reaches_the_next_larger(make):
    said = sentences.sizes_sentence(make())
    assert "width 32 (64 parameters, 6% of the teacher's) lowers the loss by 0.500" in said and "nats, better" in said
    assert "no distilled student reaches the next larger one" in said
    said = sentences.sizes_sentence(make(sizes=((32, 0.8), (128, -0.1))))
    assert (
        "reaches the next larger one trained alone: width 32 reaches 128" in said and "raises the loss by 0.100" in said
    )


def test_temperatures_come_with_the_mass_that_was_kept(make):
    said = sentences.temperatures_sentence(make())
    assert "T = 1 lowers the loss by 0.100" in said and "T = 8 raises the loss by 0.300" in said
    assert "50% at T = 1, 33% at T = 2, 11% at T = 8" in said
    assert sentences.temperatures_sentence(make(temperatures=((2.0, 7.0),))) == "Only one temperature was tried."


def test_without_predictions_the_yardstick_is_similarity(make):
    trained = make(predicts=False)
    trained = Trained((), trained.cells[[{"removed", "temperatures"}.isdisjoint(one) for one in trained.cells.labels]],
                      trained.folders, trained.teacher)  # fmt: skip
    said = sentences.answer(trained, "an encoder", 7.0)
    assert "predicts no words" in said and "nats" not in said
    assert sentences.removals_sentence(trained) == sentences.NO_PREDICTIONS
    assert "The best method by its mean, DistilBERT, raises the similarity by 0.600" in said
    said_of_starts = sentences.starts_sentence(trained)
    assert (
        "worst: top raises the similarity by 1.400" in said_of_starts
        and "layers (released) and embeddings, without" in said_of_starts
    )
    assert sentences.temperatures_sentence(trained) == sentences.NO_PREDICTIONS
    no_copies = trained.cells[["starts" not in one for one in trained.cells.labels]]
    trained = Trained((), no_copies, trained.folders, trained.teacher)
    assert sentences.starts_sentence(trained) == sentences.NO_COPIES
    assert "A start from" in said and "A start from" not in sentences.answer(trained, "an encoder", 7.0)


def test_the_answer_holds_every_part_once(make):
    said = sentences.answer(make(), "a small BERT", 9.47)
    assert said.startswith("The teacher is a small BERT: 3 layers, width 256, 1,000 parameters.")
    for part in (sentences.methods_sentence, sentences.copied_sentence, sentences.sizes_sentence):
        assert said.count(part(make())) == 1
    # Mean losses are those planted and 2 more: 9.5, 9.4 and 10.
    assert "Of these 3 ways to teach, those that end below word frequencies alone (9.470) for sure" in said


def test_the_caption_of_applied_steps_tells_how_many_articles_are_behind_it():
    applied = pd.DataFrame({"measure": ["cosine", "accuracy"], "n": [1200, 900]})
    said = sentences.steps_caption(applied, 1500)
    assert "on 1,200 test articles" in said and "at most 3,000 train" in said and "the 900 test articles" in said
    assert sentences.steps_caption(applied[:1], 1500).endswith("on 1,200 test articles.")


def test_the_best_of_a_width_is_taken_for_later_pages(make):
    found = pd.DataFrame(verdicts.students(make()))
    best = found[(found.hidden == 64) & (found.kind == "distilled")]
    assert set(best.method) == {"DistilBERT"} and best.seed.tolist() == list(range(5))
    assert study.EQUAL not in " ".join(found.folder)
