"""What a point of the frontier is, and what its readers share.

Quality is *kept*: a measure's value as a share of its reference's, on the page where both were measured; :data:`KEPT`
says what of. A measure may have a *floor*: what is kept without a trained encoder.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from smallbert.errors import DataError
from smallbert.measure.stats import paired_interval
from smallbert.results import Results
from smallbert.studies import points as names

INDEX, ENCODER = "index", "encoder"
COSTS = {"bytes": INDEX, "megabytes": ENCODER, "time": ENCODER}
"""What a front can be against, and the kind of points that have it."""

KEEP = 0.95
"""Share of the reference's worth that answers ask for."""

NEIGHBOURS, TASKS = "neighbours kept", "task scores kept"
OTHERS = "masked words, against "
"""How measures begin whose reference is another than the run's encoder; its name follows."""
TEACHER = f"{OTHERS}the teacher"

KEPT = (
    "Kept, a share of the reference's: of neighbours, topics and nDCG the plain score, chance included; of task scores "
    "the points above a constant answer; of masked words the perplexity, the reference's over the point's."
)
"""What is kept, for captions."""

WHOLE, TRIM, TRUNCATE, DROP = "whole encoder", "trim", "narrow word table", "drop layers"
DISTILLED, ALONE, SHARED, QUANTISED, STACKED, PEER = (
    "distil", "small, trained alone", "share or factorise", "fewer bits", "stacked", "another encoder"
)  # fmt: skip
METHODS = (WHOLE, TRIM, TRUNCATE, DROP, DISTILLED, ALONE, SHARED, QUANTISED, STACKED, PEER)
"""Kinds of encoders, in the order of legends."""

COLUMNS = [
    "point", "name", "kind", "method", "measure", "detail", "kept", "low", "high", "floor", "n", "over", "among",
    "bytes", "megabytes", "operations", "time", "time low", "time high", "time many", "page", "where", "command",
]  # fmt: skip

CORPUS, DEPTH, ALBERT, DISTIL, TRANSFER, FRONTIER = (
    "01_corpus_and_embeddings", "02_autoencoder_depth", "04_albert", "05_distillation", "06_transfer", "08_frontier"
)  # fmt: skip
PAGES = (CORPUS, DEPTH, ALBERT, DISTIL, TRANSFER, FRONTIER)
"""Pages that the frontier reads, and its own."""

DEFAULT = "default"
"""The edition that commands mean where none is named."""

NEAREST = 10
"""Neighbours that every page asks for."""

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


def student_cells(results: Results) -> pd.DataFrame:
    """Page 5's students, a row an arm and seed, from the figures that hold them.

    A teacher whose layers cannot be copied has no students that start from them, and no figure of these.

    Raises:
        DataError: the page has drawn none.
    """
    own = results.of(DISTIL)
    panels = [figure_data(own, "methods")]
    for name in ("starts", "sizes"):
        with suppress(DataError):
            panels.append(figure_data(own, name))
    return pd.concat(panels, ignore_index=True).drop_duplicates(["arm", "seed"])


def sought(among: float) -> dict[str, float]:
    """Of a share of neighbours: how many articles they were sought among, and what others drawn blindly would keep."""
    return {"among": among, "floor": NEAREST / (among - 1)}


def build_command(point: str, results: Results) -> str:
    """The command that builds a point from an encoder and a corpus; nothing where there is none.

    Args:
        point: its name.
        results: of an edition, which what is built is compared with, and whose settings decide how an autoencoder is
            trained; the default one need not be named where nothing is trained.
    """
    if point == names.WHOLE or not names.buildable(point):
        return ""
    own = results.edition.name != DEFAULT or names.parse(point).trains
    edition = f"--edition {results.edition.name} " if own else ""
    return f"smallbert build {point} {edition}--encoder ENCODER --corpus CORPUS --out FOLDER"


def page_command(page: str) -> str:
    """What makes a point that no command makes outside its page."""
    return f"{_ITS_PAGE}{page[:2]}"


def is_page_command(command: str) -> bool:
    """Whether it is one of :func:`page_command`."""
    return command.startswith(_ITS_PAGE)


_ITS_PAGE = "this edition's own command (run.json has it) and --only "


def arm_command(point: str, results: Results) -> str:
    """The command that pretrains an encoder of page 4 as this edition did."""
    return f"smallbert build {point} --edition {results.edition.name} --corpus CORPUS --out FOLDER"


def student_command(point: str, results: Results) -> str:
    """The command that trains a student as this edition did."""
    return f"smallbert build {point} --edition {results.edition.name} --encoder ENCODER --corpus CORPUS --out FOLDER"


def limits(kept: float, low: float, high: float) -> dict[str, float]:
    """A point's share of its reference and the interval around it."""
    return {"kept": float(kept), "low": float(low), "high": float(high)}


def time(times: pd.DataFrame, key: Any, many: pd.DataFrame) -> dict[str, float]:
    """A point's time as a share of the reference's; nothing if it was not timed.

    Args:
        times: of a text read alone: ``ratio``, ``low``, ``high``.
        key: of its row.
        many: the same of many texts read together.
    """
    if key not in times.index:
        return {}
    own = times.loc[key]
    together = float(many.ratio[key]) if key in many.index else np.nan
    return {"time": float(own.ratio), "time low": float(own.low), "time high": float(own.high), "time many": together}


def perplexities(first: pd.Series, own: pd.Series) -> dict[str, float]:
    """Perplexity of the first as a share of the other's, losses paired by seed: more is better, 1 is all."""
    both = pd.concat([first, own], axis=1).dropna().to_numpy()
    if len(both) < 2:
        return limits(np.exp((both[:, 0] - both[:, 1]).mean()) if len(both) else np.nan, np.nan, np.nan)
    over = paired_interval(both[:, 0], both[:, 1])
    return limits(*np.exp([over.estimate, over.low, over.high]))


def cost_words(cost: str, row: Mapping[Hashable, Any]) -> str:
    """A point's cost in words: ``32 bytes a vector``, ``4.64 MB``, ``80% of fp32's time for one text read alone``."""
    if cost != "time":
        return f"{row[cost]:,.0f} bytes a vector" if cost == "bytes" else f"{row[cost]:.3g} MB"
    # Page 8 tells the time of a number format against fp32; others that of an encoder against their first.
    whose = "fp32's time" if row["page"] == FRONTIER else "the whole encoder's time"
    many = "" if np.isnan(row["time many"]) else f" ({row['time many']:.0%} for many)"
    return f"{row['time']:.0%} of {whose} for one text read alone{many}"


def kept_words(row: Mapping[Hashable, Any], digits: int = 0) -> str:
    """What a point keeps, with its interval where there is one, in percent of so many digits after the point."""
    if np.isnan(row["low"]):
        return f"{row['kept']:.{digits}%} (no interval)"
    return f"{row['kept']:.{digits}%} [{row['low']:.{digits}%}, {row['high']:.{digits}%}]"
