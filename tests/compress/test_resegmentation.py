"""Tokens unchanged, cut otherwise and lost, on a vocabulary small enough to count them by hand."""

import numpy as np
import pytest
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

from smallbert.compress.resegmentation import Changes, changes
from smallbert.compress.vocabulary import Vocabulary

TOKENS = ["[PAD]", "[UNK]", "ab", "a", "##b", "c", "##c", "d"]


@pytest.fixture
def before(tmp_path):
    raw = Tokenizer(models.WordPiece({token: id for id, token in enumerate(TOKENS)}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    transformers.BertModel(transformers.BertConfig(vocab_size=len(TOKENS), **sizes)).save_pretrained(tmp_path / "b")
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]")
    fast.save_pretrained(tmp_path / "b")
    return Vocabulary(tmp_path / "b")


@pytest.fixture
def after(before, tmp_path):
    """Without "ab" and "d"."""
    return before.trim(np.array([0, 1, 3, 4, 5, 6]), tmp_path / "a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a c x", Changes(1, 1, 3, 3, 0, 0, 3)),  # unknown before and after is no change
        ("ab c", Changes(1, 0, 2, 1, 1, 0, 3)),  # a ##b c
        ("abc", Changes(1, 0, 2, 1, 1, 0, 3)),  # ab ##c becomes a ##b ##c
        ("d a d", Changes(1, 0, 3, 1, 0, 2, 3)),
        ("x d ab a", Changes(1, 0, 4, 2, 1, 1, 5)),
        ("", Changes(1, 1)),
    ],
)
def test_one_text(before, after, text, expected):
    assert changes(before, after, [text]) == expected


def test_many_texts_are_a_sum_of_single_ones(before, after):
    texts, seen = ["a c", "ab", "d", "x abc d"] * 300, []
    found = changes(before, after, iter(texts), advance=seen.append)
    assert seen == [1024, 176]
    assert found == sum((changes(before, after, [text]) for text in texts[:4] * 300), Changes())
    assert found.summary() == (
        "25.0% of 1,200 held-out texts are unchanged; of their tokens 50.00% are unchanged, 25.00% cut otherwise and "
        "25.0000% lost to an unknown token"
    )


def test_nothing_to_compare(before, after):
    assert changes(before, after, []).summary() == "no held-out text to compare"


def test_renumbering_names_what_is_gone(before, after):
    assert before.renumbering(after).tolist() == [0, 1, -1, 2, 3, 4, 5, -1]
