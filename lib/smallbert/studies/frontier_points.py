"""What a point of the frontier is, and what its readers share.

Quality is *kept*: a measure's value as a share of its reference's, on the page where both were measured. Where less is
better (held-out loss) it is the ratio of perplexities, the reference's over the point's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from smallbert.errors import DataError
from smallbert.measure.stats import paired_interval
from smallbert.results import Results
from smallbert.studies import points as names

INDEX, ENCODER = "index", "encoder"

NEIGHBOURS, TASKS = "neighbours kept", "task scores kept"
TWIN, TEACHER = "masked words, against the unshared twin", "masked words, against the teacher"

WHOLE, TRIM, TRUNCATE, DROP = "whole encoder", "trim", "narrow word table", "drop layers"
DISTILLED, ALONE, SHARED, QUANTISED, STACKED, PEER = (
    "distil", "small, trained alone", "share or factorise", "fewer bits", "stacked", "another encoder"
)  # fmt: skip
METHODS = (WHOLE, TRIM, TRUNCATE, DROP, DISTILLED, ALONE, SHARED, QUANTISED, STACKED, PEER)
"""Kinds of encoders, in the order of legends."""

COLUMNS = [
    "point", "name", "kind", "method", "measure", "detail", "kept", "low", "high", "n", "over", "bytes", "megabytes",
    "operations", "time", "time low", "time high", "page", "where", "command",
]  # fmt: skip

DEPTH, ALBERT, DISTIL, TRANSFER, FRONTIER = (
    "02_autoencoder_depth", "04_albert", "05_distillation", "06_transfer", "08_frontier"
)  # fmt: skip

Row = dict[str, Any]


def figure_data(results: Results, name: str) -> pd.DataFrame:
    """The numbers behind a page's figure.

    Raises:
        DataError: the page has not drawn it, or could not: then with its reason.
    """
    path = results.edition.figures / f"{results.stage}__{name}.csv"
    if not path.exists():
        raise DataError(f"Expected the figure's data {path}.", f"Run notebook {results.stage} for this edition first.")
    data = pd.read_csv(path, keep_default_na=False, na_values=[""])
    if "absent" in data:  # see smallbert.figures.absent
        raise DataError(str(data.absent[0]))
    return data


def build_command(point: str) -> str:
    """The command that builds a point from an encoder and a corpus; nothing where there is none."""
    if point == names.WHOLE:
        return ""
    if names.buildable(point):
        return f"smallbert build {point} --encoder ENCODER --corpus CORPUS --out FOLDER"
    return ""


def page_command(page: str) -> str:
    """What makes a point that no command makes outside its page."""
    return f"this edition's own command (run.json has it) and --only {page[:2]}"


def student_command(point: str, results: Results) -> str:
    """The command that trains a student as this edition did."""
    return f"smallbert build {point} --edition {results.edition.name} --encoder ENCODER --corpus CORPUS --out FOLDER"


def limits(kept: float, low: float, high: float) -> dict[str, float]:
    """A point's share of its reference and the interval around it."""
    return {"kept": float(kept), "low": float(low), "high": float(high)}


def time(times: pd.DataFrame, key: Any) -> dict[str, float]:
    """A point's time as a share of the reference's, from a frame ``ratio``, ``low``, ``high``; nothing if not timed."""
    if key not in times.index:
        return {}
    own = times.loc[key]
    return {"time": float(own.ratio), "time low": float(own.low), "time high": float(own.high)}


def perplexities(first: pd.Series, own: pd.Series) -> dict[str, float]:
    """Perplexity of the first as a share of the other's, losses paired by seed: more is better, 1 is all."""
    both = pd.concat([first, own], axis=1).dropna().to_numpy()
    if len(both) < 2:
        return limits(np.exp((both[:, 0] - both[:, 1]).mean()) if len(both) else np.nan, np.nan, np.nan)
    over = paired_interval(both[:, 0], both[:, 1])
    return limits(*np.exp([over.estimate, over.low, over.high]))
