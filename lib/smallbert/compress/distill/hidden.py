"""Losses on hidden states: the student's vectors should be the teacher's, or point the same way."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from smallbert.errors import UsageError


def cosine(student: Tensor, teacher: Tensor) -> Tensor:
    """One minus the cosine between student and teacher vectors, on average: direction counts, length does not.

    Args:
        student: hidden states, or embeddings of texts, (n, d); of none the loss is 0.
        teacher: those of the teacher, (n, d).

    Equation: ``mean_n(1 - cos(h^S, h^T))``: DistilBERT's third loss, ``CosineEmbeddingLoss`` with target 1 over the
    last hidden states of all attended tokens (Sanh et al. 2019, arXiv 1910.01108, section 2).

    Relations: half of :func:`patient`; :func:`projected` also asks for the length and lets the widths differ.

    Raises:
        UsageError: the widths differ.
    """
    _require_same_width(student, teacher, "the cosine loss")
    if not len(student):  # a step in which no text begins
        return student.sum()
    return (1 - F.cosine_similarity(student, teacher, dim=-1)).mean()


def projected(student: Tensor, teacher: Tensor, projection: Tensor | None = None) -> Tensor:
    """Mean squared error after the student is projected up to the teacher's width.

    Args:
        student: H^S, hidden states or embedding-layer outputs, (n, d').
        teacher: H^T, (n, d).
        projection: W, learned, (d', d): it maps the student to the teacher, which is never shrunk. None is the
            identity.

    Equation: ``MSE(H^S W_h, H^T)`` and ``MSE(E^S W_e, E^T)`` (Jiao et al. 2020, arXiv 1909.10351, eqs. 8 and 9). The
    paper has a W for the embeddings and one for the hidden states; the official code has one, with a bias, for all.

    Relations: :func:`cosine` and :func:`patient` compare directions only and have no W.

    Raises:
        UsageError: W does not map from the student's width to the teacher's.
    """
    if projection is not None:
        if projection.shape != (student.shape[-1], teacher.shape[-1]):
            raise UsageError(
                f"Expected W of shape {(student.shape[-1], teacher.shape[-1])}, from the student's width to the "
                f"teacher's, got {tuple(projection.shape)}.",
                "TinyBERT projects the student up; the teacher stays as it is.",
            )
        student = student @ projection
    _require_same_width(student, teacher, "the hidden loss without W")
    return F.mse_loss(student, teacher)


def patient(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared distance between normalised vectors of [CLS]: Patient KD's loss at one pair of layers.

    Args:
        student: hidden states at the first token of each text, (n, d).
        teacher: those of the teacher's layer, (n, d).

    Equation: ``mean_n || h^S / ||h^S|| - h^T / ||h^T|| ||^2``; the loss sums it over the pairs of intermediate layers
    (Sun et al. 2019, arXiv 1908.09355, section 3.2, which sums over the texts too; with the mean, its weight does not
    depend on the batch). 0 where there is no text, as in packed rows in which none begins.

    Relations: twice :func:`cosine`, taken at [CLS] of the intermediate layers instead of at all tokens of the last.

    Raises:
        UsageError: the widths differ.
    """
    _require_same_width(student, teacher, "the patient loss")
    return (F.normalize(student, dim=-1) - F.normalize(teacher, dim=-1)).square().sum() / max(len(student), 1)


def mean_pooled(hidden: Tensor, text: Tensor, texts: int) -> Tensor:
    """Mean of the vectors of each text, (texts, d).

    Args:
        hidden: vectors of all tokens, (n, d).
        text: number of the text each belongs to, int64, (n,).
        texts: how many texts there are.
    """
    sums = hidden.new_zeros(texts, hidden.shape[1]).index_add(0, text, hidden)
    return sums / torch.bincount(text, minlength=texts).unsqueeze(1)


def _require_same_width(student: Tensor, teacher: Tensor, loss: str) -> None:
    if student.shape[-1] != teacher.shape[-1]:
        raise UsageError(
            f"Expected vectors of one width for {loss}, got {student.shape[-1]} and {teacher.shape[-1]}.",
            "Project the student up to the teacher's width first.",
        )
