"""Embeddings of graphs: scores by the papers' formulas, ranks by a brute force, and what a training learns."""

import numpy as np
import pytest
import torch

from smallbert.errors import DataError, UsageError
from smallbert.knowledge.embedding import FORMS, GraphEmbedding, GraphRecipe, embed_all
from smallbert.knowledge.graph import Graph
from smallbert.knowledge.ranking import rank
from smallbert.models import training

SMALL = GraphRecipe(width=8, epochs=30, batch_size=16, negatives=12, learning_rate=0.05, seed=2)


def model(form, entities=12, relations=3, width=6, seed=1):
    return GraphEmbedding(form, entities, relations, width, seed).double()


def by_formula(own, head, relation, tail):
    """Score of one triple from the papers' definitions."""
    h, r, t = own.entities[head], own.relations[relation], own.entities[tail]
    if own.form == "transe":
        return -(torch.linalg.vector_norm(h + r - t) ** 2)
    if own.form == "distmult":
        return sum(a * b * c for a, b, c in zip(h, r, t, strict=True))
    h, r, t = (torch.complex(*part.chunk(2)) for part in (h, r, t))
    return (h * r * t.conj()).sum().real


@pytest.mark.parametrize("form", FORMS)
def test_scores_are_those_of_the_papers_from_either_side(form, rng):
    own = model(form)
    triples = torch.from_numpy(np.column_stack([rng.integers(0, n, 20) for n in (12, 3, 12)]))
    heads, relations, tails = triples.unbind(-1)
    expected = torch.stack([by_formula(own, *triple) for triple in triples.tolist()])
    row = torch.arange(20)
    torch.testing.assert_close(own.score(triples), expected, rtol=1e-10, atol=1e-10)
    by_tail = own.compare(own.tail_queries(heads, relations), own.entities)[row, tails]
    by_head = own.compare(own.head_queries(relations, tails), own.entities)[row, heads]
    torch.testing.assert_close(by_tail, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(by_head, expected, rtol=1e-10, atol=1e-10)


def brute_force(own, triples, known):
    """Filtered ranks one entity at a time, with ties counted half."""
    true = set(map(tuple, known.tolist()))
    heads, tails = [], []
    for head, relation, tail in triples.tolist():
        for ranks, place in ((heads, 0), (tails, 2)):
            right = by_formula(own, head, relation, tail).item()
            rank = 1.0
            for entity in range(len(own.entities)):
                other = [head, relation, tail]
                other[place] = entity
                if tuple(other) not in true:
                    score = by_formula(own, *other).item()
                    rank += (score > right + 1e-9) + 0.5 * (abs(score - right) <= 1e-9)
            ranks.append(rank)
    return heads, tails


@pytest.mark.parametrize("form", FORMS)
def test_ranks_are_those_of_an_independent_scorer(form, rng):
    own = model(form)
    known = np.unique(np.column_stack([rng.integers(0, n, 60) for n in (12, 3, 12)]), axis=0)
    asked = known[rng.permutation(len(known))[:25]]
    found = rank(own, asked, known)
    heads, tails = brute_force(own, asked, known)
    assert found.heads.tolist() == heads and found.tails.tolist() == tails
    both = np.array(heads + tails)
    assert found.mrr == pytest.approx(np.mean([1 / one for one in both]))
    assert found.mean_rank == pytest.approx(both.mean())
    assert [found.hits(k) for k in (1, 3, 10)] == [(both <= k).mean() for k in (1, 3, 10)]


def test_a_model_that_scores_all_alike_gets_the_middle_rank():
    own = model("distmult")
    own.relations.data.zero_()
    found = rank(own, np.array([[0, 0, 1]]), np.array([[0, 0, 1], [0, 0, 2], [0, 0, 3]]))
    assert found.tails.tolist() == [(1 + 10) / 2]  # ten entities are left: twelve but for two other right ones
    assert found.heads.tolist() == [(1 + 12) / 2]


def test_nothing_to_rank_is_refused():
    with pytest.raises(DataError, match="Expected triples to rank, got none"):
        rank(model("transe"), np.zeros((0, 3), np.int64), np.zeros((0, 3), np.int64))


@pytest.fixture(scope="module")
def homes():
    """Where twelve people live and what they speak."""
    triples = [(f"e{i}", "lives_in", f"c{i % 4}") for i in range(12)]
    return Graph.of({"train": triples + [(f"e{i}", "speaks", f"l{i % 3}") for i in range(12)]})


@pytest.mark.parametrize("form", FORMS)
def test_a_training_learns_its_graph_and_is_found_again(form, homes, tmp_path):
    recipes = {"own": GraphRecipe(**vars(SMALL) | {"form": form})}
    trained = embed_all(homes, recipes, tmp_path, device="cpu", workers=1)["own"]
    fresh = GraphEmbedding(form, 19, 2, SMALL.width, SMALL.seed)
    before, after = (rank(one, homes.train, homes.train).mrr for one in (fresh, trained))
    assert after > 0.85 > 0.5 > before
    [path] = tmp_path.glob("graph-*/vectors.safetensors")
    written = path.stat().st_mtime_ns
    again = embed_all(homes, recipes, tmp_path, device="cpu", workers=1)["own"]
    assert torch.equal(trained.entities, again.entities) and path.stat().st_mtime_ns == written


def test_a_killed_training_goes_on_and_ends_the_same(homes, tmp_path, monkeypatch):
    whole = embed_all(homes, {"own": SMALL}, tmp_path / "whole", device="cpu", workers=1)["own"]
    fit = training.fit
    monkeypatch.setattr(training, "fit", lambda *given, **named: fit(*given, **named | {"checkpoint_every": 5}))
    update, count = training.update, []

    def dies(*args):
        count.append(1)
        if len(count) == 18:
            raise KeyboardInterrupt
        return update(*args)

    monkeypatch.setattr(training, "update", dies)
    with pytest.raises(KeyboardInterrupt):
        embed_all(homes, {"own": SMALL}, tmp_path / "cut", device="cpu", workers=1)
    again = embed_all(homes, {"own": SMALL}, tmp_path / "cut", device="cpu", workers=1)["own"]
    assert torch.equal(whole.entities, again.entities) and torch.equal(whole.relations, again.relations)
    assert len(count) == 18 + 45 - 15  # the last checkpoint was at step 15


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"form": "rotate"}, "Expected one of the forms transe, distmult, complex"),
        ({"form": "complex", "width": 5}, "Expected an even width for complex vectors, got 5"),
        ({"epochs": 0}, "Expected numbers above 0"),
    ],
)
def test_an_impossible_recipe_is_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        GraphRecipe(**changes)
