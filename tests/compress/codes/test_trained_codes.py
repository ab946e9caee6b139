"""Codes that are trained: they do what they are trained for, and a seed decides them."""

import numpy as np
import pytest
import torch

from smallbert.compress.autoencoder import Architecture, build
from smallbert.compress.codes import matryoshka, sparse
from smallbert.compress.codes.autoencoded import Autoencoded, Bottleneck
from smallbert.compress.codes.code import cosines
from smallbert.compress.codes.formats import Floats
from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments
from smallbert.errors import UsageError


@pytest.fixture(scope="module")
def dictionary(split):
    return sparse.train(split[0], entries=64, ks=[1, 4], epochs=20, seed=0)


def test_a_sparse_code_is_the_k_largest_activations_in_four_bytes_each(split, dictionary):
    test = split[1]
    code = sparse.Sparse(dictionary, 4)
    stored = code.encode(test)
    assert stored.shape == (200, 16) and code.nbytes == 16
    activations = (test - dictionary.centre.numpy()) @ dictionary.encoder.numpy() + dictionary.bias.numpy()
    kept = np.zeros_like(activations)
    largest = np.argsort(-activations, axis=1)[:, :4]
    np.put_along_axis(kept, largest, np.take_along_axis(activations, largest, axis=1).clip(0), axis=1)
    expected = kept @ dictionary.entries.numpy() + dictionary.centre.numpy()
    np.testing.assert_allclose(code.decode(stored), expected, atol=0.02)
    assert (code.query(test) == test).all()


def test_more_entries_reconstruct_better_and_training_helps(split, dictionary):
    train, test = split
    fresh = sparse.train(train, entries=64, ks=[1, 4], epochs=1, seed=0)
    spread = np.square(test - train.mean(axis=0)).mean()

    def error(model, k):
        code = sparse.Sparse(model, k)
        return np.square(code.decode(code.encode(test)) - test).mean() / spread

    assert error(dictionary, 4) < error(dictionary, 1) < 1
    assert error(dictionary, 4) < 0.8 * error(fresh, 4)


def test_a_seed_decides_the_dictionary(split):
    train = split[0][:300]
    first, again, other = (sparse.train(train, entries=40, ks=[2], epochs=1, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.entries, again.entries) and not torch.equal(first.entries, other.entries)


def test_an_impossible_dictionary_is_refused(split):
    with pytest.raises(UsageError, match=r"dictionary of 8 \(entries of a code\) to 65,536 entries, got 4"):
        sparse.train(split[0], entries=4, ks=[2, 8], epochs=1, seed=0)


def test_the_head_keeps_cosines_better_than_pca_on_what_it_is_trained_on(split):
    train = split[0] - split[0].mean(axis=0)
    pca = Pca.fit(Moments.of(train))
    head = matryoshka.train(train, pca, ks=[2, 8], epochs=30, seed=0)
    wanted = cosines(train[:300], train[:300])

    def error(map):
        codes = map.encode(train[:300])
        return np.square(cosines(codes, codes) - wanted).mean()

    losses = [error(matryoshka.prefix(head, k)) for k in (2, 8)]
    assert sum(losses) < sum(error(pca.code(k)) for k in (2, 8))
    np.testing.assert_array_equal(matryoshka.prefix(head, 2).encode(train), head.encode(train)[:, :2])
    same = matryoshka.train(train, pca, ks=[2, 8], epochs=30, seed=0)
    assert (same.encoder == head.encoder).all()


def test_untrained_the_head_is_pca(split):
    pca = Pca.fit(Moments.of(split[0]))
    head = matryoshka.train(split[0], pca, ks=[3], epochs=0, seed=0)
    np.testing.assert_allclose(head.encode(split[1]), pca.code(3).encode(split[1]), atol=1e-4)


def test_an_autoencoders_code_is_its_bottleneck_and_decodes_to_its_reconstruction(split):
    test, module = split[1], build(Architecture(32, 5, (16,)), seed=0)
    code = Autoencoded(module, np.full(32, 0.25, np.float32), Floats(5, 32))
    stored = code.encode(test)
    assert stored.shape == (200, 20)
    with torch.inference_mode():
        expected = module(torch.from_numpy(test) - 0.25).numpy() + 0.25
    np.testing.assert_allclose(code.decode(stored), expected, atol=1e-5)
    assert (code.query(test) == test).all()


@pytest.mark.parametrize("rows", [0, 8200])
def test_any_number_of_rows_is_coded(split, dictionary, rows):
    """None, and more than are worked on at once."""
    vectors = np.resize(split[0], (rows, 32))
    module, centre = build(Architecture(32, 5, (16,)), seed=0), np.full(32, 0.25, np.float32)
    for code in (sparse.Sparse(dictionary, 4), Autoencoded(module, centre, Floats(5, 32))):
        stored = code.encode(vectors)
        decoded = code.decode(stored)
        assert stored.shape == (rows, code.nbytes) and stored.dtype == np.uint8
        assert decoded.shape == (rows, 32) and decoded.dtype == np.float32
        parts = slice(0, 8192), slice(8192, None)
        np.testing.assert_array_equal(stored, np.concatenate([code.encode(vectors[part]) for part in parts]))
        np.testing.assert_array_equal(decoded, np.concatenate([code.decode(stored[part]) for part in parts]))
    assert Bottleneck(module, centre).encode(vectors).shape == (rows, 5)
