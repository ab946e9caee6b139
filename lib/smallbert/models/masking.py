"""Masks of masked language modelling, drawn afresh for every step and reproducible from the step's number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smallbert.models.tokenizer import MASK, SPECIAL_TOKENS


@dataclass(frozen=True)
class MaskedTokens:
    """What the model sees and what it must say.

    Args:
        inputs: ids with some replaced, shape of the original.
        positions: places to predict in the flattened ids, ascending, (n,).
        targets: original ids at these places, (n,).
    """

    inputs: np.ndarray
    positions: np.ndarray
    targets: np.ndarray

    def rows(self, chosen: slice) -> MaskedTokens:
        """The same of some rows, a range ``start:stop``, of inputs (B, L)."""
        length = self.inputs.shape[1]
        first, last = np.searchsorted(self.positions, (chosen.start * length, chosen.stop * length))
        shifted = self.positions[first:last] - chosen.start * length
        return MaskedTokens(self.inputs[chosen], shifted, self.targets[first:last])


def generator(*counter: int) -> np.random.Generator:
    """A generator that is a pure function of its counter, such as (seed, stream, step): resuming needs no state."""
    return np.random.default_rng(np.random.SeedSequence(counter))


def mask_tokens(ids: np.ndarray, probability: float, vocabulary_size: int, random: np.random.Generator) -> MaskedTokens:
    """Choose tokens to predict; of these 80 % become [MASK], 10 % a random token, 10 % stay.

    Devlin et al. 2019, section 3.1 and appendix A.1; drawn afresh each time, as RoBERTa does (Liu et al. 2019, 4.1).
    Each token is chosen on its own, special tokens never; the random token is never special either.

    Args:
        ids: token ids, any shape.
        probability: chance of an ordinary token to be chosen.
        vocabulary_size: bound of the random tokens.
        random: where the choice comes from.
    """
    draw = random.random(ids.shape)
    positions = np.flatnonzero((draw < probability) & (ids >= len(SPECIAL_TOKENS)))
    inputs = ids.copy()
    flat = inputs.reshape(-1)
    targets = flat[positions]
    # Given that it is below `probability`, the same draw is uniform and decides the treatment.
    treatment = draw.reshape(-1)[positions] / probability
    flat[positions[treatment < 0.8]] = MASK
    swapped = positions[(treatment >= 0.8) & (treatment < 0.9)]
    flat[swapped] = random.integers(len(SPECIAL_TOKENS), vocabulary_size, len(swapped))
    return MaskedTokens(inputs, positions, targets)
