"""CoNLL-U: what counts as a word, and what a bad line costs."""

import pytest

from smallbert.corpus.tally import Tally
from smallbert.corpus.tasks import blocks, conllu
from smallbert.corpus.tasks.examples import Tagged
from smallbert.errors import DataError


def row(number, form, tag):
    return f"{number}\t{form}\t_\t{tag}\t_\t_\t_\t_\t_\t_"


GOOD = [
    "# sent_id = s-1",
    "# text = I didn't",
    row("1", "I", "PRON"),
    row("2-3", "didn't", "_"),
    row("2", "did", "AUX"),
    row("3", "n't", "PART"),
    row("3.1", "go", "VERB"),
    "",
    row("1", "10 000", "NUM"),
    row("2", "한국어를", "NOUN"),
    row("3", "שלום", "INTJ"),
    row("4", "🙂", "SYM"),
]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("prefix", ["", "\ufeff"])
def test_multiword_tokens_and_empty_nodes_are_no_words(tmp_path, ends, prefix):
    (tmp_path / "f.conllu").write_bytes((prefix + ends.join(GOOD)).encode())
    assert list(conllu.read(tmp_path / "f.conllu", lang="en")) == [
        Tagged("s-1", ("I", "did", "n't"), ("PRON", "AUX", "PART"), lang="en"),
        Tagged("f.conllu:9", ("10 000", "한국어를", "שלום", "🙂"), ("NUM", "NOUN", "INTJ", "SYM"), lang="en"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1\tword\tNOUN", r"f\.conllu:13: wrong column count \(expected 10, got 3\)"),
        (row("2", "word", "NOUN"), r"f\.conllu:13: wrong id \(expected 1, got '2'\)"),
        (row("1", "word", "NN"), r"f\.conllu:13: unknown label .* got 'NN'"),
        (row("1", "", "NOUN"), r"f\.conllu:13: missing form"),
        (row("1", "a\0", "NOUN"), r"f\.conllu:13: NUL byte"),
        (row("1-2", "word", "_"), r"f\.conllu:13: no words"),
    ],
)
def test_a_bad_line_costs_its_sentence(tmp_path, line, message):
    (tmp_path / "f.conllu").write_text("\n".join([*GOOD[:7], "", *[""] * 4, line, "", *GOOD]))
    report = Tally(1)
    assert [len(sentence.words) for sentence in conllu.read(tmp_path / "f.conllu", report=report)] == [3, 3, 4]
    assert (report.rows, report.total) == (4, 1)
    with pytest.raises(DataError, match=message):
        list(conllu.read(tmp_path / "f.conllu", report=Tally(0)))


def test_a_file_of_another_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "LONGEST", 50)
    (tmp_path / "f.conllu").write_text("a line\n" * 60)
    with pytest.raises(
        DataError, match=r"f\.conllu:51: expected a blank line after each sentence, got 50 rows without"
    ):
        list(conllu.read(tmp_path / "f.conllu"))
    (tmp_path / "f.conllu").write_bytes("a".encode("utf-16"))
    with pytest.raises(DataError, match="found a UTF-16 byte order mark"):
        list(conllu.read(tmp_path / "f.conllu"))
    with pytest.raises(DataError, match=r"Expected a file at .*none, which does not exist"):
        conllu.read(tmp_path / "none")
