"""Batch size: the share that is read again, the arms, and measurements of finished encoders."""

import numpy as np
import pytest
import torch

from smallbert import storage
from smallbert.errors import DataError
from smallbert.models import interchange
from smallbert.models.mlm import SharedLanguageModelling
from smallbert.models.packing import PackedRows
from smallbert.models.sharing import SharedRecipe
from smallbert.models.tokenizer import CLS, load
from smallbert.models.tokens import TokenStore
from smallbert.studies import batch_size, model_size

BASE = SharedRecipe(
    layers=1,
    hidden=16,
    heads=2,
    intermediate=32,
    vocabulary_size=100,
    sequence_length=16,
    batch_tokens=64,
    tokens=64 * 8,
    learning_rate=0.01,
    evaluations=1,
    precision="fp32",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rng = np.random.default_rng(6)
    words = [first + last for first in "bdgklmpr" for last in ("an", "el", "is", "ob", "ur")]
    texts = [" ".join(rng.choice(words, rng.integers(3, 20))) for _ in range(300)]
    return TokenStore.build(texts, 100, tmp_path_factory.mktemp("tokens"))


@pytest.fixture(scope="module")
def few(store, tmp_path_factory):
    return batch_size.share(store, 256, tmp_path_factory.mktemp("shares"), seed=0)


@pytest.fixture(scope="module")
def arms():
    return batch_size.arms(BASE, [16, 128])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("encoders")


@pytest.fixture(scope="module")
def cells(arms, few, place):
    return batch_size.train(arms, few, place, seeds=2, device="cpu", workers=1)


def test_the_small_encoder_is_half_of_the_middle_one_at_a_rate_that_follows():
    middle = model_size.base(layers=2, hidden=64, heads=4, vocabulary=100, sequence=16, batch=128, tokens=5120)
    own = batch_size.small(middle)
    assert (own.layers, own.hidden, own.heads, own.intermediate) == (1, 32, 2, 128)
    assert (own.batch_tokens, own.tokens, own.sequence_length) == (64, 1024, 16)
    assert batch_size.rates(middle, [0.001, 0.002]) == pytest.approx([0.002 / 2**0.5, 0.004 / 2**0.5])
    assert batch_size.batches(own, [0.25, 4]) == [16, 256] and batch_size.batches(own, [0.01]) == [16]
    assert batch_size.text(own, [16, own.tokens]) == own.tokens  # a step of the largest needs as much
    assert batch_size.text(own, [1]) == max(own.tokens // 5, own.batch_tokens)
    least = batch_size.small(
        model_size.base(layers=1, hidden=16, heads=1, vocabulary=9, sequence=16, batch=16, tokens=80)
    )
    assert (least.layers, least.hidden, least.heads, least.batch_tokens) == (1, 8, 1, 16)


def documents(tokens):
    return [tuple(part) for part in np.split(np.asarray(tokens), np.flatnonzero(tokens == CLS)[1:])]


def test_a_share_is_whole_documents_of_the_store_each_once_with_its_held_out_part(store, few):
    own, all_of_them = documents(few.train), documents(store.train)
    assert all(one in all_of_them for one in own) and len(own) < len(all_of_them) / 2
    assert 256 <= len(few.train) < 256 + max(map(len, all_of_them))
    assert (few.held_out == store.held_out).all() and few.vocabulary_size == store.vocabulary_size
    assert few.key != store.key
    assert load(few.folder).get_vocab() == load(store.folder).get_vocab()


def test_a_share_is_found_again_and_depends_on_its_seed(store, few):
    where = few.folder.parent
    written = (few.folder / "train.bin").stat().st_mtime_ns
    again = batch_size.share(store, 256, where, seed=0)
    assert again.key == few.key and (again.folder / "train.bin").stat().st_mtime_ns == written
    other = batch_size.share(store, 256, where, seed=1)
    assert other.key != few.key and documents(other.train) != documents(few.train)


def test_the_whole_is_the_largest_share(store, tmp_path):
    whole = batch_size.share(store, len(store.train), tmp_path, seed=0)
    assert sorted(documents(whole.train)) == sorted(documents(store.train))
    with pytest.raises(DataError, match="a share of at most"):
        batch_size.share(store, len(store.train) + 1, tmp_path, seed=0)


def test_arms_cross_batches_regimes_and_rules_and_share_the_base(arms):
    assert arms[0].recipe == BASE and len(arms[0].places) == 6
    assert len(arms) == 1 + 2 * 2 * 3
    found = {(place, arm.recipe.batch_tokens): arm.recipe for arm in arms for place in arm.places}
    assert len(found) == 2 * 3 * 3
    for (regime, rule), batch in found:
        recipe = found[(regime, rule), batch]
        assert (recipe.tokens == BASE.tokens) if regime == "equal epochs" else (recipe.steps == BASE.steps)
        factor = {"fixed": 1, "square root": (batch / 64) ** 0.5, "linear": batch / 64}[rule]
        assert recipe.learning_rate == pytest.approx(0.01 * factor)


def test_cells_have_every_place_and_the_base_in_each_line(cells):
    assert len(cells) == 2 * 3 * 3 * 2
    base = cells[cells.batch == 64]
    assert base.groupby("seed")["held out"].nunique().eq(1).all() and len(base) == 12
    equal = cells[cells.regime == "equal epochs"]
    assert equal.epochs.nunique() == 1 and equal.steps.nunique() == 3
    assert cells[cells.regime == "equal steps"].steps.unique().tolist() == [8]
    assert cells.gap.to_numpy() == pytest.approx((cells["held out"] - cells.train).to_numpy())


def test_losses_are_of_the_saved_encoder_on_fixed_masks(cells, arms, few, place):
    cell = cells[(cells.batch == 64) & (cells.seed == 1)].iloc[0]
    recipe = SharedRecipe(**vars(BASE) | {"seed": 1})
    model = interchange.load(place / f"bert-{recipe.key(few.key)}", device="cpu")
    rows = [PackedRows(tokens, 16) for tokens in (few.train, few.held_out)]
    for own, expected in zip(rows, (cell.train, cell["held out"]), strict=True):
        found = SharedLanguageModelling(model, rows[0], own, recipe, torch.float32).evaluate()
        assert found["held_out_loss"] == pytest.approx(expected, rel=1e-6)


def test_measurements_are_found_again(arms, few, place, cells, monkeypatch):
    monkeypatch.setattr(batch_size, "measure", None)  # would fail if called
    again = batch_size.train(arms, few, place, seeds=2, device="cpu", workers=1)
    assert again.equals(cells)
    written = sorted(place.glob("bert-*/generalisation-*.json"))
    assert len(written) == len(arms) * 2
    assert set(storage.read_json(written[0])) == set(batch_size.MEASURES)


def test_text_read_often_is_known_better_than_new_text(few, place):
    recipe = SharedRecipe(**vars(BASE) | {"tokens": 64 * 300})
    [own] = batch_size.train([batch_size.BatchArm(recipe, (("equal epochs", "fixed"),))], few, place, seeds=1,
                             device="cpu", workers=1).itertuples()  # fmt: skip
    assert own.epochs > 50 and own.gap > 0.05 and own.sharpness > 0


def test_the_base_takes_the_rate_that_suits_it(few, place):
    recipe, table = batch_size.base(BASE, [1e-5, 1e-2], few, place, device="cpu", workers=1)
    assert recipe.learning_rate == table.rate[table.loss.idxmin()] == 1e-2
    assert table.chosen.sum() == 1
