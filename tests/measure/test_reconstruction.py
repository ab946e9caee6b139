import numpy as np
import pytest
import torch
from sklearn.metrics import mean_squared_error
from sklearn.metrics.pairwise import cosine_similarity

from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments
from smallbert.errors import DataError
from smallbert.measure.reconstruction import reconstruction, reconstruction_of_blocks, row_cosines


@pytest.fixture
def pair(rng):
    x = rng.standard_normal((9000, 6)) * [1, 2, 3, 4, 5, 6] + 3
    return x, x + 0.3 * rng.standard_normal(x.shape)


def test_sums_equal_their_definitions(pair):
    x, x_hat = pair
    found = reconstruction(x, x_hat)
    spread = ((x - x.mean(axis=0)) ** 2).sum(axis=0)
    assert found.n == 9000
    assert found.mse == pytest.approx(mean_squared_error(x, x_hat))
    assert found.mse == pytest.approx(torch.nn.MSELoss()(*map(torch.from_numpy, pair)).item())
    assert found.fvu == pytest.approx(((x - x_hat) ** 2).sum() / spread.sum())
    np.testing.assert_allclose(found.sse, ((x - x_hat) ** 2).sum(axis=0))
    np.testing.assert_allclose(found.sst, spread)


def test_agrees_with_the_closed_form_of_pca(pair):
    moments = Moments.of(pair[0])
    code = Pca.fit(moments).code(2)
    found = reconstruction(pair[0], code.decode(code.encode(pair[0])))
    assert found.fvu == pytest.approx(code.fvu(moments), rel=1e-10)
    assert found.sst.sum() == pytest.approx(moments.sst, rel=1e-12)


def test_cosine_distortion(pair):
    x, x_hat = (a[:200] for a in pair)
    found = reconstruction(x, x_hat)
    assert found.cosine_distortion == pytest.approx(1 - np.diag(cosine_similarity(x, x_hat)).mean())


def test_known_angles():
    x = np.array([[1.0, 0], [1, 0], [2, 0], [0, 0]])
    x_hat = np.array([[5.0, 0], [0, 1], [-1, 0], [1, 1]])
    np.testing.assert_allclose(row_cosines(x, x_hat), [1, 0, -1, 0])


def test_perfect_and_mean_reconstruction(pair):
    x, _ = pair
    assert reconstruction(x, x).fvu == 0
    assert reconstruction(x, np.broadcast_to(x.mean(axis=0), x.shape)).fvu == pytest.approx(1)


def test_blocks_of_any_size_agree(pair):
    x, x_hat = pair
    whole = reconstruction(x, x_hat)
    parts = zip(np.array_split(x, 13), np.array_split(x_hat, 13), strict=True)
    found = reconstruction_of_blocks(parts)
    assert found.fvu == pytest.approx(whole.fvu, rel=1e-12)
    assert found.cosine_distortion == pytest.approx(whole.cosine_distortion, rel=1e-9)


def test_a_huge_mean_and_single_precision_input(rng):
    x = (1e4 + rng.standard_normal((5000, 3))).astype(np.float32)
    spread = ((x.astype(float) - x.astype(float).mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(reconstruction(x, x).sst, spread, rtol=1e-10)


def test_errors_say_what_is_wrong(rng):
    x = rng.standard_normal((10_000, 2))
    bad = x.copy()
    bad[9001, 1] = np.inf
    with pytest.raises(DataError, match="finite x_hat, got inf in row 9001, dimension 1"):
        reconstruction(x, bad)
    with pytest.raises(DataError, match="finite x, got inf in row 9001, dimension 1"):
        reconstruction(bad, x)
    with pytest.raises(DataError, match="x 10,000, x_hat 3"):
        reconstruction(x, x[:3])
    with pytest.raises(DataError, match="x_hat of width 2, got width 1"):
        reconstruction(x, x[:, :1])
    with pytest.raises(DataError, match="at least one row"):
        reconstruction(x[:0], x[:0])
    with pytest.raises(DataError, match="All 4 rows are equal"):
        _ = reconstruction(np.ones((4, 2)), np.zeros((4, 2))).fvu
