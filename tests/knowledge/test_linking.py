"""Names in texts: the longest, whole words, from left to right, with all the entities they may mean."""

import re

import pytest

from smallbert.knowledge.graph import Graph
from smallbert.knowledge.linking import Ambiguity, Dictionary


def dictionary(**names):
    triples = [(entity, "r", entity) for entity in names]
    return Dictionary(Graph.of({"train": triples}, names={key: tuple(value) for key, value in names.items()}))


def test_the_longest_name_wins_and_none_overlap():
    found = dictionary(a=["New York"], b=["York"], c=["New York City"], d=["City Hall"])
    text = "In new york city, Hall said: New York. York! Yorkshire, New Yorker."
    assert [(text[m.start : m.end], m.entities) for m in found.link(text)] == [
        ("new york city", (2,)),
        ("New York", (0,)),
        ("York", (1,)),
    ]


def test_ambiguity_is_counted():
    found = dictionary(a=["Bank", "the Bank"], b=["bank"], c=["Bank", "shore"], d=["River"])
    assert found.ambiguity == Ambiguity(names=4, ambiguous=1, most=3, entities=3)
    assert [mention.entities for mention in found.link("a bank")] == [(0, 1, 2)]
    assert dictionary().ambiguity == Ambiguity(0, 0, 0, 0)


def test_every_way_to_cut_agrees_with_a_search(rng):
    words = ["a", "b", "c"]
    names = {" ".join(rng.choice(words, rng.integers(1, 4))) for _ in range(8)}
    found = dictionary(**{f"e{number}": [name] for number, name in enumerate(sorted(names))})
    longest_first = "|".join(re.escape(name) for name in sorted(names, key=lambda name: -len(name.split())))
    for _ in range(50):
        text = " ".join(rng.choice(words, 12))
        expected = [match.span() for match in re.finditer(rf"\b(?:{longest_first})\b", text)]
        assert [(m.start, m.end) for m in found.link(text)] == expected


@pytest.mark.parametrize("text", ["", "!?", "nothing here"])
def test_a_text_without_names_has_no_mentions(text):
    assert dictionary(a=["Bank"]).link(text) == []
