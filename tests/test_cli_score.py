"""``smallbert score squad``: what it prints, and what it says of files that are not what they should be."""

import json
import subprocess
import sys

import pytest

from smallbert import cli


@pytest.fixture
def files(tmp_path):
    """Gold of version 2 with three questions, and predictions for them."""
    qas = [
        {"id": "a", "question": "q", "answers": [{"text": "the cat", "answer_start": 0}], "is_impossible": False},
        {"id": "b", "question": "q", "answers": [{"text": "dog", "answer_start": 8}], "is_impossible": False},
        {"id": "c", "question": "q", "answers": [], "is_impossible": True},
    ]
    document = {"version": "v2.0", "data": [{"title": "t", "paragraphs": [{"context": "the cat dog", "qas": qas}]}]}
    contents = {
        "gold.json": document,
        "said.json": {"a": "Cat!", "b": "cat dog", "c": "cat"},
        "doubt.json": {"a": 0, "b": 0.2, "c": 0.9},
        "answers.json": document["data"][0]["paragraphs"][0]["qas"],
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(json.dumps(content))
    return tmp_path


def score(files, *arguments):
    return cli.main(["score", "squad", *(str(files / a) if a.endswith(".json") else a for a in arguments)])


def test_official_predictions_are_scored_in_per_cent_with_two_decimals(shared_data, capsys):
    folder = shared_data / "qa" / "squad"
    assert score(folder, "dev-v1.1.json", "predictions/v1.1-match-lstm.json") == 0
    assert capsys.readouterr().out.splitlines() == ["     questions      EM      F1", "all     10,570   67.63   76.76"]
    assert score(folder, "dev-v2.0.json", "predictions/v2.0-nlnet.json") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1] == ["all", "11,873", "75.83", "78.78"]
    assert [row[:2] for row in rows[2:]] == [["answerable", "5,928"], ["unanswerable", "5,945"]]


def test_answerable_and_unanswerable_stand_apart(files, capsys):
    assert score(files, "gold.json", "said.json") == 0
    assert capsys.readouterr().out.splitlines() == [
        "              questions      EM      F1",
        "all                   3   33.33   55.56",
        "answerable            2   50.00   83.33",
        "unanswerable          1    0.00    0.00",
    ]


def test_probabilities_of_no_answer_give_the_best_threshold(files, capsys):
    assert score(files, "gold.json", "said.json", "--na-probs", "doubt.json") == 0
    assert capsys.readouterr().out.splitlines()[4:] == [
        "best EM 66.67 at a threshold of 0",
        "best F1 88.89 at a threshold of 0.2",
    ]
    assert score(files, "gold.json", "said.json", "--na-probs", "doubt.json", "--na-prob-thresh", "0.5") == 0
    assert capsys.readouterr().out.splitlines()[1] == "all                   3   66.67   88.89"


def test_json_has_the_official_keys(files, capsys):
    assert score(files, "gold.json", "said.json", "--na-probs", "doubt.json", "--json") == 0
    table = json.loads(capsys.readouterr().out)
    assert list(table) == [
        *(
            "exact",
            "f1",
            "total",
            "HasAns_exact",
            "HasAns_f1",
            "HasAns_total",
            "NoAns_exact",
            "NoAns_f1",
            "NoAns_total",
        ),
        *("best_exact", "best_exact_thresh", "best_f1", "best_f1_thresh", "missing"),
    ]
    assert table["f1"] == pytest.approx(100 * (1 + 2 / 3) / 3) and table["best_f1_thresh"] == 0.2
    document = json.loads((files / "gold.json").read_text().replace("v2.0", "1.1"))
    document["data"][0]["paragraphs"][0]["qas"].pop()
    (files / "old.json").write_text(json.dumps(document))
    assert score(files, "old.json", "said.json", "--json") == 0
    assert list(json.loads(capsys.readouterr().out)) == ["exact_match", "f1", "total", "missing"]


def test_missing_predictions_are_counted_in_one_warning(files, capsys):
    (files / "said.json").write_text('{"a": "cat"}')
    assert score(files, "gold.json", "said.json") == 0
    seen = capsys.readouterr()
    assert seen.err == "warning: 2 of 3 questions have no prediction and score 0: b, c\n"
    assert "33.33" in seen.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("said.json", "gold.json"), "error: said.json: expected the key 'data', got 'a', 'b', 'c'."),
        (("gold.json", "gold.json"), "error: gold.json: 'data': expected a predicted answer, got [{"),
        (("gold.json", "answers.json"), "error: answers.json: expected a JSON object, got a JSON list."),
        (("gold.json", "doubt.json"), "error: doubt.json: 'a': expected a predicted answer, got 0."),
        (("gold.json", "none.json"), "none.json: expected a readable JSON file: No such file"),
        (
            ("gold.json", "said.json", "--na-probs", "said.json"),
            "'a': expected a probability of no answer, got \"Cat!\"",
        ),
        (("gold.json", "twice.json"), "error: twice.json: expected strict JSON: an object has the key 'a' twice."),
        (("gold.json", "other.json"), "error: Expected predictions for 3 questions, got 1 for others."),
        (("gold.json", "cut.json"), "error: cut.json:1: expected JSON, at column"),
    ],
)
def test_wrong_files_are_named_and_end_with_code_3(files, arguments, message, capsys):
    (files / "twice.json").write_text('{"a": "x", "a": "y"}')
    (files / "other.json").write_text('{"z": "x"}')
    (files / "cut.json").write_text('{"a": "x", "b')
    assert score(files, *arguments) == 3
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


def test_scoring_does_not_load_torch(files):
    code = (
        "import sys\nfrom smallbert.cli import main\n"
        f"assert main(['score', 'squad', {str(files / 'gold.json')!r}, {str(files / 'said.json')!r}]) == 0\n"
        "assert not {'torch', 'transformers', 'pandas'} & set(sys.modules), 'heavy import'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_probabilities_mean_nothing_where_every_question_has_an_answer(files, capsys):
    document = json.loads((files / "gold.json").read_text())
    document["version"] = "1.1"
    document["data"][0]["paragraphs"][0]["qas"].pop()
    (files / "gold.json").write_text(json.dumps(document))
    assert score(files, "gold.json", "said.json", "--na-probs", "doubt.json") == 2
    assert "--na-probs has no meaning for gold.json" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["score"], ["score", "squad"]])
def test_the_commands_have_help(command, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main([*command, "-h"])
    assert caught.value.code == 0 and "usage: smallbert score" in capsys.readouterr().out
