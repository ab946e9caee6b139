"""Study 5, what the students show: differences paired by seed, and the sentences they allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smallbert import paths
from smallbert.measure.comparisons import paired_t
from smallbert.measure.stats import Interval, mean_interval, verdict
from smallbert.published import Published, load
from smallbert.studies import distillation_measures as measures
from smallbert.studies import sharing
from smallbert.studies.contrasts import LEVEL, contrast, corrected
from smallbert.studies.distillation import REMOVED, TEMPERATURE, TRIPLE
from smallbert.studies.distillation_measures import ALONE, EQUAL, FRESH, MARGINS, MEASURES, against
from smallbert.studies.distillation_training import Trained


def measure_of(trained: Trained) -> str:
    """What students are ranked by: the held-out loss, or where the teacher predicts nothing, similarity to it."""
    return "loss" if trained.predicts else "similarity"


def methods(trained: Trained) -> pd.DataFrame:
    """Every method against training alone, for every measure that there is; columns of :func:`against`."""
    cells = trained.panel("methods")
    others = [label for label in dict.fromkeys(cells.label) if label != ALONE]
    known = [name for name in MEASURES if name in cells and cells[name].notna().any()]
    return pd.concat([against(cells, dict.fromkeys(others, ALONE), name) for name in known], ignore_index=True)


def learnt(trained: Trained, floor: float) -> tuple[int, int]:
    """How many of the taught students of the panel ``methods`` have learnt more than word frequencies for sure.

    The second number is of how many; :func:`smallbert.studies.sharing.learnt` says when it is sure.

    Args:
        trained: the students, of a teacher that predicts words.
        floor: held-out loss of word frequencies alone, from :func:`smallbert.models.unigram.frequencies`.
    """
    cells = trained.panel("methods")
    taught = cells[~cells.label.isin([ALONE, EQUAL])]
    return sharing.learnt(taught.assign(arm=taught.label), floor)


def removals(trained: Trained, table: Mapping[str, Published] | None = None) -> pd.DataFrame:
    """DistilBERT's Table 4: what each part of its recipe is worth, printed and here.

    Args:
        trained: the students.
        table: published numbers by id; the project's own by default.

    Returns:
        Columns ``label``, ``printed`` (change of the mean GLUE score, points), ``difference`` (held-out loss less that
        of the whole recipe, nats) with ``low``, ``high``, ``pairs``, ``p_holm`` and ``verdict``, ``topic`` with
        ``topic low`` and ``topic high`` (probe accuracy less the whole recipe's, where it was read), and ``sign``.
    """
    table = table or load()
    cells = trained.panel("removed")
    ids = {label: f"without_{term}" for term, label in REMOVED.items()} | {FRESH: "fresh_start"}
    pairs = dict.fromkeys(ids, TRIPLE)
    found = against(cells, pairs if len(cells) else {}, "loss").drop(columns=["against", "measure"])
    found.insert(1, "printed", [table[f"distilbert.table4.{ids[label]}"].value for label in found.label])
    if "topic" in cells and cells.topic.notna().any():
        probed = against(cells, pairs, "topic").set_index("label").loc[found.label]
        found["topic"], found["topic low"], found["topic high"] = (
            probed[name].to_numpy() for name in ("difference", "low", "high")
        )
    # A lower score and a higher loss are both worse.
    words = {"higher": "the same", "lower": "the opposite", "equivalent": "no difference here"}
    found["sign"] = [words.get(one, one) for one in found.verdict]
    return found


def starts(trained: Trained) -> pd.DataFrame:
    """Every start against a fresh one with the same losses; columns of :func:`against`."""
    return measures.starts(trained.panel("starts"), measure_of(trained))


def start_measures(trained: Trained) -> dict[str, str]:
    """What students by their start are shown by: predictions, or likeness for a teacher that makes none."""
    return {name: MEASURES[name] for name in (("loss", "agreement") if trained.predicts else ("similarity",))}


def temperatures(trained: Trained) -> pd.DataFrame:
    """Every temperature against the usual one, and the share of the teacher's probability that was kept at it.

    Returns:
        Columns of :func:`against` and ``mass kept``.
    """
    cells = trained.panel("temperatures")
    usual = f"{TEMPERATURE:g}"
    found = against(cells, {label: usual for label in dict.fromkeys(cells.label) if label != usual}, "loss")
    return found.assign(**{"mass kept": [cells[cells.label == label]["mass kept"].mean() for label in found.label]})


def gains(trained: Trained, panel: str, by: str) -> pd.DataFrame:
    """What the teacher gives at each share of the data or each width: distilled against alone, positive where better.

    Args:
        trained: the students.
        panel: ``shares`` or ``sizes``.
        by: ``share`` or ``hidden``.

    Returns:
        Columns ``by``, ``parameters``, ``of teacher`` (share of its parameters), ``alone`` and ``distilled`` (means),
        ``gain`` with ``low``, ``high``, ``pairs``, ``p_holm`` and ``verdict`` (``better``, ``worse``, ...).
    """
    cells, name = trained.panel(panel), measure_of(trained)
    [distilled] = set(cells.label) - {ALONE}
    rows = []
    for value, part in cells.groupby(by):
        wide = part.pivot(index="seed", columns="label", values=name)
        size = int(part.parameters.iloc[0])
        gain = contrast(_sign(name) * wide[distilled], _sign(name) * wide[ALONE])
        rows.append(
            {by: value, "parameters": size, "of teacher": size / trained.teacher["parameters"]}
            | {"alone": wide[ALONE].mean(), "distilled": wide[distilled].mean()}
            | {"gain" if key == "difference" else key: value for key, value in gain.items()}
        )
    found = corrected(pd.DataFrame(rows).rename(columns={"gain": "difference"}), margin=MARGINS[name])
    words = {"higher": "better", "lower": "worse"}
    return found.rename(columns={"difference": "gain"}).assign(verdict=[words.get(one, one) for one in found.verdict])


def slope(trained: Trained) -> tuple[Interval, str]:
    """How the teacher's gain changes from the least share of the data to the largest: mean over seeds, and its verdict.

    A line is fitted to every seed's gains against the logarithm of the share; of two shares it is their difference.
    """
    cells, name = trained.panel("shares"), measure_of(trained)
    wide = (_sign(name) * cells.set_index(["seed", "share", "label"])[name]).unstack("label")
    [distilled] = set(wide.columns) - {ALONE}
    gain = (wide[distilled] - wide[ALONE]).unstack("share")
    logarithms = np.log10(gain.columns.to_numpy(float))
    changes = np.polyfit(logarithms, gain.T.to_numpy(), 1)[0] * np.ptp(logarithms)
    found = mean_interval(changes, level=LEVEL)
    return found, verdict(found, margin=MARGINS[name], p=paired_t(changes, [0.0] * len(changes)))


def students(trained: Trained) -> list[dict[str, Any]]:
    """Folders of the students that other pages go on with: at every width alone and the best distilled one.

    Returns:
        One entry a width, kind and seed: ``kind`` (``alone`` or ``distilled``), ``method``, ``hidden``, ``layers``,
        ``parameters``, ``seed``, ``loss`` (None where nothing is predicted) and ``folder``, relative to the cache.
    """
    cells, name = trained.cells, measure_of(trained)
    score = _sign(name) * cells[name] if name in cells else pd.Series(np.nan, cells.index)
    fit = cells[[bool({"methods", "sizes"} & set(labels)) for labels in cells.labels]].assign(score=score)
    fit = fit[[EQUAL not in labels.values() for labels in fit.labels]]
    chosen = []
    for (_, alone), part in fit.groupby(["hidden", fit.method == "alone"]):
        best = part.groupby("arm", sort=False).score.mean().fillna(-np.inf).idxmax()
        for cell in part[part.arm == best].itertuples():
            chosen.append(
                {
                    "kind": ALONE if alone else "distilled",
                    "method": cell.method,
                    "hidden": cell.hidden,
                    "layers": cell.layers,
                    "parameters": cell.parameters,
                    "seed": cell.seed,
                    "loss": None if np.isnan(cell.loss) else cell.loss,
                    "folder": str(trained.folders[cell.arm, cell.seed].relative_to(paths.cache())),
                }
            )
    return chosen


def shown(chosen: Sequence[Mapping[str, Any]]) -> dict[str, Path]:
    """Folders of the distilled students of the first seed, by what tables call them, largest first.

    Args:
        chosen: from :func:`students`.
    """
    distilled = [one for one in chosen if one["kind"] != ALONE and one["seed"] == 0]
    distilled.sort(key=lambda one: -one["parameters"])
    return {f"student, {one['layers']} x {one['hidden']}": paths.cache() / one["folder"] for one in distilled}


def _sign(measure: str) -> int:
    """Of a measure of which more is better."""
    return -1 if measure == "loss" else 1
