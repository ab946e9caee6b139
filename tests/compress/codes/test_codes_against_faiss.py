"""faiss does the same: product quantisation, scalar quantisation to eight bits, and k-means."""

import numpy as np
import pytest
import torch

from smallbert.compress.codes.formats import Int8
from smallbert.compress.codes.kmeans import kmeans
from smallbert.compress.codes.product import ProductQuantiser
from smallbert.measure.neighbours import nearest, overlap

faiss = pytest.importorskip("faiss")

PIECES = 8
SEEDS = range(3)


def squared_error(rows, decoded):
    return float(np.square(rows - decoded).sum(axis=1).mean())


def faiss_product(rows, seed):
    """faiss's own training, with its default of 25 rounds."""
    found = faiss.ProductQuantizer(rows.shape[1], PIECES, 8)
    found.cp.seed = seed + 1
    found.cp.min_points_per_centroid = 1  # else it warns of our few rows
    found.train(rows)
    return found


def with_codewords(quantiser):
    """faiss's quantiser with our codewords."""
    pieces, _, width = quantiser.codewords.shape
    found = faiss.ProductQuantizer(pieces * width, pieces, 8)
    faiss.copy_array_to_vector(quantiser.codewords.numpy().ravel(), found.centroids)
    return found


@pytest.fixture(scope="module")
def ours(split):
    return [ProductQuantiser.fit(split[0], PIECES, seed=seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def theirs(split):
    return [faiss_product(split[0], seed) for seed in SEEDS]


def test_with_the_same_codewords_codes_and_what_they_decode_to_are_the_same(split, ours):
    peer, stored = with_codewords(ours[0]), ours[0].encode(split[1])
    np.testing.assert_array_equal(peer.compute_codes(split[1]), stored)
    np.testing.assert_array_equal(peer.decode(stored), ours[0].decode(stored))


def test_with_the_same_codewords_asymmetric_distances_are_the_same(split, ours):
    train, test = split
    index = faiss.IndexPQ(test.shape[1], PIECES, 8)
    index.pq, index.is_trained = with_codewords(ours[0]), True
    index.add(test)
    found, places = index.search(train[:20], len(test))
    decoded = ours[0].decode(ours[0].encode(test))
    exact = np.square(train[:20, None].astype(np.float64) - decoded[places]).sum(axis=2)
    np.testing.assert_allclose(found, exact, rtol=1e-4)


def test_as_small_an_error_at_equal_bytes_as_faisss_own_training(split, ours, theirs):
    test = split[1]
    own = [squared_error(test, one.decode(one.encode(test))) for one in ours]
    other = [squared_error(test, one.decode(one.compute_codes(test))) for one in theirs]
    assert all(one.nbytes == PIECES for one in ours) and all(one.code_size == PIECES for one in theirs)
    # Ten rounds against 25, the same first centres for neither.
    assert np.mean(own) == pytest.approx(np.mean(other), rel=0.03)


def test_as_many_neighbours_found_at_equal_bytes(split, ours, theirs):
    test = split[1]
    queries = np.arange(len(test))
    truth = nearest(test, queries, 10, metric="l2")

    def recall(decoded):
        return overlap(truth, nearest(decoded, queries, 10, metric="l2")).mean()

    own = np.mean([recall(one.decode(one.encode(test))) for one in ours])
    other = np.mean([recall(one.decode(one.compute_codes(test))) for one in theirs])
    assert own == pytest.approx(other, abs=0.02) and own > 0.5


def test_k_means_ends_as_low_as_faisss(split):
    rows = np.ascontiguousarray(split[0][:, :4])

    def inertia(centres):
        return float(np.square(rows[:, None] - centres).sum(axis=2).min(axis=1).sum())

    own, other = [], []
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        own.append(inertia(kmeans(torch.from_numpy(rows), 32, generator, 25).numpy()))
        peer = faiss.Kmeans(4, 32, niter=25, seed=seed + 1)
        peer.train(rows)
        other.append(inertia(peer.centroids))
    assert np.mean(own) == pytest.approx(np.mean(other), rel=0.02)


def test_int8_is_faisss_scalar_quantisation_rounded(split):
    """faiss calibrates on the same range and cuts down to the step below; ours rounds, so it errs less."""
    train, test = split
    peer = faiss.ScalarQuantizer(train.shape[1], faiss.ScalarQuantizer.QT_8bit)
    peer.train(train)
    low, width = faiss.vector_to_array(peer.trained).reshape(2, -1)
    ours = Int8.fit(train)
    np.testing.assert_allclose(low, ours.low, atol=1e-6)
    np.testing.assert_allclose(width, 255 * ours.step, rtol=1e-5)
    stored, theirs = ours.encode(test), peer.compute_codes(test)
    assert peer.code_size == ours.nbytes and theirs.shape == stored.shape
    assert set(np.unique(stored.astype(int) - theirs)) <= {0, 1}
    # What faiss decodes lies half a step above the step it cut down to: the same bound on the error.
    np.testing.assert_allclose(peer.decode(theirs), low + (theirs + 0.5) / 255 * width, atol=1e-5)
    own, other = squared_error(test, ours.decode(stored)), squared_error(test, peer.decode(theirs))
    assert own == pytest.approx(other, rel=0.05)
