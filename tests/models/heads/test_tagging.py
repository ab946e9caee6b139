"""Words, characters and their tokens: which token speaks for a word, and what becomes of words without one."""

import numpy as np
import pytest

from smallbert.corpus.tasks import character_bio
from smallbert.corpus.tasks.examples import Tagged
from smallbert.errors import DataError
from smallbert.models.heads.sequences import Reader
from smallbert.models.heads.tagging import IGNORED, Tagging, align


def read(tokenizer, words, tags, *, space=" ", max_tokens=40):
    example = Tagged("s1", tuple(words), tuple(tags), space)
    return Tagging().read([example], Reader(tokenizer, max_tokens)), example


def test_the_first_sub_token_of_each_word_has_its_tag(tokenizer):
    words, labels = ["w1", "cats", "don't", "w2"], ("N", "V")
    inputs, example = read(tokenizer, words, "NVNV")
    # [CLS] w1 c ##a ##t ##s d ##o ##n ' t w2 [SEP]
    expected = np.full(13, IGNORED)
    expected[[1, 2, 6, 11]] = [0, 1, 0, 1]
    assert Tagging().targets([example], inputs, labels).tolist() == expected.tolist()
    peer = tokenizer(words, is_split_into_words=True)
    firsts = [peer.word_ids().index(number) for number in range(4)]
    assert inputs.tokens[0].tolist() == firsts and inputs.leads[0].all()


def test_prediction_reads_the_same_tokens(tokenizer):
    inputs, example = read(tokenizer, ["w1", "cats", "don't", "w2"], "NVNV")
    outputs = np.zeros((len(inputs.ids), 2))
    outputs[:, 1] = 1  # what other tokens say is not heard
    outputs[inputs.tokens[0][[0, 2]], 0] = 2
    assert Tagging().predict(outputs, inputs, ("N", "V")) == [example.tags]


def test_a_token_of_several_characters_speaks_for_all(tokenizer):
    text, tags = "w12 x", ["B-X", "I-X", "I-X", "O", "O"]  # one token w12
    inputs, example = read(tokenizer, text, tags, space="")
    labels = ("O", "B-X", "I-X")
    targets = Tagging().targets([example], inputs, labels)
    assert targets.tolist() == [IGNORED, 1, 0, IGNORED]
    outputs = np.eye(3)[np.where(targets == IGNORED, 0, targets)]
    assert Tagging().predict(outputs, inputs, labels) == [tuple(tags)]
    assert inputs.unseen == 1  # the blank


def test_a_blank_amid_an_entity_belongs_to_it(tokenizer):
    inputs, _ = read(tokenizer, "한 국 어", "OOOOO", space="")
    labels = ("O", "B-X", "I-X")
    for said, expected in (
        (("B-X", "I-X", "I-X"), ("B-X", "I-X", "I-X", "I-X", "I-X")),
        (("B-X", "B-X", "O"), ("B-X", "O", "B-X", "O", "O")),
        (("O", "I-X", "O"), ("O", "O", "I-X", "O", "O")),
    ):
        outputs = np.eye(3)[[0, *(labels.index(tag) for tag in said), 0]]
        assert Tagging().predict(outputs, inputs, labels) == [expected]


def test_the_end_of_a_long_sentence_is_cut_and_counted(tokenizer):
    inputs, example = read(tokenizer, ["w1"] * 10, "NVNVNVNVNV", max_tokens=8)
    assert inputs.truncated == 1 and inputs.unseen == 4
    assert Tagging().targets([example], inputs, ("N", "V"))[1:7].tolist() == [0, 1] * 3
    predicted = Tagging().predict(np.tile([0.0, 1.0], (8, 1)), inputs, ("N", "V"))
    assert predicted == [("V",) * 6 + ("N",) * 4]  # the most frequent tag of training is the first label


def test_words_equal_those_of_the_tokenizer_in_every_script(tokenizer):
    words = ["한국어", "ไทย", "🙂🚀", "עברית", "a.b", "w3"]
    inputs, _ = read(tokenizer, words, ["X"] * 6)
    peer = tokenizer(words, is_split_into_words=True)
    assert inputs.ids.tolist() == peer["input_ids"]
    assert inputs.tokens[0].tolist() == [peer.word_ids().index(number) for number in range(6)]


def test_tokens_that_hold_the_blank_before_a_word_belong_to_the_word():
    offsets = np.array([(0, 2), (2, 5), (5, 6)])  # "ab", " cd", " " as SentencePiece may cut
    token, lead = align(["ab", "cd", "e"], " ", offsets)
    assert token.tolist() == [0, 1, -1] and lead.tolist() == [True, True, False]


def test_a_sentence_without_words_or_with_too_few_tags_is_refused(tokenizer):
    for words, tags in (((), ()), (("a", "b"), ("N",))):
        with pytest.raises(DataError, match=rf"{len(words)} words and {len(tags)} tags in example s1"):
            read(tokenizer, words, tags)
    with pytest.raises(DataError, match="two labels to tell apart, got only 'N' in 2 words"):
        Tagging().labels([Tagged("s", ("a", "b"), ("N", "N"))])
    example = Tagged("s2", ("a",), ("Z",))
    inputs = Tagging().read([example], Reader(tokenizer, 10))
    with pytest.raises(DataError, match=r"seen in training \(N, V\), got 'Z' in example s2"):
        Tagging().targets([example], inputs, ("N", "V"))


def test_real_entities_survive_the_way_through_the_tokens(make_tokenizer, shared_data):
    """With a token for every character, the gold tags of Korean sentences come back from gold outputs, blanks too."""
    path = next((shared_data / "tagging" / "klue_ner").glob("*.tsv"))
    sentences = [example for example, _ in zip(character_bio.read(path), range(300), strict=False)]
    task, labels = Tagging(), Tagging().labels(sentences)
    tokenizer = make_tokenizer("bert", sorted({character for example in sentences for character in example.words}))
    inputs = task.read(sentences, Reader(tokenizer, 1000))
    targets = task.targets(sentences, inputs, labels)
    outputs = np.eye(len(labels))[np.where(targets == IGNORED, 0, targets)]
    assert task.predict(outputs, inputs, labels) == [example.tags for example in sentences]
    blanks = [tag for one in sentences for word, tag in zip(one.words, one.tags, strict=True) if word == " "]
    assert inputs.unseen == len(blanks) and any(tag.startswith("I-") for tag in blanks)
