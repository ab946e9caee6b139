"""How far each layer moves a token: the two curves of ALBERT's Figure 1 (Lan et al. 2020, section 3.1).

The figure's caption: "L2 distances and cosine similarity (in terms of degree) of the input and output embedding of
each layer". The paper states neither texts nor tokens nor which mean it draws, so here, stated: all tokens of a text,
special ones included and padding never; means over tokens, so a longer text counts for more; and both orders of
averaging the angle, the mean of the tokens' angles and the angle between the layers' mean vectors. States are those
after a layer's last norm, as ``transformers`` gives them.

Standard errors are over texts, whose tokens are not independent, by the jackknife that leaves one text out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from smallbert.errors import DataError

MEASURES = ("l2", "relative_l2", "angle_mean", "angle_of_means")


@dataclass(frozen=True, eq=False)
class Transitions:
    """Curves over the L layers; entry l compares what layer l + 1 reads with what it gives.

    Attributes:
        l2: mean over tokens of |h[l + 1] - h[l]|.
        relative_l2: the same divided by the mean over tokens of |h[l]|.
        angle_mean: mean over tokens of the angle between h[l] and h[l + 1], degrees.
        angle_of_means: angle between the mean over tokens of h[l] and that of h[l + 1], degrees.
        sem: standard error over texts of each measure, by name; not-a-number for a single text.
        texts: number of texts.
        tokens: number of tokens.
    """

    l2: np.ndarray
    relative_l2: np.ndarray
    angle_mean: np.ndarray
    angle_of_means: np.ndarray
    sem: dict[str, np.ndarray]
    texts: int
    tokens: int


def transitions(batches: Iterable[tuple[np.ndarray, Tensor]]) -> Transitions:
    """Measure hidden states, one batch of equally long texts held at a time.

    Args:
        batches: ``(rows, states)``, states of shape (L + 1, texts, length, d), as from
            :meth:`smallbert.models.hidden_states.LayerStack.states`; only the number of rows is used.

    Raises:
        DataError: no text at all, or states that are not finite.
    """
    parts = [_sums(states) for _rows, states in batches]
    if not parts:
        raise DataError("Expected at least one text to measure layers on, got none.")
    count, moved, turned, length, total = (torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True))
    if not np.isfinite(total).all():
        raise DataError("Expected finite hidden states, got NaN or an infinity.", "The encoder's weights are damaged.")
    curves = {
        "l2": _jackknife(np.divide, moved, count),
        "relative_l2": _jackknife(np.divide, moved, length),
        "angle_mean": _jackknife(np.divide, turned, count),
    }
    # A layer at a time, as leaving one text out makes a vector for each.
    pairs = [_jackknife(_angles, total[:, layer], total[:, layer + 1]) for layer in range(moved.shape[1])]
    angles, errors = (np.array(one) for one in zip(*pairs, strict=True))
    curves["angle_of_means"] = angles, errors
    return Transitions(
        **{name: value for name, (value, _sem) in curves.items()},
        sem={name: sem for name, (_value, sem) in curves.items()},
        texts=len(count),
        tokens=int(count.sum()),
    )


def angles(a: Tensor, b: Tensor) -> Tensor:
    """Angles in degrees between vectors along the last axis: (..., d) and (..., d) to (...).

    Kahan's form, 2 atan2(| |b| a - |a| b |, | |b| a + |a| b |): exact near 0 and 180 degrees, where the arccosine of
    a rounded cosine is off by up to 1e-6 degrees in float64 and 0.03 in float32, or not a number. A zero vector is at
    angle 0 from all.
    """
    scaled_a, scaled_b = a * b.norm(dim=-1, keepdim=True), b * a.norm(dim=-1, keepdim=True)
    return torch.rad2deg(2 * torch.atan2((scaled_a - scaled_b).norm(dim=-1), (scaled_a + scaled_b).norm(dim=-1)))


def _angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return angles(torch.from_numpy(a), torch.from_numpy(b)).numpy()


def _sums(states: Tensor) -> tuple[Tensor, ...]:
    """Sums over the tokens of each text, float64: number (n, 1); distances, angles and lengths (n, L); vectors."""
    states = states.double()
    before, after = states[:-1], states[1:]
    count = states.new_full((states.shape[1], 1), states.shape[2])
    each = ((after - before).norm(dim=-1), angles(before, after), before.norm(dim=-1))  # (L, n, length)
    return count, *(one.sum(dim=2).T for one in each), states.sum(dim=2).transpose(0, 1)


def _jackknife(
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray], a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A statistic of two sums over texts (n, ...), and its standard error by leaving out each text in turn."""
    n, all_a, all_b = len(a), a.sum(axis=0), b.sum(axis=0)
    value = statistic(all_a, all_b)
    if n == 1:
        return value, np.full_like(value, np.nan)
    without = statistic(all_a - a, all_b - b)
    return value, np.sqrt((n - 1) / n * np.square(without - without.mean(axis=0)).sum(axis=0))
