"""Tasks made from the generated world: true, reproducible, balanced, and the same by any slice."""

import itertools
import re
from collections import Counter, defaultdict

import pytest

from smallbert.corpus.tasks import world as tasks
from smallbert.corpus.tasks.entailment import LABELS
from smallbert.corpus.tasks.world.entities import CHARACTERS
from smallbert.corpus.tasks.world.questions import BLANK
from smallbert.corpus.tasks.world.teller import FREE, Teller, spans
from smallbert.corpus.world import LANGUAGES, World

SEED = 20261122
EVENTS = 400
MAKERS = [getattr(tasks, name) for name in tasks.__all__]


@pytest.fixture(scope="module")
def world() -> World:
    return World(SEED)


@pytest.fixture(scope="module")
def made(world):
    return {maker.__name__: list(maker(world, 0, EVENTS)) for maker in MAKERS}


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_any_slice_can_be_made_alone_and_another_seed_makes_another_task(make, made):
    whole = made[make.__name__]
    again = World(SEED)
    assert [*make(again, 250, EVENTS), *make(again, 0, 250)] == [
        *(one for one in whole if number(one) >= 250),
        *(one for one in whole if number(one) < 250),
    ]
    assert not set(make(World(SEED + 1), 0, 60)) & set(whole)
    assert len({one.id for one in whole}) == len(whole) and all(one.id.startswith("world-") for one in whole)


def number(example) -> int:
    return int(example.id.split("-")[2])


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_every_language_is_told_and_one_can_be_asked_for(make, made):
    assert {one.lang for one in made[make.__name__]} == set(LANGUAGES)
    alone = list(make(World(SEED, languages=("ko",)), 0, 30))
    assert {one.lang for one in alone} == {"ko"}


def test_topics_are_the_events(world, made):
    for one in made["topics"]:
        telling = world.telling(number(one), one.lang)
        assert one.label == world.event(number(one)).topic
        assert one.text and telling.event == f"world-{SEED}-{number(one)}"


def test_tags_are_whole_entities_of_the_event(world, made):
    """The surface of an entity is its name in the language, which the world gives on its own."""
    seen = Counter()
    for one in made["entities"]:
        assert len(one.words) == len(one.tags) > 0
        assert one.space == ("" if one.lang in CHARACTERS else " ")
        event = world.event(number(one))
        people = {world.label(event.roles[role], one.lang) for role in ("head", "voice")}
        for kind, words in entities(one):
            seen[kind] += 1
            if kind == "PER":
                assert one.space.join(words) in people
    assert set(seen) == {"PER", "ORG", "LOC", "DATE", "NUM", "THING"} and min(seen.values()) > 30


def entities(example):
    found = []
    for word, tag in zip(example.words, example.tags, strict=True):
        if tag[0] == "B":
            found.append((tag[2:], [word]))
        elif tag[0] == "I":
            assert found and found[-1][0] == tag[2:], example
            found[-1][1].append(word)
    return found


def test_marks_of_a_text_are_read_as_the_world_reads_them(world):
    teller = Teller(world, "test")
    for event in range(40):
        tongue = teller.tongue(event, marked=True)
        template = tongue.sentences.lead[teller.draw(event).kind][0]
        text, found = spans(template.render(*tongue.values(teller.draw(event))))
        plain = teller.tongue(event)
        assert text == plain.sentences.lead[teller.draw(event).kind][0].render(*plain.values(teller.draw(event)))
        assert {role for role, _, _ in found} == template.roles


def test_each_hypothesis_stands_with_all_three_labels(made):
    """So whatever reads the hypothesis alone is right on exactly a third."""
    labels, premises = defaultdict(list), defaultdict(set)
    for pair in made["entailment"]:
        labels[number(pair), pair.second].append(pair.label)
        premises[number(pair)].add(pair.first)
    assert all(sorted(given) == sorted(LABELS) for given in labels.values())
    assert all(len(texts) == 3 for texts in premises.values())
    assert len(labels) > EVENTS / 2


