"""Exact match and F1 against the official scripts' definition, their worked cases and their published scores."""

import json
import re
import string
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbert.corpus.tasks import squad
from smallbert.corpus.tasks.examples import Answer, Question
from smallbert.errors import DataError
from smallbert.measure.tasks import spans


def reference(prediction, golds, version):
    """The definition, step by step: tokens instead of normalised strings, one gold answer at a time."""

    def tokens(text):
        kept = "".join(c for c in text.lower() if c not in string.punctuation)
        return re.sub(r"\b(a|an|the)\b", " ", kept, flags=re.UNICODE).split()

    golds = [gold for gold in golds if version == 1 or tokens(gold)] or [""]
    said, scores = tokens(prediction), []
    for gold in golds:
        wanted = tokens(gold)
        left = list(wanted)
        same = 0
        for word in said:
            if word in left:
                left.remove(word)
                same += 1
        if version == 2 and (not said or not wanted):
            f1 = float(said == wanted)
        elif same == 0:
            f1 = 0.0
        else:
            f1 = 2 * (same / len(said)) * (same / len(wanted)) / (same / len(said) + same / len(wanted))
        scores.append((float(said == wanted), f1))
    return max(exact for exact, _ in scores), max(f1 for _, f1 in scores)


@pytest.mark.parametrize(
    ("prediction", "answers", "exact", "f1"),
    [
        ("The Panthers!", ["panthers"], 1, 1),
        ("Denver Broncos", ["The Denver Broncos", "Broncos"], 1, 1),
        ("in the city of Denver", ["Denver"], 0, 0.4),
        ("Santa Clara, California", ["Santa Clara"], 0, 0.8),
        ("anthem", ["the national anthem", "an anthem"], 1, 1),
        ("x x y", ["x y y"], 0, 2 / 3),
        ("1973", ["1974"], 0, 0),
        ("", ["1974"], 0, 0),
        ("d'Artagnan", ["D’Artagnan"], 0, 0),  # only ASCII punctuation goes, as in the script
        ("في عام ١٩٧٣", ["عام ١٩٧٣"], 0, 0.8),
        ("🛢 crisis", ["the 🛢   CRISIS."], 1, 1),
    ],
)
@pytest.mark.parametrize("unanswerable", [False, True])
def test_worked_cases(prediction, answers, exact, f1, unanswerable):
    assert spans.judge(prediction, answers, unanswerable=unanswerable) == pytest.approx((exact, f1))


def test_no_answer_is_right_only_where_there_is_none():
    assert spans.judge("", [], unanswerable=True) == (1.0, 1.0)
    assert spans.judge("The.", [], unanswerable=True) == (1.0, 1.0)  # nothing is left of it
    assert spans.judge("1973", [], unanswerable=True) == (0.0, 0.0)
    assert spans.judge("", ["the", "1973"], unanswerable=True) == (0.0, 0.0)


def test_the_versions_differ_where_nothing_is_left_after_normalisation():
    assert spans.judge("an", ["The"], unanswerable=False) == (1.0, 0.0)
    assert spans.judge("an", ["The"], unanswerable=True) == (1.0, 1.0)


texts = st.text(st.sampled_from("aAnthe.,! \tx1é한ا"), max_size=12)


@given(texts, st.lists(texts, min_size=1, max_size=4), st.booleans())
def test_equals_the_definition_on_any_text(prediction, answers, unanswerable):
    expected = reference(prediction, answers, 2 if unanswerable else 1)
    assert spans.judge(prediction, answers, unanswerable=unanswerable) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("gold", "predictions", "exact", "f1"),
    [
        ("dev-v1.1.json", "v1.1-match-lstm.json", "67.63", "76.76"),
        ("dev-v2.0.json", "v2.0-nlnet.json", "75.83", "78.78"),
    ],
)
def test_official_predictions_get_their_published_scores(shared_data, gold, predictions, exact, f1):
    folder = shared_data / "qa" / "squad"
    document = squad.load(folder / gold)
    report = spans.score(
        document.questions,
        json.loads((folder / "predictions" / predictions).read_text()),
        unanswerable=document.unanswerable,
    )
    assert (f"{report.all.exact:.2f}", f"{report.all.f1:.2f}", report.missing) == (exact, f1, ())
    if document.unanswerable:
        parts = (report.answerable, report.unanswerable)
        assert [part.questions for part in parts] == [5928, 5945]
        weighted = sum(part.f1 * part.questions for part in parts) / 11_873
        assert weighted == pytest.approx(report.all.f1) and parts[1].exact == parts[1].f1


def question(name, *answers):
    return Question(name, "t", "c", "q", tuple(Answer(text, 0) for text in answers))


def test_missing_predictions_score_0_and_are_named():
    report = spans.score([question("a", "x"), question("b", "y")], {"a": "x", "other": "y"}, unanswerable=False)
    assert report.all == spans.Scores(50.0, 50.0, 2) and report.missing == ("b",)
    assert report.unanswerable is None and report.answerable == report.all
    silent = spans.score([question("a", "x"), question("b")], {"a": "x"}, unanswerable=True)
    assert silent.unanswerable == spans.Scores(0.0, 0.0, 1)


def test_predictions_for_other_questions_are_refused():
    with pytest.raises(DataError, match=r"Expected predictions for 1 questions, got 2 for others\. Do the two files"):
        spans.score([question("a", "x")], {"b": "x", "c": "y"}, unanswerable=False)


