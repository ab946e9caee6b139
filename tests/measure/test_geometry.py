import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from smallbert.errors import DataError
from smallbert.measure.geometry import anisotropy, effective_rank, participation_ratio, second_moment_shares


@pytest.mark.parametrize("measure", [effective_rank, participation_ratio])
def test_rank_of_known_spectra(measure):
    assert measure(np.array([3.0, 0, 0])) == pytest.approx(1)
    assert measure(np.array([2.0, 2, 2, 2])) == pytest.approx(4)
    assert measure(np.array([1.0, 1, 0, 0])) == pytest.approx(2)
    assert measure(np.array([4.0, 2, 1])) == pytest.approx(measure(np.array([400.0, 200, 100])))


def test_rank_of_an_uneven_spectrum_by_hand():
    assert participation_ratio(np.array([3.0, 1])) == pytest.approx(16 / 10)
    assert effective_rank(np.array([3.0, 1])) == pytest.approx(4 / 3**0.75)


def test_shares_sum_to_one_and_find_the_outlier_dimension():
    shares = second_moment_shares(np.array([1.0, 97, 1, 1]))
    np.testing.assert_allclose(shares, [0.01, 0.97, 0.01, 0.01])


def test_anisotropy_equals_the_mean_over_all_pairs(rng):
    x = rng.standard_normal((150, 5)) + np.array([1, 0, 0.5, 0, 0])
    x[7] = 0
    cosines = cosine_similarity(x)
    assert anisotropy(x) == pytest.approx(cosines[~np.eye(150, dtype=bool)].mean(), rel=1e-10)


def test_anisotropy_of_a_point_a_cross_and_a_round_cloud(rng):
    assert anisotropy(np.ones((9, 3))) == pytest.approx(1)
    assert anisotropy(np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])) == pytest.approx(-1 / 3)
    assert abs(anisotropy(rng.standard_normal((20_000, 8)).astype(np.float32))) < 1e-3


def test_nothing_to_measure():
    with pytest.raises(DataError, match="Expected variances of which one"):
        effective_rank(np.zeros(3))
    with pytest.raises(DataError, match="Expected second moments"):
        second_moment_shares(np.zeros(3))
    with pytest.raises(DataError, match="at least 2 vectors to compare, got 1"):
        anisotropy(np.ones((1, 3)))
    with pytest.raises(DataError, match="got nan in row 1, dimension 0"):
        anisotropy(np.array([[1.0], [np.nan]]))
