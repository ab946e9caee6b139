"""What is said of batch size: planted effects come back, and every outcome has words."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.studies import generalisation

FLOOR = 9.0
"""Word frequencies alone, far above every loss here."""


def cells(beyond=0.0, seeds=4, gap=0.5, noise=0.001):
    """Held-out loss bends with training loss and, at equal training loss, changes by ``beyond`` from batch 16 on."""
    rng = np.random.default_rng(5)
    rows = []
    for seed in range(seeds):
        for regime in ("equal epochs", "equal steps"):
            for place, rule in enumerate(("fixed", "square root", "linear")):
                for batch in (16, 64, 256):
                    base = batch == 64
                    train = 5.0 if base else rng.uniform(4, 6)
                    held_out = train + gap - 0.1 * (train - 5) ** 2 + beyond * np.log2(batch / 64) / 4
                    held_out += noise * rng.standard_normal() * (not base)
                    steps = 10 if base else 10 + place + 100 * (regime == "equal steps")
                    rows.append((regime, rule, batch, seed, 0.01, steps, 4.0, held_out, train, held_out - train))
    columns = ["regime", "rule", "batch", "seed", "rate", "steps", "epochs", "held out", "train", "gap"]
    found = pd.DataFrame(rows, columns=columns)
    return found.assign(sharpness=found.gap * 0.2)


def test_contrasts_pair_the_largest_with_the_smallest_batch_by_seed():
    data = cells()
    found = generalisation.contrasts(data)
    assert len(found) == 4 * 2 * 3
    row = found[(found.measure == "gap") & (found.regime == "equal steps") & (found.rule == "linear")].iloc[0]
    assert (row.batch, row.against, row.pairs) == (256, 16, 4)
    own = data[(data.regime == "equal steps") & (data.rule == "linear")].pivot(
        index="seed", columns="batch", values="gap"
    )
    difference = own[256] - own[16]
    assert (row.low, row.high) == pytest.approx(stats.t.interval(0.95, 3, difference.mean(), stats.sem(difference)))


def test_the_correction_is_over_the_six_of_a_measure():
    found = generalisation.contrasts(cells())
    for _, part in found.groupby("measure"):
        assert len(part) == 6 and part.p_holm.between(0, 1).all()


@pytest.mark.parametrize(
    ("beyond", "verdict", "words"),
    [
        (0.4, "higher", "small batches generalise better here than how far training got explains"),
        (-0.4, "lower", "large batches generalise better here than how far training got explains"),
        (0.0, "equivalent", "batch size matters here through how far training gets, and no further"),
    ],
)
def test_a_planted_effect_at_equal_training_loss_comes_back(beyond, verdict, words):
    data = cells(beyond)
    related = generalisation.relations(data, FLOOR)
    row = related.set_index("relation").loc[generalisation.AT_EQUAL]
    assert row.estimate == pytest.approx(beyond, abs=0.01) and row.verdict == verdict and row.seeds == 4
    said = generalisation.answer(data, generalisation.contrasts(data), related)
    assert words in said and "from 16 to 256 tokens a batch" in said


def test_what_a_curve_leaves_unexplained_is_not_averaged_away_by_seeds():
    data = cells(beyond=0.05)
    data["held out"] += data.rule.map({"fixed": 0.3, "square root": -0.1, "linear": -0.2})  # the same in every seed
    row = generalisation.relations(data, FLOOR).iloc[0]
    fits = []
    for _, own in data.drop_duplicates(["seed", "batch", "rate", "steps"]).groupby("seed"):
        terms = np.column_stack([np.ones(len(own)), own.train, own.train**2, np.log2(own.batch)])
        beta = np.linalg.solve(terms.T @ terms, terms.T @ own["held out"])
        rest = own["held out"] - terms @ beta
        error = np.sqrt(rest @ rest / (len(own) - 4) * np.linalg.inv(terms.T @ terms)[3, 3])
        fits.append((4 * beta[3], 4 * error, len(own) - 4))
    slope, error, freedom = np.mean(fits, axis=0)
    half = stats.t.ppf(0.975, freedom) * error
    assert (row.low, row.high) == pytest.approx((slope - half, slope + half), rel=1e-6)
    assert row.verdict == "no difference shown"


def test_where_no_encoder_beats_word_frequencies_nothing_is_said_of_generalisation():
    data = cells(beyond=0.4)
    related = generalisation.relations(data, data["held out"].min())
    assert related.verdict[0] == generalisation.NOT_LEARNT and related.estimate[0] == pytest.approx(0.4, abs=0.01)
    assert "is not to be seen" in generalisation.answer(data, generalisation.contrasts(data), related)


def test_noise_between_seeds_is_said_to_decide_nothing():
    data = cells(noise=0.5)
    related = generalisation.relations(data, FLOOR)
    assert related.verdict[0] == "no difference shown"
    assert "cannot be told" in generalisation.answer(data, generalisation.contrasts(data), related)


def test_sharpness_is_ranked_against_the_gap_within_a_seed():
    data = cells()
    row = generalisation.relations(data, FLOOR).iloc[1]
    assert row.estimate == pytest.approx(1) and row.verdict == "higher"
    shifted = data.assign(sharpness=-data.gap + 10 * data.seed)  # between seeds the order is another
    related = generalisation.relations(shifted, FLOOR)
    assert related.estimate[1] == pytest.approx(-1)
    said = generalisation.answer(shifted, generalisation.contrasts(shifted), related)
    assert "sharper encoders have the smaller gap" in said


def test_what_is_told_has_numbers_and_what_is_not_has_none():
    data = cells()
    found = generalisation.contrasts(data)
    found = found.assign(
        verdict=found.rule.map({"fixed": "lower"}).fillna("no difference shown"),
        difference=found.rule.map({"fixed": -0.226, "linear": 0.1}),
    )
    said = generalisation.answer(data, found, generalisation.relations(data, FLOOR))
    told = "lower (fixed -0.226), not compared (square root), no difference shown (linear)"
    assert f"by rule for the rate: held-out loss {told}; gap {told}." in said


def test_without_a_gap_nothing_is_claimed_of_generalisation():
    data = cells(gap=0.0)
    said = generalisation.answer(data, generalisation.contrasts(data), generalisation.relations(data, FLOOR))
    assert "hardly anything was memorised" in said
    data = cells()
    said = generalisation.answer(data, generalisation.contrasts(data), generalisation.relations(data, FLOOR))
    assert "memorised" not in said


def test_one_seed_or_few_encoders_are_too_few():
    for data in (cells(seeds=1), cells().query("rule == 'fixed' and regime == 'equal steps'")):
        related = generalisation.relations(data, FLOOR)
        assert set(related.verdict) == {"too few"}
        said = generalisation.answer(data, generalisation.contrasts(data), related)
        assert "too few encoders or seeds to compare" in said and "nan" not in said
