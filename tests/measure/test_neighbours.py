import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from smallbert.errors import DataError, UsageError
from smallbert.measure import neighbours
from smallbert.measure.neighbours import nearest, overlap


def reference(x, queries, k, metric):
    """scikit-learn's brute force in float64, the query itself dropped."""
    search = NearestNeighbors(n_neighbors=k + 1, algorithm="brute", metric=metric).fit(x)
    found = search.kneighbors(x[queries], return_distance=False)
    assert (found[:, 0] == queries).all()
    return found[:, 1:]


@pytest.mark.parametrize("metric", ["cosine", "l2"])
@pytest.mark.parametrize("tiles", [(512, 32768), (7, 64)])
def test_equals_scikit_learn_whatever_the_tiles(rng, monkeypatch, metric, tiles):
    monkeypatch.setattr(neighbours, "QUERY_BLOCK", tiles[0])
    monkeypatch.setattr(neighbours, "DATABASE_BLOCK", tiles[1])
    x = rng.standard_normal((500, 8)) + 0.5
    queries = rng.choice(500, 60, replace=False)
    np.testing.assert_array_equal(nearest(x, queries, 10, metric=metric), reference(x, queries, 10, metric))


def test_l2_survives_a_large_common_offset(rng):
    x = rng.standard_normal((300, 4))
    queries = np.arange(40)
    moved = (x + 4096).astype(np.float32)
    np.testing.assert_array_equal(
        nearest(moved, queries, 5, metric="l2"), reference(moved.astype(np.float64), queries, 5, "l2")
    )


def test_a_query_is_never_its_own_neighbour_even_beside_copies():
    x = np.repeat(np.eye(3), 4, axis=0)
    found = nearest(x, np.arange(12), 3)
    assert (found != np.arange(12)[:, None]).all()
    assert (found // 4 == np.arange(12)[:, None] // 4).all()  # the other three copies


def test_all_other_rows_can_be_asked_for(rng, monkeypatch):
    monkeypatch.setattr(neighbours, "DATABASE_BLOCK", 4)
    found = nearest(rng.standard_normal((10, 3)), np.array([3]), 9)
    assert sorted(found[0]) == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_known_neighbours_on_a_line():
    x = np.array([[0.0], [1], [3], [7]])
    np.testing.assert_array_equal(nearest(x, np.array([0, 2]), 2, metric="l2"), [[1, 2], [1, 0]])


def test_overlap_counts_shared_neighbours_in_any_order():
    reference, other = np.array([[1, 2, 3, 4], [1, 2, 3, 4]]), np.array([[4, 3, 2, 1], [9, 1, 8, 7]])
    np.testing.assert_array_equal(overlap(reference, other), [1, 0.25])


def test_a_rotation_keeps_all_and_noise_keeps_chance(rng):
    x = rng.standard_normal((2000, 16))
    turned = x @ np.linalg.qr(rng.standard_normal((16, 16)))[0]
    queries = np.arange(0, 2000, 4)
    truth = nearest(x, queries, 10)
    assert overlap(truth, nearest(turned, queries, 10)).mean() > 0.999
    noise = overlap(truth, nearest(rng.standard_normal((2000, 16)), queries, 10)).mean()
    assert noise == pytest.approx(10 / 1999, abs=4 * np.sqrt(10 / 1999 / 10 / 500))


def test_zero_vectors_have_a_cosine_of_zero():
    x = np.array([[1.0, 0], [0.9, 0.1], [0, 0], [-1, 0]])
    np.testing.assert_array_equal(nearest(x, np.array([0]), 3), [[1, 2, 3]])


@pytest.mark.parametrize("metric", ["cosine", "l2"])
@pytest.mark.parametrize("value", [0, 0.1])
def test_collapsed_codes_keep_chance(rng, metric, value):
    queries = np.arange(2000)
    found = nearest(np.full((2000, 33), value, np.float32), queries, 10, metric=metric)
    assert (found != queries[:, None]).all() and (np.diff(np.sort(found, axis=1)) > 0).all()
    truth = nearest(rng.standard_normal((2000, 16)), queries, 10)
    # At worst all queries share ten neighbours, so the draw is of ten rows' popularity (mean 10, deviation ~14).
    assert overlap(truth, found).mean() == pytest.approx(10 / 1999, abs=4 * 14 / np.sqrt(10) / 2000)


def test_wrong_questions_are_refused(rng):
    x = rng.standard_normal((10, 2))
    with pytest.raises(UsageError, match=r"k from 1 to 9 .*got 10"):
        nearest(x, np.array([0]), 10)
    with pytest.raises(UsageError, match="metric 'cosine' or 'l2', got 'dot'"):
        nearest(x, np.array([0]), 1, metric="dot")
    with pytest.raises(UsageError, match="from 0 to 9, got 0 to 10"):
        nearest(x, np.array([0, 10]), 1)
    with pytest.raises(UsageError, match=r"list of row numbers, got shape \(0,\)"):
        nearest(x, np.array([]), 1)
    x[4, 1] = np.nan
    with pytest.raises(DataError, match="nan in row 4, dimension 1"):
        nearest(x, np.array([0]), 1)
    with pytest.raises(DataError, match="one shape"):
        overlap(np.ones((2, 3)), np.ones((2, 4)))
