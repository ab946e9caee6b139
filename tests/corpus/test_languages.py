"""Language labels: one code a language, and nothing that is no code."""

import pytest

from smallbert.corpus.languages import code
from smallbert.corpus.news import read


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("eng", "en"),
        (" ENG ", "en"),
        ("EN", "en"),
        ("pcm", "pcm"),
        ("zh-Hant", "zh-hant"),
        ("pt_BR", "pt_br"),
        ("x" * 35, "x" * 35),
        ("x" * 36, ""),
        ("", ""),
        (r"$\frac$", ""),
        ("[x](http://e)", ""),
        ("<b>en</b>", ""),
        ("en us", ""),
        ("en\n", "en"),
        ("e\nn", ""),
        ("français", ""),
        ("_hidden", ""),  # matplotlib leaves labels out of a legend that start so
        ("\u202een", ""),
    ],
)
def test_code(label, expected):
    assert code(label) == expected


def test_labels_of_a_corpus_are_codes_or_unknown(tmp_path):
    (tmp_path / "n.csv").write_text("lang,title,text\n$\\frac$,a,b\nEng,c,d\n[x](http://e),e,f\n")
    assert [row["lang"] for batch in read(tmp_path / "n.csv") for row in batch.to_pylist()] == ["", "en", ""]
