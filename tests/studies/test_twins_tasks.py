"""The twins' tasks: disjoint parts, what is asked, and what the mere words reach."""

import types

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from smallbert.corpus.tasks.examples import Pair, Tagged, Text
from smallbert.corpus.world import World
from smallbert.models.heads.classification import Classification
from smallbert.models.heads.tagging import Tagging
from smallbert.studies import twins_tasks
from smallbert.studies.twins_tasks import COMMONEST, WORDS, TwinTask, controls


@pytest.fixture(scope="module")
def asked():
    return twins_tasks.from_world(3, examples=90, test=50)


def test_parts_have_their_sizes_and_share_no_event(asked):
    for one in asked:
        assert [len(part) for part in (one.examples, one.development, one.test)] == [90, 30, 50]
        events = [
            {name for example in part for name in example.id.split("+")}
            for part in (one.examples, one.development, one.test)
        ]
        assert not (events[0] & events[1] or events[0] & events[2] or events[1] & events[2])
        numbers = {int(name.split("-")[2]) for part in events for name in part}
        assert min(numbers) >= twins_tasks.FIRST_EVENT and {name.split("-")[3] for part in events for name in part} == {
            "en"
        }
    assert [(one.one_token, one.pairs) for one in asked] == [(True, False), (True, True), (False, False)]


def test_the_second_of_two_is_asked_and_the_first_is_of_another_topic(asked):
    topics = {example.text: example.label for example in asked[0].examples}
    pairs = [pair for pair in asked[1].examples if pair.first in topics and pair.second in topics]
    assert len(pairs) > 20
    assert all(topics[pair.second] == pair.label != topics[pair.first] for pair in pairs)


def test_the_same_seed_gives_the_same_task_and_another_another(asked):
    again, other = (twins_tasks.from_world(seed, examples=90, test=50) for seed in (3, 4))
    assert [one.sha256 for one in again] == [one.sha256 for one in asked]
    assert not {one.sha256 for one in other} & {one.sha256 for one in asked}


def test_articles_are_those_of_the_first_events_and_long_enough():
    found = twins_tasks.articles(3, 20_000)
    [batch] = World(3, languages=("en",)).batches(0, 1)
    assert found[0] == f"{batch['title'][0].as_py()} {batch['content'][0].as_py()}"
    assert sum(map(len, found)) >= 100_000 and len(found) % 1000 == 0 and len(set(found)) > 0.99 * len(found)


def test_scores_are_accuracy_and_f1():
    texts = (Text("1", "a", "x"), Text("2", "b", "y"))
    topic = TwinTask("t", Classification(), "accuracy", texts, texts, texts)
    assert topic.score(types.SimpleNamespace(labels=["x", "x"]), texts) == 0.5
    tagged = (Tagged("1", ("a", "b", "c"), ("B-LOC", "O", "B-PER")),)
    tags = TwinTask("e", Tagging(), "F1", tagged, tagged, tagged)
    assert tags.score([("B-LOC", "O", "O")], tagged) == pytest.approx(2 / 3)


def test_controls_know_words_but_neither_order_nor_place():
    tokenizer = Tokenizer(models.WordLevel({f"w{i}": i + 5 for i in range(10)} | {"[UNK]": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    texts = tuple(Text(str(i), f"w{i % 2} w5", "even" if i % 2 == 0 else "odd") for i in range(31))
    pairs = tuple(Pair(str(i), *(("w0", "w1") if i % 2 else ("w1", "w0")), "ab"[i % 2]) for i in range(40))
    tagged = (
        Tagged("1", ("Rome", "fell"), ("B-LOC", "O")),
        Tagged("2", ("Rome", "rose", "Bo"), ("B-LOC", "O", "O")),
        Tagged("3", ("Rome",), ("B-PER",)),
    )
    asked = [
        TwinTask("texts", Classification(), "accuracy", texts, texts, texts),
        TwinTask("order", Classification(), "accuracy", pairs, pairs, pairs),
        TwinTask("tags", Tagging(), "F1", tagged, tagged, tagged),
    ]
    found = controls(asked, tokenizer).set_index(["task", "control"]).score
    assert found["texts", COMMONEST] == pytest.approx(16 / 31) and found["texts", WORDS] == 1
    assert found["order", WORDS] == found["order", COMMONEST] == 0.5
    assert found["tags", COMMONEST] == 0 and found["tags", WORDS] == pytest.approx(2 / 3)
