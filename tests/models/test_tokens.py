import numpy as np
import pytest

from smallbert.errors import DataError, UsageError
from smallbert.models import tokenizer as wordpiece
from smallbert.models.tokens import HELD_OUT_EVERY, TokenStore

TEXTS = [f"bridge number {i} of the city [CLS] x" for i in range(230)]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return TokenStore.build(TEXTS, 200, tmp_path_factory.mktemp("tokens"))


def documents(ids):
    return np.split(ids, np.flatnonzero(ids == wordpiece.CLS)[1:])


def test_every_document_is_stored_once_and_whole(store):
    tokenizer = wordpiece.load(store.folder)
    stored = sorted(tuple(d.tolist()) for part in (store.train, store.held_out) for d in documents(part))
    assert stored == sorted(tuple(encoding.ids) for encoding in tokenizer.encode_batch(TEXTS))
    assert store.train.dtype == np.uint16


def test_one_document_in_fifty_is_held_out(store):
    assert len(documents(store.held_out)) in (len(TEXTS) // HELD_OUT_EVERY, len(TEXTS) // HELD_OUT_EVERY + 1)


def test_the_same_texts_give_the_same_bytes_and_are_not_read_again(store, tmp_path):
    again = TokenStore.build(TEXTS, 200, tmp_path, data_key="mine")
    for name in ("train.bin", "held_out.bin", "tokenizer.json"):
        assert (tmp_path / name).read_bytes() == (store.folder / name).read_bytes()
    assert TokenStore.build(["never read"], 200, tmp_path, data_key="mine").key == again.key != store.key
    with pytest.raises(UsageError, match="other texts or another vocabulary"):  # balanced by language: another one
        TokenStore.build(TEXTS, 200, tmp_path, data_key="mine", languages=["en"] * len(TEXTS))


def test_other_data_and_damage_are_refused(store, tmp_path):
    with pytest.raises(UsageError, match="other texts or another vocabulary"):
        TokenStore.build([*TEXTS, "one more"], 200, store.folder)
    with pytest.raises(UsageError, match="can be read twice, got a list_iterator"):
        TokenStore.build(iter(TEXTS), 200, tmp_path)
    with pytest.raises(DataError, match="at least 50 texts, so that one can be held out, got 1"):
        TokenStore.build(TEXTS[:1], 200, tmp_path)
    TokenStore.build(TEXTS, 200, tmp_path / "damaged")
    (tmp_path / "damaged" / "train.bin").write_bytes(b"short")
    with pytest.raises(DataError, match=r"train\.bin with \d+ bytes, found 5"):
        TokenStore.open(tmp_path / "damaged")


def test_what_a_killed_build_left_is_removed(tmp_path):
    (tmp_path / ".train.bin.x.part").write_bytes(b"half")
    TokenStore.build(TEXTS, 200, tmp_path)
    assert not list(tmp_path.glob(".*.part")) and (tmp_path / "train.bin").exists()
