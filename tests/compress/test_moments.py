import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smallbert.compress import moments
from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments
from smallbert.errors import DataError


def exact(x):
    """Moments by the definition, in long double."""
    x = np.asarray(x, np.longdouble)
    mean = x.mean(axis=0)
    return mean, (x - mean).T @ (x - mean)


def assert_equal(a, b, rtol=1e-12):
    assert a.n == b.n
    scale = np.sqrt(np.trace(b.scatter)) + np.abs(b.mean).max() + 1e-300
    np.testing.assert_allclose(a.mean, b.mean, rtol=rtol, atol=rtol * scale)
    np.testing.assert_allclose(a.scatter, b.scatter, rtol=rtol, atol=rtol * scale**2)


def test_float64_equals_the_definition(rng):
    x = rng.standard_normal((20_001, 7)) * [1e-3, 1, 10, 1, 1, 5, 100] + [0, 1, -1, 1e3, 0, 2, 50]
    mean, scatter = exact(x)
    found = Moments.of(x)
    np.testing.assert_allclose(found.mean, mean.astype(float), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(found.scatter, scatter.astype(float), rtol=1e-11, atol=1e-7)
    np.testing.assert_allclose(found.covariance, np.cov(x.T), rtol=1e-9, atol=1e-12)


def test_float32_gives_fvu_to_eight_digits(rng):
    d = 96
    x = (rng.standard_normal((40_000, d)) * np.arange(1, d + 1) ** -0.7).astype(np.float32)
    x = x @ np.linalg.qr(rng.standard_normal((d, d)))[0].astype(np.float32) + np.float32(3)
    single, double = Moments.of(x), Moments.of(x.astype(np.float64))
    np.testing.assert_allclose(Pca.fit(single).fvu(single), Pca.fit(double).fvu(double), rtol=0, atol=1e-8)
    # And a fit in single precision is as good where the truth is double.
    np.testing.assert_allclose(Pca.fit(single).fvu(double), Pca.fit(double).fvu(double), rtol=0, atol=1e-8)


def test_a_huge_mean_does_not_drown_a_tiny_variance(rng):
    # float32 near 1000 has steps of 6e-5: what is stored is exact data, so moments must be exact for it.
    x = (1000 + 1e-2 * rng.standard_normal((30_000, 5))).astype(np.float32)
    _, scatter = exact(x)
    np.testing.assert_allclose(Moments.of(x).scatter, scatter.astype(float), rtol=1e-6, atol=1e-6)
    naive = (x.T @ x).astype(float) - len(x) * np.outer(x.mean(axis=0), x.mean(axis=0))
    assert np.abs(np.diag(naive) / np.diag(scatter).astype(float) - 1).max() > 1  # what a plain product would give


def test_a_mean_that_drifts_from_chunk_to_chunk(rng):
    x = rng.standard_normal((50_000, 4)) + np.linspace(-500, 500, 50_000)[:, None]
    mean, scatter = exact(x.astype(np.float32))
    found = Moments.of(x.astype(np.float32))
    np.testing.assert_allclose(found.mean, mean.astype(float), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.scatter, scatter.astype(float), rtol=1e-6)


def test_groups_of_blocks_add_up_and_a_bad_row_is_named_across_them(rng, monkeypatch):
    monkeypatch.setattr(moments, "ROWS", 50)
    monkeypatch.setattr(moments, "GROUP", 4)
    x = rng.standard_normal((1010, 6)) + np.linspace(-20, 20, 1010)[:, None]  # 5 whole groups, 1 block and a bit
    for rows in (1010, 1000):
        mean, scatter = exact(x[:rows])
        found = Moments.of(x[:rows])
        assert found.n == rows
        np.testing.assert_allclose(found.mean, mean.astype(float), rtol=1e-12)
        np.testing.assert_allclose(found.scatter, scatter.astype(float), rtol=1e-10)
    x[777, 2] = np.nan
    with pytest.raises(DataError, match="in row 777, dimension 2"):
        Moments.of(x)


def test_a_constant_dimension_has_no_variance(rng):
    x = rng.standard_normal((9000, 3)).astype(np.float32)
    x[:, 1] = 0.1
    found = Moments.of(x)
    np.testing.assert_allclose(found.scatter[1], 0, atol=1e-9)
    assert found.mean[1] == pytest.approx(np.float64(np.float32(0.1)), rel=1e-12)


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.astype(np.float16),
        lambda x: torch.from_numpy(x).to(torch.float16),
        lambda x: torch.from_numpy(x).to(torch.bfloat16),
        lambda x: torch.from_numpy(x),
        lambda x: np.asfortranarray(x),
    ],
)
def test_any_format_is_read(rng, convert):
    x = convert(rng.integers(-8, 9, (300, 4)).astype(np.float32))  # small integers are exact in all of them
    assert_equal(Moments.of(x), Moments.of(np.array(x.tolist())), rtol=1e-6)


