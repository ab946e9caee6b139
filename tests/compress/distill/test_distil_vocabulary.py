import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

from smallbert.compress.distill import vocabulary
from smallbert.errors import DataError
from smallbert.models.tokenizer import CLS, MASK, PAD, SEP, UNK


def test_a_text_has_its_own_ids_in_our_numbers(teacher, predicting):
    """Word for word the teacher's tokenizer; special tokens in ours; those a text quotes are unknown words."""
    ours = teacher.vocabulary
    plain = transformers.AutoTokenizer.from_pretrained(predicting)
    (encoded,) = ours.encode_batch_fast(["ba bo to xx"])
    assert ours.theirs[encoded.ids].tolist() == plain("ba bo to xx")["input_ids"]
    assert encoded.ids[[0, -1, -2]].tolist() == [CLS, SEP, UNK]
    assert ours.theirs[[PAD, MASK]].tolist() == [plain.pad_token_id, plain.mask_token_id]
    (hostile,) = ours.encode_batch_fast(["ba <s> </s> <mask> <pad> bo"])
    assert hostile.ids[2:-2].tolist() == [UNK] * 4


def test_numbering_is_a_permutation_of_all_rows_of_the_model(teacher, rng):
    ours = teacher.vocabulary
    size = len(teacher.weights.words)
    assert sorted(ours.theirs) == list(range(size)) and ours.get_vocab_size() == size
    rows = torch.from_numpy(rng.normal(size=(size, 3)))
    assert torch.equal(ours.rows_to_theirs(ours.rows_to_ours(rows)), rows)
    assert torch.equal(ours.rows_to_ours(rows)[CLS], rows[ours.theirs[CLS]])


def test_the_store_holds_the_texts_in_order(store, teacher, texts):
    ids = np.concatenate([store.train, store.held_out])
    documents = {tuple(one) for one in np.split(ids.astype(int), np.flatnonzero(ids == CLS)[1:])}
    assert documents == {tuple(one.ids.tolist()) for one in teacher.vocabulary.encode_batch_fast(texts)}
    assert store.vocabulary_size == len(teacher.weights.words)


def saved(folder, **roles):
    raw = Tokenizer(models.WordLevel({"a": 0, "<m>": 1, "<s>": 2, "<p>": 3}, unk_token="a"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=raw, **roles).save_pretrained(folder)
    return folder


def test_tokenizers_that_cannot_be_used_are_refused(tmp_path, predicting):
    with pytest.raises(DataError, match="found no pad_token"):
        vocabulary.read(saved(tmp_path / "gpt", unk_token="a"), 4)
    roles = {"pad_token": "<p>", "unk_token": "a", "cls_token": "<s>", "sep_token": "<s>", "mask_token": "<m>"}
    with pytest.raises(DataError, match=r"to set a text between <s> and <s>, got \['a'\]"):
        vocabulary.read(saved(tmp_path / "bare", **roles), 4)
    with pytest.raises(DataError, match=r"at most 20 tokens .*, as many as the model has embeddings, got 30"):
        vocabulary.read(predicting, 20)


def test_a_token_with_two_uses_is_refused_or_rows_would_be_numbered_twice(tmp_path, predicting):
    tokenizer = transformers.AutoTokenizer.from_pretrained(predicting)
    tokenizer.pad_token = tokenizer.unk_token
    tokenizer.save_pretrained(tmp_path / "twice")
    with pytest.raises(DataError, match="a token of its own for each of"):
        vocabulary.read(tmp_path / "twice", 1000)
