"""Points of encoders on page 6's shelf: megabytes and operations against the task scores that are kept.

An encoder that another page has made keeps that page's point, whatever the shelf calls it: a point is what one command
builds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from smallbert.results import Results
from smallbert.studies import points as names
from smallbert.studies.frontier_points import (
    ALBERT,
    ALONE,
    DISTIL,
    DISTILLED,
    ENCODER,
    PEER,
    SHARED,
    TASKS,
    TRANSFER,
    TRIM,
    TRUNCATE,
    WHOLE,
    Row,
    arm_command,
    build_command,
    figure_data,
    limits,
    page_command,
    student_command,
)
from smallbert.studies.transfer_shelf import FRESH, NARROWED, TRIMMED, TRUNCATED

EVERY = "all learnt"
"""What page 6 calls all tasks of a mode together."""


def retained(results: Results) -> Iterator[Row]:
    """Page 6: task scores above a constant answer, of encoders on the shelf; their floor is that of fresh weights."""
    shelf = results.table("shelf").set_index("model")
    told = figure_data(results, "retained")
    seeds = len(results.values()["seeds"])
    reference = shelf.index[0]
    floors = told[told.model == FRESH].set_index(["task", "mode"]).retained
    for mode in dict.fromkeys(told["mode"]):
        floor = floors.get((EVERY, mode), np.nan)
        yield _shelved(results, shelf, reference, f"{TASKS}, {mode}", (1.0, 1.0, 1.0), seeds) | {"floor": floor}
    known = told[told.retained.notna() & ~told.model.isin([FRESH, NARROWED])]
    for row in known.to_dict("records"):
        every, floor = row["task"] == EVERY, floors.get((row["task"], row["mode"]), np.nan)
        found = (row["retained"], row["retained low"], row["retained high"])
        measure = f"{TASKS if every else row['task']}, {row['mode']}"
        yield _shelved(results, shelf, row["model"], measure, found, seeds) | {"detail": not every, "floor": floor}


def _shelved(
    results: Results, shelf: pd.DataFrame, model: str, measure: str, kept: tuple[float, float, float], seeds: int
) -> Row:
    own, first = shelf.loc[model], model == shelf.index[0]
    point = names.WHOLE if first else _point(own)
    return {
        "point": point,
        "name": model,
        "kind": ENCODER,
        "method": WHOLE if first else shelf_method(model),
        "measure": measure,
        **limits(*kept),
        "n": seeds,
        "over": "seeds",
        "megabytes": own.megabytes,
        "operations": own.operations / shelf.operations.iloc[0],
        "where": "retained",
        "command": "" if first else _command(point, own, results),
    }


def shelf_method(model: str) -> str:
    """The kind of an encoder by what the shelf calls it."""
    if model == TRUNCATED:
        return TRUNCATE
    kinds = {"trim": TRIM, "student alone": ALONE, "alone": ALONE, "student": DISTILLED, " shared": SHARED}
    return next((kind for part, kind in kinds.items() if part in model), PEER)


def _point(own: pd.Series) -> str:
    """The point of an encoder, from its row of the shelf."""
    model = str(own.name)
    if model == TRIMMED and (trimmed := names.trimmed(own.origin)):
        return trimmed
    if model == TRUNCATED and (rank := re.search(r"rank (\d+)$", own.origin)):
        return names.truncated(int(rank[1]))
    if own.origin == _page(ALBERT):
        return names.slug(f"{model}, {own.layers} layers")
    if own.origin == _page(DISTIL):
        return names.student(own.layers, own.width, alone=shelf_method(model) == ALONE)
    return names.slug(model)


def _command(point: str, own: pd.Series, results: Results) -> str:
    makers = {_page(ALBERT): arm_command, _page(DISTIL): student_command}
    if own.origin in makers:
        return makers[own.origin](point, results)
    return build_command(point, results) or page_command(TRANSFER)


def _page(stem: str) -> str:
    """A page as the shelf names it."""
    return f"page {int(stem[:2])}"
