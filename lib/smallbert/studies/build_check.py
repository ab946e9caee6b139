"""What an edition says of a point, to hold a rebuilt one to."""

from __future__ import annotations

from typing import Any

import pandas as pd

from smallbert import storage
from smallbert.corpus.prepared import Corpus
from smallbert.errors import DataError
from smallbert.measure.stats import Interval
from smallbert.models import sources
from smallbert.models.presets import sizes
from smallbert.results import Results
from smallbert.studies import recommend
from smallbert.studies.articles import NEIGHBOURS
from smallbert.studies.build import EMBEDDINGS
from smallbert.studies.frontier_points import DEPTH, FRONTIER, TEACHER

CODES = (DEPTH, FRONTIER)
"""Pages whose points are codes of page 1's vectors."""

TOLERANCE = 0.05
"""How far from the report's value a rebuilt point may be: other articles, another draw."""


def reported(results: Results, point: str, source: str, corpus: Corpus) -> tuple[pd.Series | None, dict[str, Any], str]:
    """What an edition says of a point's neighbours, where it measured them with this encoder on this corpus.

    Args:
        results: of the edition.
        point: its name.
        source: the encoder it is built from.
        corpus: the corpus it is built for.

    Returns:
        The row of the edition's points, and the ``rows``, ``metric``, ``max_tokens``, ``seed`` and ``pooling`` it was
        measured with, as far as they are known; or no row, and why.
    """
    try:
        found, first = recommend.points(results), results.of(EMBEDDINGS).values()
    except DataError:
        return None, {}, f"Edition {results.edition.name} has no points to compare with."
    sha256 = sources.checksum(sources.find(source))
    if (sha256, corpus.key) != (first["encoder"]["sha256"], first["corpus"]["key"]):
        return None, {}, f"Edition {results.edition.name} measured another encoder or corpus: nothing to compare with."
    own = found[(found.point == point) & (found.measure.str.startswith("neighbour") | (found.measure == TEACHER))]
    if own.empty:
        return None, {}, f"Edition {results.edition.name} has not measured the neighbours of this point."
    row, layer = own.iloc[0], first["encoder"].get("layer")
    if row.page in CODES and layer not in (None, sizes(str(sources.find(source))).layers):
        return None, {}, f"Edition {results.edition.name} read layer {layer}: nothing to compare the last with."
    return row, _conditions(results, row, first["encoder"].get("pooling")), ""


def listed(results: Results, point: str, *pages: str) -> pd.DataFrame:
    """The rows that pages have of a point; none where the edition has no points.

    Args:
        results: of page 8 of the edition.
        point: its name.
        pages: whose rows.
    """
    try:
        found = results.table(recommend.POINTS)
    except DataError:
        return pd.DataFrame(columns=["method"])
    return found[(found.point == point) & found.page.isin(pages)]


def parameters(results: Results, page: str) -> dict[str, Any]:
    """What a page of an edition ran with.

    Raises:
        DataError: the edition does not say.
    """
    run = results.edition.results / "run.json"
    stages = storage.read_json(run)["stages"] if run.exists() else {}
    if page not in stages:
        raise DataError(f"Expected the settings of {page} in {run}, which has none.", "Run that page first.")
    return stages[page]["parameters"]


def _conditions(results: Results, row: pd.Series, pooling: str | None) -> dict[str, Any]:
    """How many articles a page searched and how, how much of them it read, and by which draw: as its parameters say."""
    path = results.edition.results / "run.json"
    stages = storage.read_json(path)["stages"] if path.exists() else {}
    first, own = (stages.get(page, {}).get("parameters", {}) for page in (EMBEDDINGS, row.page))
    # Pages call alike things differently; what none of these names is read as page 1 reads it.
    named = {"rows": ("probe_rows", "metric_rows", "weight_rows"), "max_tokens": ("sequence", "weight_tokens")}
    known = {name: next((own[one] for one in ones if one in own), None) for name, ones in named.items()}
    known |= {"seed": own.get("seed"), "metric": "l2"}
    if row.page in CODES:  # the other pages read the mean whatever page 1 does
        known["pooling"] = pooling
    if row.over == "queries":  # page 8's index
        known |= {"rows": int(row.n), "metric": "cosine", "max_tokens": None}
    known["max_tokens"] = known["max_tokens"] or first.get("max_tokens")
    return {name: value for name, value in known.items() if value is not None}


def verdict(found: Interval, row: pd.Series | None, why: str = "", tolerance: float = TOLERANCE) -> tuple[bool, str]:
    """Whether a rebuilt point is what the report says, and the sentence; where it says nothing, that.

    Args:
        found: from :func:`kept`.
        row: from :func:`reported`.
        why: there is no row.
        tolerance: a difference of means this small does not matter.
    """
    told = f"Keeps {found.estimate:.1%} [{found.low:.1%}, {found.high:.1%}] of the {NEIGHBOURS} nearest others."
    if row is not None and row.measure == TEACHER:
        told = f"Keeps {found.estimate:.1%} of its teacher's perplexity on masked words."
    if row is None:
        return True, f"{told} {why}".strip()
    difference = found.estimate - row.kept
    within = abs(difference) <= tolerance
    word = "as the report says" if within else "not what the report says"
    return within, f"{told} The report: {row.kept:.1%}, {difference:+.1%}, {word} (tolerance {tolerance:.1%})."
