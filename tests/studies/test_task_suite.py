"""The tasks of page 6: true and apart in the world, one's own from files, and refused before any work where wrong."""

import math
from dataclasses import asdict

import pytest
from tokenizers import pre_tokenizers

from smallbert.corpus.tasks.examples import Answer, Choice, Pair, Question, ScoredPair, Tagged, Text
from smallbert.errors import DataError
from smallbert.models.heads.spans import Span
from smallbert.studies import task_kinds, task_suite
from smallbert.studies.task_kinds import KINDS
from smallbert.studies.task_suite import TaskSet, facts, suite
from smallbert.studies.transfer_controls import CONSTANT, WORDS, controls

WORLD_KINDS = ["sentence", "entities", "pair", "choice", "questions", "questions"]


@pytest.fixture(scope="module")
def tasks():
    return suite("world", examples=100, asked=60, seed=3, languages=["en"])


@pytest.fixture(scope="module")
def tokenizer(tokenizer_of):
    """Whole words and marks, all of them known."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz", "yes", "no", ".", "?"]
    return tokenizer_of(words, split=pre_tokenizers.BertPreTokenizer())


def test_the_world_gives_all_five_kinds_with_parts_that_share_no_event(tasks):
    assert [task.kind for task in tasks] == WORLD_KINDS
    assert [task.unanswerable for task in tasks] == [False] * 5 + [True]
    for task in tasks:
        events = [{one.id.split("-")[2] for one in part} for part in (task.train, task.development, task.test)]
        assert not (events[0] & events[1] or events[0] & events[2] or events[1] & events[2])
        share = KINDS[task.kind].share
        assert [len(task.train), len(task.development), len(task.test)] == [100 * share, 30 * share, 60 * share]
        assert task.languages == ["en"] and int(min(events[0])) >= task_suite.FIRST_EVENT
    again = suite("world", examples=100, asked=60, seed=3, languages=["en"], kinds=["choice"])
    assert [task.train for task in again] == [tasks[3].train]


def test_the_facts_are_counted(tasks):
    table = facts(tasks, 16).set_index("task")
    assert table["new parameters"].tolist() == [8 * 17, table["classes"].iloc[1] * 17, 3 * 17, 16, 32, 32]
    assert table.classes.iloc[0] == 8 and table.classes.iloc[2] == 3 and math.isnan(table.classes.iloc[3])
    assert table["left out"].sum() == 0 and (table.train > table.development).all()


def text(n, words, label):
    return Text(str(n), words, label)


def test_repeated_and_unseen_are_counted():
    train = [text(n, f"text {n}", "ab"[n % 2]) for n in range(6)]
    test = [text(10, "text 1", "a"), text(11, "other", "c"), text(12, "new", "b")]
    row = facts([TaskSet("t", "sentence", "here", train, train[:2], test, left_out=4)], 8).iloc[0]
    assert (row.repeated, row.unseen, row["left out"], row["new parameters"]) == (1, 1, 4, 18)


def test_one_class_alone_is_refused_by_name(tmp_path):
    (tmp_path / "t.tsv").write_text("text\tlabel\n" + "".join(f"text {n}\tsame\n" for n in range(40)))
    (tmp_path / "tasks.toml").write_text(
        '[[task]]\nname = "mine"\nkind = "sentence"\nformat = "table"\nwhole = "t.tsv"\n'
    )
    options = {"examples": 20, "asked": 20, "seed": 0}
    with pytest.raises(DataError, match="Task 'mine': Expected at least two labels to tell apart, got only 'same'"):
        suite(str(tmp_path / "tasks.toml"), **options)
    with pytest.raises(DataError, match=r"Expected tasks of the kinds choice in .*tasks.toml, found none"):
        suite(str(tmp_path / "tasks.toml"), **options, kinds=["choice"])


def test_files_of_ones_own_are_limited_and_named(tmp_path):
    (tmp_path / "t.tsv").write_text("text\tlabel\n" + "".join(f"text {n}\t{n % 3}\n" for n in range(400)))
    (tmp_path / "tasks.toml").write_text(
        '[[task]]\nname = "mine"\nkind = "sentence"\nformat = "table"\nwhole = "t.tsv"\n'
    )
    [task] = suite(str(tmp_path / "tasks.toml"), examples=50, asked=30, seed=0)
    assert (len(task.train), len(task.development), len(task.test)) == (50, 15, 30)
    assert (task.name, task.source, task.metric) == ("mine", "t.tsv", "accuracy")


def one_of_each():
    """Four examples of every kind but questions, predictions of which some are right, and their score by hand."""
    return {
        "sentence": ([text(n, "a", "yes") for n in range(4)], ["yes", "no", "yes", "yes"], 3 / 4),
        "pair": ([Pair(str(n), "a", "b", "yes") for n in range(4)], ["no"] * 4, 0.0),
        "similarity": ([ScoredPair(str(n), "a", "b", float(n)) for n in range(4)], [0.0, 2.0, 1.0, 3.0], 0.8),
        "tagging": ([Tagged("0", ("a", "b"), ("X", "Y"))] * 4, [["X", "X"]] * 4, 1 / 2),
        "entities": ([Tagged("0", ("a", "b"), ("B-X", "O"))] * 4, [["B-X", "B-X"]] * 4, 2 / 3),
        "choice": ([Choice(str(n), "a", "", ("b", "c"), n % 2) for n in range(4)], [0, 0, 0, 0], 1 / 2),
    }


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"questions"}))
def test_scores_are_the_official_ones(kind):
    examples, said, expected = one_of_each()[kind]
    assert task_kinds.score(kind, examples, said)["score"] == pytest.approx(expected)


def test_equal_similarities_order_nothing():
    pairs = [ScoredPair(str(n), "a", "b", float(n)) for n in range(4)]
    assert task_kinds.score("similarity", pairs, [1.0] * 4) == {"score": 0.0, "pearson": 0.0}


def test_questions_are_scored_with_and_without_a_threshold():
    answered = [Question(str(n), "t", "one two", "?", (Answer("one", 0),)) for n in range(2)]
    silent = [Question(str(n), "t", "one two", "?", ()) for n in (2, 3)]
    said = [asdict(Span(str(n), "one", 0, 3, margin, 0.0)) for n, margin in enumerate((3.0, -1.0, 2.0, -2.0))]
    assert task_kinds.score("questions", answered, said[:2]) == {"score": 1.0, "exact": 1.0}
    found = task_kinds.score("questions", answered + silent, said, tau=0.0)
    assert found == {"score": 0.5, "exact": 0.5, "answerable": 0.5, "answerable exact": 0.5, "unanswerable": 0.5}
    curve = task_kinds.threshold(answered + silent, said)
    assert curve.score == 0.75 and -2 < curve.tau < -1
    best = max(task_kinds.score("questions", answered + silent, said, tau=tau)["score"] for tau in curve.taus)
    assert curve.score == best


def test_controls_know_what_words_give_away(tokenizer):
    made = {
        "sentence": [text(n, "a b yes" if n % 3 else "c d no", "yes" if n % 3 else "no") for n in range(30)],
        "similarity": [ScoredPair(str(n), "a b c d", "a b c d"[: 2 * (n % 4) + 1], n % 4) for n in range(12)],
        "tagging": [Tagged(str(n), ("a", "b", "e"), ("X", "Y", "X")) for n in range(9)],
        "choice": [Choice(str(n), "a b", "", ("c", "a"), 1) for n in range(9)],
        "questions": [Question(str(n), "t", "x x x a b c q. y y", "a c?", (Answer("b", 8),)) for n in range(9)],
    }
    tasks = [TaskSet(kind, kind, "here", own, own, own) for kind, own in made.items()]
    found = controls(tasks, tokenizer).pivot(index="task", columns="control", values="score")
    assert found[WORDS].to_dict() == pytest.approx(dict.fromkeys(made, 1.0))
    # Of questions the first sentence: b among the six words of it that are no article.
    assert found[CONSTANT].to_dict() == pytest.approx(
        {"sentence": 2 / 3, "similarity": 0, "tagging": 2 / 3, "choice": 1 / 2, "questions": 2 / (6 + 1)}
    )


def test_controls_of_questions_without_answers_and_hostile_text(tokenizer):
    asked = [
        Question("1", "t", "a b c", "a c?", (Answer("b", 2),)),
        Question("2", "t", "🙂 שלום", "zzz?", ()),
        Question("3", "t", "d " * 20_000, "a?", ()),
    ]
    found = controls([TaskSet("q", "questions", "here", asked, asked, asked)], tokenizer).set_index("control")
    assert found.score[CONSTANT] == pytest.approx(2 / 3) and found["answerable"][CONSTANT] == 0
    assert found.score[WORDS] == 1.0 == found.unanswerable[WORDS]
