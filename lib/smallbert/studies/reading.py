"""How fast encoders read, timed side by side on this machine: no two runs agree to the digit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from smallbert.errors import DataError
from smallbert.measure.stats import Interval, mean_interval, sample
from smallbert.models import encoder as encoders
from smallbert.models.throughput import inference

ALONE, TOGETHER = "one text", "many texts"
"""What is timed: reading one text at a time, and reading all at once."""


def timings(
    folders: Mapping[str, str | Path], texts: list[str], *, rounds: int, max_tokens: int, device: str = "auto"
) -> pd.DataFrame:
    """Let every encoder read the texts, in alternating order, one encoder on all cores.

    Args:
        folders: by name: a folder, ``minilm`` or a hub id.
        texts: what is embedded, cut into tokens beforehand by each encoder's own tokenizer.
        rounds: timings of each.
        max_tokens: where a text is cut.
        device: where all of it runs.

    Returns:
        One row a model, measure and round: ``model``, ``measure``, ``round``, ``microseconds`` (of a text).
    """
    loaded = {
        name: encoders.load(str(source), max_tokens=max_tokens, device=device) for name, source in folders.items()
    }
    ids = {name: encoder.tokenize(texts) for name, encoder in loaded.items()}
    rows = []
    for name, used in inference(loaded, ids, rounds=rounds).items():
        tokens = sum(map(len, ids[name])) / len(texts)
        seconds = {ALONE: used.latency, TOGETHER: [tokens / speed for speed in used.throughput]}
        rows += [
            (name, measure, i, 1e6 * value) for measure, values in seconds.items() for i, value in enumerate(values)
        ]
    return pd.DataFrame(rows, columns=["model", "measure", "round", "microseconds"])


def ratios(measured: pd.DataFrame, first: str) -> pd.DataFrame:
    """Times as shares of one model's, compared round by round: geometric means with t intervals of the logarithms.

    Args:
        measured: from :func:`timings`.
        first: the model compared with.

    Returns:
        Columns ``model``, ``measure``, ``ratio``, ``low``, ``high`` (95% interval over rounds, see
        :func:`geometric_interval`).
    """
    rows = []
    for measure, part in measured.groupby("measure", sort=False):
        wide = part.pivot(index="round", columns="model", values="microseconds")
        for name in dict.fromkeys(part.model):
            found = geometric_interval(wide[name] / wide[first])
            rows.append((name, measure, found.estimate, found.low, found.high))
    return pd.DataFrame(rows, columns=["model", "measure", "ratio", "low", "high"])


def geometric_interval(values: ArrayLike) -> Interval:
    """Geometric mean of times, speeds or ratios of them, with the 95% t interval of their logarithms.

    Its limits are above zero, and those of a speed are one over those of its time: an arithmetic mean has neither.

    Args:
        values: positive, shape (n,), n >= 2.

    Raises:
        DataError: fewer than two values, or one that is not finite or not above zero.
    """
    known = sample(values, "times or ratios of them")
    if (known <= 0).any():
        raise DataError(f"Expected times or ratios above zero, got {known.min():g}.")
    found = mean_interval(np.log(known))
    estimate, low, high = (float(np.exp(value)) for value in (found.estimate, found.low, found.high))
    return Interval(estimate, low, high, found.n, found.level)
