import numpy as np
import pytest
from scipy.stats import binomtest

from smallbert.models.masking import generator, mask_tokens
from smallbert.models.tokenizer import MASK, SPECIAL_TOKENS

VOCABULARY = 1000


@pytest.fixture
def ids(rng):
    ids = rng.integers(0, VOCABULARY, (200, 128))
    ids[rng.random(ids.shape) < 0.1] = rng.integers(0, len(SPECIAL_TOKENS))
    return ids


def consistent(count, total, probability):
    return binomtest(int(count), int(total), probability).pvalue > 1e-4


def test_shares_are_those_of_bert(ids):
    masked = mask_tokens(ids, 0.15, VOCABULARY, generator(3))
    n = len(masked.positions)
    assert consistent(n, (ids >= len(SPECIAL_TOKENS)).sum(), 0.15)
    seen = masked.inputs.reshape(-1)[masked.positions]
    random = (seen != MASK) & (seen != masked.targets)
    assert consistent((seen == MASK).sum(), n, 0.8)
    assert consistent((seen == masked.targets).sum(), n, 0.1 + 0.1 / VOCABULARY)
    assert consistent(random.sum(), n, 0.1)
    assert len(np.unique(seen[random])) > 0.8 * VOCABULARY * (1 - np.exp(-random.sum() / VOCABULARY))


def test_special_tokens_are_neither_chosen_nor_put_in(ids):
    masked = mask_tokens(ids, 0.5, VOCABULARY, generator(3))
    assert masked.targets.min() >= len(SPECIAL_TOKENS)
    changed = masked.inputs[masked.inputs != ids]
    assert set(np.unique(changed[changed < len(SPECIAL_TOKENS)])) == {MASK}


def test_all_other_tokens_stay(ids):
    masked = mask_tokens(ids, 0.15, VOCABULARY, generator(3))
    restored = masked.inputs.copy()
    restored.reshape(-1)[masked.positions] = masked.targets
    np.testing.assert_array_equal(restored, ids)


def test_a_mask_depends_on_its_counter_alone(ids):
    first, again, other = (mask_tokens(ids, 0.15, VOCABULARY, generator(3, step)) for step in (7, 7, 8))
    np.testing.assert_array_equal(first.inputs, again.inputs)
    np.testing.assert_array_equal(first.positions, again.positions)
    assert not np.array_equal(first.positions, other.positions)
