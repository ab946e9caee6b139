"""The study of the graph: its parts, its ranks and its words, and the sentences about them."""

import numpy as np
import pandas as pd
import pytest

from smallbert.corpus.world import World
from smallbert.errors import DataError
from smallbert.knowledge import world as worlds
from smallbert.knowledge.embedding import GraphRecipe
from smallbert.knowledge.graph import Graph
from smallbert.knowledge.linking import Dictionary
from smallbert.studies import knowledge_graphs as study


@pytest.fixture(scope="module")
def homes():
    """Forty people of eight places, and a gloss that says which."""
    triples = [(f"p{i}", "lives_in", f"c{i % 8}") for i in range(40)]
    names = {f"p{i}": (f"person {i}",) for i in range(40)} | {f"c{i}": (f"place {i}",) for i in range(8)}
    return Graph.of({"train": triples}, names=names, glosses={f"p{i}": f"of place {i % 8}" for i in range(40)})


def test_a_page_may_name_the_world_or_a_folder(tmp_path):
    world = World(2, languages=("en",))
    assert study.choose(study.WORLD, world).entities == worlds.graph(world, "en").entities
    (tmp_path / "train.tsv").write_text("a\tr\tb\n", encoding="utf-8")
    assert study.choose(str(tmp_path), world).entities == ("a", "b")
    with pytest.raises(DataError, match="found no train"):
        study.choose(str(tmp_path / "none"), world)


def test_a_split_keeps_every_triple_once(homes):
    split = study.split(homes, 3)
    assert len(split.parts["test"]) == 4
    assert sorted(map(tuple, split.all.tolist())) == sorted(map(tuple, homes.train.tolist()))
    assert (study.split(homes, 3).train == split.train).all() and study.split(split, 9) is split


def test_what_is_in_a_graph(homes):
    found = study.facts(homes, Dictionary(homes)).set_index("what").number
    assert found.to_dict() == {
        "entities": 48,
        "relations": 1,
        "triples, train": 40,
        "entities with a gloss": 40,
        "names": 48,
        "names of more than one entity": 0,
        "entities of the most ambiguous name": 1,
        "entities that share a name": 0,
    }


def test_given_triples_rank_above_held_out_ones(homes, tmp_path):
    """Who lives where is drawn by number: an embedding can hold it, and cannot infer it."""
    base = GraphRecipe(width=16, epochs=60, batch_size=16, negatives=16, learning_rate=0.05)
    recipes = study.recipes(base)
    assert list(recipes) == ["TransE", "DistMult", "ComplEx"]
    graph = study.split(homes, 1)
    found = study.ranking(graph, recipes, tmp_path, most=20, seed=0, device="cpu", workers=1)
    whole = found[found.relation == "all"].set_index(["form", "part"])
    assert (whole.triples.xs("given", level="part") == 20).all()
    assert (whole.triples.xs("held out", level="part") == 4).all()
    for form in recipes:
        assert whole.mrr[form, "given"] > 0.8 > whole.mrr[form, "held out"]
    assert (found.low <= found.mrr).all() and found.low.min() >= 0 and found.high.max() <= 1
    assert (found.hits1 <= found.hits10).all()
    assert set(found.relation) == {"all", "lives in"}
    assert "TransE ranks the entities of triples it was given with MRR" in study.ranking_sentence(found)
    assert study.vectors(homes, base, tmp_path, device="cpu", workers=1).shape == (48, 16)


def test_another_graph_has_no_reported_ranks(homes, monkeypatch):
    table = {"entities": 48, "relations": 1, "train": 40}

    def published(id):
        return type("Entry", (), {"value": table.get(id.split(".")[1], 0.5)})

    monkeypatch.setattr(study, "published", published)
    found = study.reported(homes)
    assert found.form.tolist() == ["TransE", "DistMult", "ComplEx"] and (found.mrr == 0.5).all()
    assert study.reported(study.split(homes, 0)).empty


def test_corrupted_triples_are_false_and_keep_their_places(homes, rng):
    false = study.corrupt(homes.train, homes, rng)
    assert not set(map(tuple, false.tolist())) & set(map(tuple, homes.train.tolist()))
    assert ((false != homes.train).sum(1) == 1).all()
    assert set(false[:, 0]) <= set(homes.train[:, 0]) and set(false[:, 2]) <= set(homes.train[:, 2])
    assert {0, 2} == set(np.flatnonzero((false != homes.train).any(0)))


class Places:
    """An encoder that reads the last number of a text."""

    def tokenize(self, texts):
        return [int(text.split()[-1]) % 8 for text in texts]

    def encode(self, ids):
        return np.eye(8, dtype=np.float32)[ids]


def test_words_tell_what_they_say(monkeypatch):
    """A person's number says nothing of the place; the gloss names it."""
    random = np.random.default_rng(5)
    homes = random.integers(0, 8, 900)
    triples = [(f"p{i}", "lives_in", f"c{home}") for i, home in enumerate(homes)]
    names = {f"p{i}": (f"person {random.integers(8)}",) for i in range(900)} | {
        f"c{i}": (f"place {i}",) for i in range(8)
    }
    glosses = {f"p{i}": f"of place {home}" for i, home in enumerate(homes)}
    graph = study.split(Graph.of({"train": triples}, names=names, glosses=glosses), 0)
    found = study.by_text(graph, Places(), most=800, seed=0).set_index("words")
    assert (found.relation == "lives in").all() and (found.n == 180).all()
    assert found.accuracy["names and glosses"] > 0.95 and found.low["names"] < 0.5 < found.high["names"]
    said = study.text_sentence(found.reset_index())
    assert said.endswith("Each is judged by its own 95% interval, not corrected for their number.")
    assert "From names and glosses a true triple is told from a false one above chance for lives in (" in said
    assert "from a false one at chance for" in said or "not told from chance for" in said


def test_few_triples_say_nothing(homes):
    found = study.by_text(study.split(homes, 0), Places(), most=30, seed=0)
    assert found.empty and study.text_sentence(found).startswith("No relation has triples enough")


def test_the_ranking_sentence_reads_its_table():
    rows = [("TransE", part, "all", 5, mrr, mrr - 0.1, mrr + 0.1) for part, mrr in (("given", 0.9), ("held out", 0.2))]
    frame = pd.DataFrame(rows, columns=["form", "part", "relation", "triples", "mrr", "low", "high"])
    assert study.ranking_sentence(frame) == (
        "TransE ranks the entities of triples it was given with MRR 0.90, of held-out ones with 0.20 [0.10, 0.30]."
    )
