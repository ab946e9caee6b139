"""Study 7, the graph: what is in it, what its embedding holds, and what the words of a triple tell of its truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smallbert.corpus.world import World
from smallbert.knowledge import files
from smallbert.knowledge import world as worlds
from smallbert.knowledge.embedding import FORMS, Form, GraphEmbedding, GraphRecipe, embed_all
from smallbert.knowledge.graph import Graph
from smallbert.knowledge.linking import Dictionary
from smallbert.knowledge.ranking import rank
from smallbert.measure.probe import probe
from smallbert.measure.stats import Interval, mean_interval
from smallbert.models.encoder import Encoder
from smallbert.models.masking import generator
from smallbert.published import published
from smallbert.studies.contrasts import LEVEL, against_chance
from smallbert.studies.knowledge import LANGUAGE

WORLD = "world"
"""What a page's parameter calls the generated world's own graph."""

SCORES: dict[Form, str] = {"transe": "TransE", "distmult": "DistMult", "complex": "ComplEx"}

GIVEN, HELD_OUT = "given", "held out"

HELD_OUT_SHARE = 0.1
"""Share of the triples kept from an embedding where a graph brings no test part."""

FEWEST = 100
"""Triples of a relation, true and false together, below which a test says little."""

CHANCE = 0.5

NEAR_CHANCE = 0.05
"""An accuracy whose whole interval lies this near to chance is called chance."""

SPLIT_STREAM, SAMPLE_STREAM, FALSE_STREAM = 46, 47, 48


def choose(graph: str, world: World) -> Graph:
    """The graph of a page's parameter: the world's own, or the one in a folder.

    Raises:
        DataError: as :func:`smallbert.knowledge.files.read`.
    """
    return worlds.graph(world, LANGUAGE) if graph == WORLD else files.read(Path(graph))


def facts(graph: Graph, dictionary: Dictionary) -> pd.DataFrame:
    """What is in a graph: columns ``what``, ``number``."""
    names = dictionary.ambiguity
    rows = [
        ("entities", len(graph.entities)),
        ("relations", len(graph.relations)),
        *((f"triples, {part}", len(rows)) for part, rows in graph.parts.items()),
        ("entities with a gloss", len(graph.glosses)),
        ("names", names.names),
        ("names of more than one entity", names.ambiguous),
        ("entities of the most ambiguous name", names.most),
        ("entities that share a name", names.entities),
    ]
    return pd.DataFrame(rows, columns=["what", "number"])


def split(graph: Graph, seed: int) -> Graph:
    """The graph with a test part: its own, or a share of its triples drawn at random."""
    if "test" in graph.parts:
        return graph
    order = generator(seed, SPLIT_STREAM).permutation(len(graph.train))
    kept = order[: round(HELD_OUT_SHARE * len(order))]
    parts = {"train": np.delete(graph.train, kept, axis=0), "test": graph.train[np.sort(kept)]}
    return Graph(graph.entities, graph.relations, parts, graph.names, graph.glosses, graph.relation_names)


def vectors(graph: Graph, recipe: GraphRecipe, where: Path, **options: Any) -> np.ndarray:
    """The entities' vectors of an embedding of all given triples, fp32 (E, d).

    Args:
        graph: the graph.
        recipe: of the embedding.
        where: folder of the embeddings.
        options: ``device`` and ``workers`` of :func:`smallbert.knowledge.embedding.embed_all`.
    """
    [model] = embed_all(graph, {recipe.form: recipe}, where, **options).values()
    return model.entities.detach().cpu().numpy()


def ranking(
    graph: Graph, recipes: Mapping[str, GraphRecipe], where: Path, *, most: int, seed: int, **options: Any
) -> pd.DataFrame:
    """How well embeddings rank the right entity of triples they were given, and of others that they were not.

    Args:
        graph: with a test part; see :func:`split`.
        recipes: by the name that tables show.
        where: folder of the embeddings.
        most: triples ranked of each part, at most; drawn at random.
        seed: of the draw.
        options: ``device`` and ``workers`` of :func:`smallbert.knowledge.embedding.embed_all`.

    Returns:
        Columns ``form``, ``part`` (given, held out), ``relation`` (or ``all``), ``triples``, ``mrr`` with its 95% t
        interval over ranks, cut to 0 and 1, ``low`` and ``high``, ``hits1``, ``hits3``, ``hits10``, ``mean rank``.
    """
    rows = []
    parts = {GIVEN: graph.train, HELD_OUT: graph.parts["test"]}
    drawn = {
        part: own[np.sort(generator(seed, SAMPLE_STREAM, number).permutation(len(own))[:most])]
        for number, (part, own) in enumerate(parts.items())
    }
    for form, model in embed_all(graph, recipes, where, **options).items():
        for part, triples in drawn.items():
            rows.append((form, part, "all", *_ranked(model, triples, graph)))
            for relation in np.unique(triples[:, 1]).tolist():
                own = triples[triples[:, 1] == relation]
                if len(own) > 1:
                    rows.append((form, part, graph.relation_name(relation), *_ranked(model, own, graph)))
    columns = ["form", "part", "relation", "triples", "mrr", "low", "high", "hits1", "hits3", "hits10", "mean rank"]
    return pd.DataFrame(rows, columns=columns)


def recipes(base: GraphRecipe) -> dict[str, GraphRecipe]:
    """The recipe of every form, by its name."""
    return {SCORES[form]: GraphRecipe(**vars(base) | {"form": form}) for form in FORMS}


def _ranked(model: GraphEmbedding, triples: np.ndarray, graph: Graph) -> tuple:
    ranks = rank(model, triples, graph.all)
    over = mean_interval(1 / ranks.both)
    limits = max(over.low, 0.0), min(over.high, 1.0)  # what a mean of reciprocal ranks can be
    return len(triples), over.estimate, *limits, *(ranks.hits(k) for k in (1, 3, 10)), ranks.mean_rank


def reported(graph: Graph) -> pd.DataFrame:
    """Filtered ranks that papers report for this graph, if it is WN18RR, told by its numbers.

    Returns:
        Columns ``form``, ``mrr``, ``hits10``; empty for another graph.
    """
    size = len(graph.entities), len(graph.relations), len(graph.train)
    if size != tuple(published(f"wn18rr.{name}").value for name in ("entities", "relations", "train")):
        return pd.DataFrame(columns=["form", "mrr", "hits10"])
    rows = [
        (name, *(published(f"wn18rr.{form}.{measure}").value for measure in ("mrr", "hits10")))
        for form, name in SCORES.items()
    ]
    return pd.DataFrame(rows, columns=["form", "mrr", "hits10"])


def corrupt(triples: np.ndarray, graph: Graph, random: np.random.Generator) -> np.ndarray:
    """A false triple for each true one: another head or tail, which the relation has elsewhere in the same place.

    So no entity is out of place in itself, as Socher et al. (2013, section 4.1) have it for triple classification;
    KG-BERT takes any entity.

    Args:
        triples: true ones, (n, 3).
        graph: none of whose triples is taken.
        random: where the choice comes from.
    """
    known = set(map(tuple, graph.all.tolist()))
    places = {
        (relation, side): np.unique(graph.train[graph.train[:, 1] == relation, side])
        for relation in np.unique(triples[:, 1]).tolist()
        for side in (0, 2)
    }
    false = triples.copy()
    for row in false:
        side = int(random.choice([0, 2]))
        own = row.copy()
        for entity in random.permutation(places[int(row[1]), side]).tolist():
            own[side] = entity
            if tuple(own.tolist()) not in known:
                row[:] = own
                break
    return false


def by_text(graph: Graph, encoder: Encoder, *, most: int, seed: int) -> pd.DataFrame:
    """Whether the words of a triple tell if it is true: KG-BERT's task (Yao, Mao and Luo 2019) on a frozen encoder.

    Head and tail are encoded each for itself; a logistic regression for each relation reads both vectors, their
    difference and their product. KG-BERT instead fine-tunes a far larger encoder on both texts at once.

    Args:
        graph: with a test part; see :func:`split`.
        encoder: texts to vectors.
        most: triples to learn from, at most; a quarter as many are asked about. There are as many false ones.
        seed: of all draws.

    Returns:
        Columns ``relation``, ``words`` (names; names and glosses), ``accuracy``, ``low``, ``high`` (Wilson), ``n``.
        Where no entity has a gloss there are names alone; relations with few triples are left out.
    """
    learnt, asked = (
        own[generator(seed, SAMPLE_STREAM, 2 + number).permutation(len(own))[:count]]
        for number, (own, count) in enumerate(((graph.train, most), (graph.parts["test"], most // 4)))
    )
    both = [
        np.concatenate([own, corrupt(own, graph, generator(seed, FALSE_STREAM, number))])
        for number, own in enumerate((learnt, asked))
    ]
    labels = [np.repeat(["true", "false"], len(own)) for own in (learnt, asked)]
    rows = []
    for words in ("names", "names and glosses") if graph.glosses else ("names",):
        used = np.unique(np.concatenate(both)[:, [0, 2]])
        texts = [_words(graph, entity, glossed=words != "names") for entity in used.tolist()]
        table = encoder.encode(encoder.tokenize(texts))
        for relation in np.unique(learnt[:, 1]).tolist():
            of = [own[:, 1] == relation for own in both]
            if min(chosen.sum() for chosen in of) < FEWEST:
                continue
            (x, y), (x_test, y_test) = (
                (_pairs(table, used, own[chosen]), known[chosen])
                for own, known, chosen in zip(both, labels, of, strict=True)
            )
            found = probe(x, y, x_test, y_test, seed=seed, scaling="columns").accuracy
            rows.append((graph.relation_name(relation), words, found.estimate, found.low, found.high, found.n))
    return pd.DataFrame(rows, columns=["relation", "words", "accuracy", "low", "high", "n"])


def _words(graph: Graph, entity: int, *, glossed: bool) -> str:
    gloss = graph.gloss(entity) if glossed else ""
    return f"{graph.name(entity)}: {gloss}" if gloss else graph.name(entity)


def _pairs(table: np.ndarray, used: np.ndarray, triples: np.ndarray) -> np.ndarray:
    head, tail = (table[np.searchsorted(used, triples[:, side])] for side in (0, 2))
    return np.hstack([head, tail, abs(head - tail), head * tail])


def ranking_sentence(ranks: pd.DataFrame) -> str:
    """What embeddings hold and what they can infer."""
    own = ranks[ranks.relation == "all"].set_index(["form", "part"])
    told = [
        f"{form} ranks the entities of triples it was given with MRR {own.mrr[form, GIVEN]:.2f}, of held-out ones with "
        f"{own.mrr[form, HELD_OUT]:.2f} [{own.low[form, HELD_OUT]:.2f}, {own.high[form, HELD_OUT]:.2f}]"
        for form in dict.fromkeys(ranks.form)
    ]
    return "; ".join(told) + "."


def text_sentence(found: pd.DataFrame) -> str:
    """Which relations' truth the words tell."""
    if found.empty:
        return "No relation has triples enough to ask what their words tell."
    said = []
    for words, part in found.groupby("words", sort=False):
        told: dict[str, list[str]] = {}
        for row in part.itertuples():
            told.setdefault(_against_chance(row), []).append(f"{row.relation} ({row.accuracy:.0%})")
        said.append(
            f"From {words} a true triple is told from a false one "
            + "; ".join(f"{word} for {', '.join(names)}" for word, names in told.items())
        )
    alone = " Each is judged by its own 95% interval, not corrected for their number." if len(found) > 1 else ""
    return ". ".join(said) + "." + alone


def _against_chance(row: Any) -> str:
    share = Interval(row.accuracy - CHANCE, row.low - CHANCE, row.high - CHANCE, row.n, LEVEL)
    return against_chance(share, margin=NEAR_CHANCE)
