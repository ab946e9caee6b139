"""The floor equals scikit-learn's PCA, binds every affine decoder, and a violation stops the report."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from smallbert.errors import SmallbertError
from smallbert.studies import depth, protocols
from smallbert.studies.floor import Floor, check_bound


def fvu(x: np.ndarray, x_hat: np.ndarray) -> float:
    x = x.astype(np.float64)
    return float(((x - x_hat) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum())


@pytest.mark.parametrize("k", [1, 4, 12])
def test_floor_equals_scikit_learn(vectors, k):
    floor = Floor.of(vectors)
    fitted = PCA(k, svd_solver="full").fit(vectors.train.astype(np.float64))
    oracle = PCA(k, svd_solver="full").fit(vectors.test.astype(np.float64))
    row = floor.table().set_index("k").loc[k]
    test = vectors.test.astype(np.float64)
    assert row.transfer == pytest.approx(fvu(test, fitted.inverse_transform(fitted.transform(test))), abs=1e-7)
    assert row.oracle == pytest.approx(fvu(test, oracle.inverse_transform(oracle.transform(test))), abs=1e-7)
    mse = ((test - fitted.inverse_transform(fitted.transform(test))) ** 2).mean()
    assert floor.mse("test", k) == pytest.approx(mse, abs=1e-7)


def test_centring_moves_no_floor(vectors):
    raw, centred = Floor.of(vectors), Floor.of(vectors.centred())
    assert np.allclose(raw.transfer["test"], centred.transfer["test"], atol=1e-6)


def test_trained_affine_decoders_respect_the_bound(bench):
    arms = depth.depth_arms(12, [3], [1, 3])
    tuning = protocols.tune_each(bench, arms, rates=[3e-3, 1e-2, 3e-2], epochs=8)
    cells = protocols.fair(bench, arms, tuning, epochs=8, seeds=2)
    found = check_bound(cells)
    assert found["cells checked"][0] == len(cells) == 4
    assert check_bound(cells, cells)["cells checked"][0] == 4  # a cell in two tables is one cell
    assert found["least above PCA, train"][0] >= -1e-6


def test_a_violation_is_named_and_stops(bench):
    arms = depth.depth_arms(12, [3], [1])
    tuning = protocols.tune_each(bench, arms, rates=[3e-3, 1e-2, 3e-2], epochs=8)
    cells = protocols.fair(bench, arms, tuning, epochs=8, seeds=2)
    cells.loc[1, "above_oracle"] = -2e-6
    with pytest.raises(SmallbertError, match=r"1 layers, k=3 \(seed 1\) lies 2.00e-06 below it"):
        check_bound(cells)
    cells["bounded"] = False  # a free decoder may go where it likes
    assert check_bound(cells)["cells checked"][0] == 0
