import numpy as np
import pytest

from smallbert.compress.distill.inputs import MaskedHeldOut, MaskedSteps, UnmaskedTexts
from smallbert.compress.distill.pieces import Pieces
from smallbert.compress.distill.whole_texts import WholeTexts, fill
from smallbert.models.masking import generator, mask_tokens
from smallbert.models.mlm import MASK_STREAM
from smallbert.models.packing import PackedRows
from smallbert.models.tokenizer import CLS, PAD, SEP


def documents(tokens, limit):
    """Documents of a stream as an encoder that cuts at ``limit`` reads them."""
    parts = np.split(tokens.astype(int), np.flatnonzero(tokens == CLS)[1:])
    return [one if len(one) <= limit else np.r_[one[: limit - 1], SEP] for one in parts]


@pytest.mark.parametrize("limit", [24, 48])
def test_every_text_stands_whole_in_one_row(store, limit):
    rows = WholeTexts(store.train, limit)
    ids = np.stack([rows.row(number) for number in range(len(rows))])
    found = [tuple(text) for row in ids for text in documents(row[row != PAD], limit)]
    assert sorted(found) == sorted(tuple(text) for text in documents(store.train, limit))
    assert max(map(len, found)) == (limit if limit == 24 else 41)
    assert (ids == PAD).mean() < 0.1
    assert all((row[np.argmax(row == PAD) :] == PAD).all() for row in ids if (row == PAD).any())


def test_fill_wastes_little_and_loses_nothing(rng):
    lengths = rng.integers(1, 65, 2000)
    rows = fill(lengths, 64)
    assert sorted(text for row in rows for text in row) == list(range(2000))
    used = np.array([lengths[row].sum() for row in rows])
    assert used.max() <= 64 and len(rows) <= 1.02 * np.ceil(lengths.sum() / 64)


def test_an_epoch_reads_every_row_once_in_a_new_order(store):
    rows = WholeTexts(store.train, 48, seed=3)
    count = len(rows)
    read = np.concatenate([rows.numbers(step, 7) for step in range(2 * count)])[: 2 * count]
    assert sorted(read[:count]) == sorted(read[count:]) == list(range(count))
    assert read[:count].tolist() != read[count:].tolist()
    np.testing.assert_array_equal(rows.numbers(5, 7), WholeTexts(store.train, 48, seed=3).numbers(5, 7))


def test_masked_steps_are_those_of_masked_language_modelling(store, recipe):
    steps = MaskedSteps(store.train, recipe, store.vocabulary_size)
    ids = PackedRows(store.train, 32, recipe.seed).batch(4, 8)
    expected = mask_tokens(ids, 0.15, store.vocabulary_size, generator(recipe.seed, MASK_STREAM, 4))
    seen, rows = steps.step(4)
    np.testing.assert_array_equal(seen.ids, ids)
    np.testing.assert_array_equal(seen.read, expected.inputs)
    np.testing.assert_array_equal(seen.masked, expected.positions)
    np.testing.assert_array_equal(seen.places, expected.positions)
    assert rows.tolist() == list(range(32, 40)) and (steps.units, steps.rows) == (6, 48)


def test_all_places_are_all_tokens_but_padding(store, recipe):
    steps = MaskedSteps(store.train[:300], recipe, store.vocabulary_size, "all")
    seen = steps.unit(0)
    assert len(seen.places) == (seen.ids != PAD).sum() and (seen.ids == PAD).any()
    assert set(seen.masked) <= set(seen.places)


def test_held_out_rows_come_in_units(store, recipe):
    held_out = MaskedHeldOut(store.held_out, recipe, store.vocabulary_size)
    assert sum(len(held_out.unit(number).ids) for number in range(held_out.units)) == held_out.rows
    texts = UnmaskedTexts(store.train, recipe)
    stored = np.concatenate([texts.unit(number).ids for number in range(texts.units)])
    seen, rows = texts.step(9)
    np.testing.assert_array_equal(seen.ids, stored[rows])
    np.testing.assert_array_equal(seen.read, seen.ids)
    assert not len(seen.masked) and not len(seen.places)


def test_pieces_are_the_stretches_without_attention_between_them(store, recipe):
    """Against models.packing, which tells the forward who sees whom."""
    import torch

    from smallbert.models.packing import document_positions

    steps = MaskedSteps(store.train[:300], recipe, store.vocabulary_size)
    seen = [steps.unit(0), steps.unit(1)]
    pieces = Pieces.of(seen)
    ids = np.concatenate([one.ids for one in seen])
    positions, inside = document_positions(torch.from_numpy(ids))
    covered = pieces.tokens_of(np.arange(len(pieces.lengths)))
    np.testing.assert_array_equal(covered, np.flatnonzero(ids.reshape(-1) != PAD))
    for first, length in zip(pieces.first, pieces.lengths, strict=True):
        row, start = divmod(int(first), 32)
        assert positions[row, start : start + length].tolist() == list(range(length))
        assert inside[row, 0, start].sum() == length and inside[row, 0, start, start : start + length].all()
    assert (~pieces.is_text).any() and pieces.is_text.sum() == (ids == CLS).sum()
    np.testing.assert_array_equal(pieces.texts_a_row, (ids == CLS).sum(1))
    assert pieces.places_a_row.sum() == sum(len(one.places) for one in seen)
