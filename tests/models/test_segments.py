"""Where documents are cut, against sentences that a reader would set."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from smallbert.corpus.text import text
from smallbert.models import tokenizer as wordpiece
from smallbert.models.segments import SHORTEST, SegmentRows, Segments
from smallbert.models.tokenizer import CLS, PAD, SEP, SPECIAL_TOKENS

SENTENCES = {
    "en": [
        "The old mill by the river burned down.",
        "Nobody was hurt, said the mayor of the town.",
        "Why did it burn?",
    ],
    "zh": ["河边的老磨坊烧毁了。", "镇长说没有人受伤。", "为什么会着火呢？"],
    "hi": ["नदी के किनारे पुरानी चक्की जल गई थी कल।", "शहर के मेयर ने कहा कोई घायल नहीं हुआ।", "वह क्यों जली थी रात में भला।"],
    "am": ["በወንዙ አጠገብ ያለው አሮጌ ወፍጮ ትናንት ተቃጠለ።", "ከንቲባው ማንም አልተጎዳም ብለዋል ዛሬ።", "ለምን ተቃጠለ ሌሊት ላይ ወፍጮው ሁሉ፧"],
    "ur": [
        "دریا کے کنارے پرانی چکی کل جل گئی۔",
        "شہر کے میئر نے کہا کوئی زخمی نہیں ہوا۔",
        "وہ رات کو کیوں جل گئی تھی آخر؟",
    ],
}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Tokenizer:
    texts = [" ".join(sentences) for sentences in SENTENCES.values()]
    texts += ["U . S . A . J . Smith 3 . 5 ( ) ” said “ no punctuation at all in here", "the mill the river " * 20]
    return wordpiece.load(wordpiece.train_wordpiece(texts, 2000, tmp_path_factory.mktemp("tokenizer")))


def stream(tokenizer, texts):
    return np.concatenate([np.array(encoding.ids, np.uint16) for encoding in tokenizer.encode_batch(texts)])


def halves(tokenizer, document, length=128):
    """The two segments of one document as text without blanks; None if it has none."""
    found = Segments.cut(stream(tokenizer, [document]), tokenizer, length)
    assert len(found) + found.left_out == 1
    if not len(found):
        return None
    start, cut, stop = (int(places[0]) for places in (found.starts, found.cuts, found.stops))
    ids = found.tokens[start:cut].tolist(), found.tokens[cut:stop].tolist()
    return tuple(tokenizer.decode(part).replace(" ", "") for part in ids), bool(found.at_sentences[0])


@pytest.mark.parametrize("lang", SENTENCES)
def test_the_cut_is_a_sentence_end_in_many_scripts(tokenizer, lang):
    first, second, third = (sentence.replace(" ", "") for sentence in SENTENCES[lang])
    found, at_sentences = halves(tokenizer, " ".join(SENTENCES[lang]))
    assert at_sentences and found in ((first, second + third), (first + second, third))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("the old mill of J . Smith is in the U . S . Nobody said why the river mill burned .", None),  # initials
        (
            "The mill by the river burned 3 . 5 times in the town . Nobody was hurt by the river .",
            "times in the town .",
        ),
        ("The mill burned down by the river ( in town . ) Nobody was hurt by the river mill .", "town . )"),
        ("Nobody said “ the mill by the river burned . ” Nobody was hurt by the river mill .", "burned . ”"),
        (
            "The mill by the river . the town of the mayor burned by the river . the mill said no .",
            None,
        ),  # small letters
    ],
)
def test_what_is_and_what_is_no_sentence_end(tokenizer, text, first):
    found, at_sentences = halves(tokenizer, text)
    assert at_sentences == (first is not None)
    if first is not None:
        assert found[0].endswith(first.replace(" ", ""))


def test_a_text_broken_off_in_mid_sentence_loses_the_rest(tokenizer):
    """Else the segment that ends without a full stop would always be the second."""
    found, at_sentences = halves(tokenizer, " ".join(SENTENCES["en"]) + " The town by the")
    assert at_sentences and found[1].endswith("Whydiditburn?")


def test_without_sentence_ends_words_are_not_broken(tokenizer):
    text = "no punctuation at all in here the old mill by the river burned down said the mayor of the town"
    (first, second), at_sentences = halves(tokenizer, text)
    words = text.split()
    assert not at_sentences and first + second == text.replace(" ", "")
    assert first in {"".join(words[:i]) for i in range(len(words))}


def test_documents_too_short_are_counted(tokenizer):
    long = " ".join(SENTENCES["en"])
    found = Segments.cut(stream(tokenizer, ["no", long, "", "the mill", long]), tokenizer, 128)
    assert found.left_out == 3 and found.documents.tolist() == [1, 4]
    assert len(Segments.cut(stream(tokenizer, ["no"]), tokenizer, 128)) == 0
    assert len(Segments.cut(np.zeros(0, np.uint16), tokenizer, 128)) == 0


WORD = st.sampled_from(["mill", "The", "river", ".", "?", "”", "burned", "河", "。", "Nobody", "3"])


@settings(deadline=None, max_examples=60)
@given(texts=st.lists(st.lists(WORD, max_size=60).map(" ".join), min_size=1, max_size=8), length=st.integers(16, 64))
def test_every_document_alone_is_cut_as_in_the_stream_and_within_bounds(tokenizer, texts, length):
    tokens = stream(tokenizer, texts)
    found = Segments.cut(tokens, tokenizer, length)
    begins = np.flatnonzero(tokens == CLS)
    assert (found.starts == begins[found.documents] + 1).all()
    assert len(found) + found.left_out == len(texts)
    assert (found.lengths >= SHORTEST).all() and (found.lengths <= (length - 3) // 2).all()
    for start, stop in zip(found.starts, found.stops, strict=True):
        assert (tokens[start:stop] >= len(SPECIAL_TOKENS)).all()  # within one document
    for number, one in enumerate(texts):
        alone = Segments.cut(stream(tokenizer, [one]), tokenizer, length)
        at = np.flatnonzero(found.documents == number)
        assert len(alone) == len(at)
        assert np.array_equal(alone.lengths, found.lengths[:, at])


def test_blocks_of_documents_make_no_difference(tokenizer, monkeypatch):
    texts = [" ".join(SENTENCES["en"]), "no", " ".join(SENTENCES["zh"]), " ".join(SENTENCES["hi"])] * 3
    tokens = stream(tokenizer, texts)
    whole = Segments.cut(tokens, tokenizer, 64)
    monkeypatch.setattr("smallbert.models.segments.DOCUMENTS_AT_ONCE", 5)
    blocks = Segments.cut(tokens, tokenizer, 64)
    for name in ("starts", "cuts", "stops", "documents", "at_sentences", "left_out"):
        assert np.array_equal(getattr(whole, name), getattr(blocks, name))


def test_rows_hold_first_then_second_segments():
    tokens = np.array([CLS, 10, 11, 12, 13, SEP, CLS, 20, 21, 22, SEP], np.uint16)
    found = Segments(tokens, np.array([1, 7]), np.array([2, 9]), np.array([5, 10]), np.arange(2), np.ones(2, bool), 0)
    rows = found.rows(np.array([1, 0]))
    assert rows.ids.tolist() == [
        [20, 21, SEP, PAD, PAD],
        [10, SEP, PAD, PAD, PAD],
        [22, SEP, PAD, PAD, PAD],
        [11, 12, 13, SEP, PAD],
    ]
    assert rows.lengths.tolist() == [2, 1, 1, 3] and rows.ids.dtype == np.int64
    assert SegmentRows.gather(tokens, np.array([1]), np.array([4])).ids.tolist() == [[10, 11, 12, 13, SEP, PAD]]


def test_real_news_is_cut_between_words_and_mostly_whole(shared_data, tmp_path):
    for name in ("english", "thai"):
        table = pq.read_table(shared_data / "news" / f"{name}.parquet", columns=["title", "content"]).slice(0, 400)
        texts = text(table)
        tokenizer = wordpiece.load(wordpiece.train_wordpiece(texts, 3000, tmp_path / name))
        found = Segments.cut(stream(tokenizer, texts), tokenizer, 128)
        assert found.left_out <= 4 and found.lengths.min() >= SHORTEST and found.lengths.mean() > 40
        if name == "english":  # Thai sets blanks between sentences, so nearly all of its cuts are between words
            assert found.at_sentences.mean() > 0.3
        assert not any(tokenizer.id_to_token(int(token)).startswith("##") for token in found.tokens[found.cuts])
