"""What more layers of one set of weights change, and what sharing them can then cost."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.studies.layer_effect import layer_effect, sentence


def cells(*losses):
    """Losses of three seeds by layers."""
    rows = [(layers, seed, loss) for layers, own in losses for seed, loss in enumerate(own)]
    return pd.DataFrame(rows, columns=["layers", "seed", "loss"])


def test_the_deepest_is_compared_with_the_shallowest_seed_by_seed():
    one, eight = np.array([7.0, 7.1, 7.2]), np.array([6.51, 6.6, 6.69])
    found = layer_effect(cells((1, one), (4, one), (8, eight)))
    low, high = stats.t.interval(0.95, 2, np.mean(eight - one), stats.sem(eight - one))
    assert (found.many, found.few) == (8, 1)
    assert found.change == pytest.approx((-0.5, low, high)) and found.told
    assert sentence(found).startswith(
        "That layers add something is told: 8 layers of one set of weights against 1 lowers the loss by 0.500"
    )


@pytest.mark.parametrize(("deep", "verdict"), [([7.001, 7.1, 7.199], "equivalent"), ([7.3, 7.41, 7.5], "higher")])
def test_layers_that_add_nothing_leave_sharing_nothing_to_cost(deep, verdict):
    found = layer_effect(cells((1, [7.0, 7.1, 7.2]), (8, deep)))
    assert found.verdict == verdict and not found.told
    assert "Sharing can cost no more than layers add" in sentence(found)


def test_one_depth_and_one_seed_say_nothing():
    assert layer_effect(cells((4, [7.0, 7.1]))) is None and sentence(None) == ""
    assert sentence(layer_effect(cells((1, [7.0]), (8, [6.0])))) == ""
