"""Product quantisation against brute force and scikit-learn, eigenvalue allocation against its purpose."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans

from smallbert.compress.codes.kmeans import assign, kmeans
from smallbert.compress.codes.product import ProductQuantiser, balanced
from smallbert.errors import DataError, UsageError


@pytest.fixture(scope="module")
def quantiser(split):
    return ProductQuantiser.fit(split[0], 8, seed=3)


def test_every_piece_gets_its_nearest_codeword(split, quantiser):
    test = split[1]
    stored = quantiser.encode(test)
    assert stored.dtype == np.uint8 and stored.shape == (200, 8) and quantiser.nbytes == 8
    words = quantiser.codewords.numpy()
    for piece in range(8):
        distances = cdist(test[:, 4 * piece : 4 * piece + 4], words[piece], "sqeuclidean")
        chosen = distances[np.arange(200), stored[:, piece]]
        np.testing.assert_allclose(chosen, distances.min(axis=1), atol=1e-4)
        np.testing.assert_array_equal(
            quantiser.decode(stored)[:, 4 * piece : 4 * piece + 4], words[piece][stored[:, piece]]
        )


def test_looking_distances_up_gives_the_distance_to_the_decoded_vector(split, quantiser):
    queries, stored = split[0][:7], quantiser.encode(split[1])
    tables = [
        cdist(queries[:, 4 * piece : 4 * piece + 4], words, "sqeuclidean")
        for piece, words in enumerate(quantiser.codewords.numpy())
    ]
    looked_up = sum(table[:, stored[:, piece]] for piece, table in enumerate(tables))
    np.testing.assert_allclose(looked_up, cdist(queries, quantiser.decode(stored), "sqeuclidean"), rtol=1e-4)


def test_k_means_is_as_good_as_scikit_learns(split):
    rows = torch.from_numpy(split[0][:, :4].copy())
    ours = kmeans(rows, 32, torch.Generator().manual_seed(0))
    inertia = cdist(rows, ours, "sqeuclidean").min(axis=1).sum()
    theirs = KMeans(32, init="random", n_init=1, max_iter=10, random_state=0).fit(rows.numpy())
    assert inertia < 1.05 * theirs.inertia_
    np.testing.assert_array_equal(
        assign(rows, torch.from_numpy(theirs.cluster_centers_)).numpy(), theirs.predict(rows.numpy())
    )


def test_a_seed_decides_and_more_rounds_never_hurt(split):
    rows = torch.from_numpy(split[0][:, :4].copy())

    def error(rounds, seed=0):
        centres = kmeans(rows, 16, torch.Generator().manual_seed(seed), rounds)
        return cdist(rows, centres, "sqeuclidean").min(axis=1).sum()

    errors = [error(rounds) for rounds in range(8)]
    assert (np.diff(errors) <= 1e-3).all() and errors[-1] < 0.9 * errors[0]
    assert error(3) == error(3) != error(3, seed=1)


def test_a_cluster_without_rows_keeps_its_centre():
    rows = torch.tensor([[0.0]] * 5 + [[9.0]])
    assert set(kmeans(rows, 6, torch.Generator().manual_seed(0)).flatten().tolist()) == {0.0, 9.0}


def test_balanced_pieces_have_like_products():
    variances = 2.0 ** -np.arange(16)
    order = balanced(variances, 4)
    assert sorted(order) == list(range(16))
    products = np.log2(variances[order]).reshape(4, 4).sum(axis=1)
    plain = np.log2(variances).reshape(4, 4).sum(axis=1)
    assert np.ptp(products) < 0.2 * np.ptp(plain)
    scaled = np.log2(variances[balanced(1e-6 * variances, 4)]).reshape(4, 4).sum(axis=1)
    np.testing.assert_allclose(np.sort(scaled), np.sort(products))  # a scale changes nothing but ties


def test_impossible_pieces_and_too_few_rows_are_refused(split):
    with pytest.raises(UsageError, match="divides 32 numbers, got 5"):
        ProductQuantiser.fit(split[0], 5, seed=0)
    with pytest.raises(DataError, match="at least 256 rows for 256 codewords, got 200"):
        ProductQuantiser.fit(split[1], 4, seed=0)
