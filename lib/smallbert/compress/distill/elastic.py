"""One student for many sizes: losses over (layer, width) pairs, and the pairs a training takes.

A vector is read out after layer l and cut after its first k numbers; (l, k) is a *size* of the student. Trained
jointly, every size is a prefix of one set of weights (Li et al. 2024, "2D Matryoshka Sentence Embeddings", arXiv
2402.14776; Zhuang et al. 2024, "Starbucks", arXiv 2410.13230). All functions here are on plain tensors and numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from smallbert.errors import UsageError
from smallbert.models.masking import generator

Pair = tuple[int, int]
"""A size: the layer that is read out, counted from 1, and how many of its numbers are kept."""

SIZES_STREAM = 9

TEMPERATURE = 0.1
"""Of the similarities: low enough that a text's nearest others decide the loss, as they decide a search."""


def grid(layers: int, width: int, steps: int) -> tuple[list[int], list[int]]:
    """Layers and widths to cut at, ascending: evenly spaced layers, widths halved each time.

    Args:
        layers: N, layers of the student; of one layer only its width can be cut.
        width: D, numbers of its vector.
        steps: how many of each, where there are as many.

    Raises:
        UsageError: no layer, or fewer than two numbers or steps.
    """
    if layers < 1 or min(width, steps) < 2:
        raise UsageError(
            f"Expected at least 1 layer, 2 numbers and 2 sizes, got {layers}, {width} and {steps}.",
            "Vectors of embeddings alone, layer 0, have nothing to cut off.",
        )
    count = min(steps, layers)
    depths = [layers * place // count for place in range(1, count + 1)]
    widths = sorted({max(width >> place, 1) for place in range(steps)})
    return depths, widths


def require_pairs(pairs: Iterable[Pair], layers: int, width: int) -> list[Pair]:
    """The pairs, if a student has them all.

    Args:
        pairs: (l, k) each.
        layers: N, layers of the student.
        width: D, numbers of its vector.

    Raises:
        UsageError: no pair, one twice, or one beyond 1..N or 1..D.
    """
    found = list(pairs)
    if not found or len(set(found)) < len(found):
        raise UsageError(f"Expected pairs of layer and width, each once, got {found}.")
    for layer, kept in found:
        if not (1 <= layer <= layers and 1 <= kept <= width):
            raise UsageError(
                f"Expected a layer from 1 to {layers} and a width from 1 to {width}, got ({layer}, {kept}).",
                "A student can be cut to what it has, and not beyond.",
            )
    return found


def fixed_list(layers: list[int], widths: list[int]) -> list[Pair]:
    """Starbucks's list: the smallest layer with the smallest width, and so on up to the full size.

    Zhuang et al. (2024): the same pairs in every step, "from small size to large sizes", in place of pairs
    drawn at random. Where there are fewer of one kind, its smallest stands for what is missing: the last pair is full.

    Args:
        layers, widths: from :func:`grid`.
    """
    count = max(len(layers), len(widths))
    deep, wide = ([one[0]] * (count - len(one)) + one for one in (layers, widths))
    return list(zip(deep, wide, strict=True))


def drawn(layers: list[int], widths: list[int], step: int, seed: int) -> list[Pair]:
    """2DMSE's pairs of one step: the full size, one layer drawn at full width, one width drawn, and both together.

    Li et al. (2024), section 3.2: a layer below the last and a width below the full are drawn uniformly for every step.

    Args:
        layers, widths: from :func:`grid`; the last of each is full and is not drawn.
        step: number of the step.
        seed: of the training. A draw depends on both alone, so that resuming needs no state.
    """
    random = generator(seed, SIZES_STREAM, step)
    layer, width = (one[int(random.integers(max(len(one) - 1, 1)))] for one in (layers, widths))
    pairs = [(layers[-1], widths[-1]), (layers[-1], width), (layer, widths[-1]), (layer, width)]
    return list(dict.fromkeys(pairs))  # of one layer there is none below the last


def neighbour_loss(student: Tensor, teacher: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """How far the student's neighbourhoods are from the teacher's: the mean KL divergence over the texts of a batch.

    Args:
        student: vectors of n texts about their origin, (n, k).
        teacher: the teacher's of the same texts, whole, (n, d); k and d may differ.
        temperature: T.

    Equation: ``mean_i KL(P_i || Q_i)`` with ``P_i = softmax_{j != i}(cos(t_i, t_j) / T)`` and Q_i likewise of the
    student: 2DMSE's alignment (Li et al. 2024, section 3.3: KL between what a small size and the full one give), taken
    between neighbours and with the teacher in place of the student's own full size. What has to survive a cut is who is
    whose neighbour, and unlike a regression the loss names no coordinate that a prefix would have to hold.

    Raises:
        UsageError: fewer than three texts, of which none has a choice of neighbours; or other texts than the teacher's.
    """
    if len(student) != len(teacher) or len(student) < 3:
        raise UsageError(
            f"Expected vectors of the same 3 or more texts, got {len(student)} and {len(teacher)}.",
            "Give a step more texts.",
        )
    ours, theirs = (_log_neighbours(one, temperature) for one in (student, teacher))
    return F.kl_div(ours, theirs, log_target=True, reduction="batchmean")


def pair_list_loss(
    vectors: Mapping[int, Tensor], teacher: Tensor, pairs: Iterable[Pair], temperature: float = TEMPERATURE
) -> Tensor:
    """Mean of :func:`neighbour_loss` over pairs, each on the first numbers of its layer's vectors.

    Args:
        vectors: by layer, (n, D) each.
        teacher: (n, d).
        pairs: (l, k) each.
        temperature: T.

    Equation: ``1/|C| sum_{(l, k) in C} loss(V_l[:, :k], t)`` (Zhuang et al. 2024; Kusupati et al. 2022,
    equation 1, is the case of one layer). All pairs weigh alike.

    Raises:
        UsageError: a pair of a layer or width that there is not.
    """
    width = next(iter(vectors.values())).shape[1]
    listed = require_pairs(pairs, max(vectors), width)
    if missing := [layer for layer, _ in listed if layer not in vectors]:
        raise UsageError(f"Expected a layer out of {', '.join(map(str, sorted(vectors)))}, got {missing[0]}.")
    losses = [neighbour_loss(prefix(vectors[layer], kept), teacher, temperature) for layer, kept in listed]
    return torch.stack(losses).mean()


def prefix(vectors: Tensor, width: int) -> Tensor:
    """The first numbers of every vector: (n, D) -> (n, k), the same bits."""
    return vectors[:, :width]


def _log_neighbours(vectors: Tensor, temperature: float) -> Tensor:
    """Log-probabilities of the other texts as neighbours of each, (n, n - 1)."""
    unit = F.normalize(vectors, dim=1)
    others = ~torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    scores = (unit @ unit.T)[others].view(len(unit), -1)
    return (scores / temperature).log_softmax(dim=1)