def questions_and_predictions(rng, n):
    answers = [("x",) if rng.random() < 0.6 else () for _ in range(n)]
    questions = [question(str(i), *given) for i, given in enumerate(answers)]
    said = {str(i): ("", "x", "x y")[rng.integers(3)] for i in range(n)}
    return questions, said


@pytest.mark.parametrize("n", [1, 2, 7, 60])
def test_the_best_threshold_equals_brute_force(rng, n):
    for _ in range(20):
        questions, said = questions_and_predictions(rng, n)
        doubt = {one.id: float(p) for one, p in zip(questions, rng.permutation(n) / n, strict=True)}
        report = spans.score(questions, said, unanswerable=True, na_probs=doubt)
        # -1 silences every question; any other threshold that matters is one of the values.
        tried = {
            threshold: spans.score(questions, said, unanswerable=True, na_probs=doubt, na_prob_threshold=threshold).all
            for threshold in (-1.0, *doubt.values())
        }
        for best, name in ((report.best_exact, "exact"), (report.best_f1, "f1")):
            assert best.score == pytest.approx(max(getattr(scores, name) for scores in tried.values()))
            silence = -1.0 if best.score == pytest.approx(getattr(tried[-1.0], name)) else best.threshold
            assert getattr(tried[silence], name) == pytest.approx(best.score)


def test_of_equal_probabilities_the_file_s_order_decides_as_in_the_script(rng):
    for _ in range(40):
        questions, said = questions_and_predictions(rng, 12)
        names = [questions[i].id for i in rng.permutation(12)]
        doubt = {name: float(rng.integers(3)) for name in names}
        gold = {one.id: [answer.text for answer in one.answers] for one in questions}
        best = running = sum(not answers for answers in gold.values())
        threshold = 0.0
        for name in sorted(doubt, key=doubt.get):
            if gold[name]:
                running += reference(said[name], gold[name], 2)[1]
            elif said[name]:
                running -= 1
            if running > best:
                best, threshold = running, doubt[name]
        report = spans.score(questions, said, unanswerable=True, na_probs=doubt)
        assert report.best_f1 == spans.Threshold(pytest.approx(100 * best / 12), threshold)


def test_a_planted_threshold_is_recovered(rng):
    """Answers are right up to the planted value and missing beyond: only there do both kinds of question score."""
    n, planted = 500, 2.5
    margin = rng.uniform(-10, 10, n)
    questions = [question(str(i), *(("x",) if m <= planted else ())) for i, m in enumerate(margin)]
    doubt = {str(i): float(m) for i, m in enumerate(margin)}
    report = spans.score(questions, dict.fromkeys(doubt, "x"), unanswerable=True, na_probs=doubt)
    assert report.best_f1.score == report.best_exact.score == 100.0
    assert report.best_f1.threshold == margin[margin <= planted].max()


def test_the_threshold_curve_runs_from_silence_to_all_answers():
    scores, doubt = np.array([0.5, 0.0, 1.0, 0.0]), np.array([0.3, 0.1, 0.2, 0.4])
    has_answer, empty = np.array([True, False, True, False]), np.array([False, False, False, True])
    thresholds, sums = spans.threshold_curve(scores, doubt, has_answer, empty)
    assert thresholds.tolist() == [-np.inf, 0.1, 0.2, 0.3, 0.4]
    assert sums.tolist() == [2.0, 1.0, 2.0, 2.5, 2.5]


def test_silence_everywhere_is_reported_at_0_as_the_script_does():
    report = spans.score([question("a")], {"a": "x"}, unanswerable=True, na_probs={"a": 0.7})
    assert report.best_f1 == spans.Threshold(100.0, 0.0)


def test_a_threshold_silences_what_is_above_it():
    questions = [question("a", "x"), question("b"), question("c", "x")]
    said, doubt = dict.fromkeys("abc", "x"), {"a": 0.9, "b": 0.9, "c": 0.5}
    report = spans.score(questions, said, unanswerable=True, na_probs=doubt, na_prob_threshold=0.5)
    assert (report.answerable.f1, report.unanswerable.f1) == (50.0, 100.0)
    kept = spans.score(questions, said, unanswerable=True, na_probs=doubt, na_prob_threshold=0.9)
    assert (kept.answerable.f1, kept.unanswerable.f1) == (100.0, 0.0)


def test_every_prediction_needs_its_probability():
    with pytest.raises(DataError, match="got none for 1, such as 'b'"):
        spans.score([question("a"), question("b")], {"a": "", "b": ""}, unanswerable=True, na_probs={"a": 0.1})


def test_a_question_without_prediction_needs_none_and_never_scores():
    questions = [question("a", "x"), question("b")]
    report = spans.score(questions, {"a": "x"}, unanswerable=True, na_probs={"a": 0.1}, na_prob_threshold=0.0)
    assert report.all == spans.Scores(0.0, 0.0, 2) and report.best_f1 == spans.Threshold(50.0, 0.1)


def test_normalisation_is_idempotent_and_counts_words(rng):
    words = ["the", "An", "cat,", "(1973)", "Ä.b", "a-b"]
    for _ in range(50):
        text = " ".join(words[i] for i in rng.integers(len(words), size=6))
        once = spans.normalise(text)
        assert spans.normalise(once) == once
        assert Counter(once.split())["cat"] == text.count("cat,")
