"""Masked language modelling on packed rows, with a head that computes only what the loss needs."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F
from transformers import BertConfig, BertForMaskedLM

from smallbert.models.masking import MaskedTokens, generator, mask_tokens
from smallbert.models.packing import PackedRows, document_positions
from smallbert.models.parallel import WHOLE, Part
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.shared_encoder import SharedEncoder
from smallbert.models.tokenizer import PAD

MASK_STREAM, HELD_OUT_STREAM = 2, 3

HELD_OUT_TOKENS = 8_192
"""Held-out tokens the loss is measured on: some 1,200 predictions, the same for every arm that is compared. Twice as
many took longer than a small arm's whole training."""

EVALUATE_ROWS = 32


def build_model(recipe: PretrainRecipe, vocabulary_size: int, device: torch.device) -> BertForMaskedLM:
    """A BERT with fresh weights, drawn from the recipe's seed without touching the global generator's state.

    Attention is written out as matrix products on the CPU, where that is faster than torch's fused kernel (bf16,
    4 x 256, rows of 128: 19,200 tokens/s against 15,100; equal in fp32), and fused on a GPU.
    """
    config = BertConfig(
        vocab_size=vocabulary_size,
        hidden_size=recipe.hidden,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        intermediate_size=recipe.intermediate,
        max_position_embeddings=recipe.sequence_length,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=PAD,
        attn_implementation="eager" if device.type == "cpu" else "sdpa",  # type: ignore[call-arg]
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return BertForMaskedLM(config).to(device)  # type: ignore[arg-type] # transformers hides torch's signature


def masked_logits(model: BertForMaskedLM, ids: torch.Tensor, masked: MaskedTokens) -> torch.Tensor:
    """Logits at the masked places only, (n, V): the head on the other 85 % of the tokens would not enter the loss.

    Args:
        model: the encoder with its head.
        ids: the rows before masking, from which documents are told apart, (B, L), on the model's device.
        masked: the same rows masked.
    """
    device = ids.device
    positions, inside = document_positions(ids)
    if model.config._attn_implementation == "eager":  # which adds the mask to the scores
        inside = torch.zeros(inside.shape, device=device).masked_fill_(~inside, torch.finfo(torch.float32).min)
    hidden = model.bert(
        torch.from_numpy(masked.inputs).to(device), attention_mask=inside, position_ids=positions
    ).last_hidden_state  # (B, L, H)
    chosen = torch.from_numpy(masked.positions).to(device)
    return model.cls(hidden.flatten(0, 1).index_select(0, chosen))


class MaskedLanguageModelling:
    """The objective of BERT without its second task: predict masked tokens (Devlin et al. 2019, task 1).

    Args:
        model: the model to train; see :func:`build_model`.
        train: rows to train on.
        held_out: rows to measure on, masked once and for all.
        recipe: batch size, masking probability, seed.
        dtype: number format of matrix products; weights stay fp32.

    Another objective is another class with ``model``, ``loss(step)`` and ``evaluate()``, which is all that
    :func:`smallbert.models.training.fit` asks for.
    """

    def __init__(
        self,
        model: BertForMaskedLM,
        train: PackedRows,
        held_out: PackedRows,
        recipe: PretrainRecipe,
        dtype: torch.dtype,
    ) -> None:
        self.model, self.train, self.held_out, self.recipe, self.dtype = model, train, held_out, recipe, dtype

    def loss(self, step: int, part: Part = WHOLE) -> torch.Tensor:
        """Mean cross-entropy in nats over the masked tokens of a step: a function of the weights and the step only.

        Equals ``BertForMaskedLM(input_ids, labels=...)`` with the label -100 at all other places.

        Args:
            step: its number.
            part: rows to take; the losses of all parts add up to that of the step.
        """
        rows, masked, count = self._step(step, part)
        logits, targets = self._predict(rows, masked)
        return F.cross_entropy(logits, targets, reduction="sum") / count

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Held-out loss in nats and share of masked tokens predicted right.

        Rows and masks are the same in every evaluation and for every recipe of the same row length.
        """
        length = self.recipe.sequence_length
        rows = self.held_out.batch(0, min(len(self.held_out), max(HELD_OUT_TOKENS // length, 1)))
        loss, right, count = 0.0, 0, 0
        for number, start in enumerate(range(0, len(rows), EVALUATE_ROWS)):
            some = rows[start : start + EVALUATE_ROWS]
            logits, targets = self._predict(some, self._mask(some, generator(HELD_OUT_STREAM, number)))
            loss += F.cross_entropy(logits, targets, reduction="sum").item()
            right += int((logits.argmax(1) == targets).sum())
            count += len(targets)
        return {"held_out_loss": loss / max(count, 1), "held_out_accuracy": right / max(count, 1)}

    def _step(self, step: int, part: Part) -> tuple[np.ndarray, MaskedTokens, int]:
        """A part of a step's rows, before and after masking, and the masked tokens of all of them, at least one."""
        rows = self.train.batch(step, self.recipe.rows)
        masked = self._mask(rows, generator(self.recipe.seed, MASK_STREAM, step))
        own = part.rows(len(rows))
        return rows[own], masked.rows(own), max(len(masked.targets), 1)

    def _mask(self, rows: np.ndarray, random: np.random.Generator) -> MaskedTokens:
        return mask_tokens(rows, self.recipe.masking_probability, self._vocabulary_size, random)

    @property
    def _vocabulary_size(self) -> int:
        return self.model.config.vocab_size

    def _predict(self, rows: np.ndarray, masked: MaskedTokens) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits, fp32, (n, V), and targets, (n,), at the masked places of some rows, (B, L)."""
        device = self.model.device
        with torch.autocast(device.type, self.dtype, enabled=self.dtype is not torch.float32):
            logits = masked_logits(self.model, torch.from_numpy(rows).to(device), masked)
        return logits.float(), torch.from_numpy(masked.targets).to(device)


class SharedLanguageModelling(MaskedLanguageModelling):
    """The same objective for an encoder of ours, whose head takes loss and gradient in one pass.

    Args:
        model: the encoder to train; see :func:`smallbert.models.shared_encoder.fresh`.
        train: rows to train on.
        held_out: rows to measure on, masked once and for all.
        recipe: batch size, masking probability, seed.
        dtype: number format of matrix products; weights stay fp32.
    """

    model: SharedEncoder  # type: ignore[assignment] # the one thing that differs

    def loss(self, step: int, part: Part = WHOLE) -> torch.Tensor:
        """Mean cross-entropy in nats over the masked tokens of a step; see :class:`MaskedLanguageModelling`."""
        rows, masked, count = self._step(step, part)
        with self._precision():
            hidden, targets = self._masked(rows, masked)
            return self.model.vocabulary_loss(hidden, targets) / count

    @property
    def _vocabulary_size(self) -> int:
        return self.model.sizes.vocabulary

    def _predict(self, rows: np.ndarray, masked: MaskedTokens) -> tuple[torch.Tensor, torch.Tensor]:
        with self._precision():
            hidden, targets = self._masked(rows, masked)
            return self.model.vocabulary_logits(hidden).float(), targets

    def _masked(self, rows: np.ndarray, masked: MaskedTokens) -> tuple[torch.Tensor, torch.Tensor]:
        """Vectors (n, H) and targets (n) at the masked places of some rows, (B, L)."""
        device = self.model.device
        positions, inside = document_positions(torch.from_numpy(rows).to(device))
        hidden = self.model.encode(torch.from_numpy(masked.inputs).to(device), positions, inside)
        chosen = torch.from_numpy(masked.positions).to(device)
        return hidden.flatten(0, 1).index_select(0, chosen), torch.from_numpy(masked.targets).to(device)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.model.device.type, self.dtype, enabled=self.dtype is not torch.float32)
