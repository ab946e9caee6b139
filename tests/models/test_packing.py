from collections import Counter

import numpy as np
import torch

from smallbert.models.packing import PackedRows, document_positions
from smallbert.models.tokenizer import CLS, PAD, SEP


def stream(rng, documents=37):
    parts = [[CLS, *rng.integers(5, 1000, rng.integers(0, 40)), SEP] for _ in range(documents)]
    return np.concatenate(parts).astype(np.uint16)


def test_an_epoch_holds_every_token_once(rng):
    tokens = stream(rng)
    rows = PackedRows(tokens, 16, seed=4)
    epoch = rows.batch(0, len(rows))
    assert Counter(epoch[epoch != PAD].tolist()) == Counter(tokens.tolist())
    assert (epoch == PAD).sum() == -len(tokens) % 16
    in_order = np.concatenate([rows.row(i) for i in range(len(rows))])
    np.testing.assert_array_equal(in_order[: len(tokens)], tokens)


def test_batches_run_through_epochs_without_a_gap(rng):
    rows = PackedRows(stream(rng), 16, seed=4)
    n = len(rows)
    stepwise = np.concatenate([rows.batch(step, 3) for step in range(2 * n)])[: 2 * n]
    np.testing.assert_array_equal(stepwise[:n], rows.batch(0, n))
    np.testing.assert_array_equal(stepwise[n:], rows.batch(1, n))
    assert not np.array_equal(stepwise[:n], stepwise[n:])


def test_the_order_is_a_function_of_the_seed(rng):
    tokens = stream(rng)
    batches = [PackedRows(tokens, 16, seed).batch(5, 4) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(batches[0], batches[1])
    assert not np.array_equal(batches[0], batches[2])


def test_positions_restart_and_attention_stays_inside_documents():
    ids = torch.tensor([[9, SEP, CLS, 7, SEP, CLS, PAD, PAD]])
    positions, inside = document_positions(ids)
    assert positions.tolist() == [[0, 1, 0, 1, 2, 0, 0, 0]]
    document = np.array([0, 0, 1, 1, 1, 2, 3, 4])
    np.testing.assert_array_equal(inside[0, 0].numpy(), document[:, None] == document)
