"""Inputs put together from texts tokenised apart, against the tokenizer's own; windows and words aside."""

import numpy as np
import pytest
from tokenizers import processors
from transformers import AutoTokenizer

from smallbert.corpus.tasks.examples import Choice, Pair, ScoredPair, Text
from smallbert.errors import DataError
from smallbert.models.heads.choice import MultipleChoice
from smallbert.models.heads.classification import Classification, Similarity
from smallbert.models.heads.sequences import Reader


def parts(inputs):
    return [part.tolist() for part in np.split(inputs.ids, inputs.starts[1:-1])]


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_inputs_equal_the_tokenizers(encoders, sentence, rng, family):
    peer = AutoTokenizer.from_pretrained(encoders / family)
    reader = Reader(AutoTokenizer.from_pretrained(encoders / family), 24)
    first, second = ([sentence(int(n)) for n in rng.integers(1, 40, 60)] for _ in range(2))
    singles = reader.singles(reader.ids(first))
    assert parts(singles) == peer(first, truncation=True, max_length=24)["input_ids"]
    fits = [i for i in range(60) if len(first[i].split()) + len(second[i].split()) < 20]
    pairs = reader.pairs(reader.ids([first[i] for i in fits]), reader.ids([second[i] for i in fits]))
    expected = peer([first[i] for i in fits], [second[i] for i in fits], return_token_type_ids=True)
    assert parts(pairs) == expected["input_ids"]
    assert [part.tolist() for part in np.split(pairs.types, pairs.starts[1:-1])] == expected["token_type_ids"]
    assert singles.truncated == sum(len(text.split()) > 22 for text in first) and pairs.truncated == 0


def test_a_long_pair_is_cut_as_bert_cuts_it(tokenizer):
    reader = Reader(tokenizer, 13)
    for a in range(1, 15):
        for b in range(1, 15):
            first, second = list(range(a)), list(range(b))
            while len(first) + len(second) > 10:  # _truncate_seq_pair of run_classifier.py
                (first if len(first) > len(second) else second).pop()
            one = reader.pairs([np.arange(a, dtype=np.int32)], [np.arange(b, dtype=np.int32)])
            assert one.ids.tolist() == [2, *first, 3, *second, 3]
            assert one.truncated == (a + b > 10)


def test_flat_lists_tokens_input_by_input(tokenizer):
    inputs = Reader(tokenizer, 20).singles([np.full(n, n, np.int32) for n in (5, 6, 7)])
    assert inputs.ids[inputs.flat(np.array([2, 0]))].tolist() == [2, *[7] * 7, 3, 2, *[5] * 5, 3]


def test_special_tokens_in_a_text_are_text(tokenizer):
    ids = Reader(tokenizer, 20).ids(["a [SEP] b"])[0]
    assert not {2, 3} & set(ids.tolist())


def test_a_tokenizer_without_special_tokens_is_refused(encoders):
    bare = AutoTokenizer.from_pretrained(encoders / "bert")
    bare.backend_tokenizer.post_processor = processors.ByteLevel()
    with pytest.raises(DataError, match="special tokens around 1 texts, got"):
        Reader(bare, 20)


def test_texts_and_pairs_and_their_targets(tokenizer):
    reader, task = Reader(tokenizer, 20), Classification()
    texts = [Text("1", "w1 w2", "no"), Text("2", "", "yes"), Text("3", "w3", "no")]
    labels = task.labels(texts)
    assert labels == ("no", "yes")  # the most frequent first
    inputs = task.read(texts, reader)
    assert inputs.lengths.tolist() == [4, 2, 3] and task.targets(texts, inputs, labels).tolist() == [0, 1, 0]
    pair = Pair("4", "w1", "w2 w3", "maybe")
    assert task.read([pair], reader).types.tolist() == [0, 0, 0, 1, 1, 1]
    with pytest.raises(DataError, match=r"2 labels seen in training \(no, yes\), got 'maybe' in example 4"):
        task.targets([pair], inputs, labels)
    with pytest.raises(DataError, match="at least two labels to tell apart, got only 'no' in 2 examples"):
        task.labels([texts[0], texts[2]])


def test_scores_that_teach_nothing_are_refused():
    same = [ScoredPair(str(i), "a", "b", 2.0) for i in range(3)]
    with pytest.raises(DataError, match="two different scores, got 3 examples with one"):
        Similarity().labels(same)
    with pytest.raises(DataError, match="Expected a finite score, got nan in example x"):
        Similarity().targets([*same, ScoredPair("x", "a", "b", float("nan"))], None, ())


def test_every_candidate_is_read_after_the_context(tokenizer):
    task = MultipleChoice(candidates=2)
    inputs = task.read([Choice("1", "w1 w2", "w3", ("w4", "w5 w6"), 1)], Reader(tokenizer, 20))
    texts = [tokenizer.decode(part) for part in parts(inputs)]
    assert texts == ["[CLS] w1 w2 [SEP] w3 w4 [SEP]", "[CLS] w1 w2 [SEP] w3 w5 w6 [SEP]"]
    with pytest.raises(DataError, match="Expected 2 endings, got 3 in example 7"):
        task.read([Choice("7", "a", "", ("a", "b", "c"), 0)], Reader(tokenizer, 20))
    with pytest.raises(DataError, match="Expected a label from 0 to 1, got 2 in example 8"):
        task.targets([Choice("8", "a", "", ("a", "b"), 2)], inputs, ())
