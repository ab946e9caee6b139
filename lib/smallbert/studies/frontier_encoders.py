"""Points of encoders: megabytes, operations and time against what is kept, read from pages 4, 5 and 8."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from smallbert.measure.stats import mean_interval
from smallbert.models.parameters import BYTES
from smallbert.results import Results
from smallbert.studies import points as names
from smallbert.studies import reading, weights
from smallbert.studies.commonest import nothing_to_keep
from smallbert.studies.frontier_points import (
    ALONE,
    DISTIL,
    DISTILLED,
    DROP,
    ENCODER,
    FRONTIER,
    NEIGHBOURS,
    OTHERS,
    PEER,
    QUANTISED,
    SHARED,
    STACKED,
    TEACHER,
    TRIM,
    TRUNCATE,
    WHOLE,
    Row,
    arm_command,
    build_command,
    figure_data,
    limits,
    page_command,
    perplexities,
    sought,
    student_cells,
    student_command,
    time,
)
from smallbert.studies.frontier_shelf import shelf_method
from smallbert.studies.weights import FULL


def shared(results: Results) -> Iterator[Row]:
    """Page 4: sharing and factorising, encoders pretrained from scratch, all against the first of them."""
    panels = [figure_data(results, name) for name in ("sharing", "embedding_sweep", "depth_sweep")]
    cells = pd.concat(panels, ignore_index=True).drop_duplicates(["arm", "seed"])
    times, many = _times(figure_data(results, "speed"), "arm")
    first = cells.iloc[0]
    losses = cells.pivot(index="seed", columns="arm", values="loss")
    floor = np.exp(losses[first.arm].mean() - _frequencies(results))
    for arm, row in cells.drop_duplicates("arm").set_index("arm").iterrows():
        whole = arm == first.arm
        yield {
            "point": names.slug(arm),
            "name": _arm(row),
            "kind": ENCODER,
            "method": WHOLE if whole else SHARED,
            "measure": f"{OTHERS}{_arm(first)}",
            **(limits(1.0, 1.0, 1.0) if whole else perplexities(losses[first.arm], losses[arm])),
            "floor": floor,
            "n": len(losses),
            "over": "seeds",
            "megabytes": row.megabytes,
            "operations": row.operations / first.operations,
            **time(times, f"{row.sharing}, E {row.embedding}" if row.layers == first.layers else "", many),
            "where": "sharing",
            "command": arm_command(names.slug(arm), results),
        }


def distilled(results: Results) -> Iterator[Row]:
    """Page 5: what was done to the encoder, and students by their held-out loss."""
    steps, costs = figure_data(results, "reductions"), figure_data(results, "student_costs")
    steps = steps.reindex(columns=dict.fromkeys([*steps, "n", "commonest"]))
    times, many = _times(costs, "model")
    made = costs[costs.measure == "operations"].set_index("model").ratio
    whole = steps[steps.step == "whole"].set_index("measure")
    label = steps.label.iloc[0]
    students = _shown(results.values()["students"])
    trims = [names.trimmed(step) for step in steps.step if step.startswith("trim, coverage")]
    for (step, measure), part in steps.groupby(["step", "measure"], sort=False):
        if measure not in ("neighbours kept", "change"):
            continue
        row, first = part.iloc[0], step == "whole"
        base, floor = 0.0, np.nan
        if measure == "change":
            if nothing_to_keep(whole.low["accuracy"], row.commonest):
                continue
            base = whole.estimate["accuracy"]
            floor = row.commonest / base if base else np.nan
        scale = base or 1.0
        model = "teacher" if first else step
        yield {
            "point": names.WHOLE if first else names.trimmed(step) if step.startswith("trim, c") else names.slug(step),
            "name": WHOLE if first else step,
            "kind": ENCODER,
            "method": _step_method(step),
            "measure": NEIGHBOURS if measure == "neighbours kept" else f"{label} accuracy kept",
            **limits(*((base + value) / scale for value in (row.estimate, row.low, row.high))),
            "floor": floor,
            "n": row.n,
            "over": "articles",
            **(sought(row.n) if measure == "neighbours kept" else {}),
            "megabytes": BYTES["fp32"] * row.parameters / 1e6,
            "operations": made.get(model, np.nan),
            **time(times, model, many),
            "where": "reductions",
            "command": "" if first else _step_command(step, students, trims[-1], results),
        }
    yield from _students(results)


def _students(results: Results) -> Iterator[Row]:
    """Page 5's students by what they predict, where the teacher predicts."""
    cells = student_cells(results)
    teacher = results.table("students").iloc[0]
    if not np.isfinite(teacher.loss):
        return
    floor = np.exp(teacher.loss - _frequencies(results))
    yield {
        "point": "teacher",
        "name": "the teacher",
        "kind": ENCODER,
        "method": WHOLE,
        "measure": TEACHER,
        **limits(1.0, 1.0, 1.0),
        "floor": floor,
        "n": 1,
        "over": "seeds",
        "megabytes": teacher.megabytes,
        "operations": 1.0,
        "where": "methods",
    }
    for arm, part in cells.groupby("arm", sort=False):
        if part.loss.isna().any():
            continue
        row, losses = part.iloc[0], part.loss
        over = mean_interval(losses) if len(losses) > 1 else None
        yield {
            "point": names.slug(arm),
            "name": arm,
            "kind": ENCODER,
            "method": ALONE if row.method == "alone" else DISTILLED,
            "measure": TEACHER,
            **limits(
                *(np.exp(teacher.loss - loss) for loss in (losses.mean(), over.high, over.low))
                if over
                else (np.exp(teacher.loss - losses.mean()), np.nan, np.nan)
            ),
            "floor": floor,
            "n": len(losses),
            "over": "seeds",
            "megabytes": row.megabytes,
            "operations": row.operations / teacher.operations,
            "where": "methods",
            "command": student_command(names.slug(arm), results),
        }


