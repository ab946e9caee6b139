"""Soft targets, exactly: why they are multiplied by T^2, and what is lost when only the largest logits are stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from smallbert.compress.distill import soft_targets
from smallbert.compress.distill.recording import TOP
from smallbert.studies.same_batch import SameBatch

TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
CLASSES = (10, 1000)
DRAWS = 20
"""Random pairs of logits, standard normal and of mean zero, for each number of classes."""

KEPT_PLACES = 128
"""Masked tokens that stored logits are looked at on."""


def gradients(seed: int, temperatures: Sequence[float] = TEMPERATURES) -> pd.DataFrame:
    """The library's soft loss through autograd, in double precision, over pairs of random logits.

    Args:
        seed: of the logits and labels.
        temperatures: T.

    Returns:
        One row a number of classes, draw and T: ``classes``, ``draw``, ``temperature``; ``error``, the largest distance
        of the gradient from ``(q - p) / T``; ``limit``, T^2 times the gradient's norm as a share of that of Hinton's
        limit, ``|z - v| / N``; ``with`` and ``without``, the norm of the hard label's gradient against that of the soft
        part, with T^2 and without.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for classes, draw in product(CLASSES, range(DRAWS)):
        z, v = torch.randn(2, classes, dtype=torch.float64, generator=generator)
        z, v = z - z.mean(), v - v.mean()
        label = torch.multinomial(v.softmax(0), 1, generator=generator)
        hard = _gradient(lambda logits, label=label: F.cross_entropy(logits, label), z).norm()
        for t in temperatures:
            soft = _gradient(lambda logits, t=t, v=v: soft_targets.soft_cross_entropy(logits, v[None], t), z)
            expected = ((z / t).softmax(0) - (v / t).softmax(0)) / t
            error = (soft / t**2 - expected).abs().max().item()
            limit = soft_targets.high_temperature_ratio(z, v, t)
            ratio = (hard / soft.norm()).item()
            rows.append((classes, draw, t, error, limit, ratio, ratio * t**2))
    columns = ["classes", "draw", "temperature", "error", "limit", "with", "without"]
    return pd.DataFrame(rows, columns=columns)


def gradient_table(found: pd.DataFrame) -> pd.DataFrame:
    """Means over draws, and the largest error of all: one row a number of classes and temperature.

    Args:
        found: from :func:`gradients`.
    """
    groups = found.groupby(["classes", "temperature"])
    return groups[["limit", "with", "without"]].mean().assign(error=groups.error.max()).reset_index()


def gradient_sentence(found: pd.DataFrame) -> str:
    """That the gradient is (q - p) / T, how near it is to its limit, and what T^2 keeps constant.

    Args:
        found: from :func:`gradients`.
    """
    table = gradient_table(found)
    ends = sorted(table.temperature)[0], sorted(table.temperature)[-1]
    first, last = ((table[table.temperature == end].limit - 1).abs().max() for end in ends)
    upper = table[table.temperature >= ends[1] / 4].groupby("classes")
    steady = (upper["with"].max() / upper["with"].min() - 1).max()
    grows = (upper["without"].last() / upper["without"].first()).mean()
    return (
        f"Through autograd the soft gradient is (q - p) / T to within {_at_most(table.error.max())}. Times T^2 it is "
        f"within {_at_most(100 * first)}% of Hinton's limit (z - v) / N at T = {ends[0]:g} and within "
        f"{_at_most(100 * last)}% at T = {ends[1]:g}. From T = {ends[1] / 4:g} to {ends[1]:g} the hard gradient grows "
        f"{grows:.1f}-fold against the soft one without T^2, and changes by {_at_most(100 * steady)}% at most with it: "
        "the factor keeps the weight of the two what it was chosen to be."
    )


def _at_most(bound: float) -> str:
    """A bound to two digits, rounded up: what is said to be within it is."""
    unit = 10.0 ** (math.floor(math.log10(bound)) - 1) if bound > 0 else 1.0
    return f"{math.ceil(bound / unit) * unit:.2g}"


