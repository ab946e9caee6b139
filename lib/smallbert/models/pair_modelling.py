"""The objective of BERT and ALBERT: predict masked tokens, and judge whether two segments stand as written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional as F

from smallbert.errors import DataError, UsageError
from smallbert.models import tokenizer as wordpiece
from smallbert.models.masking import generator, mask_tokens
from smallbert.models.packing import document_positions
from smallbert.models.pairs import SPECIALS, TASKS, Arrangement, Layout, PairOrder, Task, arrange, by_length
from smallbert.models.parallel import WHOLE, Part
from smallbert.models.segments import SegmentRows, Segments
from smallbert.models.shared_encoder import fresh
from smallbert.models.sharing import SharedRecipe
from smallbert.models.tokenizer import CLS, PAD
from smallbert.models.tokens import TokenStore

MASK_STREAM, HELD_OUT_STREAM, TASK_STREAM = 2, 3, 4

HELD_OUT_TOKENS = 16_384
"""Held-out tokens that each row of the loss curve is measured on."""

TOKENS_AT_ONCE = 4096

FEWEST = 4
"""Pairs of a corpus and rows of a batch, at least: half of them exchange their second segments."""


@dataclass(frozen=True)
class PairRecipe(SharedRecipe):
    """A recipe for pretraining on pairs of segments.

    Args:
        objective: the second task: none, nsp or sop. A recipe that differs in nothing else reads the same tokens, in
            the same batches, with the same of them masked.

    Raises:
        UsageError: as :class:`SharedRecipe`; or the task is unknown, or a batch too small for it.
    """

    objective: Task = "sop"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.objective not in TASKS:
            raise UsageError(f"Expected objective {', '.join(TASKS)}, got {self.objective!r}.")
        if self.rows < FEWEST:
            raise UsageError(
                f"Expected batch_tokens of at least {FEWEST} rows of {self.sequence_length}, got {self.batch_tokens}."
            )


class PairEncoder(Protocol):
    """What pairs need of a model, which is a ``torch.nn.Module``."""

    def parameters(self, recurse: bool = True) -> Iterator[torch.nn.Parameter]:
        """The weights."""

    def encode(
        self, inputs: torch.Tensor, positions: torch.Tensor, inside: torch.Tensor, types: torch.Tensor | None
    ) -> torch.Tensor:
        """Hidden states, (B, L, H), of ids, positions and types, (B, L); ``inside``, (B, 1, L, L): who sees whom."""

    def vocabulary_logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Hidden states, (n, H), to logits, (n, V)."""

    def vocabulary_loss(self, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Sum of the cross-entropies of these logits with the right tokens, (n,)."""

    def pair_logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Hidden states of [CLS], (n, H), to logits, (n, 2); class 0 says the pair is as in its document."""


@dataclass(frozen=True)
class Reading:
    """What a model makes of n pairs, fp32.

    Args:
        start: hidden state of [CLS], (n, H).
        first, second: mean hidden state over the tokens of each segment, special ones included, (n, H).
        logits: of the model's own pair head, (n, 2).
    """

    start: np.ndarray
    first: np.ndarray
    second: np.ndarray
    logits: np.ndarray


@torch.inference_mode()
def read(model: PairEncoder, rows: SegmentRows, arrangement: Arrangement, dtype: torch.dtype) -> Reading:
    """Read pairs, nothing masked.

    Args:
        model: in evaluation mode.
        rows: the segments.
        arrangement: how they stand together.
        dtype: number format of matrix products.
    """
    found: list[list[torch.Tensor]] = []
    batches = _batches(rows, arrangement)
    for pairs in batches:
        layout = Layout.of(rows, arrangement.first[pairs], arrangement.second[pairs])
        ids = layout.take(rows.ids, CLS)
        with _autocast(model, dtype):
            hidden = _encode(model, ids, ids, layout.types)
            logits = model.pair_logits(hidden[:, 0])
        of_segment = [(layout.types == segment) & (ids != PAD) for segment in (0, 1)]
        means = [_mean(hidden, torch.from_numpy(kept).to(hidden.device)) for kept in of_segment]
        found.append([part.float().cpu() for part in (hidden[:, 0], *means, logits)])
    back = np.argsort(np.concatenate(batches))
    return Reading(*(torch.cat(parts).numpy()[back] for parts in zip(*found, strict=True)))


def _mean(hidden: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """Mean over the kept places, bool (B, L), of hidden states, (B, L, H)."""
    return torch.einsum("blh,bl->bh", hidden.float(), kept.float()) / kept.sum(1, keepdim=True)


def pair_modelling(recipe: PairRecipe, store: TokenStore, device: torch.device, dtype: torch.dtype) -> PairModelling:
    """The model a recipe describes, with fresh weights, and its objective on a corpus.

    Raises:
        DataError: the corpus has too few documents of two segments.
    """
    model = fresh(recipe.sizes(store.vocabulary_size, pair_head=True), recipe.seed, device)
    tokenizer = wordpiece.load(store.folder)
    train, held_out = (Segments.cut(part, tokenizer, recipe.sequence_length) for part in (store.train, store.held_out))
    return PairModelling(model, train, held_out, recipe, store.vocabulary_size, dtype)


class PairModelling:
    """Cross-entropy of the masked tokens plus, unless the objective is ``none``, that of the pairs.

    Equals ``BertForPreTraining(labels=..., next_sentence_label=...)`` on the same rows.

    Args:
        model: the model to train.
        train: pairs to train on.
        held_out: pairs to measure on, masked and arranged once and for all.
        recipe: second task, batch size, masking probability, seed.
        vocabulary_size: bound of the random tokens among the masked.
        dtype: number format of matrix products; weights stay fp32.

    Raises:
        DataError: too few pairs.
    """

    def __init__(
        self,
        model: PairEncoder,
        train: Segments,
        held_out: Segments,
        recipe: PairRecipe,
        vocabulary_size: int,
        dtype: torch.dtype,
    ) -> None:
        if len(train) < FEWEST or not len(held_out):
            raise DataError(
                f"Expected at least {FEWEST} documents of two segments to train on and 1 held out, got {len(train)} "
                f"and {len(held_out)}; {train.left_out + held_out.left_out} are too short.",
                "Give more text.",
            )
        self.model, self.train, self.recipe, self.dtype = model, train, recipe, dtype
        self._vocabulary_size = vocabulary_size
        self._order = PairOrder(train.lengths.sum(0) + SPECIALS, recipe.batch_tokens, recipe.seed)
        tokens = (held_out.lengths.sum(0) + SPECIALS).cumsum()
        self._rows = held_out.rows(np.arange(max(1, int(np.searchsorted(tokens, HELD_OUT_TOKENS)))))

    def loss(self, step: int, part: Part = WHOLE) -> torch.Tensor:
        """Sum of the tasks' mean cross-entropies in nats: a function of the weights and the step only.

        Args:
            step: its number.
            part: pairs to take; the losses of all parts add up to that of the step.
        """
        seed, pairs = self.recipe.seed, self._order.batch(step)
        rows = self.train.rows(pairs)
        arrangement = arrange(self.recipe.objective, rows.lengths[len(pairs) :], generator(seed, TASK_STREAM, step))
        masked = self._mask(rows, generator(seed, MASK_STREAM, step))
        with _autocast(self.model, self.dtype):
            own, (_, chosen) = part.rows(len(pairs)), masked
            hidden, targets, starts = self._encode(rows, masked, arrangement, np.arange(len(pairs))[own])
            tokens = self.model.vocabulary_loss(hidden, targets) / max(int(np.count_nonzero(chosen)), 1)
            logits = self.model.pair_logits(starts)
        labels = torch.from_numpy(arrangement.labels[own]).to(logits.device)
        judged = F.cross_entropy(logits.float(), labels) * (len(labels) / len(pairs))
        # Without a second task its head gets gradients of zero rather than none, which checkpoints could not hold.
        return tokens + (self.recipe.objective != "none") * judged

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Held-out loss in nats and accuracy on masked tokens and, with a second task, the share of pairs judged right.

        Tokens are predicted in pairs as their documents have them, the same for every task.
        """
        rows, loss, right, count = self._rows, 0.0, 0, 0
        lengths = rows.lengths[len(rows.lengths) // 2 :]
        masked = self._mask(rows, generator(HELD_OUT_STREAM))
        unchanged = arrange("none", lengths, generator(HELD_OUT_STREAM))
        for pairs in _batches(rows, unchanged):
            with _autocast(self.model, self.dtype):
                hidden, targets, _ = self._encode(rows, masked, unchanged, pairs)
                logits = self.model.vocabulary_logits(hidden).float()
            loss += F.cross_entropy(logits, targets, reduction="sum").item()
            right += int((logits.argmax(1) == targets).sum())
            count += len(targets)
        found = {"held_out_loss": loss / max(count, 1), "held_out_accuracy": right / max(count, 1)}
        if self.recipe.objective != "none":
            arrangement = arrange(self.recipe.objective, lengths, generator(HELD_OUT_STREAM))
            answers = read(self.model, rows, arrangement, self.dtype).logits.argmax(1)
            found["pair_accuracy"] = float((answers == arrangement.labels).mean())
        return found

    def _mask(self, rows: SegmentRows, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Masked segments and where they are to be predicted, shape of the rows; before they are arranged."""
        masked = mask_tokens(rows.ids, self.recipe.masking_probability, self._vocabulary_size, random)
        chosen = np.zeros(rows.ids.size, bool)
        chosen[masked.positions] = True
        return masked.inputs, chosen.reshape(rows.ids.shape)

    def _encode(
        self,
        rows: SegmentRows,
        masked: tuple[np.ndarray, np.ndarray],
        arrangement: Arrangement,
        pairs: np.ndarray,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Hidden states at the masked places, (n, H), the right tokens there, (n,), and the states of [CLS], (B, H)."""
        layout = Layout.of(rows, arrangement.first[pairs], arrangement.second[pairs])
        inputs, chosen = masked
        ids = layout.take(rows.ids, CLS)
        places = np.flatnonzero(layout.take(chosen, 0))
        hidden = _encode(self.model, ids, layout.take(inputs, CLS), layout.types)  # (B, L, H)
        targets, where = (torch.from_numpy(part).to(hidden.device) for part in (ids.ravel()[places], places))
        return hidden.flatten(0, 1).index_select(0, where), targets, hidden[:, 0]


def _batches(rows: SegmentRows, arrangement: Arrangement) -> list[np.ndarray]:
    """Pairs of about one length together."""
    lengths = rows.lengths[arrangement.first] + rows.lengths[arrangement.second] + SPECIALS
    return by_length(lengths, np.arange(len(lengths)), TOKENS_AT_ONCE)


def _encode(model: PairEncoder, ids: np.ndarray, inputs: np.ndarray, types: np.ndarray) -> torch.Tensor:
    device = _device(model)
    positions, inside = document_positions(torch.from_numpy(ids).to(device))
    return model.encode(torch.from_numpy(inputs).to(device), positions, inside, torch.from_numpy(types).to(device))


def _autocast(model: PairEncoder, dtype: torch.dtype) -> torch.autocast:
    return torch.autocast(_device(model).type, dtype, enabled=dtype is not torch.float32)


def _device(model: PairEncoder) -> torch.device:
    return next(model.parameters()).device
