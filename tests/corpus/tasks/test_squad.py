"""SQuAD's JSON: every slip names its place, answers are where they say, and nothing is lost that a scorer needs."""

import json
import re

import pytest

from smallbert.corpus.tally import Tally
from smallbert.corpus.tasks import squad
from smallbert.corpus.tasks.examples import Answer
from smallbert.errors import DataError

CONTEXT = "In 1973 the 🛢 crisis began; في عام ١٩٧٣ بدأت الأزمة."


def qa(name="q1", question="When?", answers=(("1973", 3),), **more):
    return {"id": name, "question": question, "answers": [{"text": t, "answer_start": s} for t, s in answers], **more}


def write(tmp_path, *qas, context=CONTEXT, version="1.1"):
    document = {"version": version, "data": [{"title": "Oil", "paragraphs": [{"context": context, "qas": list(qas)}]}]}
    path = tmp_path / "f.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_answers_are_kept_all_with_their_places(tmp_path):
    answers = (("1973", 3), ("the 🛢 crisis", 8), ("١٩٧٣", CONTEXT.index("١")), ("1973", 3))
    (question,) = squad.read(write(tmp_path, qa(answers=answers)), lang="en")
    assert (question.id, question.title, question.context, question.lang) == ("q1", "Oil", CONTEXT, "en")
    assert question.answers == tuple(Answer(*answer) for answer in answers)
    assert all(CONTEXT[a.start : a.start + len(a.text)] == a.text for a in question.answers)


def test_version_2_has_questions_without_answers(tmp_path):
    path = write(tmp_path, qa(is_impossible=False), qa("q2", answers=(), is_impossible=True), version="v2.0")
    assert [bool(question.answers) for question in squad.read(path)] == [True, False]
    assert squad.load(path).unanswerable
    assert not squad.load(write(tmp_path, qa())).unanswerable
    # Data sets of the same form with a version of their own go by what is in them.
    assert squad.load(write(tmp_path, qa(answers=()), version="K_v1")).unanswerable


def test_a_long_passage_is_read_whole(tmp_path):
    context = "wörd " * 8000 + "42"
    (question,) = squad.read(write(tmp_path, qa(answers=(("42", 40_000),)), context=context))
    assert len(question.context) == 40_002 and question.answers == (Answer("42", 40_000),)


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (qa("b", answers=(("1974", 3),)), "answer not at answer_start"),
        (qa("b", answers=(("1973", 3), ("1973", 4))), "answer not at answer_start"),
        (qa("b", answers=(("", 3),)), "answer not at answer_start"),
        (qa("b", answers=(("1973", -50),)), "answer not at answer_start"),
        (qa("b", answers=(("1973", 10**12),)), "answer not at answer_start"),
        (qa("b", question=" "), "missing question"),
        (qa("b", question="Wh\0en?"), "NUL byte"),
        (qa("b", question="\ud800"), "broken encoding"),
    ],
)
def test_what_no_model_can_learn_from_is_counted_and_left_out(tmp_path, bad, kind):
    path = write(tmp_path, qa(), bad)
    report = Tally(1)
    assert [question.id for question in squad.read(path, report=report)] == ["q1"]
    assert report.counts == {kind: 1} and report.rows == 2
    assert report.examples[0].startswith(f"f.json: data[0].paragraphs[0].qas[1]: {kind}")
    assert [question.id for question in squad.load(path).questions] == ["q1", "b"]
    with pytest.raises(DataError, match="Expected at most 0 rows"):
        list(squad.read(path, report=Tally(0)))


def test_empty_passage_is_left_out(tmp_path):
    with pytest.raises(DataError, match=r"missing context"):
        list(squad.read(write(tmp_path, qa(answers=()), context="", version="2.0")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("data"), r"f\.json: expected the key 'data', got 'version'\."),
        (lambda d: d.update(data={}), r"f\.json\.data: expected a JSON list, got a JSON object\."),
        (lambda d: d["data"].append(3), r"f\.json: data\[1\]: expected a JSON object, got a JSON whole number\."),
        (lambda d: d["data"][0].pop("paragraphs"), r"data\[0\]: expected the key 'paragraphs'"),
        (lambda d: d["data"][0].update(title=None), r"data\[0\]\.title: expected a JSON text, got a JSON null"),
        (lambda d: d["data"][0]["paragraphs"][0].pop("context"), r"data\[0\]\.paragraphs\[0\]: .*'context', got 'qas'"),
        (lambda d: first(d).pop("id"), r"data\[0\]\.paragraphs\[0\]\.qas\[0\]: expected the key 'id'"),
        (lambda d: first(d).update(answers=None), r"qas\[0\]\.answers: expected a JSON list, got a JSON null"),
        (lambda d: first(d)["answers"][0].update(answer_start="3"), r"answers\[0\]\.answer_start: .*got a JSON text"),
        (lambda d: first(d)["answers"][0].update(answer_start=True), r"answer_start: expected a JSON whole number"),
        (lambda d: first(d)["answers"].clear(), r"qas\[0\]\.answers: expected an answer, as version 1 has"),
        (lambda d: first(d).update(is_impossible=True), r"qas\[0\]: .* got 1 answers and is_impossible = true"),
        (
            lambda d: d["data"][0]["paragraphs"][0]["qas"].append(first(d)),
            r"qas\[1\]\.id: expected an id of its own, got 'q1', which f\.json: .*\.qas\[0\] has",
        ),
        (lambda d: d["data"].clear(), r"f\.json: expected questions, found none"),
    ],
)
def test_a_slip_in_the_structure_names_its_path(tmp_path, change, message):
    path = write(tmp_path, qa())
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=message):
        squad.read(path)


def first(document):
    return document["data"][0]["paragraphs"][0]["qas"][0]


def test_a_cut_file_names_the_line(tmp_path):
    path = write(tmp_path, qa())
    path.write_text(path.read_text()[:-30])
    with pytest.raises(DataError, match=re.escape("f.json:1: expected JSON, at column")):
        squad.read(path)
