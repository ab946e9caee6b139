"""How much some rows weigh in each loss of a distillation: what lets several processes share a step.

Each loss is a mean over tokens, texts or pairs of tokens, of which processes, and batches, have unequal numbers. Their
means, weighed with these counts, give the mean over all rows.
"""

from __future__ import annotations

import torch

from smallbert.compress.distill.inputs import Seen
from smallbert.models.packing import document_positions
from smallbert.models.tokenizer import CLS, PAD


def share_of(term: str, seen: Seen, own: slice) -> float:
    """Weight of some rows in a loss that is a mean over what the rows hold: tokens, texts or pairs of tokens.

    Args:
        term: of :data:`smallbert.compress.distill.methods.TERMS`.
        seen: all rows.
        own: the rows.
    """
    whole = count(term, seen)
    return count(term, seen.rows(own)) / whole if whole else 0.0


def count(term: str, seen: Seen) -> int:
    """Summands of a loss on some rows.

    Args:
        term: of :data:`smallbert.compress.distill.methods.TERMS`.
        seen: the rows.
    """
    if term == "hard":
        return len(seen.masked)
    if term in ("soft", "prediction"):
        return len(seen.places)
    if term in ("patient", "pooled"):
        return int((seen.ids == CLS).sum())
    real = seen.ids != PAD
    if term == "scores":
        _, inside = document_positions(torch.from_numpy(seen.ids))
        return int((inside[:, 0] & torch.from_numpy(real)[:, None]).sum())
    return int(real.sum())
