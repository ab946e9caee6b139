"""The tasks made from the generated world, with answers that are true by construction.

Every function takes a :class:`smallbert.corpus.world.World` and a range of its events and yields examples, each a
pure function of the world's seed and the event's number: ranges side by side give what one range gives, and ranges
that do not overlap share no event. Each event is told in one of the world's languages.

What could give an answer away is balanced by construction, not by chance: one half of a pair alone, an ending alone
or a question alone occurs as often with one label as with another (see each function).
"""

from smallbert.corpus.tasks.world.choices import choices
from smallbert.corpus.tasks.world.entailment import entailment
from smallbert.corpus.tasks.world.entities import entities
from smallbert.corpus.tasks.world.questions import questions
from smallbert.corpus.tasks.world.similarity import similarity
from smallbert.corpus.tasks.world.topics import topics

__all__ = ["choices", "entailment", "entities", "questions", "similarity", "topics"]
