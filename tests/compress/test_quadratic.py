"""The quadratic decoder against numpy's least squares and scikit-learn's ridge, and its law against simulation."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import PolynomialFeatures

from smallbert.compress import quadratic
from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments

K, D = 3, 10


def bent(rows, rng, noise=0.05, bend=0.4):
    """Vectors on a quadratic sheet along the axes, so that the truth is known."""
    z = rng.standard_normal((rows, K)) * [3, 2.5, 2]
    x = noise * rng.standard_normal((rows, D))
    x[:, :K] += z
    x[:, K : K + quadratic.count(K)] += bend * quadratic.monomials(z / [3, 2.5, 2])
    return x


def coded(x):
    code = Pca.fit(Moments.of(x)).code(K)
    return code, code.encode(x)


def test_monomials_are_orthonormal_and_uncorrelated_with_the_code(rng):
    z = rng.standard_normal((200_000, K))
    q = quadratic.monomials(z)
    assert q.shape == (200_000, quadratic.count(K)) == (200_000, 6)
    np.testing.assert_allclose(q.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(q.T @ q / len(q), np.eye(6), atol=0.03)
    np.testing.assert_allclose(q.T @ z / len(q), 0, atol=0.03)


def test_least_squares_equals_numpys_on_all_monomials(rng):
    train, test = bent(80, rng), bent(40, rng)
    code, codes = coded(train)
    decoder, _ridge = quadratic.fit(code, train)
    terms = PolynomialFeatures(2)
    weights = np.linalg.lstsq(terms.fit_transform(codes), train, rcond=None)[0]
    for x in (train, test):
        expected = terms.transform(code.encode(x)) @ weights
        np.testing.assert_allclose(decoder.decode(code.encode(x)), expected, atol=1e-9)


def test_a_penalty_equals_scikit_learns_ridge_on_what_is_left(rng):
    train = bent(60, rng, noise=0.8)
    code, codes = coded(train)
    _least, decoder = quadratic.fit(code, train)
    assert 0 < decoder.penalty < np.inf
    one = np.column_stack([np.ones(len(codes)), codes / codes.std(axis=0)])
    q = quadratic.monomials(codes / codes.std(axis=0))
    q -= one @ np.linalg.lstsq(one, q, rcond=None)[0]
    largest = np.linalg.svd(q, compute_uv=False)[0] ** 2
    theirs = Ridge(alpha=decoder.penalty * largest, fit_intercept=False).fit(q, train - code.decode(codes))
    np.testing.assert_allclose(decoder.weights, theirs.coef_.T, atol=1e-9)


def test_a_planted_sheet_is_recovered_to_the_noise(rng):
    noise = 0.05
    train, test = bent(4000, rng, noise), bent(4000, rng, noise)
    code, _codes = coded(train)
    codes = code.encode(test)
    errors = [
        ((test - decode(codes)) ** 2).sum(axis=1).mean()
        for decode in (code.decode, quadratic.fit(code, train)[0].decode)
    ]
    # Noise in the code itself bends along; what is left is little more than the noise outside the code.
    outside = (D - K) * noise**2
    assert errors[0] > 30 * outside and errors[1] < 1.6 * outside


def test_ridge_ends_at_pca_where_nothing_is_curved(rng):
    gains = []
    for _ in range(20):
        train = rng.standard_normal((40, D)) * np.linspace(3, 1, D)
        code, codes = coded(train)
        least, ridge = quadratic.fit(code, train)
        gains.append(ridge.penalty == np.inf)
        if ridge.penalty == np.inf:
            assert not ridge.correction(codes).any()
        assert ((train - least.decode(codes)) ** 2).sum() < ((train - code.decode(codes)) ** 2).sum()
    assert np.mean(gains) > 0.5


def test_fewer_rows_than_monomials_give_the_weights_of_least_norm(rng):
    train = bent(8, rng)
    code, codes = coded(train)
    least, _ridge = quadratic.fit(code, train)
    np.testing.assert_allclose(least.decode(codes), train, atol=1e-9)  # it interpolates
    assert np.isfinite(least.decode(code.encode(bent(20, rng)))).all()


@pytest.mark.parametrize("curved", [0.0, 0.2, 0.6])
def test_the_expected_gain_is_that_of_simulated_regressions(curved, rng):
    """Gaussian features in the place of monomials: the closed form is then exact."""
    k, rows = 3, 40
    m = quadratic.count(k)
    gains = []
    for _ in range(3000):
        x, e = rng.standard_normal((rows, 1 + k + m)), rng.standard_normal(rows)
        x[:, 0] = 1
        y = np.sqrt(curved / m) * x[:, -m:].sum(axis=1) + np.sqrt(1 - curved) * e
        full = np.linalg.lstsq(x, y, rcond=None)[0]
        # Error of new rows, over that of the affine part known exactly: bias and variance of the m weights alone.
        wrong = full[-m:] - np.sqrt(curved / m)
        gains.append((1 - curved) + wrong @ wrong - 1)
    assert np.mean(gains) == pytest.approx(quadratic.expected_gain(curved, k, rows), abs=4 * np.std(gains) / 3000**0.5)


def test_break_even_and_curved_share_invert_the_expected_gain():
    rows = quadratic.break_even_rows(0.1, 4)
    assert rows == 4 + 2 + 10 / 0.1
    assert quadratic.expected_gain(0.1, 4, rows) == pytest.approx(0)
    assert quadratic.curved_share(quadratic.expected_gain(0.07, 4, 500), 4, 500) == pytest.approx(0.07)
    assert quadratic.break_even_rows(0.0, 4) == np.inf
    assert quadratic.expected_gain(0.5, 4, 16) == np.inf and np.isnan(quadratic.curved_share(0.0, 4, 16))
