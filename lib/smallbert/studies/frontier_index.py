"""Points of an index: bytes of a vector against what is kept, read from pages 2 and 8."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from smallbert.models.parameters import BYTES
from smallbert.results import Results
from smallbert.studies import points as names
from smallbert.studies import searches
from smallbert.studies.commonest import nothing_to_keep
from smallbert.studies.frontier_points import (
    CORPUS,
    DEPTH,
    FRONTIER,
    INDEX,
    Row,
    build_command,
    figure_data,
    limits,
    page_command,
    sought,
)


def narrowed(results: Results) -> Iterator[Row]:
    """Page 2: the width of the embedding, in 32-bit numbers, everything on centred vectors."""
    table = results.table("measures").set_index("method")
    nbytes, among = table["bytes a vector"], table["articles"].iloc[0]
    found = figure_data(results, "quality").set_index(["metric", "method"])
    seeds = len(results.values()["seeds"])
    unread = _commonest_topic(results)
    for measure in (searches.OVERLAP, searches.TOPIC):
        if measure not in found.index.get_level_values(0):
            continue
        own = found.loc[measure]
        whole = own["mean"].iloc[0]
        if measure == searches.TOPIC and nothing_to_keep(whole, unread):
            continue
        chance = {"floor": unread / whole} if measure == searches.TOPIC else sought(among)
        for method, row in own.iterrows():
            size = int(nbytes[method])
            point = f"{names.slug(method)}-{size // BYTES['fp32']}-fp32"
            first = method == own.index[0]
            yield {
                "point": names.WHOLE if first else point,
                "name": f"{method}, {size:,} bytes",
                "kind": INDEX,
                "method": "whole vector" if first else method,
                "measure": measure,
                **limits(row["mean"] / whole, (row["mean"] - row.half) / whole, (row["mean"] + row.half) / whole),
                **chance,
                "n": seeds,
                "over": "seeds",
                "bytes": size,
                "where": "quality",
                "command": build_command(point, results) or page_command(DEPTH) if not first else "",
            }


def coded(points: pd.DataFrame, results: Results) -> Iterator[Row]:
    """Page 8: codes of an index at equal bytes."""
    whole = points[points.group == "whole"].set_index("measure")["mean"]
    for measure, part in points.groupby("measure", sort=False):
        for row in part.to_dict("records"):
            first = row["group"] == "whole"
            point = names.WHOLE if first else names.code(row["method"], row["bytes"])
            yield {
                "point": point,
                "name": f"{row['method']}, {row['bytes']:,} bytes",
                "kind": INDEX,
                "method": row["method"],
                "measure": measure,
                **limits(row["kept"], row["kept low"], row["kept high"]),
                "floor": row["floor"] / whole[measure],
                "n": row["queries"],
                "over": "queries",
                "among": row["queries"] if measure == searches.OVERLAP else np.nan,
                "bytes": row["bytes"],
                "where": f"codes_{row['group']}" if not first else "codes_maps",
                "command": "" if first else build_command(point, results) or page_command(FRONTIER),
            }


def _commonest_topic(results: Results) -> float:
    """Accuracy of always answering the commonest topic, as page 1 measured it; page 2 tells no interval of its own.

    Not-a-number where page 1 has no topics.
    """
    probes = results.of(CORPUS).table("probes")
    return float(probes[probes.label == "topic"]["commonest class"].mean())
