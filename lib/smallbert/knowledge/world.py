"""The generated world's own graph: everything that is true of its entities, most of which no article states."""

from __future__ import annotations

import re

from smallbert.corpus.tasks.world.teller import Teller, spans
from smallbert.corpus.world import World
from smallbert.corpus.world.tongue import Tongue
from smallbert.knowledge.graph import Graph

_BRACKETS = re.compile(r".*?\[(.*)\].*")


def graph(world: World, lang: str) -> Graph:
    """All facts about entities of a world, with the names that its articles use.

    A purpose has no name of its own: it is called by what a scene says of it, such as ``dug a hole to plant a flower``.

    Args:
        world: the world.
        lang: language of the names.
    """
    triples = [tuple(triple) for triple in world.triples()]
    scenes = _scenes(world, lang)
    tongue = Tongue(lang, world.facts, marked=True)
    names: dict[str, tuple[str, ...]] = {}
    for entity in dict.fromkeys(entity for head, _, tail in triples for entity in (head, tail)):
        if entity in scenes:
            names[entity] = (scenes[entity],)
        else:
            # "the [City Bank]": as it is written, and the part that is the name.
            label = tongue.label(entity)
            names[entity] = tuple(dict.fromkeys((re.sub(r"[\[\]]", "", label), _BRACKETS.sub(r"\1", label))))
    return Graph.of({"train": triples}, names=names)


def _scenes(world: World, lang: str) -> dict[str, str]:
    """Scene -> what its sentence says behind the place."""
    teller, tongue = Teller(world, "knowledge"), Tongue(lang, world.facts, marked=True)
    found = {}
    for number, purpose in enumerate(world.inventory.purposes):
        draw = teller.draw(0)._replace(scene=number)
        text, roles = spans(tongue.sentences.scene[number][0].render(*tongue.values(draw)))
        found[f"scene:{purpose}"] = text[max((end for _, _, end in roles), default=0) :].strip(" .。")
    return found
