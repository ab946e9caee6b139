"""Examples one a row: SWAG, KoBEST, XNLI, KorSTS and reviews, in the forms their files have."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smallbert.corpus.tally import Tally
from smallbert.corpus.tasks import entailment, kobest, reviews, similarity, swag
from smallbert.corpus.tasks.examples import Choice, Pair, ScoredPair, Text
from smallbert.errors import DataError

SWAG = {
    "sent1": 'He said "go", then left.',
    "sent2": "A dog",
    "ending0": "barks, twice.",
    "ending1": "sings.",
    "ending2": "flies 🛩.",
    "ending3": "يقرأ",
    "label": 1,
}
NLI = ("sentence1", "sentence2", "gold_label")
STS = ("score", "sentence1", "sentence2")
ENDINGS = tuple(SWAG[f"ending{i}"] for i in range(4))


def test_swag_reads_json_lines_and_the_original_csv_alike(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps(SWAG) + "\n", encoding="utf-8")
    original = {"": 0, "video-id": "anet_x", "fold-ind": 1, "startphrase": "He said ...", "gold-source": "gold", **SWAG}
    with (tmp_path / "s.csv").open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, list(original))
        table.writeheader()
        table.writerow(original)
    found = [next(swag.read(tmp_path / name)) for name in ("s.json", "s.csv")]
    expected = [Choice(where, SWAG["sent1"], "A dog", ENDINGS, 1, "en") for where in ("s.json:1", "s.csv:2")]
    assert found == expected


def test_kobest_reads_four_whole_sentences(tmp_path):
    (tmp_path / "k.tsv").write_bytes(
        'context\tchoice1\tchoice2\tchoice3\tchoice4\tlabel\r\n“가\t나\t다\t"라\t마\t3\r\n'.encode()
    )
    assert list(kobest.read(tmp_path / "k.tsv")) == [Choice("k.tsv:2", "“가", "", ("나", "다", '"라', "마"), 3, "ko")]


def test_pairs_are_read_without_quoting(tmp_path):
    (tmp_path / "p.tsv").write_text(
        'sentence1\tsentence2\tgold_label\n"열린 따옴표\t끝\tneutral\n둘\t셋"\tcontradiction\n', encoding="utf-8"
    )
    assert list(entailment.read_tsv(tmp_path / "p.tsv")) == [
        Pair("p.tsv:2", '"열린 따옴표', "끝", "neutral", "ko"),
        Pair("p.tsv:3", "둘", '셋"', "contradiction", "ko"),
    ]


def test_similarity_keeps_fractions_and_both_ends(tmp_path):
    rows = "".join(f'g\tf\ty\t{i}\t{score}\t"가 {i}\t나\n' for i, score in enumerate(("0.000", "3.25", "5")))
    (tmp_path / "s.tsv").write_text("genre\tfilename\tyear\tid\tscore\tsentence1\tsentence2\n" + rows, encoding="utf-8")
    assert [pair.score for pair in similarity.read(tmp_path / "s.tsv")] == [0.0, 3.25, 5.0]
    assert next(similarity.read(tmp_path / "s.tsv")) == ScoredPair("s.tsv:2", '"가 0', "나", 0.0, "ko")


def test_reviews_of_the_middle_are_no_examples_and_no_bad_rows(tmp_path):
    ratings = list(range(1, 11))
    pq.write_table(
        pa.table({"id": [f"r{i}" for i in ratings], "review": ["좋다"] * 10, "rating": ratings}), tmp_path / "r.parquet"
    )
    report = Tally(0)
    found = list(reviews.read(tmp_path / "r.parquet", report=report))
    assert [one.label for one in found] == ["negative"] * 4 + ["positive"] * 2
    assert found[0] == Text("r1", "좋다", "negative", "ko") and (report.rows, report.total) == (10, 0)


@pytest.mark.parametrize(
    ("read", "columns", "good", "bad", "message"),
    [
        (entailment.read_tsv, NLI, "a b neutral", "a b -", "unknown label .*got '-'"),
        (entailment.read_tsv, NLI, "a b neutral", "a b", "wrong column count"),
        (entailment.read_tsv, NLI, "a b neutral", " b neutral", "missing sentence1"),
        (entailment.read_tsv, NLI, "a b neutral", "a\0 b neutral", "NUL byte"),
        (entailment.read_tsv, NLI, "a b neutral", "\udcff b neutral", "broken encoding"),
        (similarity.read, STS, "1 a b", "5.1 a b", "unknown score .*got '5.1'"),
        (similarity.read, STS, "1 a b", "nan a b", "unknown score"),
        (similarity.read, STS, "1 a b", "five a b", "unknown score"),
        (kobest.read, kobest.COLUMNS, "c 1 2 3 4 0", "c 1 2 3 4 4", "unknown label .*got '4'"),
        (reviews.read, ("id", "review", "rating"), "1 a 9", "1 a 11", "unknown rating"),
        (reviews.read, ("id", "review", "rating"), "1 a 9", "1 a -3", "unknown rating"),
    ],
)
def test_a_bad_row_is_counted_by_line_and_skipped(tmp_path, read, columns, good, bad, message):
    path = tmp_path / "f.tsv"
    lines = "\n".join([" ".join(columns), good, bad, good]).replace(" ", "\t")
    path.write_text(lines, encoding="utf-8", errors="surrogateescape")
    report = Tally(1)
    assert len(list(read(path, report=report))) == 2
    assert (report.rows, report.total) == (3, 1)
    with pytest.raises(DataError, match=rf"f\.tsv:3: {message}"):
        list(read(path, report=Tally(0)))


def test_the_wrong_file_is_known_by_its_columns(tmp_path):
    (tmp_path / "f.tsv").write_text("context\tlabel\na\t1\n")
    with pytest.raises(
        DataError, match=r"f\.tsv: expected the columns .*; missing choice1, .* among 'context', 'label'"
    ):
        kobest.read(tmp_path / "f.tsv")


def test_a_file_without_examples_is_refused(tmp_path):
    (tmp_path / "f.tsv").write_text("score\tsentence1\tsentence2\n")
    with pytest.raises(DataError, match=r"f\.tsv: expected examples, found none among 0 rows"):
        list(similarity.read(tmp_path / "f.tsv"))


KLUE = {"guid": "g", "premise": "가", "hypothesis": "나", "gold_label": "entailment", "label2": "neutral"}


def test_klue_reads_a_json_list(tmp_path):
    (tmp_path / "f.json").write_text(json.dumps([KLUE, KLUE | {"guid": "h"}]))
    assert list(entailment.read_klue(tmp_path / "f.json")) == [
        Pair(name, "가", "나", "entailment", "ko") for name in ("g", "h")
    ]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (3, r"f\.json: \[1\]: wrong form \(expected a JSON object, got a JSON whole number\.\)"),
        ({"guid": "g"}, r"\[1\]: wrong form \(expected the key 'premise', got 'guid'\.\)"),
        (KLUE | {"premise": 3}, r"\[1\]: wrong form \(premise: expected a JSON text, got a JSON whole number\.\)"),
        (KLUE | {"gold_label": "other"}, r"\[1\]: unknown label"),
        (KLUE | {"premise": ""}, r"\[1\]: missing premise"),
    ],
)
def test_a_bad_entry_of_klue_is_counted_by_its_place(tmp_path, entry, message):
    (tmp_path / "f.json").write_text(json.dumps([KLUE, entry]))
    assert len(list(entailment.read_klue(tmp_path / "f.json", report=Tally(1)))) == 1
    with pytest.raises(DataError, match=message):
        list(entailment.read_klue(tmp_path / "f.json", report=Tally(0)))


def test_klue_must_be_a_list(tmp_path):
    (tmp_path / "f.json").write_text("{}")
    with pytest.raises(DataError, match=r"f\.json: expected a JSON list, got a JSON object"):
        entailment.read_klue(tmp_path / "f.json")