def test_chunks_of_any_size_agree(rng):
    x = rng.standard_normal((1000, 6))
    whole = Moments.of(x)
    assert_equal(Moments.of_chunks(np.array_split(x, 7)), whole)
    assert_equal(Moments.of_chunks(iter([x[:1], x[1:1], x[1:]])), whole)


small = arrays(np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=st.floats(-1e3, 1e3, width=32))


@settings(max_examples=60, deadline=None)
@given(small, small, small)
def test_adding_is_associative_commutative_and_equals_the_whole(a, b, c):
    p, q, r = Moments.of(a), Moments.of(b), Moments.of(c)
    whole = Moments.of(np.concatenate([a, b, c]))
    assert_equal((p + q) + r, whole, rtol=1e-11)
    assert_equal(p + (q + r), whole, rtol=1e-11)
    assert_equal(r + q + p, whole, rtol=1e-11)


def test_second_moments_and_sst(rng):
    x = rng.standard_normal((500, 4)) + 2
    found = Moments.of(x)
    np.testing.assert_allclose(found.second_moments, (x**2).mean(axis=0))
    assert found.sst == pytest.approx(((x - x.mean(axis=0)) ** 2).sum())


def test_saved_moments_come_back_bit_for_bit_and_the_file_is_stable(rng, tmp_path):
    found = Moments.of(rng.standard_normal((50, 3)))
    found.save(tmp_path / "a.npz")
    found.save(tmp_path / "b.npz")
    again = Moments.open(tmp_path / "a.npz")
    assert again.n == found.n and (again.mean == found.mean).all() and (again.scatter == found.scatter).all()
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_damaged_and_missing_files_are_named(rng, tmp_path):
    with pytest.raises(DataError, match=r"none\.npz, which does not exist"):
        Moments.open(tmp_path / "none.npz")
    path = tmp_path / "a.npz"
    Moments.of(rng.standard_normal((50, 30))).save(path)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(DataError, match=r"a\.npz holds no readable moments"):
        Moments.open(path)
    np.savez(path, n=1, mean=np.ones(2), scatter=np.ones((3, 3)))
    with pytest.raises(DataError, match=r"scatter of shape \(3, 3\)"):
        Moments.open(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_damaged_value_is_named_by_row_across_chunks(rng, bad):
    x = rng.standard_normal((20_000, 3)).astype(np.float32)
    x[17_123, 2] = bad
    with pytest.raises(DataError, match="in row 17123, dimension 2"):
        Moments.of_chunks([x[:9000], x[9000:]])


def test_values_too_large_to_square_are_refused():
    x = np.full((4, 2), 1e30, np.float32)
    x[0] = -1e30
    with pytest.raises(DataError, match="too large to square in their format float32"):
        Moments.of(x)


def test_nothing_to_take_moments_of():
    with pytest.raises(DataError, match="at least one row"):
        Moments.of(np.empty((0, 3)))
    with pytest.raises(DataError, match="at least 2 rows for a covariance, got 1"):
        _ = Moments.of(np.ones((1, 3))).covariance
    with pytest.raises(DataError, match="All 5 rows are equal"):
        _ = Moments.of(np.ones((5, 3))).sst


def test_widths_must_agree(rng):
    a, b = rng.standard_normal((5, 3)), rng.standard_normal((5, 4))
    with pytest.raises(DataError, match="width 3, got width 4"):
        Moments.of_chunks([a, b])
    with pytest.raises(DataError, match="Cannot add moments of width 4 to moments of width 3"):
        Moments.of(a) + Moments.of(b)


def test_moments_about_zero_are_sums_of_products():
    rows = np.random.default_rng(7).normal(3.0, 1.0, (50, 4))
    found = Moments.of(rows).about_zero()
    assert found.n == 50 and not found.mean.any()
    np.testing.assert_allclose(found.scatter, rows.T @ rows, rtol=1e-12)
