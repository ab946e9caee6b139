"""A generated news world with known ground truth: the embedded default corpus and a control experiment.

Nothing in it happened. Every row's id starts with ``world-`` so that results on it can be labelled as generated.
Rows come from :func:`stream`; the truth behind them (events, facts, spans, what each sentence states)
from :class:`World`.
"""

from smallbert.corpus.world.events import Event
from smallbert.corpus.world.facts import RELATIONS, Triple
from smallbert.corpus.world.lexicon import LANGUAGES
from smallbert.corpus.world.stream import World, stream
from smallbert.corpus.world.telling import Sentence, Span, Telling

__all__ = ["LANGUAGES", "RELATIONS", "Event", "Sentence", "Span", "Telling", "Triple", "World", "stream"]
