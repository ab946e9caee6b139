"""Cuts between training, development and test: nothing that belongs together is torn apart, and order means nothing."""

import pytest

from smallbert.corpus.tasks import parts
from smallbert.corpus.tasks.examples import Answer, Pair, Question, Tagged, Text
from smallbert.errors import DataError


def questions(articles, each):
    return [
        Question(f"{a}-{i}", f"article {a}", f"passage {i} of {a}", "what?", (Answer("passage", 0),))
        for a in range(articles)
        for i in range(each)
    ]


def test_articles_stay_whole_and_parts_have_their_shares():
    made = questions(60, 5)
    cut = parts.split(made, seed=3)
    titles = [{one.title for one in cut[part]} for part in parts.PARTS]
    assert sum(map(len, titles)) == 60 == len(set.union(*titles))
    assert [len(cut[part]) for part in parts.PARTS] == [210, 30, 60]
    assert parts.split(made[::-1], seed=3)["test"] == cut["test"][::-1]
    assert parts.split(made, seed=4)["test"] != cut["test"]


def test_every_part_gets_something_of_the_fewest_groups():
    cut = parts.split([*questions(1, 50), *questions(3, 1)[1:]], seed=0)
    assert all(cut[part] for part in parts.PARTS)
    with pytest.raises(DataError, match="Expected at least 3 groups of examples to cut between, got 2"):
        parts.split(questions(2, 9), seed=0)


def test_pairs_of_one_premise_stay_together():
    pairs = [Pair(f"{p}{h}", f"premise {p}", f"hypothesis {h}", "neutral") for p in range(30) for h in range(3)]
    cut = parts.split(pairs, seed=0, shares=(0.85, 0.15))
    assert list(cut) == ["train", "development"]
    assert not {one.first for one in cut["train"]} & {one.first for one in cut["development"]}


def test_a_draw_depends_on_the_examples_alone():
    made = [Text(str(n), f"text {n}", "a") for n in range(200)]
    few, more = parts.draw(made, 20, seed=1), parts.draw(made, 50, seed=1)
    assert set(few) < set(more) and few == sorted(few, key=made.index)
    assert set(parts.draw(made[::-1], 20, seed=1)) == set(few) != set(parts.draw(made, 20, seed=2))
    assert parts.draw(made, 500, seed=1) == made


def test_what_is_given_leaves_out_what_is_asked():
    one, other = Tagged("1", ("a", "b"), ("X", "Y"), lang="en"), Tagged("2", ("a", "b"), ("Y", "Y"))
    assert parts.given(one) == parts.given(other) != parts.given(Tagged("1", ("a", "c"), ("X", "Y")))
    assert parts.given(Text("1", "t", "x")) == parts.given(Text("2", "t", "y"))


def test_broken_unicode_has_a_place_too():
    assert len(parts.draw([Text(str(n), "\ud800🙂עברית", "a") for n in range(5)], 2, seed=0)) == 2
