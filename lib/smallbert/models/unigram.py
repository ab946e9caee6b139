"""What word frequencies alone are worth in masked language modelling: the floor under every claim about context."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from smallbert.models.masking import MaskedTokens
from smallbert.models.mlm import MaskedLanguageModelling
from smallbert.models.packing import PackedRows
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokenizer import SPECIAL_TOKENS
from smallbert.models.tokens import TokenStore


class _Frequencies(MaskedLanguageModelling):
    """Foretells every masked token by how often tokens occur in training, whatever stands around it."""

    @property
    def _vocabulary_size(self) -> int:
        return self.recipe.vocabulary_size

    def _predict(self, rows: np.ndarray, masked: MaskedTokens) -> tuple[torch.Tensor, torch.Tensor]:
        counts = np.bincount(self.train.tokens, minlength=self.recipe.vocabulary_size) + 1.0
        counts[: len(SPECIAL_TOKENS)] = 0  # never masked
        logits = torch.from_numpy(np.log(counts, where=counts > 0, out=np.full(len(counts), -np.inf)))
        return logits.expand(len(masked.targets), -1), torch.from_numpy(masked.targets)


def frequencies(store: TokenStore, recipe: PretrainRecipe) -> dict[str, float]:
    """What knowing how often tokens occur is worth, on the masked tokens that the arms are measured on.

    An arm whose loss is not below this has learnt nothing of context, whatever its size.

    Returns:
        ``held_out_loss`` in nats and ``held_out_accuracy``, as the arms' curves have.
    """
    own = replace(recipe, vocabulary_size=store.vocabulary_size)
    length = recipe.sequence_length
    train, held_out = (PackedRows(tokens, length) for tokens in (store.train, store.held_out))
    return _Frequencies(None, train, held_out, own, torch.float32).evaluate()  # type: ignore[arg-type] # no model
