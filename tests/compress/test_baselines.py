import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from smallbert.compress.baselines import mean_predictor, random_projection, truncation, whitening
from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments
from smallbert.errors import DataError, UsageError

D = 10


@pytest.fixture
def splits(rng):
    mix = rng.standard_normal((D, D))
    train = rng.standard_normal((500, D)) @ mix + rng.standard_normal(D) * 4
    return train, rng.standard_normal((200, D)) @ mix + train.mean(axis=0) - 0.7


METHODS = {
    "truncation": lambda m, k: truncation(m, k),
    "truncation, least squares": lambda m, k: truncation(m, k, "least squares"),
    "random projection, gaussian": lambda m, k: random_projection(m, k, seed=5),
    "whitening": whitening,
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("k", [1, 4, D])
def test_closed_form_fvu_equals_explicit_reconstruction(splits, name, k):
    train = Moments.of(splits[0])
    code = METHODS[name](train, k)
    assert code.name == name and code.width == k
    for split in splits:
        x_hat = code.decode(code.encode(split))
        explicit = ((split - x_hat) ** 2).sum() / ((split - split.mean(axis=0)) ** 2).sum()
        assert code.fvu(Moments.of(split)) == pytest.approx(explicit, rel=1e-8, abs=1e-18)
    if k == D:
        assert code.fvu(train) < 1e-18
    else:
        assert code.fvu(train) >= Pca.fit(train).fvu(train)[k] - 1e-12


def test_mean_predictor_has_fvu_one(splits):
    train = Moments.of(splits[0])
    code = mean_predictor(train)
    assert code.encode(splits[0]).shape == (500, 0)
    assert (code.decode(code.encode(splits[1])) == train.mean).all()
    assert code.fvu(train) == pytest.approx(1, abs=1e-15)
    assert code.fvu(Moments.of(splits[1])) > 1


def test_truncation_keeps_the_first_dimensions_and_fills_the_rest_with_the_mean(splits):
    train = Moments.of(splits[0])
    code = truncation(train, 3)
    assert (code.encode(splits[1]) == splits[1][:, :3]).all()
    x_hat = code.decode(code.encode(splits[1]))
    assert (x_hat[:, :3] == splits[1][:, :3]).all() and (x_hat[:, 3:] == train.mean[3:]).all()
    assert code.fvu(train) == pytest.approx(np.diag(train.scatter)[3:].sum() / train.sst)


@pytest.mark.parametrize(
    "make", [lambda m: truncation(m, 4, "least squares"), lambda m: random_projection(m, 4, seed=2)]
)
def test_least_squares_decoders_equal_linear_regression(splits, make):
    train, test = splits
    code = make(Moments.of(train))
    regression = LinearRegression().fit(code.encode(train), train)
    np.testing.assert_allclose(code.decode(code.encode(test)), regression.predict(code.encode(test)), atol=1e-8)


def test_least_squares_never_loses_to_the_mean_as_decoder(splits):
    train = Moments.of(splits[0])
    for k in range(D + 1):
        assert truncation(train, k, "least squares").fvu(train) <= truncation(train, k).fvu(train) + 1e-12


def test_projections_of_one_seed_grow_by_columns(splits):
    train = Moments.of(splits[0])
    found = random_projection(train, 4, seed=9).encoder
    wider = random_projection(train, 6, seed=9).encoder
    np.testing.assert_allclose(wider[:, :4] * np.sqrt(6), found * np.sqrt(4))
    assert (random_projection(train, 4, seed=9).encoder == found).all()
    assert (random_projection(train, 4, seed=10).encoder != found).any()


def test_gaussian_projection_keeps_squared_lengths_in_the_mean(rng):
    moments = Moments.of(rng.standard_normal((50, 40)))
    x = rng.standard_normal((1, 40))
    ratios = [(random_projection(moments, 8, seed=s).encode(x) ** 2).sum() / (x**2).sum() for s in range(300)]
    # The ratio is chi-squared with 8 degrees of freedom over 8: mean 1, standard deviation 0.5.
    assert np.mean(ratios) == pytest.approx(1, abs=4 * 0.5 / np.sqrt(300))


def test_whitened_codes_have_unit_covariance(splits):
    code = whitening(Moments.of(splits[0]), 6)
    codes = code.encode(splits[0])
    np.testing.assert_allclose(np.cov(codes.T), np.eye(6), atol=1e-9)
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-9)


def test_whitening_reconstructs_as_pca(splits):
    train, test = map(Moments.of, splits)
    assert whitening(train, 5).fvu(test) == pytest.approx(Pca.fit(train).fvu(test)[5], rel=1e-9)


def test_rank_deficient_data(rng):
    moments = Moments.of(rng.standard_normal((100, 3)) @ rng.standard_normal((3, 8)))
    assert random_projection(moments, 5, seed=1).fvu(moments) < 1e-12  # three directions are enough
    with pytest.raises(DataError, match="at least k=4 directions, got 3"):
        whitening(moments, 4)


def test_options_out_of_range_are_refused(splits):
    train = Moments.of(splits[0])
    for make in (random_projection, truncation):
        with pytest.raises(UsageError, match=r"to 10 .*got 11"):
            make(train, 11, **({"seed": 0} if make is random_projection else {}))
    with pytest.raises(UsageError, match="k from 1 to 10"):
        whitening(train, 0)
    with pytest.raises(UsageError, match="got 'cubic'"):
        truncation(train, 2, "cubic")