def weighed(quality: pd.DataFrame, timed: pd.DataFrame | None, results: Results) -> Iterator[Row]:
    """Page 8: encoders with weights in fewer bits, alone and stacked with trimming or distilling."""
    first = quality.iloc[0]
    speeds = together = pd.DataFrame(columns=["ratio", "low", "high"])
    if timed is not None:
        alone, many = (
            timed[timed.measure == one].set_index(["encoder", "form"]) for one in (reading.ALONE, reading.TOGETHER)
        )
        together = pd.DataFrame({"ratio": 1 / many.speed})
        # A time is what a speed is the inverse of; its limits change places.
        speeds = pd.DataFrame(
            {"ratio": 1 / alone.speed, "low": 1 / alone["speed high"], "high": 1 / alone["speed low"]}
        )
    for row in quality.to_dict("records"):
        own = row["encoder"] == first.encoder
        full = row["form"] == FULL
        base_name = WHOLE if own else row["encoder"]
        base = names.WHOLE if own else names.trimmed(row["encoder"]) or names.slug(row["encoder"])
        form = names.slug(row["form"].removesuffix(" weights"))
        point = base if full else form if own else f"{base}+{form}"
        common = {
            "point": point,
            "name": base_name if full else f"{base_name}, {row['form']}",
            "kind": ENCODER,
            "method": (WHOLE if full else QUANTISED) if own else (shelf_method(row["encoder"]) if full else STACKED),
            "over": "articles",
            "megabytes": row[weights.EMBEDDING] / 1e6,  # a file also has a header, and maybe a pooler and heads
            # Weights that are only stored in fewer bits run as the full ones do.
            **time(speeds, (row["encoder"], row["form"] if row["form"] in weights.PRODUCTS else FULL), together),
            "where": "weights",
            "command": _form_command(base, point, row["form"], results),
        }
        floor = row[weights.COMMONEST] / first[weights.TOPIC]
        for measure, column, more in (
            (NEIGHBOURS, weights.KEPT, {"n": row["articles"], **sought(row["articles"])}),
            (weights.TOPIC_KEPT, weights.TOPIC_KEPT, {"n": row[weights.ASKED], "floor": floor}),
        ):
            if not pd.isna(row[column]):
                kept = limits(*(row[f"{column}{one}"] for one in ("", " low", " high")))
                yield common | {"measure": measure} | more | kept


def _arm(cell: pd.Series) -> str:
    """Page 4's encoder as it is read; its own name, a key from which its point's is made, also says ``1 layers``."""
    return f"{cell.sharing}, E {cell.embedding}, {cell.layers} layer{'s' if cell.layers > 1 else ''}"


def _times(costs: pd.DataFrame, model: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Times of a text read alone and of many together, by model."""
    alone, many = (costs[costs.measure == one].set_index(model) for one in (reading.ALONE, reading.TOGETHER))
    return alone, many


def _frequencies(results: Results) -> float:
    """Held-out loss of word frequencies alone, where the page recorded it; what has not beaten it has read nothing."""
    return float(results.values().get("floor", np.nan))


def _form_command(base: str, point: str, form: str, results: Results) -> str:
    made = build_command(base, results)
    if form in _PRECISIONS and (made or base == names.WHOLE):
        encoder, out = ("FOLDER", "VECTORS") if made else ("ENCODER", "FOLDER")
        embed = f"smallbert embed CORPUS --encoder {encoder} --precision {_PRECISIONS[form]} --out {out}"
        return f"{made} && {embed}" if made else embed
    return "" if point == names.WHOLE else build_command(point, results) or page_command(FRONTIER)


_PRECISIONS = {weights.BFLOAT: "bf16", weights.DYNAMIC: "int8"}


def _step_method(step: str) -> str:
    if step == "whole":
        return WHOLE
    if step.startswith("trim, coverage"):
        return TRIM
    kinds = {"trim, ": STACKED, "truncate": TRUNCATE, "drop layers": DROP, "student": DISTILLED}
    return next((kind for start, kind in kinds.items() if step.startswith(start)), PEER)


def _shown(students: list[Mapping[str, Any]]) -> set[str]:
    """Names that page 5 has for its distilled students."""
    return {f"student, {one['layers']} x {one['hidden']}" for one in students if one["kind"] != "alone"}


def _step_command(step: str, students: set[str], trim: str | None, results: Results) -> str:
    """The command that takes a step of page 5.

    Args:
        step: its name.
        students: from :func:`_shown`.
        trim: the point of the trimming that takes part in the steps together.
        results: of the page.
    """
    if step in students:
        return student_command(names.slug(step), results)
    if together := _TOGETHER.fullmatch(step):
        small = _step_command(together[1], students, trim, results).replace("--out FOLDER", "--out SMALL")
        rest = build_command(f"{trim}+{names.slug(_TRUNCATED + together[2])}", results)
        return f"{small} && {rest.replace('ENCODER', 'SMALL')}"
    point = names.trimmed(step) if step.startswith("trim, coverage") else names.slug(step)
    return (build_command(point, results) if point else "") or page_command(DISTIL)


_TRUNCATED = "truncate the word table, rank "
_TOGETHER = re.compile(r"trim, (.+), truncate, rank (\d+)")
