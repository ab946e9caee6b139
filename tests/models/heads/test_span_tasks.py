"""Windows over passages of any length and script, targets within them, and answers as original characters."""

import numpy as np
import pytest

from smallbert.corpus.tasks import squad
from smallbert.corpus.tasks.examples import Answer, Question
from smallbert.errors import DataError, UsageError
from smallbert.models.heads.sequences import Reader
from smallbert.models.heads.span_search import best_spans
from smallbert.models.heads.spans import Span, SpanExtraction, predictions


def question(context, answer="", start=None, asked="w1 w2?"):
    where = context.index(answer) if start is None else start
    return Question("q1", "t", context, asked, (Answer(answer, where),) if answer else ())


def planted(inputs, targets):
    """Outputs that want what the targets say, and [CLS] only where nothing else is wanted."""
    outputs = np.where(targets, 10.0, 0.0).astype(np.float32)
    outputs[inputs.starts[:-1]] /= 10
    return outputs


@pytest.mark.parametrize(
    ("context", "answer"),
    [
        ("w1 w2 w3 w4", "w2 w3"),
        ("the cat🙂 sat, 🚀🚀 far. w5", "🚀🚀 far"),
        ("שלום עברית w1", "עברית"),
        ("ภาษาไทยภาษาไทย", "ไทย"),
        ("한국어 뉴스, 한국", "뉴스"),
        ("  w1\n\n\tw2  ", "w2"),
        ("don't", "don't"),
    ],
)
def test_answers_come_back_as_original_characters(tokenizer, context, answer):
    task, asked = SpanExtraction(overlap=4), question(context, answer)
    inputs = task.read([asked], Reader(tokenizer, 60))
    found = task.predict(planted(inputs, task.targets([asked], inputs, ())), inputs, ())[0]
    assert (found.text, found.start) == (answer, context.index(answer))
    assert context[found.start : found.stop] == answer


def test_marks_an_uncased_tokenizer_drops_stay_with_their_letter(make_tokenizer):
    task, asked = SpanExtraction(overlap=4), question("ภาษา ไที่ย", "ไที่")
    inputs = task.read([asked], Reader(make_tokenizer("bert", lowercase=True), 60))
    assert task.predict(planted(inputs, task.targets([asked], inputs, ())), inputs, ())[0].text == "ไที่"


def test_an_answer_within_a_token_is_the_token(tokenizer):
    task, asked = SpanExtraction(), question("w1 w12 w3", "w1", start=3)
    inputs = task.read([asked], Reader(tokenizer, 400))
    assert task.predict(planted(inputs, task.targets([asked], inputs, ())), inputs, ())[0].text == "w12"


def test_windows_cover_the_passage_and_share_their_overlap(tokenizer, sentence):
    task, reader = SpanExtraction(overlap=9), Reader(tokenizer, 40)
    for words in (1, 31, 32, 33, 55, 200):
        asked = question(sentence(words))
        inputs = task.read([asked], reader)
        stops = inputs.skipped + inputs.held
        assert inputs.skipped[0] == 0 and stops[-1] == words and inputs.lengths.max() <= 40
        assert (stops[:-1] - inputs.skipped[1:] == 9).all()
        for row, start in enumerate(inputs.starts[:-1]):
            first = start + inputs.first[row]
            piece = inputs.ids[first : first + inputs.held[row]]
            own = tokenizer(asked.context, add_special_tokens=False)["input_ids"]
            assert piece.tolist() == own[inputs.skipped[row] : stops[row]]


def test_windows_equal_those_of_the_tokenizer(tokenizer, sentence):
    asked = question(sentence(100))
    inputs = SpanExtraction(overlap=7).read([asked], Reader(tokenizer, 30))
    peer = tokenizer(
        asked.question, asked.context, truncation="only_second", max_length=30, stride=7, return_overflowing_tokens=True
    )
    assert [part.tolist() for part in np.split(inputs.ids, inputs.starts[1:-1])] == peer["input_ids"]


def test_targets_are_the_answer_where_the_window_holds_it_whole_else_cls(tokenizer):
    words = [f"w{i}" for i in range(40)]
    context = " ".join(words)
    task, asked = SpanExtraction(overlap=4), question(context, "w19 w20 w21")
    inputs = task.read([asked], Reader(tokenizer, 20))
    targets = task.targets([asked], inputs, ())
    for row, start in enumerate(inputs.starts[:-1]):
        marks = targets[start : inputs.starts[row + 1]]
        places = 19 - inputs.skipped[row], 21 - inputs.skipped[row]
        inside = places[0] >= 0 and places[1] < inputs.held[row]
        expected = tuple(inputs.first[row] + place for place in places) if inside else (0, 0)
        assert tuple(marks.argmax(0)) == expected and marks.sum(0).tolist() == [1, 1]
    assert 1 <= targets[inputs.starts[:-1]].all(1).sum() < len(inputs)
    free = task.read([question(context)], Reader(tokenizer, 20))
    assert task.targets([question(context)], free, ())[free.starts[:-1]].all()


