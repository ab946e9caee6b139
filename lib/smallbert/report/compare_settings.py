"""What was told to two runs and what they ran on: parameters, corpus and encoder, code, packages and machine."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from smallbert.report.compare_runs import Run, flat, page_number
from smallbert.report.parameters import MODELS

ABSENT = "–"


def settings(a: Run, b: Run, stems: list[str]) -> pd.DataFrame:
    """Parameters that differ.

    Returns:
        Columns ``what``, ``pages``, ``a``, ``b`` and ``decides``: False for those that change how fast, but not what,
        is computed.
    """
    rows = []
    for stem in stems:
        free = {"edition", *(MODELS[stem].speed if stem in MODELS else ())}
        first, second = (run.stages[stem]["parameters"] for run in (a, b))
        rows += [(*row, row[0] not in free) for row in _differing(first, second, stem) if row[0] != "edition"]
    return _grouped(rows, "decides")


def inputs(a: Run, b: Run) -> pd.DataFrame:
    """What was recorded of corpus and encoder that differs: columns ``what``, ``a``, ``b``; checksums shortened."""
    rows = []
    for name in ("corpus", "encoder"):
        first, second = (_joined(run.record.get(name) or {}) for run in (a, b))
        rows += [(f"{name}: {what}", *values) for what, *values, _ in _differing(first, second, "")]
    return pd.DataFrame(rows, columns=["what", "a", "b"])


def environment(a: Run, b: Run, stems: list[str]) -> pd.DataFrame:
    """Code, package versions and machine that differ: columns ``what``, ``pages``, ``a``, ``b``."""
    rows = []
    for stem in stems:
        first, second = (_made(run.stages[stem]) for run in (a, b))
        rows += _differing(first, second, stem)
    return _grouped(rows)


def same_experiment(a: Run, b: Run, told: pd.DataFrame) -> bool:
    """Whether both runs were told the same and read the same articles, so that chance tells them apart nowhere.

    Args:
        a: a run.
        b: another.
        told: their :func:`settings`.
    """
    first, second = ((run.record.get("corpus") or {}).get("rows_sha256") for run in (a, b))
    return not told.decides.any() and first == second


def _made(stage: dict[str, Any]) -> dict[str, Any]:
    commit = f"{stage['commit'] or 'no commit'}{' with changes' if stage['modified'] else ''}"
    machine = {f"machine: {name.replace('_', ' ')}": value for name, value in stage["machine"].items()}
    return {"profile": stage["profile"], "code": commit, **stage["versions"], **machine}


def _joined(record: dict[str, Any]) -> dict[str, Any]:
    """One value a name: languages stay together, checksums are cut to what a person compares."""
    told = dict(record)
    if isinstance(languages := record.get("languages"), list):
        told["languages"] = ", ".join(map(str, languages))
    return {
        name: value[:16] if isinstance(value, str) and ("sha256" in name or name == "key") else value
        for name, value in flat(told)
    }


def _differing(a: dict[str, Any], b: dict[str, Any], page: str) -> list[tuple[str, str, str, str]]:
    """Name, both values as text, and the page, of each name on whose value ``a`` and ``b`` disagree."""
    names = [*a, *(name for name in b if name not in a)]
    return [(name, _told(a, name), _told(b, name), page) for name in names if a.get(name) != b.get(name)]


def _told(values: dict[str, Any], name: str) -> str:
    value = values.get(name, ABSENT)
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _grouped(rows: list[tuple[Any, ...]], *more: str) -> pd.DataFrame:
    """One row a change, with the pages it holds for."""
    frame = pd.DataFrame(rows, columns=["what", "a", "b", "pages", *more])
    by = [name for name in frame if name != "pages"]
    told = frame.groupby(by, sort=False)["pages"].agg(lambda stems: ", ".join(map(page_number, stems)))
    return told.reset_index()[["what", "pages", *by[1:]]]
