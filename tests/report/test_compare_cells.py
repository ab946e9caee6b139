"""The cells of two tables: what differs, of which kind, and what judges it."""

import math

import numpy as np
import pandas as pd
import pytest

from smallbert.report.compare_cells import cells, differing
from smallbert.report.compare_tables import match
from smallbert.studies.contrasts import contrast


def compared(a: pd.DataFrame, b: pd.DataFrame, repetitions: int | None = None) -> list[dict]:
    own = match(a, b)
    return list(cells(own, differing(own), repetitions))


def test_last_digits_are_the_same_and_gaps_equal_gaps():
    a = pd.DataFrame({"arm": ["a", "b"], "loss": [0.1 + 0.2, math.nan], "size": [1, 2], "word": ["x", None]})
    assert compared(a, a.assign(loss=[0.3, math.nan])) == []


def test_kinds():
    a = pd.DataFrame(
        {"arm": ["a"], "size": [3], "loss": [0.5], "p_holm": [0.5], "said": ["x"], "ok": [True], "sha": ["a" * 16]}
    ).assign(value="8,000")
    a = pd.concat([a, a.assign(arm="b", sha="words")])  # a column of digests alone would be left out
    b = a.assign(size=4, loss=0.25, p_holm=0.1, said="y", ok=False, value="9,000")
    b.loc[b.arm == "a", "sha"] = "b" * 16
    found = {cell["column"]: cell for cell in compared(a, b) if cell["row"] == "a"}
    kinds = {name: cell["kind"] for name, cell in found.items()}
    assert kinds == {
        "size": "count", "loss": "number", "p_holm": "spread", "said": "word", "ok": "word", "sha": "digest",
        "value": "count",
    }  # fmt: skip
    assert (found["value"]["a"], found["value"]["b"], found["value"]["difference"]) == (8000, 9000, 1000)
    assert "p" not in found["loss"]


def test_an_interval_judges_its_estimate_and_its_limits_follow():
    a = pd.DataFrame({"arm": ["a"], "loss": [0.5], "gain": [0.5], "low": [0.4], "high": [0.6], "pairs": [5]})
    found = {cell["column"]: cell for cell in compared(a, a.assign(loss=0.6, gain=1.5, low=1.4, high=1.6))}
    assert {name: cell["kind"] for name, cell in found.items()} == {
        "loss": "number", "gain": "number", "low": "spread", "high": "spread"
    }  # fmt: skip
    half = math.hypot(0.1, 0.1)
    assert (found["gain"]["low"], found["gain"]["high"]) == pytest.approx((1 - half, 1 + half))
    assert found["gain"]["p"] < 0.001 and "p" not in found["loss"]


def seeds(values: dict[str, list[float]], **more) -> pd.DataFrame:
    rows = [(arm, seed, value) for arm, own in values.items() for seed, value in enumerate(own)]
    return pd.DataFrame(rows, columns=["arm", "seed", "loss"]).assign(**more)


def test_cells_over_seeds_are_compared_as_the_studies_compare_arms():
    rng = np.random.default_rng(8)
    first, second = ({arm: rng.normal(size=5).tolist() for arm in "ab"} for _ in range(2))
    found = compared(seeds(first), seeds(second))
    assert [cell["row"] for cell in found] == ["a, mean over seeds", "b, mean over seeds"]
    for arm, cell in zip("ab", found, strict=True):
        expected = contrast(pd.Series(second[arm]), pd.Series(first[arm]))
        assert {name: cell[name] for name in ("difference", "low", "high", "p")} == pytest.approx(
            {name: expected[name] for name in ("difference", "low", "high", "p")}
        )
        assert (cell["a"], cell["b"]) == pytest.approx((np.mean(first[arm]), np.mean(second[arm])))


def test_only_seeds_that_both_have_are_paired():
    (cell,) = compared(seeds({"a": [1.0, 2.0, 4.0]}), seeds({"a": [1.5, 2.25]}))
    assert (cell["a"], cell["b"], cell["difference"]) == pytest.approx((1.5, 1.875, 0.375))


def test_what_no_seed_moves_and_what_one_seed_holds_is_judged_by_nothing():
    for a, b in (({"a": [0.5] * 4}, {"a": [0.75] * 4}), ({"a": [0.5]}, {"a": [0.75]})):
        (cell,) = compared(seeds(a), seeds(b))
        assert cell["difference"] == 0.25 and "p" not in cell


def test_an_equal_shift_of_all_seeds_leaves_no_doubt():
    (cell,) = compared(seeds({"a": [0.5, 1.0, 2.0]}), seeds({"a": [1.5, 2.0, 3.0]}))
    assert (cell["low"], cell["high"], cell["p"]) == (1.0, 1.0, 0.0)


def test_a_cell_that_diverged_stands_alone_beside_the_rest():
    found = compared(seeds({"a": [1.0, 2.0, 4.0]}), seeds({"a": [1.5, math.nan, 4.75]}))
    assert [(cell["row"], cell["a"], cell["b"]) for cell in found] == [
        ("seed 1", "2.0", "–"),
        ("mean over seeds", 2.5, 3.125),
    ]


def test_words_over_seeds_are_compared_one_by_one():
    a = seeds({"a": [1.0, 2.0]}, said=["x", "y"], ok=[True, True])
    found = compared(a, a.assign(said=["x", "z"], ok=[True, False]))
    assert [(cell["row"], cell["column"], cell["b"]) for cell in found] == [
        ("seed 1", "said", "z"),
        ("seed 1", "ok", "False"),
    ]
