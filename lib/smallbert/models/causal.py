"""Language modelling from left to right on the packed rows of our pretraining, by a twin of the masked encoder.

GPT-1 and BERT differ in much at once. A recipe here says one thing at a time: which tokens are seen, how many of them
are predicted, how much text there is. Rows, their order, first weights and optimizer follow from the seed alone.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F
from transformers import BertForMaskedLM, BertLMHeadModel

from smallbert.errors import UsageError
from smallbert.models.masking import MaskedTokens, generator
from smallbert.models.mlm import MASK_STREAM, MaskedLanguageModelling, build_model
from smallbert.models.packing import PackedRows, document_positions
from smallbert.models.parallel import WHOLE, Part
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokenizer import CLS, PAD
from smallbert.models.tokens import TokenStore
from smallbert.models.vocabulary_loss import VocabularyLoss, filler


@dataclass(frozen=True)
class TwinRecipe(PretrainRecipe):
    """A recipe for a BERT and for its twin that reads from left to right.

    Args:
        causal: predict the next token from those before it (Radford et al. 2018, equation 1) instead of masked tokens
            from both sides.
        predicted: share of the next tokens that a causal step predicts, drawn afresh for every step. 1 is a language
            model; ``masking_probability`` gives it about as many predictions as the masked twin has.
        corpus_tokens: tokens of text to read, from the corpus's start; None reads all. The run stays as long, so a
            smaller corpus is read more often.

    Raises:
        UsageError: as :class:`PretrainRecipe`; or one of these is out of range.
    """

    causal: bool = False
    predicted: float = 1.0
    corpus_tokens: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.predicted <= 1:
            raise UsageError(f"Expected predicted above 0 and at most 1, got {self.predicted}.")
        if self.corpus_tokens is not None and self.corpus_tokens < self.sequence_length:
            raise UsageError(
                f"Expected corpus_tokens of at least a row of {self.sequence_length}, got {self.corpus_tokens}."
            )


def twin_modelling(
    recipe: TwinRecipe, store: TokenStore, device: torch.device, dtype: torch.dtype
) -> MaskedLanguageModelling:
    """The model a recipe describes, with fresh weights, and its objective on a corpus.

    Raises:
        UsageError: the corpus has fewer tokens than the recipe limits it to.
    """
    if recipe.corpus_tokens is not None and recipe.corpus_tokens > len(store.train):
        raise UsageError(
            f"Expected corpus_tokens of at most the corpus's {len(store.train)}, got {recipe.corpus_tokens}."
        )
    train = PackedRows(store.train[: recipe.corpus_tokens], recipe.sequence_length, recipe.seed)
    held_out = PackedRows(store.held_out, recipe.sequence_length)
    model = build_model(recipe, store.vocabulary_size, device)
    if recipe.causal:
        return CausalLanguageModelling(causal_twin(model), train, held_out, recipe, dtype)  # type: ignore[arg-type]
    return MaskedLanguageModelling(model, train, held_out, recipe, dtype)


def causal_twin(masked: BertForMaskedLM) -> BertLMHeadModel:
    """The same network with the same weights, told by its configuration to look to the left only.

    Weights are copied rather than drawn, so that twins start alike whatever ``transformers`` draws first.
    """
    config = copy.deepcopy(masked.config)
    config.is_decoder, config.use_cache = True, False
    with torch.random.fork_rng(devices=[]):
        model = BertLMHeadModel(config)
    model.load_state_dict(masked.state_dict())
    return model.to(masked.device)  # type: ignore[arg-type] # transformers hides torch's signature


def next_places(rows: np.ndarray) -> np.ndarray:
    """Places in the flattened rows, (B, L), whose next token is of the same document, ascending."""
    follows = (rows[:, 1:] != CLS) & (rows[:, 1:] != PAD)
    return np.flatnonzero(np.pad(follows, ((0, 0), (0, 1))))


def left_of(ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions in their documents of tokens of packed rows, (B, L), and who sees whom, bool (B, 1, L, L): a token
    sees itself and what stands before it in its document."""
    positions, inside = document_positions(ids)
    return positions, inside.tril()


class CausalLanguageModelling(MaskedLanguageModelling):
    """The objective of GPT-1: predict each next token of a document, its [SEP] included.

    Args:
        model: the model to train; see :func:`causal_twin`.
        train: rows to train on.
        held_out: rows to measure on.
        recipe: batch size, share predicted, seed.
        dtype: number format of matrix products; weights stay fp32.
    """

    model: BertLMHeadModel  # type: ignore[assignment] # the one thing that differs
    recipe: TwinRecipe

    def loss(self, step: int, part: Part = WHOLE) -> torch.Tensor:
        """Mean cross-entropy in nats over the predicted tokens: a function of the weights and the step only.

        Equals ``BertLMHeadModel(input_ids, labels=input_ids)`` on rows of one document each.

        Args:
            step: its number.
            part: rows to take; the losses of all parts add up to that of the step.
        """
        rows = self.train.batch(step, self.recipe.rows)
        places = next_places(rows)
        if self.recipe.predicted < 1:
            draw = generator(self.recipe.seed, MASK_STREAM, step).random(len(places))
            places = places[draw < self.recipe.predicted]
        decoder, count = self.model.cls.predictions.decoder, max(len(places), 1)
        own, length = part.rows(len(rows)), rows.shape[1]
        places = places[(own.start * length <= places) & (places < own.stop * length)] - own.start * length
        with self._precision():
            hidden, targets = self._at(rows[own], places)
            total = VocabularyLoss.apply(hidden, decoder.weight, decoder.bias, targets, self.dtype)
        return total / count

    def _predict(self, rows: np.ndarray, masked: MaskedTokens) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits, fp32, (n, V), and targets, (n,), at every place that has a next token, masked or not."""
        with self._precision():
            hidden, targets = self._at(rows, next_places(rows))
            logits = self.model.cls.predictions.decoder(hidden)
        return logits[: len(targets)].float(), targets

    def _at(self, rows: np.ndarray, places: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """What the vocabulary is scored with at some places, filler rows behind them, and the next tokens, (n,)."""
        ids = torch.from_numpy(rows).to(self.model.device)
        positions, seen = left_of(ids)
        if self.model.config._attn_implementation == "eager":  # which adds the mask to the scores
            least = torch.finfo(torch.float32).min
            seen = torch.zeros(seen.shape, device=ids.device).masked_fill_(~seen, least)
        hidden = self.model.bert(ids, attention_mask=seen, position_ids=positions).last_hidden_state  # (B, L, H)
        chosen = torch.from_numpy(places).to(ids.device)
        chosen_and_filler = F.pad(chosen, (0, filler(len(chosen))))
        states = hidden.flatten(0, 1).index_select(0, chosen_and_filler)
        return self.model.cls.predictions.transform(states), ids.flatten()[chosen + 1]

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.model.device.type, self.dtype, enabled=self.dtype is not torch.float32)
