from collections import Counter

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from smallbert.errors import DataError, UsageError
from smallbert.models import tokenizer as wordpiece

SENTENCES = {
    "en": "The mayor of Łódź opened the new bridge, a café and Straße 7.",
    "ko": "서울 시장은 새 다리를 열었다.",
    "zh": "市长为新桥揭幕。",
    "th": "นายกเทศมนตรีเปิดสะพานใหม่",
    "ar": "افتتح رئيس البلدية الجسر الجديد",
    "am": "ከንቲባው አዲሱን ድልድይ ከፈቱ",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    texts = list(SENTENCES.values()) * 5
    return wordpiece.train_wordpiece(texts, 900, tmp_path_factory.mktemp("wordpiece"))


def test_the_same_texts_give_the_same_bytes(folder, tmp_path):
    again = wordpiece.train_wordpiece(list(SENTENCES.values()) * 5, 900, tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("language", SENTENCES)
def test_text_survives_encoding(folder, language):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(SENTENCES[language])["input_ids"]
    assert (ids[0], ids[-1]) == (wordpiece.CLS, wordpiece.SEP)
    assert wordpiece.UNK not in ids
    decoded = tokenizer.decode(ids, skip_special_tokens=True)
    assert decoded.replace(" ", "") == SENTENCES[language].replace(" ", "")  # case and accents included
    assert wordpiece.load(folder).encode(SENTENCES[language]).ids == ids


def test_special_tokens_have_the_first_ids(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.convert_ids_to_tokens(range(5)) == list(wordpiece.SPECIAL_TOKENS)
    assert (tokenizer.pad_token_id, tokenizer.mask_token_id) == (wordpiece.PAD, wordpiece.MASK)
    pair = tokenizer("bridge", "new")
    assert [pair["input_ids"].count(i) for i in (wordpiece.CLS, wordpiece.SEP)] == [1, 2]
    end_of_first = pair["input_ids"].index(wordpiece.SEP) + 1
    assert pair["token_type_ids"] == [0] * end_of_first + [1] * (len(pair["input_ids"]) - end_of_first)


def test_a_special_token_written_in_a_text_is_text(folder):
    ids = wordpiece.load(folder).encode("new [CLS] [MASK] bridge [PAD]").ids
    assert ids.count(wordpiece.CLS) == 1 and not {wordpiece.MASK, wordpiece.PAD} & set(ids)


def test_composed_and_decomposed_accents_are_one(folder):
    tokenizer = wordpiece.load(folder)
    assert tokenizer.encode("cafe\u0301").ids == tokenizer.encode("caf\u00e9").ids


def test_characters_leave_room_for_words(tmp_path):
    han = "".join(chr(0x4E00 + i) for i in range(3000))
    folder = wordpiece.train_wordpiece(["the bridge was opened by the mayor yesterday " * 20, han], 256, tmp_path)
    vocabulary = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    assert {"bridge", "mayor", "yesterday"} <= set(vocabulary)


def test_smoothing_gives_the_share_to_the_power_of_07():
    sizes = Counter(en=900_000, ko=90_000, sw=10_000)
    keep = wordpiece.keep_probabilities(sizes, 10**9)
    kept = {language: keep[language] * size for language, size in sizes.items()}
    assert keep["sw"] == pytest.approx(1)
    for language in ("en", "ko"):
        assert kept[language] / kept["sw"] == pytest.approx((sizes[language] / sizes["sw"]) ** 0.7)
    assert sum(wordpiece.keep_probabilities(sizes, 5000)[x] * sizes[x] for x in sizes) == pytest.approx(5000)


def test_languages_change_the_vocabulary_towards_the_small_one(tmp_path):
    texts = ["bridge mayor city council"] * 400 + ["daraja meya jiji baraza"] * 5
    languages = ["en"] * 400 + ["sw"] * 5
    sample = list(
        wordpiece._sample(texts, languages, wordpiece.keep_probabilities(Counter(en=10_000, sw=115), 10**9), 0)
    )
    assert sample.count(texts[-1]) == 5
    assert 0 < len(sample) - 5 < 200


def test_wrong_input_is_refused(tmp_path):
    with pytest.raises(UsageError, match="can be read twice, got a generator"):
        wordpiece.train_wordpiece((text for text in "ab"), 100, tmp_path)
    with pytest.raises(UsageError, match="one language for each text"):
        wordpiece.train_wordpiece(["a", "b"], 100, tmp_path, languages=["en"])
    with pytest.raises(UsageError, match="at least 64 tokens, got 5"):
        wordpiece.train_wordpiece(["a"], 5, tmp_path)
    with pytest.raises(DataError, match="Expected texts to learn a vocabulary from, got none"):
        wordpiece.train_wordpiece([], 100, tmp_path)
    with pytest.raises(DataError, match=r"Expected a tokenizer at .*tokenizer\.json"):
        wordpiece.load(tmp_path / "nowhere")
