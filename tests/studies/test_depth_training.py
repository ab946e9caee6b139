"""Whether depth or training costs what deeper encoders lose, on made-up cells whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.studies.depth_training import TrainingEffect, training_sentence

NOISE = (-1e-4, 0.0, 2e-4, 1e-4)


def cells(before, after, budgets=(4, 12), seeds=4):
    """FVU above PCA of depths 1, 2, ... after each budget; what a seed has in common cancels in pairs."""
    rows = [
        (budget, depth, seed, 0.3 + 0.1 * seed + gap + NOISE[seed] * depth, gap + NOISE[seed] * depth, True)
        for budget, gaps in zip(budgets, (before, after), strict=True)
        for depth, gap in enumerate(gaps, start=1)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["budget", "depth", "seed", "test_fvu", "gap_test", "finite"])


@pytest.mark.parametrize(
    ("before", "after", "outcome", "said"),
    [
        ((0.02, 0.03, 0.05), (0.001, 0.01, 0.03), "partly", "part of it is training and not depth, and part is left"),
        ((0.02, 0.03, 0.05), (0.0, 0.0, 0.0), "removed", "more training removes it to within 0.005"),
        ((0.02, 0.03, 0.05), (0.0, 0.02, 0.06), "grows", "more training does not remove it"),
        ((0.02, 0.03, 0.05), (0.02, 0.03, 0.05), "untold", "whether more training removes it cannot be told"),
        ((0.05, 0.03, 0.05), (0.02, 0.02, 0.02), "none", "there is none for training to remove"),
    ],
)
def test_the_outcome_follows_what_is_lost_before_and_after(before, after, outcome, said):
    table = cells(before, after)
    if outcome == "removed":  # noise that grows with depth would be an effect of depth
        table.loc[table.budget == 12, "test_fvu"] = 0.3 + table.seed * table.depth * np.where(
            table.seed % 2, 1e-5, -1e-5
        )
    assert TrainingEffect.of(table).outcome == outcome
    assert said in training_sentence(table)


def test_the_numbers_are_means_over_depths_paired_by_seed():
    table = cells((0.02, 0.03, 0.05), (0.001, 0.01, 0.03))
    found = TrainingEffect.of(table)
    noise = 1.5 * np.array(NOISE)  # depths 2 and 3 less depth 1, their mean
    reference = stats.ttest_1samp(0.02 + noise, 0).confidence_interval()
    assert (found.before.estimate, found.before.low) == pytest.approx(((0.02 + noise).mean(), reference.low))
    assert found.after.estimate == pytest.approx(0.019 + noise.mean())
    assert found.change.estimate == pytest.approx(-0.001) and found.change.n == 4
    said = training_sentence(table)
    assert said.startswith(
        "Depths 2 to 3 lose 0.0201 of the variance against depth 1 on average after 4 epochs and lose 0.0191"
    )
    assert found.falling == (1, 2, 3) and found.unfinished
    assert "3 of 3 depths come nearer to PCA between the two (the farthest, depth 3, from 0.0502 to 0.030" in said


def test_a_budget_after_which_nothing_moves_is_long_enough():
    said = training_sentence(cells((0.02, 0.03, 0.05), (0.02, 0.03, 0.05)))
    assert "come nearer" not in said
    assert "come nearer" not in training_sentence(cells((0.02, 0.03, 0.05), (0.02, 0.04, 0.06)))


@pytest.mark.parametrize("missing", ["budget", "depth", "seeds"])
def test_what_cannot_be_compared_is_not(missing):
    table = cells((0.02, 0.03), (0.01, 0.02))
    if missing == "seeds":
        table.loc[(table.budget == 12) & (table.depth == 2) & (table.seed > 0), "finite"] = False
    else:
        table = table[table[missing] == table[missing].min()]
    assert TrainingEffect.of(table) is None
    assert "cannot be told: that takes two depths, two budgets and two seeds" in training_sentence(table)


def test_two_depths_are_told_in_the_singular():
    assert training_sentence(cells((0.02, 0.03), (0.01, 0.015))).startswith("Depth 2 loses 0.0100 of the")
    better = training_sentence(cells((0.03, 0.02), (0.02, 0.03)))
    assert better.startswith(
        "Depth 2 gains 0.0100 of the variance against depth 1 after 4 epochs and loses 0.0100 after"
    )
