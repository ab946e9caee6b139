"""Entity scores: seqeval's published examples, and a reading of tags by another route."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbert.errors import DataError
from smallbert.measure.tasks.entities import Scores, entities, score

README = (
    [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]],
    [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]],
)


@pytest.mark.parametrize("strict", [False, True])
def test_the_example_of_seqevals_readme(strict):
    report = score(*README, strict=strict)
    assert report.types == {"MISC": Scores(0.0, 0.0, 0.0, 1), "PER": Scores(1.0, 1.0, 1.0, 1)}
    assert report.micro == report.macro == Scores(0.5, 0.5, 0.5, 2)


def test_the_example_of_seqevals_tests_with_a_type_that_is_only_predicted():
    report = score([["B-A", "B-B", "O", "B-A"]], [["O", "B-B", "B-C", "B-A"]], strict=True)
    assert report.types == {
        "A": Scores(1.0, 0.5, pytest.approx(2 / 3), 2),
        "B": Scores(1.0, 1.0, 1.0, 1),
        "C": Scores(0.0, 0.0, 0.0, 0),
    }
    assert report.micro == Scores(*[pytest.approx(2 / 3)] * 3, 3)
    assert report.macro == Scores(pytest.approx(2 / 3), 0.5, pytest.approx(5 / 9), 3)


def test_the_two_modes_differ_on_an_entity_that_starts_inside():
    """The example of seqeval's README for its strict mode."""
    gold, predicted = [["B-NP", "I-NP", "O"]], [["I-NP", "I-NP", "O"]]
    assert score(gold, predicted).micro.f1 == 1.0
    assert score(gold, predicted, strict=True).micro.f1 == 0.0


@pytest.mark.parametrize(
    ("tags", "lenient", "strict"),
    [
        ("O B-PER I-PER O B-LOC", [("PER", 1, 3), ("LOC", 4, 5)], [("PER", 1, 3), ("LOC", 4, 5)]),
        ("B-PER B-PER", [("PER", 0, 1), ("PER", 1, 2)], [("PER", 0, 1), ("PER", 1, 2)]),
        ("B-PER I-LOC I-LOC", [("PER", 0, 1), ("LOC", 1, 3)], [("PER", 0, 1)]),
        ("I-PER B-PER I-PER", [("PER", 0, 1), ("PER", 1, 3)], [("PER", 1, 3)]),
        ("B-A-B I-A-B I-A", [("A-B", 0, 2), ("A", 2, 3)], [("A-B", 0, 2)]),
        ("", [], []),
        ("O O", [], []),
    ],
)
def test_entities_in_both_modes(tags, lenient, strict):
    assert entities(tags.split()) == lenient
    assert entities(tags.split(), strict=True) == strict


def by_pattern(tags, strict):
    """The same by regular expressions over one letter a tag, one type at a time."""
    found = set()
    for kind in {tag[2:] for tag in tags if tag != "O"}:
        letters = "".join(tag[0] if tag[2:] == kind else "." for tag in tags)
        runs = re.finditer("BI*" if strict else "BI*|I+", letters)
        found |= {(kind, run.start(), run.end()) for run in runs}
    return found


tag = st.sampled_from(["O", *(f"{mark}-{kind}" for mark in "BI" for kind in ("PER", "LOC", "ORG"))])


@given(st.lists(st.lists(st.tuples(tag, tag), max_size=9), max_size=5), st.booleans())
def test_scores_equal_another_route(sentences, strict):
    gold, predicted = ([[pair[side] for pair in one] for one in sentences] for side in (0, 1))
    report = score(gold, predicted, strict=strict)
    true, said = (
        {(i, *entity) for i, tags in enumerate(side) for entity in by_pattern(tags, strict)}
        for side in (gold, predicted)
    )
    precision = len(true & said) / len(said) if said else 0
    recall = len(true & said) / len(true) if true else 0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
    assert report.micro == Scores(pytest.approx(precision), pytest.approx(recall), pytest.approx(f1), len(true))
    assert set(report.types) == {kind for _, kind, _, _ in true | said}
    f1s = [one.f1 for one in report.types.values()]
    assert report.macro.f1 == pytest.approx(sum(f1s) / len(f1s) if f1s else 0)
    assert sum(one.support for one in report.types.values()) == report.micro.support


def test_sentences_do_not_run_into_each_other():
    assert score([["B-PER"], ["I-PER"]], [["B-PER"], ["I-PER"]]).micro.support == 2


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(
        DataError, match="predicted tags for 1 sentences of 2 words, one each, got 1 sentences of 1 words"
    ):
        score([["O", "O"]], [["O"]])
    for wrong in ("PER", "E-PER", "B-", "B", "", "o"):
        with pytest.raises(DataError, match=f"Expected the tags O, B-TYPE or I-TYPE, got '{wrong}' at position 1"):
            entities(["O", wrong])
