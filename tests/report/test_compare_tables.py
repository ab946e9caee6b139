"""Two tables of one name are matched by what tells their rows apart, in whatever order and type they stand."""

import pandas as pd
import pytest

from smallbert.report.compare_runs import open_run
from smallbert.report.compare_tables import key_of, label, match, number


def frame(**columns) -> pd.DataFrame:
    return pd.DataFrame(columns)


ROWS = frame(arm=["a", "a", "b"], layers=[1, 2, 1], depth=[1, 2, 1], loss=[0.5, 0.25, 0.125])


@pytest.mark.parametrize(
    ("a", "changed", "key"),
    [
        (ROWS, {"loss": [0.1, 0.2, 0.3]}, ["arm", "layers"]),  # depth says what layers says
        (ROWS.head(1), {"loss": [0.1]}, []),  # one row needs no key
        # an outcome that happens to be unique is no key: the column behind it is
        (frame(query=["x", "x"], mrr=[0.1, 0.2], centred=[True, False]), {"mrr": [0.15, 0.25]}, ["query", "centred"]),
        # but a setting is, though it is no whole number: both tables share it
        (frame(arm=["x", "x"], rate=[0.1, 0.01], loss=[1.5, 2.5]), {"loss": [1.25, 2.25]}, ["arm", "rate"]),
        (frame(arm=["x", "y"], seed=[0, 0], loss=[1.5, 2.5]), {"loss": [1.25, 2.25]}, ["arm", "seed"]),
        (frame(seed=[0], loss=[1.5]), {"loss": [1.25]}, ["seed"]),  # repetitions always are
        # made for another width: these rows are not the same, though there is one width on both sides
        (frame(k=[32, 32], layers=[1, 2], loss=[1.5, 2.5]), {"k": [64, 64], "loss": [1.25, 2.25]}, ["k", "layers"]),
    ],
)
def test_the_key_is_the_fewest_leading_columns_that_tell_rows_apart(a, changed, key):
    assert key_of(a, a.assign(**changed)) == key


@pytest.mark.parametrize(
    ("stem", "name", "key"),
    [
        ("01_corpus_and_embeddings", "geometry", ["property"]),
        ("02_autoencoder_depth", "contrasts", ["protocol", "k", "layers"]),
        ("02_autoencoder_depth", "subspace", ["seed"]),
        ("02_autoencoder_depth", "bound", []),
        ("03_layer_schedules", "against_uniform", ["protocol", "depth", "schedule"]),
        ("04_albert", "arms", ["sharing", "embedding", "layers"]),
        ("04_albert", "timings", ["arm", "measure"]),
        ("04_albert", "courses", ["label", "state", "seed", "curve"]),
    ],
)
def test_published_tables_have_the_key_a_reader_would_name(stem, name, key):
    a, b = (open_run(run).tables(stem)[name] for run in ("default", "reviews-korean"))
    assert match(a, b).key == key


def test_figure_data_is_matched_past_its_outcomes():
    a = open_run("default").drawn("01_corpus_and_embeddings")["retrieval"]
    b = a.assign(precision=a.precision * 0.875, mrr=a.mrr * 0.875)
    assert match(a, b).key == ["query", "target"]  # and not the numbers of queries and candidates


def test_rows_meet_in_any_order_and_number_type_and_the_rest_is_named():
    b = frame(arm=["b", "a", "c"], layers=[1.0, 1.0, 1.0], loss=[1.0, 2.0, 3.0], more=[0, 0, 0])
    found = match(ROWS, b)
    assert found.a.loss.tolist() == [0.5, 0.125] and found.b.loss.tolist() == [2.0, 1.0]
    assert found.rows == (["a, layers 2"], ["c, layers 1"])
    assert found.columns == (["depth"], ["more"])


def test_rows_that_nothing_tells_apart_meet_in_their_order_and_digests_are_left_out():
    twice = frame(cell=["0123456789abcdef", "fedcba9876543210"], arm=["a", "a"], loss=[0.5, 0.25])
    found = match(twice, twice.assign(cell=["a" * 16, "b" * 16], loss=[0.75, 0.125]))
    assert found.key == ["arm"] and list(found.a) == ["arm", "loss"]
    assert [found.label(row) for row in found.a.index] == ["", "row 2"]  # all rows are of one arm
    assert found.b.loss.tolist() == [0.75, 0.125]


def test_gaps_in_a_key_meet_and_a_label_reads():
    gaps = frame(arm=["a", None], rate=[0.1, float("nan")], loss=[1.5, 2.5])
    assert len(match(gaps, gaps.iloc[::-1]).a) == 2
    assert label(["protocol", "k"], ("fair", "32", "0"), ["protocol", "k"]) == "fair, k 32"
    assert label(["protocol", "k"], ("fair", "32", "1"), ["protocol"]) == "fair, row 2"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3.0), ("8,000", 8000.0), ("-1.5e-3", -0.0015), ("5 > 4", None), ("", None), (True, None), (None, None)],
)
def test_numbers_are_told_from_words(value, expected):
    assert number(value) == expected
    assert number(float("nan")) is None