def kept(batch: SameBatch, *, temperatures: Sequence[float] = (1.0, 2.0, 4.0), most: int = TOP) -> pd.DataFrame:
    """The stored soft target against the whole one, at masked tokens: the k largest logits and the rest's mass.

    Args:
        batch: teacher and students on the same texts.
        temperatures: T.
        most: k of a real store, among the others where the vocabulary has as many.

    Returns:
        One row a student (``like its teacher``: with half of its layers; ``fresh``), k and T: ``student``, ``k``,
        ``temperature``, ``mass kept`` (of the teacher's probability), ``divergence`` and ``divergence seen`` (nats,
        without T^2, of all classes and of the k + 1 stored ones: never more), ``gradient error`` (at the student's
        logits, share of the whole gradient's norm), ``gradient cosine``.
    """
    teacher = batch.teacher_logits[:KEPT_PLACES]
    size = teacher.shape[1]
    sizes = sorted({k for k in (1, 16, 256, 4096) if k < size} | {min(most, size), size})
    pairs = {"like its teacher": batch.student_logits[:KEPT_PLACES], "fresh": batch.narrow_logits[:KEPT_PLACES]}
    rows = []
    for (name, student), t in product(pairs.items(), temperatures):
        divergence = soft_targets.divergence(student, teacher, t).item() / t**2
        whole = _gradient(lambda logits, t=t: soft_targets.soft_cross_entropy(logits, teacher, t), student)
        p = (teacher / t).softmax(1)
        for k in sizes:
            top = teacher.topk(k, dim=1)
            # As they are stored: the largest subtracted, in half precision.
            logits = (top.values - top.values[:, :1]).half().float()
            rest = (1 - p.gather(1, top.indices).sum(1)).clamp(min=0).half().float()
            target = (top.indices, logits, rest, t)
            classes = torch.cat([(1 - rest)[:, None] * (logits / t).softmax(1), rest[:, None]], dim=1)
            entropy = torch.special.entr(classes).sum(1).mean()
            seen = soft_targets.kept_cross_entropy(student, *target) / t**2 - entropy
            found = _gradient(lambda one, target=target: soft_targets.kept_cross_entropy(one, *target), student)
            error, cosine = (found - whole).norm() / whole.norm(), F.cosine_similarity(found, whole, dim=0)
            rows.append((name, k, t, 1 - rest.mean().item(), divergence, seen.item(), error.item(), cosine.item()))
    columns = ["student", "k", "temperature", "mass kept", "divergence", "divergence seen"]
    return pd.DataFrame(rows, columns=[*columns, "gradient error", "gradient cosine"])


def kept_sentence(table: pd.DataFrame, *, most: int = TOP) -> str:
    """How exact the stored soft target is with the k of a real store.

    Args:
        table: from :func:`kept`.
        most: as given to it.
    """
    size = table.k.max()
    stored = min(most, size)
    said = [
        f"{part['gradient error'].max():.1%} at T = {temperature:g} (they hold {part['mass kept'].iloc[0]:.0%} of the "
        f"probability; cosine {part['gradient cosine'].min():.3f})"
        for temperature, part in table[table.k == stored].groupby("temperature")
    ]
    exact = table[table.k == size]["gradient error"].max()
    return (
        f"With the {stored:,} largest of {size:,} logits and the probability of the rest together, the gradient of "
        f"the student that suffers more is off by {', '.join(said)}. With all of them it is {exact:.1%} at most, which "
        "is half precision."
    )


def _gradient(loss, logits: Tensor) -> Tensor:
    """Of a loss of logits (V,) or (n, V), flat and in double precision."""
    logits = logits.detach().clone().requires_grad_()
    [found] = torch.autograd.grad(loss(logits if logits.ndim > 1 else logits[None]), logits)
    return found.flatten().double()
