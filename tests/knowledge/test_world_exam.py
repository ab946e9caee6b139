"""Questions of the world: true by its facts, balanced, and kept apart from training where they should be."""

from collections import Counter

import pytest

from smallbert.errors import DataError, UsageError
from smallbert.knowledge.given import Giver
from smallbert.knowledge.graph import Graph
from smallbert.knowledge.linking import Dictionary
from smallbert.knowledge.questions import CANDIDATES, KINDS, exam

SEED = 4


@pytest.fixture(scope="module")
def asked(world):
    return exam(world, "en", tools=40, birthplaces=60, people=30, test=24, seed=SEED)


def everything(asked):
    return [*asked.train, *asked.known, *asked.unknown]


def test_answers_are_true_and_texts_do_not_state_them(world, graph, asked):
    facts = {tuple(triple) for triple in world.triples()}
    assert Counter(question.kind for question in asked.train) == {"tool": 40, "birthplace": 60}
    assert Counter(question.kind for question in asked.unknown) == {"tool": 24, "birthplace": 24}
    for question in everything(asked):
        right = question.candidates[question.label]
        relation = KINDS[question.kind]
        assert len(set(question.candidates)) == CANDIDATES[question.kind]
        assert question.rivals[question.label] == question.subject
        for rival, candidate in zip(question.rivals, question.candidates, strict=True):
            assert (rival, relation, candidate) in facts
            assert (question.subject, relation, candidate) in facts or candidate != right
        name = graph.name(graph.number[right])
        assert question.stated == f"{question.ask} {name}." and question.stated not in question.text
        assert question.kind == "birthplace" or name not in question.text


def test_the_two_tools_are_those_of_one_action(world, asked):
    for question in everything(asked):
        if question.kind == "tool":
            actions = {world.inventory.purposes[rival.removeprefix("scene:")][0] for rival in question.rivals}
            assert len(actions) == 1


def test_unknown_entities_are_in_no_question_of_training(asked):
    train, known, unknown = ({q.subject for q in part} for part in (asked.train, asked.known, asked.unknown))
    assert not train & unknown and known <= train
    purposes = Counter(q.subject for q in asked.unknown if q.kind == "tool")
    assert set(purposes.values()) == {6}  # four purposes, equally often
    offered = {c for q in asked.train for c in q.candidates if q.kind == "tool"}
    assert not offered & {c for q in asked.unknown for c in q.candidates if q.kind == "tool"}


def test_three_seeds_in_a_row_hold_out_every_purpose_once(world):
    held = [
        {q.subject for q in exam(world, "en", tools=8, birthplaces=1, people=1, test=8, seed=seed).unknown}
        for seed in range(3)
    ]
    scenes = [{subject for subject in part if subject.startswith("scene:")} for part in held]
    assert sum(map(len, scenes)) == len(set.union(*scenes)) == len(world.inventory.purposes)


def test_the_place_of_the_answer_says_nothing(world):
    asked = exam(world, "en", tools=400, birthplaces=400, people=400, test=1, seed=SEED)
    for kind, size in CANDIDATES.items():
        places = Counter(question.label for question in asked.train if question.kind == kind)
        assert len(places) == size
        assert all(abs(count / 400 - 1 / size) < 4 * (0.25 / 400) ** 0.5 for count in places.values())


def test_the_same_seed_asks_the_same(world, asked):
    again = exam(world, "en", tools=40, birthplaces=60, people=30, test=24, seed=SEED)
    other = exam(world, "en", tools=40, birthplaces=60, people=30, test=24, seed=SEED + 1)
    assert again == asked != other


def test_more_people_than_there_are_are_refused(world):
    with pytest.raises(UsageError, match="people to learn from and to be asked about together"):
        exam(world, "en", tools=1, birthplaces=1, people=10**6, test=1, seed=0)


def test_what_is_given_names_what_it_should(giver, graph, asked):
    for given, others in (("nothing", 0), ("text", 0), ("right", 0), ("right", 5), ("wrong", 1), ("retrieved", 0)):
        items = giver.items(asked.unknown, given, others=others, seed=1)
        for question, item in zip(asked.unknown, items, strict=True):
            named = {hung.statement for hung in item.triples}
            assert (question.stated in item.text) == (given == "text")
            assert item.label == question.label
            assert [graph.name(choice) for choice in item.choices] == list(item.candidates)
            if given in ("nothing", "text"):
                assert not named and not item.entities
                assert item.offered == (question.label if given == "text" else -1)
                continue
            subject = graph.name(graph.number[question.subject])
            own = {s.object for s in named if s.subject == subject and s.relation in ("born in", "needs tool")}
            assert own == {item.candidates[item.offered]}
            assert (item.offered == item.label) == (given != "wrong")
            assert given == "retrieved" or len(named) == others + 1
            hung = [h for h in item.triples if h.statement.subject == subject]
            assert all(item.text[h.start : h.end].casefold() == subject.casefold() for h in hung)
            if given in ("right", "wrong"):
                [(start, end, entity)] = item.entities
                assert graph.entities[entity] == question.rivals[item.offered]
                assert item.text[start:end].casefold() == subject.casefold()


def test_other_triples_name_the_other_candidates_first_and_are_true(giver, graph, asked):
    true = {graph.state(row) for row in graph.train}
    for question, item in zip(asked.unknown, giver.items(asked.unknown, "right", others=3, seed=1), strict=True):
        objects = {hung.statement.object for hung in item.triples}
        assert set(item.candidates) <= objects
        assert {hung.statement for hung in item.triples} <= true
        others = [h for h in item.triples if h.statement.object != item.candidates[item.label]]
        subject = graph.name(graph.number[question.subject])
        assert all(item.text[h.start : h.end].casefold() != subject.casefold() for h in others)


def test_retrieval_finds_the_answer_among_more(giver, asked):
    recall, count = giver.recall(asked.unknown)
    assert recall == 1.0 and count > 1.5


def test_a_text_that_does_not_name_its_subject_is_refused(graph, asked):
    nobody = Giver(graph, Dictionary(Graph.of({"train": []})))
    with pytest.raises(DataError, match="Expected a text that names"):
        nobody.items(asked.known, "right", seed=0)