def test_contradictions_change_one_thing_and_neutral_premises_all(world):
    """In English, where things have one form: those of the hypothesis can be looked for in its premises."""
    english = World(SEED, languages=("en",))
    teller = Teller(english, "entailment")
    by_event = defaultdict(dict)
    for pair in tasks.entailment(english, 0, EVENTS):
        by_event[number(pair)][pair.label] = pair
    checked = 0
    for event, pairs in by_event.items():
        tongue, draw = teller.tongue(event), teller.draw(event)
        forms = dict(zip(tongue.sentences.layout.index, tongue.values(draw)[0], strict=True))
        free = {role: forms[role, "nom"] for role in FREE}
        if any(names(a, b) for a, b in itertools.permutations(free.values(), 2)):
            continue  # 12 people on 12 May: one word for two things
        checked += 1
        said = {form for form in free.values() if names(pairs["entailment"].second, form)}
        # The premise's first sentence: another may hold the same number of something else.
        leads = {label: pair.first.split(". ")[0] for label, pair in pairs.items()}
        kept = {label: sum(names(lead, form) for form in said) for label, lead in leads.items()}
        assert len(said) >= 2
        assert (kept["entailment"], kept["contradiction"]) == (len(said), len(said) - 1)
        assert kept["neutral"] <= 1  # 12 people of the one event on the 12th of the other
    assert checked > 100


def names(text: str, form: str) -> bool:
    return re.search(rf"\b{re.escape(form)}\b", text, re.IGNORECASE) is not None


def test_answers_stand_where_they_say_and_twins_have_none(made):
    by_event = defaultdict(list)
    for question in made["questions"]:
        assert question.question.count(BLANK) >= 1
        assert all(question.context[a.start : a.start + len(a.text)] == a.text for a in question.answers)
        by_event[number(question)].append(question)
    assert len(by_event) > EVENTS / 3
    for answered, unanswered in by_event.values():
        assert answered.question == unanswered.question and answered.title == unanswered.title
        assert answered.answers and not unanswered.answers
        assert answered.context != unanswered.context
        # What fills the blank is in no other part of the question: the question does not answer itself.
        assert len({answer.text for answer in answered.answers}) == 1


def test_the_right_ending_is_the_events_own_and_others_are_of_two_topics(world):
    english = World(SEED, languages=("en",))
    words = Teller(english, "choices").tongue(0).words
    patterns = [
        (kind.name, re.compile(".+".join(map(re.escape, re.split(r"\{\w+\}", text))), re.IGNORECASE))
        for kind in english.inventory.kinds
        for texts in (words["kind"][kind.name]["cause"], words["kind"][kind.name]["result"])
        for text in texts.values()
    ]
    topic_of = {kind.name: kind.topic for kind in english.inventory.kinds}
    count = 0
    for choice in tasks.choices(english, 0, EVENTS):
        event = english.event(number(choice))
        kinds = [{name for name, pattern in patterns if pattern.search(ending)} for ending in choice.endings]
        assert event.kind in kinds[choice.label] and len(set(choice.endings)) == 4 and choice.start == ""
        if all(len(names) == 1 for names in kinds):
            count += 1
            topics = Counter(topic_of[name] for names in kinds for name in names)
            assert sorted(topics.values()) == [2, 2] and topics[event.topic] == 2
    assert count > 100


def test_scores_are_as_many_of_each_and_fall_with_what_is_shared(world, made):
    pairs = made["similarity"]
    counts = Counter(pair.score for pair in pairs)
    assert set(counts) == {0.0, 1.0, 2.0, 3.0, 4.0, 5.0} and max(counts.values()) - min(counts.values()) <= 1
    english = tasks.similarity(World(SEED, languages=("en",)), 0, EVENTS)
    shared = defaultdict(list)
    for pair in english:
        words = [{word.strip(".,;") for word in text.split()} for text in (pair.first, pair.second)]
        shared[pair.score].append(len(words[0] & words[1]) / len(words[0] | words[1]))
        assert pair.first != pair.second
    means = [sum(values) / len(values) for _, values in sorted(shared.items())]
    assert means[5] > means[4] > means[3] > means[2] > max(means[:2])
