"""Preprocessings against their definitions in torch and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from smallbert.compress.codes import preprocessing
from smallbert.compress.codes.code import cosines
from smallbert.compress.moments import Moments
from smallbert.errors import UsageError


def prepared(split, name):
    return preprocessing.fit(name, Moments.of(split[0]))(split[1])


def test_raw_and_centred(split):
    assert (prepared(split, "raw") == split[1]).all()
    np.testing.assert_allclose(prepared(split, "centred"), split[1] - split[0].mean(axis=0), atol=1e-5)


def test_unit_length_changes_no_cosine_and_makes_numbers_of_unit_size(split):
    usual = prepared(split, "centred, unit length")
    np.testing.assert_allclose(np.square(usual).mean(axis=1), 1, rtol=1e-5)
    centred = prepared(split, "centred")
    np.testing.assert_allclose(cosines(usual, usual), cosines(centred, centred), atol=1e-5)


def test_layer_norm_is_torchs(split):
    expected = torch.nn.functional.layer_norm(torch.from_numpy(split[1]), (32,), eps=0).numpy()
    np.testing.assert_allclose(prepared(split, "layer norm"), expected, atol=1e-4)


def test_standardised_is_scikit_learns(split):
    expected = StandardScaler().fit(split[0]).transform(split[1])
    found = prepared(split, "standardised, unit length")
    np.testing.assert_allclose(cosines(found, expected).diagonal(), 1, atol=1e-5)


def test_a_constant_dimension_is_left_as_it_is():
    rows = np.random.default_rng(0).standard_normal((50, 3)) + 0.1
    rows[:, 1] = 0.1
    found = preprocessing.fit("standardised, unit length", Moments.of(rows))(rows)
    assert np.isfinite(found).all() and np.abs(found[:, 1]).max() < 1e-6


def test_all_but_the_top_removes_the_first_components(split):
    found = prepared(split, "centred, less top 3")
    components = PCA(5, svd_solver="full").fit(split[0]).components_
    along = np.square(found @ components.T).mean(axis=0)
    assert (along[:3] < 1e-8).all() and (along[3:] > 0.1).all()


def test_a_zero_vector_stays_one_and_unknown_names_are_refused(split):
    assert (preprocessing.fit("layer norm", Moments.of(split[0]))(np.zeros((1, 32))) == 0).all()
    with pytest.raises(UsageError, match="got 'whitened'"):
        prepared(split, "whitened")
    with pytest.raises(UsageError, match="from 1 to 31 components to remove, got '32'"):
        prepared(split, "centred, less top 32")
