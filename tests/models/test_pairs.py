"""How segments are paired, set out and ordered, each against what the papers say."""

from collections import Counter

import numpy as np
import pytest

from smallbert.models.masking import generator
from smallbert.models.pairs import TASKS, Layout, PairOrder, arrange, by_length
from smallbert.models.segments import SegmentRows
from smallbert.models.tokenizer import CLS, PAD, SEP


def test_sop_swaps_half_of_the_pairs():
    found = arrange("sop", np.full(1000, 7), generator(1))
    swapped = found.first >= 1000
    assert 499 <= swapped.sum() <= 501 and np.array_equal(found.labels, swapped)
    assert np.array_equal(np.where(swapped, found.second, found.first), np.arange(1000))
    assert np.array_equal(np.where(swapped, found.first, found.second), np.arange(1000, 2000))


def test_nsp_takes_the_second_segment_of_another_document(rng):
    lengths = rng.integers(5, 60, 1000)
    found = arrange("nsp", lengths, generator(1))
    assert np.array_equal(found.first, np.arange(1000))
    assert np.array_equal(found.labels, found.second != np.arange(1000, 2000))
    assert 499 <= found.labels.sum() <= 501
    assert sorted(found.second) == list(range(1000, 2000))  # the same tokens as without the task
    assert np.abs(lengths[found.second - 1000] - lengths).max() <= 2


def test_nsp_within_strata_leaves_a_pair_alone_that_finds_no_other(rng):
    strata = np.array(["a"] * 40 + ["b"] * 59 + ["c"])
    for seed in range(20):
        found = arrange("nsp", rng.integers(5, 60, 100), generator(seed), strata)
        partner = found.second - 100
        assert (strata[partner] == strata).all()
        assert found.labels[99] == 0 and 47 <= found.labels.sum() <= 51


def test_no_task_changes_nothing():
    found = arrange("none", np.full(5, 9), generator(1))
    assert found.first.tolist() == list(range(5)) and found.second.tolist() == list(range(5, 10))
    assert not found.labels.any()


@pytest.mark.parametrize("task", ["nsp", "sop"])
@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_small_batches_have_as_many_negatives_as_positives_on_average(task, count):
    """Else the commoner class would be learnt in place of the task."""
    labels = [arrange(task, np.full(count, 7), generator(seed)).labels for seed in range(2000)]
    share = np.mean(labels)
    assert share == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(2000))


def test_equals_exchange_in_random_order():
    partners = Counter(int(arrange("nsp", np.full(6, 7), generator(seed)).second[0]) - 6 for seed in range(600))
    assert set(partners) == set(range(6)) and min(partners[i] for i in range(1, 6)) > 30


def test_layout_is_berts_pair_of_segments():
    rows = SegmentRows.gather(np.arange(100, 130), np.array([0, 10, 20]), np.array([2, 1, 3]))
    found = Layout.of(rows, np.array([0, 2]), np.array([1, 2]))
    assert found.take(rows.ids, CLS).tolist() == [
        [CLS, 100, 101, SEP, 110, SEP, *[PAD] * 10],
        [CLS, 120, 121, 122, SEP, 120, 121, 122, SEP, *[PAD] * 7],
    ]
    assert found.types.tolist() == [[0, 0, 0, 0, 1, 1, *[0] * 10], [0, 0, 0, 0, 0, 1, 1, 1, 1, *[0] * 7]]
    assert found.take(rows.ids > 110, 0)[0].tolist() == [0] * 16


@pytest.mark.parametrize("task", TASKS)
def test_a_batch_holds_the_same_tokens_for_every_task(rng, task):
    lengths = rng.integers(5, 30, 20)
    rows = SegmentRows.gather(rng.integers(5, 99, 400), rng.integers(0, 300, 20), lengths)
    found = arrange(task, lengths[10:], generator(3))
    ids = Layout.of(rows, found.first, found.second).take(rows.ids, CLS)
    expected = np.append(rows.ids, np.full(10, CLS))
    assert Counter(ids[ids != PAD].tolist()) == Counter(expected[expected != PAD].tolist())


def test_every_pair_comes_once_an_epoch_and_batches_are_full(rng):
    lengths = rng.integers(13, 128, 3000)
    order = PairOrder(lengths, 1024, seed=3)
    steps = len(order)
    assert steps == -(-lengths.sum() // 1024)
    for epoch in range(2):
        batches = [order.batch(epoch * steps + step) for step in range(steps)]
        assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(3000))
        assert all(900 < lengths[batch].sum() < 1024 + 128 for batch in batches)
        assert np.mean([np.ptp(lengths[batch]) for batch in batches]) < 2
    assert not np.array_equal(order.batch(0), order.batch(steps))


def test_a_batch_is_a_function_of_seed_and_step(rng):
    lengths = rng.integers(13, 128, 500)
    late, again, other = (PairOrder(lengths, 1024, seed) for seed in (3, 3, 4))
    for step in (70, 3, 41):
        late.batch(step)
    assert np.array_equal(late.batch(5), again.batch(5)) and not np.array_equal(late.batch(5), other.batch(5))


def test_one_batch_where_all_pairs_fit():
    assert [batch.tolist() for batch in by_length(np.array([9, 7, 8]), np.arange(3), 1024)] == [[1, 2, 0]]
