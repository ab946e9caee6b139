"""KLUE-NER's rows of characters, blanks among them."""

import pytest

from smallbert.corpus.tally import Tally
from smallbert.corpus.tasks import character_bio
from smallbert.corpus.tasks.examples import Tagged
from smallbert.errors import DataError

HEAD = "## 컬럼명 : CHAR\tNE_TAG\n## klue-ner-0\t<경찰:OG> #1\n"
ROWS = "경\tB-OG\n찰\tI-OG\n \tO\n#\tO\n1\tB-QT\n"
PAIRS = (("경", "B-OG"), ("찰", "I-OG"), (" ", "O"), ("#", "O"), ("1", "B-QT"))
SENTENCE = Tagged("klue-ner-0", *zip(*PAIRS, strict=True), "", "ko")


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_blanks_are_characters_and_the_last_comment_names_the_sentence(tmp_path, ends):
    (tmp_path / "f.tsv").write_bytes((HEAD + ROWS + "\n" + ROWS).replace("\n", ends).encode("utf-8-sig"))
    first, second = character_bio.read(tmp_path / "f.tsv")
    assert first == SENTENCE and "".join(first.words) == "경찰 #1"
    assert second.id == "f.tsv:9" and second.tags == first.tags


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("경찰\tO", r"f\.tsv:9: wrong character \(expected one and a tab, got '경찰'\)"),
        ("O", r"f\.tsv:9: unknown label"),
        ("\tO", r"f\.tsv:9: wrong character"),
        ("\0\tO", r"f\.tsv:9: wrong character"),
        ("가\tB", r"f\.tsv:9: unknown label .* got 'B'"),
        ("가\tE-OG", r"f\.tsv:9: unknown label .* got 'E-OG'"),
    ],
)
def test_a_bad_line_costs_its_sentence(tmp_path, line, message):
    (tmp_path / "f.tsv").write_text(f"{HEAD}{ROWS}\n{line}\n\n{ROWS}", encoding="utf-8")
    assert len(list(character_bio.read(tmp_path / "f.tsv", report=Tally(1)))) == 2
    with pytest.raises(DataError, match=message):
        list(character_bio.read(tmp_path / "f.tsv", report=Tally(0)))
