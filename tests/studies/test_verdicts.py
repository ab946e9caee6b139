"""Contrasts and sentences on made-up cells whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.measure.stats import Interval
from smallbert.studies import contrasts, schedules, verdicts

PUBLISHED = (3, 2, 5, 4)


def cells(effect: dict[int, float], protocol: str = "original", noise: float = 1e-4, seeds: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = []
    for seed in range(seeds):
        shared = rng.normal(0, 0.05)  # what a seed has in common cancels in pairs
        for depth, value in effect.items():
            fvu = 0.2 + shared + value + rng.normal(0, noise)
            rows.append((protocol, 8, depth, seed, fvu, fvu - 0.2, True))
    columns = ["protocol", "bottleneck", "depth", "seed", "test_fvu", "gap_test", "finite"]
    return pd.DataFrame(rows, columns=columns)


def test_contrast_equals_scipy():
    a, b = np.random.default_rng(0).normal(size=(2, 6))
    found = contrasts.contrast(pd.Series(a), pd.Series(b))
    reference = stats.ttest_rel(a, b)
    low, high = reference.confidence_interval(0.95)
    assert found["p"] == pytest.approx(reference.pvalue)
    assert (found["low"], found["high"]) == pytest.approx((low, high))


def test_a_diverged_arm_is_called_so():
    rows = pd.DataFrame([contrasts.contrast(pd.Series([np.nan, 1.0]), pd.Series([0.0, 0.0]))])
    assert contrasts.corrected(rows, margin=0.005).verdict.tolist() == ["diverged"]


def test_what_only_the_correction_forbids_has_that_verdict_in_the_table():
    one = contrasts.contrast(pd.Series([1.0, 2.0, 2.2]), pd.Series(np.zeros(3)))
    assert one["low"] > 0 and one["p"] < 0.05 < 2 * one["p"]
    assert contrasts.corrected(pd.DataFrame([one]), margin=0.005).verdict.tolist() == ["higher"]
    twice = contrasts.corrected(pd.DataFrame([one, one]), margin=0.005)
    assert twice.verdict.tolist() == ["not told after correction"] * 2
    open_ = contrasts.contrast(pd.Series([1.0, -2.0, 2.2]), pd.Series(np.zeros(3)))
    assert contrasts.corrected(pd.DataFrame([open_]), margin=0.005).verdict.tolist() == ["no difference shown"]


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.01, 0.02, "at chance"),
        (0.0, 0.0, "at chance"),
        (0.011, 0.026, "barely above chance"),
        (-0.026, -0.011, "barely below chance"),
        (0.011, 0.06, "above chance"),
        (-0.06, -0.011, "below chance"),
        (-0.01, 0.06, "not told from chance"),
    ],
)
def test_only_an_interval_with_chance_in_it_is_at_chance(low, high, said):
    found = Interval((low + high) / 2, low, high, 3, 0.95)
    assert contrasts.against_chance(found, margin=0.05) == said


@pytest.mark.parametrize(
    ("verdict", "low", "high", "said"),
    [
        ("no difference shown", 0.1, 0.9, "not told after correction"),
        ("no difference shown", -0.9, -0.1, "not told after correction"),
        ("no difference shown", -0.1, 0.9, "no difference shown"),
        ("no difference shown", 0.0, 0.9, "no difference shown"),
        ("higher", 0.1, 0.9, "higher"),
        ("equivalent", 0.001, 0.002, "equivalent"),
        ("diverged", np.nan, np.nan, "diverged"),
    ],
)
def test_beside_an_interval_without_zero_no_difference_has_its_own_words(verdict, low, high, said):
    assert contrasts.worded(pd.Series({"verdict": verdict, "low": low, "high": high})) == said


def test_depths_are_told_apart_from_depths_that_do_not_matter():
    table = verdicts.depth_contrasts(cells({1: 0, 2: 0.0001, 3: 0.05, 4: -0.05}))
    assert table.verdict.tolist() == ["equivalent", "higher", "lower"]


def test_a_real_order_is_stable_and_the_published_one_recognised():
    same = verdicts.rank_table(cells({3: 0.4, 2: 0.3, 5: 0.2, 4: 0.1}), PUBLISHED).iloc[0]
    assert same.ours == "3 > 2 > 5 > 4" == same.published
    assert same.seeds_tau == same.published_tau == 1
    assert same.p == pytest.approx(1 / 24)
    opposite = verdicts.rank_table(cells({3: 0.1, 2: 0.2, 5: 0.3, 4: 0.4}), PUBLISHED).iloc[0]
    assert opposite.published_tau == -1
    assert (same.pairs, same.told, same.reversed) == (6, 6, 0) and (opposite.told, opposite.reversed) == (0, 6)


def test_an_order_of_noise_is_not_stable():
    noise = verdicts.rank_table(cells(dict.fromkeys(PUBLISHED, 0.0), noise=0.01), PUBLISHED).iloc[0]
    assert noise.low < 0.5
    assert (noise.told, noise.reversed) == (0, 0)


def both_protocols() -> pd.DataFrame:
    fair = cells(dict.fromkeys(range(1, 6), 0.001), "fair")
    return pd.concat([cells({1: 0, 2: 0.02, 3: 0.04, 4: 0.06, 5: 0.08}), fair], ignore_index=True)


def test_the_answer_of_page_2_follows_the_numbers():
    both = both_protocols()
    table, ranks = verdicts.depth_contrasts(both), verdicts.rank_table(both, PUBLISHED)
    free = pd.DataFrame(
        {
            "arm": ["mirrored"] * 3,
            "bounded": False,
            "finite": True,
            "gap_test": [-0.01, -0.012, -0.011],
            "test_fvu": 0.1,
        }
    )
    said = verdicts.depth_answer(both, table, ranks, free, 8)
    assert said.startswith("Under the original protocol, at 8 numbers, the depths end")
    assert "depth makes a difference at this budget (against depth 1: 4 with larger error)" in said
    assert "depth does not matter (all 4 equivalent to depth 1 within 0.005 FVU)" in said
    assert "published as 3 > 2 > 5 > 4" in said
    assert (
        "Only a freed decoder, trained with its encoder, goes below PCA on test with its whole interval: mirrored."
        in said
    )
    missed = verdicts.depth_answer(both, table, ranks, free.assign(gap_test=[-0.1, 0.1, 0]), 8)
    assert "No freed decoder trained with its encoder ends below PCA" in missed
    failed = verdicts.depth_answer(both, table, ranks, free.assign(test_fvu=[1.1, 0.1, 0.1]), 8)
    assert "No freed decoder trained with its encoder ends below PCA" in failed
    assert "Of mirrored, 1 of 3 runs failed (FVU above 1); the others end at -0.0115." in failed
    assert verdicts.freed_below(free.assign(bounded=True)) == [] and verdicts.freed_below(free) == ["mirrored"]


def test_a_depth_that_diverges_stays_in_the_tables_and_stops_nothing():
    both = both_protocols()
    gone = (both.protocol == "original") & (both.depth == 1)
    both.loc[gone, "finite"] = False
    both.loc[gone, ["test_fvu", "gap_test"]] = np.nan
    table, ranks = verdicts.depth_contrasts(both), verdicts.rank_table(both, PUBLISHED)
    original = table[table.protocol == "original"]
    assert set(original.against) == {1}  # the reference does not silently become the next depth
    assert set(original.verdict) == {"diverged"}
    free = pd.DataFrame({"arm": ["mirrored"] * 3, "bounded": False, "finite": False, "gap_test": np.nan})
    free["test_fvu"] = np.nan
    assert "Of mirrored, 3 of 3 runs failed (FVU above 1)." in verdicts.depth_answer(both, table, ranks, free, 8)
    assert "4 diverged" in verdicts.depth_answer(both, table, ranks, free, 8)


def schedule_cells(narrow: float, protocol: str) -> pd.DataFrame:
    base = cells({2: 0.0, 3: 0.0}, protocol)
    names = {
        "uniform": 0.0,
        "bottleneck-heavy-2": narrow,
        "uniform, size of bottleneck-heavy-2": 0.0,
        "bottleneck-heavy-2, size of uniform": 0.0,
    }
    rng = np.random.default_rng(8)
    return pd.concat(
        base.assign(schedule=name, test_fvu=base.test_fvu + shift + rng.normal(0, 1e-4, len(base)))
        for name, shift in names.items()
    )


def test_a_schedule_that_wins_by_size_alone_is_seen_through():
    both = pd.concat([schedule_cells(-0.03, "original"), schedule_cells(0.0, "fair")], ignore_index=True)
    against = schedules.against_uniform(both, margin=verdicts.MARGIN)
    matched = schedules.matched_pairs(both, "bottleneck-heavy-2", margin=verdicts.MARGIN)
    wins = against[(against.protocol == "original") & (against.schedule == "bottleneck-heavy-2")]
    assert wins.verdict.tolist() == ["lower", "lower"]
    assert set(against[against.protocol == "fair"].verdict) == {"equivalent"}
    assert "bottleneck-heavy-2, size of uniform" not in set(against.schedule)  # one comparison, one verdict
    same_size = matched[matched.schedule == "bottleneck-heavy-2, size of uniform"]
    assert set(same_size.verdict) == {"equivalent"}
    said = verdicts.schedule_answer(both, against, matched, "bottleneck-heavy-2", "bottleneck-heavy")
    assert said.startswith("The original found bottleneck-heavy schedules better.")
    assert "above PCA." in said
    assert "Under the original protocol, bottleneck-heavy-2 against uniform of the same depth: better in 2" in said
    fair = "Under the fair protocol, bottleneck-heavy-2 against uniform of the same depth: "
    assert f"{fair}equivalent within 0.005 FVU in 2" in said


def test_a_run_that_failed_is_named_and_no_part_of_a_mean():
    both = pd.concat([schedule_cells(-0.03, "original"), schedule_cells(0.0, "fair")], ignore_index=True)
    against = schedules.against_uniform(both, margin=verdicts.MARGIN)
    matched = schedules.matched_pairs(both, "bottleneck-heavy-2", margin=verdicts.MARGIN)
    tables = against, matched, "bottleneck-heavy-2", "bottleneck-heavy"
    sound = verdicts.schedule_answer(both, *tables)
    assert "failed" not in sound
    one = (both.protocol == "original") & (both.schedule == "uniform") & (both.seed == 0)
    wild = both.assign(test_fvu=both.test_fvu.mask(one, 119.7), gap_test=both.gap_test.mask(one, 119.3))
    said = verdicts.schedule_answer(wild, *tables)
    told = f", without runs that failed (FVU above 1: {one.sum()} of uniform)."
    assert said.count(told) == 1 and "119" not in said
    none = verdicts.schedule_answer(both.assign(test_fvu=2.0), *tables)
    assert "No schedule has a run that ended better than the mean vector, without runs that failed" in none


def test_arms_of_matched_size_have_the_size():
    arms = {
        arm.name: arm for arm in schedules.schedule_arms(256, 32, [4], ["uniform", "geometric"], "bottleneck-heavy-2")
    }
    uniform = arms["uniform, 4 layers"].architecture.encoder_parameters
    scaled = arms["bottleneck-heavy-2, size of uniform, 4 layers"].architecture.encoder_parameters
    assert scaled == pytest.approx(uniform, rel=0.01)
    table = schedules.widths_table(list(arms.values()), 4)
    assert table[table.schedule == "uniform"].width.tolist() == [256, 200, 144, 88, 32]


def test_a_schedule_that_diverges_is_called_so():
    both = pd.concat([schedule_cells(-0.03, "original"), schedule_cells(0.0, "fair")], ignore_index=True)
    both.loc[both.schedule == "uniform", "finite"] = False
    against = schedules.against_uniform(both, margin=verdicts.MARGIN)
    assert set(against.verdict) == {"diverged"}
    assert set(against.pairs) == {0}
