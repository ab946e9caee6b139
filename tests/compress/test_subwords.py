"""With fewer tokens, texts of kept tokens are cut as before: random vocabularies, and the cases that would break it."""

import json

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from smallbert.compress.subwords import restricted, subwords
from smallbert.errors import DataError

LETTERS = "abcdef"
TEXTS = 3000


def words(rng, count, letters=LETTERS, longest=9):
    return ["".join(rng.choice(list(letters), size=rng.integers(1, longest))) for _ in range(count)]


def wordpiece(rng, *, closed=True):
    """Random pieces, and unless told otherwise all of their characters: then "g" is the only unknown one."""
    pieces = [f"{'##' * int(rng.integers(2))}{word}" for word in words(rng, 40, longest=5)]
    if closed:
        pieces += [*LETTERS, *(f"##{letter}" for letter in LETTERS)]
    vocabulary = {token: id for id, token in enumerate(dict.fromkeys(["[UNK]", "[CLS]", *pieces]))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def unigram(rng):
    """Random pieces with scores that are small whole numbers, so that many cuts tie; some letters have no piece."""
    pieces = dict.fromkeys(["<s>", *words(rng, 30, longest=5), *rng.permutation(list(LETTERS))[:4].tolist()])
    scored = [("<unk>", 0.0)] + [(piece, -float(rng.integers(1, 9))) for piece in pieces]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def bpe(rng):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300 + int(rng.integers(60)),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(words(rng, 400), trainer)
    return tokenizer


def bpe_of_characters(rng):
    """With ``##`` inside words, an unknown token, and random merges, some of which make the same token."""
    tokens = ["[UNK]", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    merges = {}
    while len(merges) < 80:
        left, right = rng.choice(tokens[1:]), rng.choice([token for token in tokens if token.startswith("##")])
        made = str(left + right.removeprefix("##"))
        if len(made.removeprefix("##")) <= 5 and not set(made) & set("cdef"):
            merges[str(left), str(right)] = made
            tokens += [made] * (made not in tokens)
    assert len(set(merges.values())) < len(merges)
    vocabulary = {token: id for id, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, list(merges), unk_token="[UNK]", continuing_subword_prefix="##"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def smaller(tokenizer, wanted):
    """The tokenizer with ``wanted`` and what these need, and the new id of every kept one."""
    specification = json.loads(tokenizer.to_str())
    algorithm = subwords(specification["model"])
    kept = set(algorithm.always) | set(wanted)
    kept |= {part for token in wanted for part in algorithm.parts(token)}
    new = {old: place for place, old in enumerate(sorted(kept))}
    return Tokenizer.from_str(json.dumps(restricted(specification, algorithm, new))), new


def cut(tokenizer, texts):
    return [(one.ids, one.offsets) for one in tokenizer.encode_batch(texts)]


@pytest.mark.parametrize("make", [wordpiece, unigram, bpe, bpe_of_characters])
@pytest.mark.parametrize("seed", range(6))
def test_texts_of_kept_tokens_are_cut_as_before(make, seed):
    rng = np.random.default_rng(seed)
    before = make(rng)
    size = before.get_vocab_size()
    after, new = smaller(before, rng.choice(size, size=size // 4, replace=False).tolist())
    assert len(new) < size and after.get_vocab_size() == len(new)
    texts = [" ".join(words(rng, 2, LETTERS + "g" * (seed % 2))) for _ in range(TEXTS)]
    unchanged = 0
    for (old_ids, old_places), (new_ids, new_places) in zip(cut(before, texts), cut(after, texts), strict=True):
        if set(old_ids) <= set(new):
            assert new_ids == [new[id] for id in old_ids] and new_places == old_places
            unchanged += 1
    assert TEXTS / 50 < unchanged < TEXTS


@pytest.mark.parametrize("seed", range(6))
def test_wordpiece_loses_no_word_whose_characters_are_in_kept_tokens(seed):
    rng = np.random.default_rng(seed)
    before = wordpiece(rng)
    after, new = smaller(before, rng.choice(before.get_vocab_size(), size=25, replace=False).tolist())
    assert len(new) < before.get_vocab_size()
    kept = {before.id_to_token(id) for id in new}
    texts = words(rng, TEXTS)
    for text, encoding in zip(texts, after.encode_batch(texts), strict=True):
        pieces = {text[0], *(f"##{letter}" for letter in text[1:])}
        assert ("[UNK]" in encoding.tokens) == (not pieces <= kept)


def test_wordpiece_without_single_characters_may_know_a_word_it_did_not():
    """Why the closed form of the vocabulary matters: "ab" led into a dead end, and without it "##bx" matches."""
    vocabulary = {"[UNK]": 0, "ab": 1, "a": 2, "##bx": 3}
    before = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    after, new = smaller(before, [2, 3])
    assert 1 not in new
    assert before.encode("abx").tokens == ["[UNK]"] and after.encode("abx").tokens == ["a", "##bx"]


def test_unigram_keeps_its_worst_piece_because_unknown_characters_are_scored_by_it():
    """Without "zz", the unknown "x" at -20 - 10 and "bcd" at -1 would beat "xb" and "cd" at -20 each."""
    pieces = [("<unk>", 0.0), ("xb", -20.0), ("cd", -20.0), ("bcd", -1.0), ("zz", -60.0), ("e", -1.0)]
    before = Tokenizer(models.Unigram(pieces, unk_id=0))
    assert before.encode("xbcd").tokens == ["xb", "cd"]
    after, new = smaller(before, [1, 2, 3])
    assert sorted(new) == [0, 1, 2, 3, 4] and after.encode("xbcd").tokens == ["xb", "cd"]
    assert Tokenizer(models.Unigram(pieces[:4], unk_id=0)).encode("xbcd").tokens == ["x", "bcd"]


def test_unigram_keeps_single_characters_so_that_none_becomes_unknown():
    """Without "a", unknown at -20 - 10 and "bcd" at -1 would beat "ab" and "cd" at -20 each."""
    pieces = [("<unk>", 0.0), ("ab", -20.0), ("cd", -20.0), ("bcd", -1.0), ("a", -55.0)]
    before = Tokenizer(models.Unigram(pieces, unk_id=0))
    assert subwords(json.loads(before.to_str())["model"]).parts(1) == {4}
    assert before.encode("abcd").tokens == ["ab", "cd"]
    assert Tokenizer(models.Unigram(pieces[:4], unk_id=0)).encode("abcd").tokens == ["a", "bcd"]


def test_unigram_keeps_bytes_that_spell_unknown_characters():
    pieces = [("<unk>", 0.0), ("ab", -1.0), ("c", -2.0), *((f"<0x{byte:02X}>", -3.0) for byte in range(256))]
    before = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=True))
    after, new = smaller(before, [1])
    assert len(new) == len(pieces) - 1
    assert after.encode("abé").tokens == before.encode("abé").tokens == ["ab", "<0xC3>", "<0xA9>"]


def test_special_tokens_and_padding_get_their_new_numbers():
    rng = np.random.default_rng(0)
    before = wordpiece(rng)
    before.add_special_tokens(["[CLS]", "[SEP]", "[PAD]"])
    ids = {token: before.token_to_id(token) for token in ("[CLS]", "[SEP]", "[PAD]")}
    bert = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    template = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    )
    for processor in (bert, template, processors.Sequence([template])):
        before.post_processor = processor
        before.enable_padding(pad_id=ids["[PAD]"], pad_token="[PAD]", length=6)
        after, new = smaller(before, [before.token_to_id("a"), *ids.values()])
        assert after.encode("a").ids == [new[id] for id in before.encode("a").ids]
        assert after.encode("a").tokens == ["[CLS]", "a", "[SEP]", "[PAD]", "[PAD]", "[PAD]"]


def test_normalisers_stay():
    before = wordpiece(np.random.default_rng(0))
    before.normalizer = normalizers.Lowercase()
    after, _ = smaller(before, [before.token_to_id("a")])
    assert after.encode("A").tokens == ["a"]


def test_another_algorithm_is_refused():
    specification = json.loads(Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).to_str())
    with pytest.raises(DataError, match="WordPiece, Unigram, BPE; got WordLevel"):
        subwords(specification["model"])
