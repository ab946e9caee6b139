"""A cloud is what it says: its variances, what PCA leaves, how much of that is curved, and the best decoder."""

import numpy as np
import pytest

from smallbert.compress import quadratic
from smallbert.compress.linear import Pca, principal_angles
from smallbert.compress.moments import Moments
from smallbert.errors import UsageError
from smallbert.studies.curved_clouds import LEFT, CurvedCloud

MANY = 60_000


def shares(cloud, seed=4):
    """Part that PCA leaves, and of it the part that a quadratic decoder removes, by simulation."""
    train, test = cloud.draw(MANY, MANY, generator=np.random.default_rng(seed))
    moments = Moments.of(test)
    code = Pca.fit(Moments.of(train)).code(cloud.k)
    codes = code.encode(test)
    left = test - code.decode(codes)
    bent = left - quadratic.fit(code, train)[0].correction(codes)
    return moments.sst / MANY, (left**2).sum() / moments.sst, 1 - (bent**2).sum() / (left**2).sum()


@pytest.mark.parametrize(("k", "curvature"), [(1, 0.5), (3, 0.0), (3, 0.1), (3, 0.9), (6, 0.3)])
def test_closed_forms_hold_by_monte_carlo(k, curvature):
    cloud = CurvedCloud(k, curvature, 16)
    variance, left, removed = shares(cloud)
    assert variance == pytest.approx(1, abs=0.02)
    assert left == pytest.approx(cloud.floor, abs=0.01) and cloud.floor == LEFT
    assert removed == pytest.approx(cloud.reachable, abs=0.012)
    assert left * (1 - removed) == pytest.approx(cloud.best, abs=0.01)


def test_a_flat_cloud_has_exactly_nothing_to_gain():
    cloud = CurvedCloud(4, 0.0)
    assert cloud.reachable == 0 and cloud.best == cloud.floor


def test_a_cloud_without_noise_can_be_decoded_without_error():
    cloud = CurvedCloud(4, 1.0)
    assert cloud.noise == 0 and cloud.reliability == 1 and cloud.best == 0


def test_samples_are_of_one_cloud_and_pca_finds_its_plane():
    first, second = CurvedCloud(3, 0.3, 12).draw(MANY, MANY, generator=np.random.default_rng(1))
    planes = [Pca.fit(Moments.of(sample)).code(3).encoder for sample in (first, second)]
    assert principal_angles(*planes).max() < 2
    other = CurvedCloud(3, 0.3, 12).draw(MANY, generator=np.random.default_rng(2))[0]
    assert principal_angles(planes[0], Pca.fit(Moments.of(other)).code(3).encoder).max() > 20


@pytest.mark.parametrize(("arguments", "message"), [((4, 1.5), "from 0 to 1, got 1.5"), ((9, 0.1, 16), "at least 2k")])
def test_impossible_clouds_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        CurvedCloud(*arguments)
