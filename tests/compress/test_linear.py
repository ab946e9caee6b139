import numpy as np
import pytest
from scipy.stats import ortho_group
from sklearn.decomposition import PCA

from smallbert.compress.linear import AffineCode, Pca, principal_angles
from smallbert.compress.moments import Moments
from smallbert.errors import DataError, UsageError

D = 12


@pytest.fixture
def data(rng):
    """Train and test with different means and slightly different shapes, float64."""
    basis = np.linalg.qr(rng.standard_normal((D, D)))[0]
    train = rng.standard_normal((600, D)) * np.arange(D, 0, -1) ** 1.2 @ basis + rng.standard_normal(D) * 5
    test = rng.standard_normal((300, D)) * np.arange(D, 0, -1) @ basis + train.mean(axis=0) + 0.5
    return train, test


def explicit_fvu(x, x_hat):
    return ((x - x_hat) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum()


def test_equals_scikit_learn(data):
    train, test = data
    ours, theirs = Pca.fit(Moments.of(train)), PCA(svd_solver="full").fit(train)
    np.testing.assert_allclose(ours.variances, theirs.explained_variance_, rtol=1e-10)
    np.testing.assert_allclose(ours.mean, theirs.mean_, rtol=1e-12)
    for k in (1, 5, D):
        theirs = PCA(k, svd_solver="full").fit(train)
        code = ours.code(k)
        np.testing.assert_allclose(np.abs(code.encode(test)), np.abs(theirs.transform(test)), atol=1e-8)
        back = theirs.inverse_transform(theirs.transform(test))
        np.testing.assert_allclose(code.decode(code.encode(test)), back, atol=1e-8)


def test_fvu_of_every_k_equals_explicit_reconstruction_on_train_and_test(data):
    train, _test = data
    pca = Pca.fit(Moments.of(train))
    for split in data:
        moments = Moments.of(split)
        curve = pca.fvu(moments)
        assert curve.shape == (D + 1,)
        for k in range(D + 1):
            code = pca.code(k)
            expected = explicit_fvu(split, code.decode(code.encode(split)))
            assert curve[k] == pytest.approx(expected, rel=1e-9, abs=1e-15)
            assert code.fvu(moments) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_on_its_own_data_fvu_is_the_tail_of_the_spectrum(data):
    moments = Moments.of(data[0])
    pca = Pca.fit(moments)
    shares = pca.variances / pca.variances.sum()
    np.testing.assert_allclose(pca.fvu(moments), 1 - np.append(0, np.cumsum(shares)), atol=1e-12)


def test_the_oracle_bounds_the_transfer_and_both_fall_with_k(data):
    train, test = map(Moments.of, data)
    transfer, oracle = Pca.fit(train).fvu(test), Pca.fit(test).fvu(test)
    assert (oracle <= transfer + 1e-12).all()
    assert transfer[5] > oracle[5] + 1e-4  # the splits differ, so the bound is not met by accident
    assert (np.diff(oracle) < 0).all() and (np.diff(transfer) < 0).all()
    assert oracle[0] == pytest.approx(1, abs=1e-12)
    assert transfer[0] > 1  # train's mean is not test's
    assert transfer[D] == oracle[D] == 0


def test_no_affine_code_beats_pca_on_the_fitted_rows(data, rng):
    moments = Moments.of(data[0])
    floor = Pca.fit(moments).fvu(moments)
    best = Pca.fit(moments).code(3)
    for scale in (1e-3, 1.0):
        noisy = AffineCode(
            "perturbed",
            best.centre,
            best.encoder + scale * rng.standard_normal(best.encoder.shape),
            best.decoder + scale * rng.standard_normal(best.decoder.shape),
            best.bias + scale * rng.standard_normal(D),
        )
        x_hat = noisy.decode(noisy.encode(data[0]))
        assert noisy.fvu(moments) == pytest.approx(explicit_fvu(data[0], x_hat), rel=1e-9)
        assert noisy.fvu(moments) > floor[3]


def test_signs_are_fixed(data):
    pca = Pca.fit(Moments.of(data[0]))
    again = Pca.fit(Moments.of(data[0][::-1]))
    peaks = pca.components[np.abs(pca.components).argmax(axis=0), np.arange(D)]
    assert (peaks > 0).all()
    np.testing.assert_allclose(pca.components, again.components, atol=1e-8)


def test_a_known_spectrum_is_recovered():
    # Rows +-sqrt(v_j) e_j in pairs: mean 0 and covariance proportional to diag(v), exactly.
    variances = np.array([9.0, 4.0, 1.0])
    x = np.concatenate([np.diag(np.sqrt(variances)), -np.diag(np.sqrt(variances))])
    pca = Pca.fit(Moments.of(x))
    np.testing.assert_allclose(pca.variances, variances * 2 / 5)
    np.testing.assert_allclose(pca.components, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(pca.fvu(Moments.of(x)), [1, 5 / 14, 1 / 14, 0])


def test_fewer_rows_than_dimensions(rng):
    x = rng.standard_normal((5, 20))
    moments = Moments.of(x)
    pca = Pca.fit(moments)
    assert (pca.variances >= 0).all()
    curve = pca.fvu(moments)
    assert curve[3] > 1e-3 and (curve[4:] < 1e-13).all()  # 5 rows span 4 dimensions about their mean


def test_a_huge_mean_costs_single_precision_codes_nothing(rng):
    x = (rng.standard_normal((2000, 6)) * [9, 5, 3, 2, 1, 1] + 4096).astype(np.float32)
    moments = Moments.of(x)
    code = Pca.fit(moments).code(3)
    codes = code.encode(x)
    assert codes.dtype == np.float32
    exact = (x.astype(np.float64) - code.centre) @ code.encoder
    np.testing.assert_allclose(codes, exact, atol=1e-3)
    assert explicit_fvu(x.astype(np.float64), code.decode(codes)) == pytest.approx(code.fvu(moments), rel=1e-4)


def test_encoding_works_in_blocks_and_on_no_rows(rng):
    x = rng.standard_normal((20_000, 4)).astype(np.float32)
    code = Pca.fit(Moments.of(x)).code(2)
    np.testing.assert_allclose(code.encode(x), np.concatenate([code.encode(x[:7]), code.encode(x[7:])]), atol=1e-5)
    assert code.encode(x[:0]).shape == (0, 2)
    assert code.width == 2


def test_principal_angles_of_known_subspaces():
    turn = np.radians(10)
    a = np.eye(4)[:, :2]
    b = np.array([[1, 0, 0, 0], [0, np.cos(turn), np.sin(turn), 0]]).T
    np.testing.assert_allclose(principal_angles(a, b), [10, 0], atol=1e-8)
    rotated = ortho_group.rvs(2, random_state=np.random.default_rng(3))
    np.testing.assert_allclose(principal_angles(b, b @ rotated), [0, 0], atol=1e-6)


def test_pca_recovers_the_span_behind_an_eigengap(rng):
    x = rng.standard_normal((50_000, 8)) * [10, 9, 8, 0.1, 0.1, 0.1, 0.1, 0.1]
    pca = Pca.fit(Moments.of(x))
    assert principal_angles(pca.code(3).encoder, np.eye(8)[:, :3]).max() < 0.1


def test_wrong_widths_are_refused(data):
    pca = Pca.fit(Moments.of(data[0]))
    with pytest.raises(UsageError, match=r"k from 0 to 12 \(the vectors' width\), got 13"):
        pca.code(13)
    with pytest.raises(UsageError, match="got -1"):
        pca.code(-1)
    with pytest.raises(DataError, match="width 12, got width 3"):
        pca.code(2).encode(np.ones((4, 3)))
    with pytest.raises(DataError, match="width 2, got width 3"):
        pca.code(2).decode(np.ones((4, 3)))
    with pytest.raises(DataError, match="at least 2 rows"):
        Pca.fit(Moments.of(np.ones((1, 3))))
