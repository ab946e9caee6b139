"""Every method at every size it offers: exact bytes, better with more, and the classical properties."""

import numpy as np
import pytest

from smallbert.compress.baselines import random_projection
from smallbert.compress.codes import catalogue
from smallbert.compress.codes.code import cosines
from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments

BUDGETS = (4, 8, 32)


@pytest.fixture(scope="module")
def training(split):
    return catalogue.Training(split[0] - split[0].mean(axis=0), BUDGETS, epochs=2)


@pytest.mark.parametrize("name", catalogue.METHODS)
def test_bytes_are_exact_and_scores_are_cosines_of_what_is_decoded(training, split, name):
    test = split[1]
    [sizes] = [sizes for method, sizes in catalogue.offers(32, BUDGETS) if method.name == name]
    for nbytes in sizes:
        code = catalogue.METHODS[name].fit(training, nbytes, 0)
        stored = code.encode(test)
        assert stored.dtype == np.uint8 and stored.shape == (len(test), nbytes) and code.nbytes == nbytes
        scores = code.scores(test[:5], stored)
        assert scores.shape == (5, len(test))
        if "rescored" not in name:
            np.testing.assert_allclose(scores, cosines(code.query(test[:5]), code.decode(stored)), atol=1e-6)


def test_offers_are_what_fits():
    found = {method.name: sizes for method, sizes in catalogue.offers(32, (3, 4, 8, 64, 128))}
    assert found["PCA"] == [4, 8, 64]  # a number is two bytes, and there are 32 of them
    assert found["PCA, 32 bits"] == [4, 8, 64, 128]
    assert found["PCA, int8"] == [3, 4, 8]
    assert found["PCA, binary"] == [3, 4]
    assert found["product"] == [4, 8]
    assert found["int8"] == [32] and found["binary"] == [4]  # whole vectors have one size
    assert found["k-sparse"] == [4, 8]


def test_a_seed_decides_what_is_random_and_only_that(training, split):
    for name, method in catalogue.METHODS.items():
        size = next(sizes[0] for one, sizes in catalogue.offers(32, BUDGETS) if one.name == name)
        first, again, other = (method.fit(training, size, seed).encode(split[1]) for seed in (0, 0, 1))
        assert (first == again).all(), name
        assert (first == other).all() != method.random, name


def test_no_map_reconstructs_better_than_pca(training, split):
    rows = training.vectors
    kept = catalogue.METHODS["PCA"].fit(training, 8, 0)
    best = np.linalg.lstsq(np.c_[kept.query(rows), np.ones(len(rows))], rows)[1].sum()
    for name in ("whitening", "truncation", "random projection", "Matryoshka head"):
        codes = catalogue.METHODS[name].fit(training, 8, 0).query(rows)
        assert np.linalg.lstsq(np.c_[codes, np.ones(len(rows))], rows)[1].sum() >= best * (1 - 1e-5), name


def test_whitened_queries_have_unit_covariance(training):
    codes = catalogue.METHODS["whitening"].fit(training, 16, 0).query(training.vectors.astype(np.float64))
    np.testing.assert_allclose(np.cov(codes.T), np.eye(8), atol=1e-4)


def test_random_projection_holds_the_bound_of_johnson_and_lindenstrauss(rng):
    # Dasgupta & Gupta (2003), theorem 2.1: so many numbers keep all squared distances within 1 +- e with positive
    # probability; at twice as many a failure is as unlikely as one in n^2 for each of the n^2 / 2 pairs.
    points, e = rng.standard_normal((40, 2000)), 0.5
    k = int(np.ceil(2 * 4 * np.log(40) / (e**2 / 2 - e**3 / 3)))
    kept = random_projection(Moments.of(points), k, seed=1).encode(points)
    pairs = np.triu_indices(40, 1)
    before, after = (np.square(x[pairs[0]] - x[pairs[1]]).sum(axis=1) for x in (points, kept))
    assert k < 2000 and (np.abs(after / before - 1) <= e).all()


def test_pca_in_front_of_a_product_permutes_the_components(training, split):
    code = catalogue.METHODS["PCA, product"].fit(training, 4, 0)
    components = Pca.fit(Moments.of(training.vectors)).code(16)
    np.testing.assert_allclose(
        np.sort(np.abs(code.query(split[1])), axis=1), np.sort(np.abs(components.encode(split[1])), axis=1), atol=1e-4
    )


def test_the_whole_vector_is_itself(split):
    code = catalogue.whole(32)
    assert code.nbytes == 128 and (code.decode(code.encode(split[1])) == split[1]).all()
