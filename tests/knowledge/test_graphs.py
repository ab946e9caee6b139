"""Graphs from files, from the world and from WN18RR: what stands in them is what was written."""

import numpy as np
import pytest

from smallbert.corpus.world import RELATIONS
from smallbert.errors import DataError
from smallbert.knowledge.files import read
from smallbert.knowledge.graph import Graph, Statement
from smallbert.knowledge.linking import Dictionary


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "train.tsv").write_text("1\t_part_of\t2\n2\t_part_of\t3\n1\t_part_of\t2\n", encoding="utf-8")
    (tmp_path / "test.tsv").write_text("1\t_part_of\t4\r\n", encoding="utf-8")
    (tmp_path / "entity2text.txt").write_text("1\tcafé, a place, to drink\n2\ttown\n", encoding="utf-8")
    (tmp_path / "relation2text.txt").write_text("_part_of\tis part of\n", encoding="utf-8")
    return tmp_path


def test_a_folder_is_read_whole(folder):
    graph = read(folder)
    assert graph.entities == ("1", "2", "3", "4") and graph.relations == ("_part_of",)
    assert graph.train.tolist() == [[0, 0, 1], [1, 0, 2]]  # what stands twice is kept once
    assert graph.parts["test"].tolist() == [[0, 0, 3]] and graph.all.shape == (3, 3)
    assert [graph.name(entity) for entity in range(4)] == ["café", "town", "3", "4"]
    assert [graph.called(entity) for entity in range(4)] == [("café",), ("town",), (), ()]
    assert [graph.gloss(entity) for entity in range(3)] == ["a place, to drink", "", ""]
    assert graph.state(graph.train[0]) == Statement("café", "is part of", "town")
    assert graph.state(graph.train[0]).text == "café is part of town."


def test_what_a_head_has_is_what_a_search_finds(rng):
    rows = rng.integers(0, 20, (200, 3))
    graph = Graph.of({"train": [(f"e{h}", f"r{r}", f"e{t}") for h, r, t in rows]})
    for entity in range(len(graph.entities)):
        assert graph.about(entity).tolist() == [row for row in graph.train.tolist() if row[0] == entity]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("train.tsv", "a\tb\tc\na\tb\n", r"train.tsv:2: expected 3 cells separated by tabs"),
        ("train.tsv", "a\t\tc\n", r"train.tsv:1: expected 3 cells"),
        ("train.tsv", "", r"train.tsv: expected lines of 3 cells, the file is empty"),
        ("entity2text.txt", "1\ta\tb\n", r"entity2text.txt:1: expected 2 cells"),
        ("test.tsv", b"a\t\xff\tc\n", r"test.tsv:1: expected text in UTF-8"),
    ],
)
def test_a_bad_line_is_named(folder, name, text, message):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=message):
        read(folder)


def test_a_folder_without_a_graph_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"found no train.tsv"):
        read(tmp_path)


def test_the_worlds_graph_holds_its_facts(world, graph):
    facts = [tuple(triple) for triple in world.triples()]
    assert len(graph.train) == len(facts)
    for (head, relation, tail), (a, b, c) in zip(facts[::97], graph.train[::97].tolist(), strict=True):
        assert (graph.entities[a], graph.relations[b], graph.entities[c]) == (head, relation, tail)
    assert set(graph.relations) <= set(RELATIONS)
    assert graph.called(graph.number["org:council:3"])[1] == f"City Council of {world.label('city:3', 'en')}"
    assert graph.name(graph.number["scene:plant_flower"]) == "dug a hole to plant a flower"


@pytest.mark.parametrize("lang", ["de", "ko", "ru"])
def test_purposes_are_called_in_every_language_by_words_of_their_scene(lang):
    from smallbert.corpus.world import World
    from smallbert.knowledge import world as worlds

    world = World(1, languages=(lang,))
    names = worlds._scenes(world, lang)
    assert len(set(names.values())) == len(world.inventory.purposes)
    told = {}
    for number in range(400):
        telling = world.telling(number, lang)
        for sentence in telling.sentences:
            for triple in sentence.states:
                if triple.relation == "scene":
                    told[triple.object] = telling.content[sentence.start : sentence.end]
    assert len(told) == len(names) and all(names[scene] in text for scene, text in told.items())


def test_wn18rr_is_read_and_its_names_are_ambiguous(shared_data):
    folder = shared_data / "graph" / "wn18rr"
    graph = read(folder)
    lines = {part: (folder / f"{part}.tsv").read_text(encoding="utf-8").splitlines() for part in graph.parts}
    for part, rows in graph.parts.items():
        assert len(rows) == len(lines[part])
        back = [graph.entities[rows[-1, 0]], graph.relations[rows[-1, 1]], graph.entities[rows[-1, 2]]]
        assert "\t".join(back) == lines[part][-1]
    assert len(graph.glosses) > 0.99 * len(graph.entities)
    dictionary = Dictionary(graph)
    names = [name.casefold() for entity in range(len(graph.entities)) for name in graph.called(entity)]
    _, counts = np.unique(names, return_counts=True)
    assert dictionary.ambiguity.ambiguous == pytest.approx((counts > 1).sum(), rel=0.02)  # but for signs and blanks
    assert dictionary.ambiguity.most >= counts.max() > 5
