import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from smallbert.errors import DataError
from smallbert.measure.ndcg import ndcg


def test_equals_scikit_learn_without_ties(rng):
    scores, relevant = rng.standard_normal((300, 40)), rng.random((300, 40)) < 0.1
    relevant[~relevant.any(axis=1), 0] = True
    for k in (1, 10, 40):
        expected = [ndcg_score([r], [s], k=k) for r, s in zip(relevant, scores, strict=True)]
        np.testing.assert_allclose(ndcg(scores, relevant, k), expected, rtol=1e-12)


def test_ties_count_against_the_relevant_document():
    relevant = np.array([[True, False, False, False]])
    assert ndcg(np.ones((1, 4)), relevant, 3)[0] == 0
    assert ndcg(np.ones((1, 4)), relevant, 4)[0] == pytest.approx(1 / np.log2(5))
    # Two relevant documents with one score stand side by side.
    both = np.array([[True, True, False]])
    assert ndcg(np.array([[1.0, 1.0, 0.0]]), both)[0] == pytest.approx(1)


def test_no_candidate_is_found_at_minus_infinity():
    relevant = np.array([[True, True, False]])
    found = ndcg(np.array([[2.0, -np.inf, 1.0]]), relevant)[0]
    assert found == pytest.approx(1 / (1 + 1 / np.log2(3)))


def test_a_query_without_relevant_documents_and_other_shapes_are_refused():
    with pytest.raises(DataError, match="query 1 has none"):
        ndcg(np.zeros((2, 3)), np.array([[True, False, False], [False] * 3]))
    with pytest.raises(DataError, match=r"of one shape \(queries, n\), got \(2, 3\), \(3, 2\)"):
        ndcg(np.zeros((2, 3)), np.ones((3, 2), bool))