def test_a_passage_of_forty_thousand_characters(tokenizer, sentence):
    context = " ".join([sentence(13_000), "the🙂answer", sentence(100)])
    assert len(context) > 40_000
    task, asked = SpanExtraction(), question(context, "the🙂answer")
    inputs = task.read([asked], Reader(tokenizer, 384))
    found = task.predict(planted(inputs, task.targets([asked], inputs, ())), inputs, ())[0]
    assert found.text == "the🙂answer" and len(inputs) > 50


def brute_force(starts, ends, longest):
    allowed = [(i, j) for j in range(len(starts)) for i in range(max(0, j - longest + 1), j + 1)]
    return max(allowed, key=lambda span: starts[span[0]] + ends[span[1]])


@pytest.mark.parametrize("longest", [1, 4, 30, 100])
def test_span_search_equals_brute_force(rng, longest):
    starts, ends = rng.integers(-3, 4, (2, 40, 37)).astype(np.float32)  # many ties
    starts[:, 30:] = ends[:, 30:] = -np.inf
    first, last, scores = best_spans(starts, ends, longest)
    for row in range(40):
        assert (first[row], last[row]) == brute_force(starts[row], ends[row], longest)
        assert scores[row] == starts[row, first[row]] + ends[row, last[row]]
        assert 0 <= last[row] - first[row] < longest and last[row] < 30


def test_predictions_equal_brute_force_over_all_windows(tokenizer, sentence, rng):
    task = SpanExtraction(overlap=6, longest_answer=5)
    asked = [Question(str(n), "t", sentence(n), "w1", ()) for n in (3, 20, 75)]
    inputs = task.read(asked, Reader(tokenizer, 24))
    outputs = rng.standard_normal((len(inputs.ids), 2)).astype(np.float32)
    for owner, found in enumerate(task.predict(outputs, inputs, ())):
        best, null = (-np.inf, 0, 0), np.inf
        for row in np.flatnonzero(inputs.owners == owner):
            begin = inputs.starts[row] + inputs.first[row]
            s, e = outputs[begin : begin + inputs.held[row]].T
            i, j = brute_force(s, e, 5)
            best = max(best, (s[i] + e[j], i + inputs.skipped[row], j + inputs.skipped[row]), key=lambda span: span[0])
            null = min(null, outputs[inputs.starts[row]].sum())
        words = asked[owner].context.split()
        assert found.score == best[0] and found.null_score == pytest.approx(null)
        assert found.text == " ".join(words[best[1] : best[2] + 1])


def test_an_answer_is_given_where_its_margin_is_beyond_tau():
    span = Span("q", "yes", 0, 3, score=5.0, null_score=4.0)
    assert span.margin == 1 and span.answer(0.5) == "yes" and span.answer(1.0) == ""
    assert predictions([span]) == {"q": "yes"} and predictions([span], 2) == {"q": ""}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (question("   "), "Expected a passage, got an empty one in question q1"),
        (question("\x00\x00"), "Expected a passage the tokenizer can read, got none in question q1"),
        (
            question("w1 w2", "w2", start=0),
            "Expected the answer 'w2' at character 0 of the passage, got 'w1' in question q1",
        ),
        (question("w1 w2", "w2", start=-2), "at character -2 of the passage, got '' in question q1"),
        (question("w1 \x00\x00 w2", "\x00\x00"), r"Expected an answer the tokenizer can read, got '\\x00\\x00'"),
    ],
)
def test_questions_that_cannot_be_learnt_are_named(tokenizer, asked, message):
    task = SpanExtraction(overlap=4)
    with pytest.raises(DataError, match=message):
        task.targets([asked], task.read([asked], Reader(tokenizer, 40)), ())


def test_a_long_question_is_cut_and_windows_must_outgrow_their_overlap(tokenizer, sentence):
    asked = question("w1 w2", asked=sentence(100))
    inputs = SpanExtraction(overlap=4, longest_question=10).read([asked], Reader(tokenizer, 40))
    assert inputs.first[0] == 12
    with pytest.raises(UsageError, match="longer than their overlap of 128 tokens, got 27 tokens beside question q1"):
        SpanExtraction(longest_question=10).read([asked], Reader(tokenizer, 40))


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("name", ["xquad/xquad.th.json", "squad/dev-v2.0.json"])
def test_gold_answers_of_real_passages_come_back(make_tokenizer, shared_data, name, lowercase):
    asked = list(squad.read(shared_data / "qa" / name))[:200]
    task = SpanExtraction(overlap=64, longest_answer=400)
    inputs = task.read(asked, Reader(make_tokenizer("bert", lowercase=lowercase), 512))
    spans = task.predict(planted(inputs, task.targets(asked, inputs, ())), inputs, ())
    for one, found in zip(asked, spans, strict=True):
        if one.answers:
            answer = one.answers[0]
            assert answer.text in found.text
            assert found.start <= answer.start and answer.start + len(answer.text) <= found.stop
        else:
            assert found.margin < 0
