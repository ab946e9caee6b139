"""The teacher measured as its students are: the same held-out rows, the same masks, its own predictions."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from smallbert.compress.distill.inputs import MaskedHeldOut
from smallbert.compress.distill.pieces import Pieces
from smallbert.compress.distill.teacher import Teacher
from smallbert.errors import UsageError
from smallbert.models.encoder import TOKENS_PER_BATCH
from smallbert.models.packed import plan
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokens import TokenStore


@torch.inference_mode()
def held_out(teacher: Teacher, store: TokenStore, recipe: PretrainRecipe) -> dict[str, float]:
    """The teacher's held-out loss in nats and share of masked tokens predicted right.

    Args:
        teacher: with a masked-language-model head.
        store: its held-out part is read.
        recipe: row length and masking probability of the students.

    Returns:
        ``held_out_loss`` and ``held_out_accuracy``, as of :func:`smallbert.models.training.fit`'s curve.

    Raises:
        UsageError: the teacher predicts nothing.
    """
    if teacher.head is None:
        raise UsageError(f"Expected a teacher with a masked-language-model head, {teacher.folder} has none.")
    inputs = MaskedHeldOut(store.held_out, recipe, len(teacher.vocabulary.theirs))
    last, nowhere = f"hidden-{teacher.layers}", torch.zeros(0, dtype=torch.int64, device=teacher.device)
    loss, right, count = 0.0, 0, 0
    for number in range(inputs.units):
        seen = inputs.unit(number)
        pieces = Pieces.of([seen])
        targets = np.zeros(seen.ids.size, dtype=np.int64)
        targets[seen.masked] = seen.targets
        for batch in plan(pieces.lengths, TOKENS_PER_BATCH[teacher.device.type]):
            at = pieces.tokens_of(batch.rows)
            ids = torch.from_numpy(pieces.read[at]).to(teacher.device)
            hidden = teacher.trace(ids, batch.groups, {last}, nowhere, 0)[last]
            asked = pieces.is_place[at]
            logits = teacher.logits(hidden[torch.from_numpy(np.flatnonzero(asked)).to(teacher.device)])
            expected = torch.from_numpy(targets[at[asked]]).to(teacher.device)
            loss += F.cross_entropy(logits, expected, reduction="sum").item()
            right += int((logits.argmax(1) == expected).sum())
            count += len(expected)
    return {"held_out_loss": loss / max(count, 1), "held_out_accuracy": right / max(count, 1)}
