"""What a teacher and its students cost: parameters and operations as counted, times as measured on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from smallbert.models import flops, sources
from smallbert.models.parameters import BYTES, count
from smallbert.models.presets import sizes
from smallbert.studies import reading
from smallbert.studies.reading import ALONE, TOGETHER, geometric_interval

COUNTED = ("parameters", "operations")


def counted(folders: Mapping[str, str | Path], tokens: int) -> pd.DataFrame:
    """Sizes of every model, without pooler and heads: what embeds a text.

    Args:
        folders: by name: a folder, ``minilm`` or a hub id.
        tokens: of the text whose operations are counted.

    Returns:
        Columns ``model``, ``layers``, ``hidden``, ``parameters``, ``megabytes`` (fp32), ``operations`` (millions, of
        one text).
    """
    rows = []
    for name, source in folders.items():
        own = replace(sizes(str(sources.find(str(source)))), pooler=False, head="none")
        parameters, operations = count(own).total, flops.forward(own, tokens).total / 1e6
        rows.append((name, own.layers, own.hidden, parameters, BYTES["fp32"] * parameters / 1e6, operations))
    return pd.DataFrame(rows, columns=["model", "layers", "hidden", "parameters", "megabytes", "operations"])


def summary(sized: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """Sizes beside times, geometric means over rounds with 95% intervals.

    Args:
        sized: from :func:`counted`.
        measured: from :func:`smallbert.studies.reading.timings`.

    Returns:
        The columns of :func:`counted`; ``latency`` (milliseconds of a text read alone) with ``latency low`` and
        ``latency high``; ``throughput`` (texts a second, all given at once) with ``throughput low`` and ``throughput
        high``.
    """
    rows = []
    for model in sized.model:
        own = measured[measured.model == model].set_index("measure").microseconds
        latency, throughput = geometric_interval(own[ALONE] / 1e3), geometric_interval(1e6 / own[TOGETHER])
        rows.append([value for one in (latency, throughput) for value in (one.estimate, one.low, one.high)])
    names = [f"{name}{limit}" for name in ("latency", "throughput") for limit in ("", " low", " high")]
    return sized.join(pd.DataFrame(rows, columns=names))


def ratios(sized: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """Every cost as a share of the first model's.

    Args:
        sized: from :func:`counted`; the teacher comes first.
        measured: from :func:`smallbert.studies.reading.timings`.

    Returns:
        Columns ``model``, ``measure`` (of :data:`COUNTED`, ``one text``, ``many texts``), ``ratio``, ``low``, ``high``:
        what is counted has no spread; of times, the geometric mean over rounds and the t interval of its logarithm.
    """
    first = sized.iloc[0]
    exact = [
        (row.model, measure, *[row[measure] / first[measure]] * 3) for measure in COUNTED for _, row in sized.iterrows()
    ]
    columns = ["model", "measure", "ratio", "low", "high"]
    return pd.concat([pd.DataFrame(exact, columns=columns), reading.ratios(measured, first.model)], ignore_index=True)


def sentence(found: pd.DataFrame) -> str:
    """What each model costs against the first.

    Args:
        found: from :func:`ratios`.
    """
    first = found.model.iloc[0]
    said = []
    for model, part in found[found.model != first].groupby("model", sort=False):
        own = part.set_index("measure")
        times = ", ".join(
            f"{own.ratio[measure]:.0%} [{own.low[measure]:.0%}, {own.high[measure]:.0%}] of the time of {measure}"
            for measure in (ALONE, TOGETHER)
        )
        sizes = " and ".join(f"{own.ratio[measure]:.0%} of the {measure}" for measure in COUNTED)
        said.append(f"{model}: {sizes}, {times}")
    return f"Against {first}: {'; '.join(said)}."
