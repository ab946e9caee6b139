"""Every rank at once equals numpy's SVD, weighted or not, and no trained factorisation gets below it."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from smallbert.arrays import BLOCK
from smallbert.compress.factorise import train_factors, truncate
from smallbert.errors import DataError, MachineError, UsageError
from smallbert.models import sources

V, H = 500, 24


@pytest.fixture
def words(rng):
    """A table with a falling spectrum, a common mean and a zero row (padding)."""
    turned = np.linalg.qr(rng.standard_normal((H, H)))[0]
    table = (rng.standard_normal((V, H)) * 0.8 ** np.arange(H)) @ turned + 0.3
    table[0] = 0
    return table


@pytest.fixture
def counts(rng):
    """Token counts as in a text: few words often, many hardly ever, some never."""
    return rng.poisson(1000 / np.arange(1, V + 1) ** 1.2).astype(float)


def explicit_error(words, product, weights):
    return np.sqrt((weights[:, None] * (words - product) ** 2).sum())


def test_errors_equal_the_tail_of_numpys_singular_values(words):
    values = np.linalg.svd(words, compute_uv=False)
    found = truncate(words)
    np.testing.assert_allclose(found.singular_values, values, rtol=1e-12)
    tails = np.sqrt(np.append(np.cumsum(values[::-1] ** 2)[::-1], 0))
    np.testing.assert_allclose(found.errors(), tails, rtol=1e-10)
    for rank in (1, 5, H):
        left, right = found.factors(rank)
        assert (left.shape, right.shape) == ((V, rank), (rank, H))
        assert np.linalg.matrix_rank(left @ right) == rank
        assert np.linalg.norm(words - left @ right) == pytest.approx(tails[rank], rel=1e-9, abs=1e-10)


def test_small_singular_values_keep_their_digits(rng):
    """Through the Gram matrix, values below 1e-8 of the largest would be noise."""
    values = 10.0 ** -np.arange(12)
    left, right = (np.linalg.qr(rng.standard_normal((n, 12)))[0] for n in (200, 12))
    found = truncate(left * values @ right.T).singular_values
    np.testing.assert_allclose(found, values, rtol=1e-4)


def test_blocks_make_no_difference(rng):
    words = rng.standard_normal((2 * BLOCK + 37, 6)).astype(np.float32)
    values = np.linalg.svd(words.astype(np.float64), compute_uv=False)
    np.testing.assert_allclose(truncate(words).singular_values, values, rtol=1e-10)
    assert truncate(words).factors(2)[0].dtype == np.float32


def test_fewer_words_than_dimensions(rng):
    words = rng.standard_normal((5, H))
    found = truncate(words)
    assert found.singular_values[5:] == pytest.approx(0, abs=1e-12)
    assert found.lost()[5] == pytest.approx(0, abs=1e-24)


def test_the_weighted_truncation_is_the_best_in_its_own_norm(words, counts, rng):
    """Equal to the SVD of the scaled table; no other product of the rank, the plain truncation included, is better."""
    plain, weighted = truncate(words), truncate(words, counts)
    u, s, vt = np.linalg.svd(np.sqrt(counts)[:, None] * words, full_matrices=False)
    for rank in (1, 6, 15):
        best = np.sqrt((s[rank:] ** 2).sum())
        own, other = (np.matmul(*one.factors(rank)) for one in (weighted, plain))
        scaled = u[:, :rank] * s[:rank] @ vt[:rank]
        np.testing.assert_allclose(np.sqrt(counts)[:, None] * own, scaled, atol=1e-9)
        assert weighted.errors()[rank] == pytest.approx(best, rel=1e-10)
        assert explicit_error(words, own, counts) == pytest.approx(best, rel=1e-10)
        assert explicit_error(words, other, counts) > 1.01 * best
        assert explicit_error(words, own, np.ones(V)) > 1.01 * plain.errors()[rank]
        left, right = (factor + 1e-4 * rng.standard_normal(factor.shape) for factor in weighted.factors(rank))
        assert explicit_error(words, left @ right, counts) > best


def test_shares_lost_in_either_norm_equal_the_explicit_ones(words, counts):
    plain, weighted = truncate(words), truncate(words, counts)
    for one in (plain, weighted):
        for triangle, weights in ((plain.triangle, np.ones(V)), (weighted.triangle, counts)):
            lost = one.lost(triangle)
            assert lost.shape == (H + 1,)
            assert (lost[0], lost[-1]) == (1, 0)
            for rank in (1, 7, 20):
                product = np.matmul(*one.factors(rank))
                explicit = explicit_error(words, product, weights) / explicit_error(words, 0 * words, weights)
                assert lost[rank] == pytest.approx(explicit**2, rel=1e-9)
    np.testing.assert_array_equal(plain.lost(), plain.lost(plain.triangle))


def test_cosines_equal_the_explicit_ones_without_the_zero_row(words, counts):
    found = truncate(words)
    for rank in (1, 7, H):
        product = np.matmul(*found.factors(rank))[1:]
        lengths = np.linalg.norm(product, axis=1) * np.linalg.norm(words[1:], axis=1)
        cosines = (product * words[1:]).sum(axis=1) / lengths
        assert found.cosines()[rank] == pytest.approx(cosines.mean(), rel=1e-9)
        assert found.cosines(counts)[rank] == pytest.approx(np.average(cosines, weights=counts[1:]), rel=1e-9)
    assert found.cosines()[0] == 0


@pytest.mark.parametrize("rank", [1, 4, 12])
def test_training_reaches_the_truncation_and_never_beats_it(words, rank):
    least = truncate(words).lost()[rank]
    for seed in range(2):
        trained = train_factors(truncate(words), rank, seed=seed, steps=600)
        assert 0 <= trained - least < 0.02 * least
    assert train_factors(truncate(words), rank, seed=0, steps=5) > 1.05 * least  # it is trained, not solved


def test_training_measures_the_whole_table(words):
    """What the triangle misses is what the table misses, by hand for a random product."""
    found = truncate(words)
    q = words @ np.linalg.inv(found.triangle)
    np.testing.assert_allclose(q.T @ q, np.eye(H), atol=1e-8)
    u, v = np.random.default_rng(0).standard_normal((2, 3, H))
    whole = np.linalg.norm(words - q @ u.T @ v)
    assert np.linalg.norm(found.triangle - u.T @ v) == pytest.approx(whole, rel=1e-9)


def test_a_real_table():
    try:
        folder = sources.find("minilm")
    except MachineError as missing:
        pytest.skip(str(missing))
    words = load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"]
    some = words[::20]
    values = np.linalg.svd(some.astype(np.float64), compute_uv=False)
    found = truncate(some)
    for rank in (16, 128, 300):
        error = np.linalg.norm(
            some.astype(np.float64) - np.matmul(*(f.astype(np.float64) for f in found.factors(rank)))
        )
        assert error == pytest.approx(np.sqrt((values[rank:] ** 2).sum()), rel=1e-5)


def test_what_cannot_be_factorised_is_told(words):
    with pytest.raises(UsageError, match=r"rank from 1 to 24 \(the table's width\), got 25"):
        truncate(words).factors(25)
    with pytest.raises(UsageError, match="got 0"):
        truncate(words).factors(0)
    with pytest.raises(DataError, match=r"Expected 500 finite weights of 0 or more, got shape \(3,\)"):
        truncate(words, np.ones(3))
    with pytest.raises(DataError, match="weights of 0 or more"):
        truncate(words, -np.ones(V))
    with pytest.raises(DataError, match="not zero, got none"):
        truncate(words, np.zeros(V))
    words[7, 3] = np.nan
    with pytest.raises(DataError, match="word vectors, got nan in row 7, dimension 3"):
        truncate(words)
