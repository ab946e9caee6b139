"""TinyBERT's loss on attention scores: whom a token looks at, before the softmax."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from smallbert.errors import UsageError

OFFICIAL_FLOOR = -1e2
"""Scores at or below it are set to 0 by the official code: it takes them for masked ones."""


def split_heads(vectors: Tensor, heads: int) -> Tensor:
    """(B, L, d) -> (B, heads, L, d / heads).

    Raises:
        UsageError: ``heads`` does not divide the width.
    """
    if vectors.shape[-1] % heads:
        raise UsageError(f"Expected a width that {heads} heads divide, got {vectors.shape[-1]}.")
    return vectors.unflatten(-1, (heads, -1)).transpose(1, 2)


def scores(queries: Tensor, keys: Tensor, heads: int) -> Tensor:
    """Scaled products of queries and keys, ``Q K^T / sqrt(d_k)`` for each head: what the softmax reads.

    Args:
        queries: (B, L, d).
        keys: (B, L, d).
        heads: attention heads; d_k = d / heads.

    Returns:
        (B, heads, L, L).
    """
    q, k = split_heads(queries, heads), split_heads(keys, heads)
    return (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)


def score_loss(student: Tensor, teacher: Tensor, inside: Tensor | None = None) -> Tensor:
    """Mean squared error between the attention scores of a student layer and its teacher layer.

    Args:
        student: scores A^S before the softmax, (B, h, L, L).
        teacher: scores A^T, (B, h, L, L).
        inside: which pairs of tokens belong to one text, bool, (B, 1, L, L); all of them by default.

    Equation: ``(1 / h) sum_i MSE(A_i^S, A_i^T)`` (Jiao et al. 2020, arXiv 1909.10351, eq. 7). The paper prefers the
    scores to the probabilities after the softmax, for faster convergence. It does not speak of padding: pairs outside a
    text do not count.

    Relations: :func:`official_score_loss` counts them as zeros; MiniLM
    (:func:`smallbert.compress.distill.relations.relation_loss`) compares probabilities, and the last layer only.

    Raises:
        UsageError: the numbers of heads differ.
    """
    _require_same_heads(student, teacher)
    squares = (student - teacher).square()
    if inside is None:
        return squares.mean()
    return squares.masked_fill(~inside, 0.0).sum() / (inside.sum() * student.shape[1])


def official_score_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """The same as the official code has it: masked scores become 0 and are counted.

    Args:
        student: scores with a large negative number added where masked, (B, h, L, L).
        teacher: the same of the teacher.

    Equation: ``MSE(where(A^S <= -100, 0, A^S), where(A^T <= -100, 0, A^T))`` (``task_distill.py``). The released model
    masks padding as a key alone: scores of its queries with real keys are let through and counted.

    Relations: :func:`score_loss` times the share of the pairs that are not masked.

    Raises:
        UsageError: the numbers of heads differ.
    """
    _require_same_heads(student, teacher)
    ours, theirs = (one.masked_fill(one <= OFFICIAL_FLOOR, 0.0) for one in (student, teacher))
    return F.mse_loss(ours, theirs)


def _require_same_heads(student: Tensor, teacher: Tensor) -> None:
    if student.shape[1] != teacher.shape[1]:
        raise UsageError(
            f"Expected as many heads in student and teacher, got {student.shape[1]} and {teacher.shape[1]}: "
            "TinyBERT compares head by head.",
            "Give the student the teacher's number of heads, or use minilm with relation heads.",
        )
