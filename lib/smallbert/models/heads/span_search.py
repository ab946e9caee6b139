"""The best span of a sequence: the largest sum of a start score and an end score, the end not before the start."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def best_spans(starts: np.ndarray, ends: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best span i <= j < i + ``longest`` of each row (Devlin et al. 2019, section 4.2).

    For each end the best start among the ``longest`` places up to it, then the best end: n L ``longest`` comparisons
    without a loop. Of equal scores the smallest end wins, then the smallest start.

    Args:
        starts: start scores S . T_i, (n, L); -inf where no answer may start.
        ends: end scores E . T_j, (n, L); -inf where none may end.
        longest: tokens of an answer at most.

    Returns:
        First and last place of each span, (n) each, and the scores, (n); -inf where a row allows no span.
    """
    rows = len(starts)
    fenced = np.concatenate([np.full((rows, longest - 1), -np.inf, starts.dtype), starts], axis=1)
    windows = sliding_window_view(fenced, longest, axis=1)  # (n, L, longest): the starts that end j may have
    back = windows.argmax(2)  # (n, L)
    scores = np.take_along_axis(windows, back[..., None], axis=2)[..., 0] + ends
    last = scores.argmax(1)
    every = np.arange(rows)
    return last + back[every, last] - (longest - 1), last, scores[every, last]
