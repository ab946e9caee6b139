import numpy as np
import pytest

from smallbert.errors import DataError
from smallbert.measure.pareto import front


def test_equals_the_definition_point_by_point(rng):
    cost, worth = rng.integers(6, size=60), rng.integers(6, size=60)
    found = front(cost, worth)
    for i in range(60):
        beaten = any(
            cost[j] <= cost[i] and worth[j] >= worth[i] and (cost[j] < cost[i] or worth[j] > worth[i])
            for j in range(60)
        )
        assert found[i] != beaten
    assert 0 < found.sum() < 60


def test_equal_points_stand_together_and_gaps_are_refused():
    assert front([1, 1, 2], [3, 3, 3]).tolist() == [True, True, False]
    assert front([], []).shape == (0,)
    with pytest.raises(DataError, match="without gaps"):
        front([1.0, 2.0], [np.nan, 1.0])
