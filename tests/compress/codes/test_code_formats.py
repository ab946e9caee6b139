"""Bytes are exact, errors are bounded, and the formats agree with sentence-transformers'."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sentence_transformers.util.quantization import quantize_embeddings

from smallbert.compress.codes.catalogue import identity
from smallbert.compress.codes.code import Mapped, Rescored, Symmetric, checked, cosines
from smallbert.compress.codes.formats import Binary, Floats, Int8
from smallbert.errors import DataError, UsageError


@pytest.mark.parametrize("bits", [32, 16])
def test_floats_come_back_as_numpy_rounds_them(split, bits):
    stored = Floats(32, bits).encode(split[1])
    assert stored.dtype == np.uint8 and stored.shape == (200, 4 * bits)
    assert (Floats(32, bits).decode(stored) == split[1].astype(f"f{bits // 8}")).all()


def test_a_number_too_large_for_16_bits_is_named():
    with pytest.raises(DataError, match="numbers in 16 bits, got inf in row 1, dimension 0"):
        Floats(2, 16).encode(np.array([[1, 2], [1e6, 0]], np.float32))


@pytest.mark.parametrize("format", [Int8(np.zeros(2), np.ones(2)), Binary.signs(2)])
def test_what_is_not_finite_is_never_stored(format):
    with pytest.raises(DataError, match="got nan in row 1, dimension 0"):
        format.encode(np.array([[1, 2], [np.nan, 0]], np.float32))


def test_int8_is_four_times_smaller_and_off_by_half_a_step(split):
    train, test = split
    code = Int8.fit(train)
    assert 4 * code.encode(test).nbytes == test.nbytes
    inside = test.clip(train.min(axis=0), train.max(axis=0))
    assert (np.abs(code.decode(code.encode(test)) - inside) <= code.step * 0.5001 + 1e-6).all()
    theirs = quantize_embeddings(inside, "int8", ranges=np.stack([train.min(axis=0), train.max(axis=0)]))
    # They cut off where we round: the same step, or the one below.
    assert set(np.unique(code.encode(inside).astype(int) - (theirs.astype(int) + 128))) <= {0, 1}


def test_a_constant_number_is_kept_by_int8(split):
    train = split[0].copy()
    train[:, 3] = 7
    assert (Int8.fit(train).decode(Int8.fit(train).encode(train))[:, 3] == 7).all()


def test_binary_is_32_times_smaller_and_packed_as_sentence_transformers_packs(split):
    test = split[1]
    stored = Binary.signs(32).encode(test)
    assert 32 * stored.nbytes == test.nbytes
    assert (stored == quantize_embeddings(test, "ubinary")).all()
    assert (Binary.signs(32).decode(stored) == np.where(test > 0, 1, -1)).all()
    assert Binary.signs(9).encode(test[:, :9]).shape == (200, 2)


def test_symmetric_signs_order_by_hamming_distance(split):
    train, test = split
    code = Symmetric(Mapped(identity(32), Binary.signs(32)))
    hamming = cdist(train[:20] > 0, test > 0, "hamming")
    np.testing.assert_allclose(code.scores(train[:20], code.encode(test)), 1 - 2 * hamming, atol=1e-6)


def test_fitted_bits_decode_to_the_mean_of_each_side(split):
    train = split[0]
    code = Binary.fit(train)
    decoded = code.decode(code.encode(train))
    for column in (0, 5):
        for side in (train[:, column] > 0, train[:, column] <= 0):
            np.testing.assert_allclose(decoded[side, column], train[side, column].mean(), rtol=1e-4)
    # No other two values have less squared error.
    least = np.square(decoded - train).sum()
    for shift in (-0.05, 0.05):
        assert np.square(Binary(code.below + shift, code.above).decode(code.encode(train)) - train).sum() > least
    assert (Binary.fit(np.ones((3, 1))).below == 0).all()


def test_rescoring_orders_the_shortlist_alone(split):
    train, test = split
    cheap = Symmetric(Mapped(identity(32), Binary.signs(32)))
    fine = Mapped(identity(32), Binary.fit(train))
    stored = fine.encode(test)
    found = Rescored(cheap, fine, shortlist=15).scores(train[:9], stored)
    first, second = cheap.scores(train[:9], stored), fine.scores(train[:9], stored)
    for row, cheaply, finely in zip(found, first, second, strict=True):
        listed = row > -2
        assert listed.sum() == 15 and (row[listed] == finely[listed]).all()
        assert cheaply[listed].min() >= cheaply[~listed].max()
        assert (np.diff(cheaply[~listed][np.argsort(row[~listed])]) >= -1e-6).all()
    assert (Rescored(cheap, fine, shortlist=200).scores(train[:9], stored) == second).all()
    with pytest.raises(UsageError, match="two readings of one code, got 4 and 64 bytes"):
        Rescored(cheap, Mapped(identity(32), Floats(32, 16)))


def test_cosines_and_checks():
    a, b = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[4.0, 3.0]])
    np.testing.assert_allclose(cosines(a, b), [[0.96], [0.0]], atol=1e-6)
    with pytest.raises(DataError, match=r"codes of 3 bytes, got shape \(2, 4\)"):
        checked(np.zeros((2, 4), np.uint8), 3)
