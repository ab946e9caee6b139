"""Losses on the teacher's probabilities: what it thinks of every token, not only which one it would say."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

ROUNDING = 1e-6
"""What fp32 cannot tell from nothing in a sum of probabilities."""


def soft_cross_entropy(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of the softened distributions, times the temperature squared.

    Args:
        student: logits z, (n, V).
        teacher: logits v, (n, V).
        temperature: T of both softmaxes.

    Equation: ``T^2 * mean_n(-sum_i p_i log q_i)``, ``q = softmax(z / T)``, ``p = softmax(v / T)`` (Hinton, Vinyals &
    Dean 2015, arXiv 1503.02531, eq. 1 and section 2). The gradient of the cross-entropy itself is ``(q - p) / T``,
    which falls as 1 / T^2; with the factor, soft and hard part keep their proportion when T changes.

    Relations: :func:`divergence` differs by the teacher's entropy, so it has the same gradient and is 0 where both
    agree. :func:`kept_cross_entropy` is the same for a teacher of which only the largest logits are stored.
    :func:`prediction` is TinyBERT's, without T^2.
    """
    return temperature**2 * F.cross_entropy(student / temperature, (teacher / temperature).softmax(-1))


def divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergence of the softened distributions, times the temperature squared.

    Args:
        student: logits, (n, V).
        teacher: logits, (n, V).
        temperature: T of both softmaxes.

    Equation: ``T^2 * mean_n(sum_i p_i (log p_i - log q_i))``: DistilBERT's soft loss as its code has it, ``KLDivLoss``
    with ``batchmean`` (Sanh et al. 2019, arXiv 1910.01108, section 2). n are all attended tokens there, or the masked
    ones with ``--restrict_ce_to_mask``.

    Relations: :func:`soft_cross_entropy` minus ``T^2`` times the entropy of p.
    """
    log_q, log_p = (student / temperature).log_softmax(-1), (teacher / temperature).log_softmax(-1)
    return temperature**2 * F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)


def kept_cross_entropy(student: Tensor, indices: Tensor, logits: Tensor, rest: Tensor, temperature: float) -> Tensor:
    """Softened cross-entropy, times T^2, for a teacher that is known at its largest logits only.

    Args:
        student: logits, (n, V).
        indices: tokens with the teacher's largest logits, int64, (n, k).
        logits: these logits, up to a constant a row, (n, k).
        rest: the teacher's probability of all other tokens together, at this temperature, (n,).
        temperature: T of both softmaxes.

    Equation: as :func:`soft_cross_entropy` over k + 1 classes, the k tokens and all others as one:
    ``T^2 * mean_n(-sum_{i in kept} p_i log q_i - r log(1 - sum_{i in kept} q_i))``. The gradient vanishes where the
    student gives every kept token and the others together what the teacher gives them; how the others share is left
    open. With p renormalised over the kept tokens and r left out instead, a student of an unsure teacher would learn to
    be sure.

    Relations: equals :func:`soft_cross_entropy` for k = V.
    """
    log_q = (student / temperature).log_softmax(-1).gather(1, indices)
    log_others = torch.log1p(-log_q.exp().sum(-1).clamp(max=1 - ROUNDING))
    p = (1 - rest).unsqueeze(1) * (logits / temperature).softmax(-1)
    return temperature**2 * -((p * log_q).sum(-1) + rest * log_others).mean()


def hinton(student: Tensor, teacher: Tensor, labels: Tensor, *, temperature: float, soft: float, hard: float) -> Tensor:
    """Hinton's distillation: soft targets at T and, with a lower weight, the true labels at temperature 1.

    Args:
        student: logits, (n, V).
        teacher: logits, (n, V).
        labels: the true classes, int64, (n,).
        temperature: T of the soft part.
        soft: weight of the soft part.
        hard: weight of the hard part; "considerably lower" in the paper, which prints no value.

    Equation: ``soft * T^2 * CE(p, q) + hard * CE(label, softmax(z))`` (Hinton, Vinyals & Dean 2015, section 2).

    Relations: DistilBERT adds :func:`smallbert.compress.distill.hidden.cosine`; Patient KD adds
    :func:`smallbert.compress.distill.hidden.patient`.
    """
    return soft * soft_cross_entropy(student, teacher, temperature) + hard * F.cross_entropy(student, labels)


def prediction(student: Tensor, teacher: Tensor, temperature: float = 1.0, *, official: bool = False) -> Tensor:
    """TinyBERT's prediction-layer loss: soft cross-entropy without the factor T^2.

    Args:
        student: logits z^S, (n, C).
        teacher: logits z^T, (n, C).
        temperature: t; the paper finds 1 to work well.
        official: the mean over batch and classes, as ``task_distill.py`` takes it.

    Equation: ``CE(z^T / t, z^S / t)`` (Jiao et al. 2020, arXiv 1909.10351, eq. 10), mean over n. The official code is
    smaller by the number of classes C, and with it the weight of this loss against the others.

    Relations: :func:`soft_cross_entropy` divided by ``t^2``.
    """
    cross_entropy = soft_cross_entropy(student, teacher, temperature) / temperature**2
    return cross_entropy / student.shape[-1] if official else cross_entropy


def high_temperature_ratio(student: Tensor, teacher: Tensor, temperature: float) -> float:
    """How far the soft gradient has come to its limit of high temperature, where distilling is matching logits.

    Args:
        student: logits z, (V,), of mean zero.
        teacher: logits v, (V,), of mean zero.
        temperature: T.

    Returns:
        ``|q - p| T / (|z - v| / V)``: the norm of the gradient times T^2 against the norm of Hinton's limit
        ``(z - v) / V`` (section 2.1, eq. 4); 1 at infinity.
    """
    gradient = ((student / temperature).softmax(-1) - (teacher / temperature).softmax(-1)) / temperature
    return (gradient.norm() * temperature**2 / ((student - teacher).norm() / len(student))).item()
