"""What teacher and student read, as a pure function of a number: so the teacher can read it once, before the student.

Inputs come in units of some rows. The teacher's outputs are stored unit by unit; a step of the student asks for a batch
and for the numbers of its rows in the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from smallbert.compress.distill.whole_texts import WholeTexts
from smallbert.models.masking import generator, mask_tokens
from smallbert.models.mlm import EVALUATE_ROWS, HELD_OUT_STREAM, HELD_OUT_TOKENS, MASK_STREAM
from smallbert.models.packing import PackedRows
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokenizer import PAD

Places = Literal["masked", "all"]
"""Tokens at which the teacher's predictions are asked for: those the student must predict, or all attended ones."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Some rows as the models see them.

    Args:
        ids: before masking, int64, (B, L).
        read: what the models read, int64, (B, L).
        masked: places of masked tokens in the flattened ids, ascending, (m,).
        targets: their original ids, (m,).
        places: places whose logits are compared, ascending, (n,).
    """

    ids: np.ndarray
    read: np.ndarray
    masked: np.ndarray
    targets: np.ndarray
    places: np.ndarray

    def rows(self, chosen: slice) -> Seen:
        """Some rows, a range ``start:stop``, alone."""
        length = self.ids.shape[1]
        first, last = chosen.start * length, chosen.stop * length
        masked, places = (slice(*np.searchsorted(one, (first, last))) for one in (self.masked, self.places))
        return Seen(
            self.ids[chosen],
            self.read[chosen],
            self.masked[masked] - first,
            self.targets[masked],
            self.places[places] - first,
        )


class Inputs(Protocol):
    """Rows in a fixed order, for a store.

    Attributes:
        units: how many units there are.
        unit_rows: rows of a unit; the last one may have fewer.
        rows: rows in all.
        identity: what decides the rows.
    """

    units: int
    unit_rows: int
    rows: int
    identity: dict[str, Any]

    def unit(self, number: int) -> Seen:
        """The rows of a unit."""


class TrainInputs(Inputs, Protocol):
    """Rows that a student is trained on."""

    def step(self, step: int) -> tuple[Seen, np.ndarray]:
        """What a step reads, and the numbers of its rows."""


class MaskedSteps:
    """Packed rows masked afresh in every step: a unit is a step, and epochs differ in their masks.

    Args:
        tokens: the stream to train on.
        recipe: row length, batch, steps, masking probability, seed.
        vocabulary_size: bound of the random tokens.
        places: see :data:`Places`.
    """

    def __init__(
        self, tokens: np.ndarray, recipe: PretrainRecipe, vocabulary_size: int, places: Places = "masked"
    ) -> None:
        self._packed = PackedRows(tokens, recipe.sequence_length, recipe.seed)
        self._recipe, self._vocabulary_size, self._places = recipe, vocabulary_size, places
        self.units, self.unit_rows, self.rows = recipe.steps, recipe.rows, recipe.steps * recipe.rows
        names = ("sequence_length", "batch_tokens", "masking_probability", "seed", "steps")
        self.identity = {"rows": "masked", "places": places, **{name: getattr(recipe, name) for name in names}}

    def unit(self, number: int) -> Seen:
        """The rows of step ``number``, masked as :class:`smallbert.models.mlm.MaskedLanguageModelling` does."""
        random = generator(self._recipe.seed, MASK_STREAM, number)
        return masked(
            self._packed.batch(number, self.unit_rows), self._recipe, self._vocabulary_size, random, self._places
        )

    def step(self, step: int) -> tuple[Seen, np.ndarray]:
        """What a step reads, and the numbers of its rows."""
        return self.unit(step), np.arange(step * self.unit_rows, (step + 1) * self.unit_rows)


class MaskedHeldOut:
    """The held-out rows with the masks of :meth:`smallbert.models.mlm.MaskedLanguageModelling.evaluate`.

    Args:
        tokens: the held-out stream.
        recipe: row length and masking probability.
        vocabulary_size: bound of the random tokens.
    """

    def __init__(self, tokens: np.ndarray, recipe: PretrainRecipe, vocabulary_size: int) -> None:
        packed = PackedRows(tokens, recipe.sequence_length)
        self._ids = packed.batch(0, min(len(packed), max(HELD_OUT_TOKENS // recipe.sequence_length, 1)))
        self._recipe, self._vocabulary_size = recipe, vocabulary_size
        self.rows, self.unit_rows = len(self._ids), EVALUATE_ROWS
        self.units = -(-self.rows // EVALUATE_ROWS)
        names = ("sequence_length", "masking_probability")
        self.identity = {"rows": "held out, masked", **{name: getattr(recipe, name) for name in names}}

    def unit(self, number: int) -> Seen:
        """The rows of a unit."""
        ids = self._ids[number * EVALUATE_ROWS : (number + 1) * EVALUATE_ROWS]
        return masked(ids, self._recipe, self._vocabulary_size, generator(HELD_OUT_STREAM, number), "masked")


class UnmaskedTexts:
    """Whole texts as they are: what the teacher makes of a row holds for all epochs.

    Args:
        tokens: the stream.
        recipe: row length, batch, seed.
        part: name of the stream.
    """

    def __init__(self, tokens: np.ndarray, recipe: PretrainRecipe, part: str = "train") -> None:
        self._texts = WholeTexts(tokens, recipe.sequence_length, recipe.seed)
        self.rows, self.unit_rows = len(self._texts), recipe.rows
        self.units = -(-self.rows // self.unit_rows)
        self.identity = {
            "rows": f"{part}, whole texts",
            "sequence_length": recipe.sequence_length,
            "unit_rows": recipe.rows,
        }

    def unit(self, number: int) -> Seen:
        """The rows of a unit, in the order in which they were filled."""
        return self._seen(np.arange(number * self.unit_rows, min((number + 1) * self.unit_rows, self.rows)))

    def step(self, step: int) -> tuple[Seen, np.ndarray]:
        """What a step reads, and the numbers of its rows."""
        numbers = self._texts.numbers(step, self.unit_rows)
        return self._seen(numbers), numbers

    def _seen(self, numbers: np.ndarray) -> Seen:
        ids = np.stack([self._texts.row(number) for number in numbers])
        nothing = np.zeros(0, dtype=np.int64)
        return Seen(ids, ids, nothing, nothing, nothing)


class UnmaskedSteps:
    """Whole texts in the order in which a student reads them: for one that reads less than an epoch.

    Args:
        texts: all of them.
        recipe: batch, steps, seed.
    """

    def __init__(self, texts: UnmaskedTexts, recipe: PretrainRecipe) -> None:
        self._texts = texts
        self.units, self.unit_rows, self.rows = recipe.steps, recipe.rows, recipe.steps * recipe.rows
        self.identity = {**texts.identity, "seed": recipe.seed, "steps": recipe.steps}

    def unit(self, number: int) -> Seen:
        """The rows of step ``number``."""
        return self._texts.step(number)[0]

    def step(self, step: int) -> tuple[Seen, np.ndarray]:
        """What a step reads, and the numbers of its rows."""
        return self.unit(step), np.arange(step * self.unit_rows, (step + 1) * self.unit_rows)


def masked(
    ids: np.ndarray, recipe: PretrainRecipe, vocabulary_size: int, random: np.random.Generator, places: Places
) -> Seen:
    """Rows with some tokens masked.

    Args:
        ids: the rows, (B, L).
        recipe: the masking probability.
        vocabulary_size: bound of the random tokens.
        random: where the choice comes from.
        places: see :data:`Places`.
    """
    chosen = mask_tokens(ids, recipe.masking_probability, vocabulary_size, random)
    compared = chosen.positions if places == "masked" else np.flatnonzero(ids != PAD)
    return Seen(ids, chosen.inputs, chosen.positions, chosen.targets, compared)
