"""ALBERT's Figure 1 again: how far each layer moves its input, and whether that converges (Lan et al. 2020, 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd

from smallbert.errors import UsageError
from smallbert.measure.convergence import course
from smallbert.measure.stats import mean_interval, paired_interval, verdict
from smallbert.measure.transitions import MEASURES, transitions
from smallbert.models import hidden_states
from smallbert.progress import Progress

State = Literal["trained", "fresh"]
SHARED, UNSHARED = "ALBERT-like", "BERT-like"
JUDGED = {
    "l2": ("L2 distance", "l2", 1),
    "l2_later": ("L2 distance from layer 2 on", "l2", 2),
    "angle_mean": ("mean angle", "angle_mean", 1),
}
"""What is judged: its name, the measure and the first layer. These are the paper's two curves, and the L2 distance once
more without the first layer: what ALBERT's first layer reads has passed no norm, so that distance holds a change of
length which no other has (at initialisation it is most of it). The angle knows no length."""
WORDS = {"neither": "neither converges nor oscillates", "too few layers": "has too few layers to tell"}


@dataclass(frozen=True)
class Subject:
    """One encoder to measure.

    Args:
        label: name in tables and figures; seeds of one arm share it.
        source: a folder, ``minilm`` or a hub id.
        seed: of the pretraining; of the first weights where ``state`` is ``fresh``.
        state: ``trained`` as ``source`` holds it, or ``fresh``: its configuration, newly initialised.
    """

    label: str
    source: str
    seed: int = 0
    state: State = "trained"


def curves(subjects: Sequence[Subject], texts: list[str], *, max_tokens: int, device: str = "auto") -> pd.DataFrame:
    """Measure every encoder on the same texts, each with its own tokenizer.

    Args:
        subjects: the encoders.
        texts: what all of them read.
        max_tokens: a longer text is cut there.
        device: ``auto``, ``cpu`` or ``cuda``.

    Returns:
        One row a subject and layer: ``label``, ``kind`` (``ALBERT-like`` where layers share their weights, else
        ``BERT-like``), ``state``, ``seed``, ``layer`` from 1, every measure of
        :class:`smallbert.measure.transitions.Transitions` with its standard error over texts (``l2_sem`` ...),
        ``texts`` and ``tokens``.

    Raises:
        UsageError: no subject or no text, or one subject named twice.
        DataError, MachineError: an encoder cannot be had or used (:func:`smallbert.models.hidden_states.load`).
    """
    named = [(one.label, one.state, one.seed) for one in subjects]
    if not subjects or not texts or len(set(named)) < len(named):
        raise UsageError(
            f"Expected texts and encoders that differ in label, state or seed, got {len(texts)} texts and {named}."
        )
    tables = []
    with Progress("layers", len(subjects) * len(texts), "texts") as bar:
        for one in subjects:
            fresh = one.seed if one.state == "fresh" else None
            stack = hidden_states.load(one.source, max_tokens=max_tokens, fresh=fresh, device=device)
            found = transitions(stack.states(stack.tokenize(texts)))
            bar.advance(len(texts))
            table = pd.DataFrame({"layer": range(1, stack.layers + 1)})
            for name in MEASURES:
                table[name], table[f"{name}_sem"] = getattr(found, name), found.sem[name]
            table = table.assign(texts=found.texts, tokens=found.tokens)
            kind = SHARED if stack.shared else UNSHARED
            for place, (column, value) in enumerate(
                (("label", one.label), ("kind", kind), ("state", one.state), ("seed", one.seed))
            ):
                table.insert(place, column, value)
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def verdicts(rows: pd.DataFrame) -> pd.DataFrame:
    """What every curve does, by the definitions of :mod:`smallbert.measure.convergence`.

    Args:
        rows: from :func:`curves`.

    Returns:
        One row an encoder and curve: ``label``, ``kind``, ``state``, ``seed``, ``curve`` (a key of ``JUDGED``) and the
        fields of :class:`smallbert.measure.convergence.Course`. A curve of one layer has no row.
    """
    return pd.DataFrame(
        [
            dict(zip(("label", "kind", "state", "seed"), name, strict=True), curve=curve)
            | asdict(course(part[measure][first - 1 :], part[f"{measure}_sem"][first - 1 :]))
            for name, part in rows.groupby(["label", "kind", "state", "seed"], sort=False)
            for curve, (_name, measure, first) in JUDGED.items()
            if len(part) > first
        ]
    )


def verdict_sentences(found: pd.DataFrame) -> list[str]:
    """What the layers do by the paper's two curves, a sentence an encoder: words tallied, numbers averaged over seeds.

    Args:
        found: from :func:`verdicts`.
    """
    said = []
    for (label, state), own in found.groupby(["label", "state"], sort=False):
        parts = [f"{JUDGED[curve][0]} {_told(own[own.curve == curve])}" for curve in ("l2", "angle_mean")]
        said.append(f"{label}, {state}, {own.layers.max()} layers: {'; '.join(parts)}.")
    return said


def _told(part: pd.DataFrame) -> str:
    """One curve of one encoder in words, all its seeds together."""
    counts = part.verdict.map(lambda word: WORDS.get(word, word)).value_counts()
    word = counts.index[0]
    if len(part) > 1:
        n = len(part)
        shares = {word: f"all {n}" if count == n else f"{count} of {n}" for word, count in counts.items()}
        word = " and ".join(f"{word} ({share} seeds)" for word, share in shares.items())
    if (part.verdict == "too few layers").all():
        return word
    turns, over = f"{part.turns.iloc[0]:.0f}", ""
    if len(part) > 1:
        turns, over = f"{part.turns.mean():.1f}", f" (mean of {len(part)} seeds)"
    return (
        f"{word}: a factor of {part.rate.mean():.2f} a layer, last third at {part.level.mean():.2f} of the first, "
        f"{turns} of {part.places.iloc[0]} possible turns{over}"
    )


def smoothness(found: pd.DataFrame, smooth: str, rough: str, state: State = "trained") -> pd.DataFrame:
    """The paper's "much smoother": roughness of one arm's curves against another's, paired by seed.

    Args:
        found: from :func:`verdicts`; roughness is defined in :class:`smallbert.measure.convergence.Course`.
        smooth: label of the arm said to be smoother.
        rough: label of the arm it is compared with.
        state: of both.

    Returns:
        One row a curve: ``curve``, the mean roughness of both under their labels, ``difference`` (first less second)
        with ``low`` and ``high``, ``seeds``, and ``verdict`` on the first: ``lower`` is smoother. Without two seeds
        there is no interval, and no difference can be shown.

    Raises:
        UsageError: an arm has no curve, or both share no seed.
    """
    rows = []
    for curve in dict.fromkeys(found.curve):
        part = found[(found.curve == curve) & (found.state == state)]
        wide = part.pivot(index="seed", columns="label", values="roughness").reindex(columns=[smooth, rough]).dropna()
        if wide.empty:
            raise UsageError(
                f"Expected {state} encoders {smooth!r} and {rough!r} with a seed in common, got labels "
                f"{sorted(set(part.label))}."
            )
        row = {"curve": curve, smooth: wide[smooth].mean(), rough: wide[rough].mean()}
        row |= {"difference": row[smooth] - row[rough], "low": float("nan"), "high": float("nan"), "seeds": len(wide)}
        row["verdict"] = "no difference shown"
        if len(wide) > 1:
            interval = paired_interval(wide[smooth], wide[rough])
            row |= {"low": interval.low, "high": interval.high, "verdict": verdict(interval)}
        rows.append(row)
    return pd.DataFrame(rows)


def smoothness_sentence(compared: pd.DataFrame) -> str:
    """Whether the first arm's layers are smoother than the second's.

    Args:
        compared: from :func:`smoothness`.
    """
    smooth, rough = compared.columns[1:3]
    said = []
    for _, row in compared.iterrows():
        known = f", interval {row.low:+.3f} to {row.high:+.3f}" if row.seeds > 1 else ""
        word = {"lower": "smoother", "higher": "rougher"}.get(row.verdict, row.verdict)
        said.append(
            f"{JUDGED[row.curve][0]} {row[smooth]:.3f} against {row[rough]:.3f} "
            f"(difference {row.difference:+.3f}{known}: {word})"
        )
    seeds = int(compared.seeds.iloc[0])
    return f"Roughness of {smooth} against {rough}, {seeds} seed{'s' if seeds > 1 else ''}: {'; '.join(said)}."


def bands(rows: pd.DataFrame) -> pd.DataFrame:
    """Means and 95% intervals for the figure: over seeds where there are several, else over texts.

    Args:
        rows: from :func:`curves`.

    Returns:
        Columns ``label``, ``kind``, ``state``, ``layer``, ``measure``, ``mean``, ``low``, ``high``, ``seeds``.
    """
    out = []
    for name, part in rows.groupby(["label", "kind", "state", "layer"], sort=False):
        for measure in MEASURES:
            values = part[measure]
            if len(part) > 1:
                interval = mean_interval(values)
                limits = (interval.estimate, interval.low, interval.high)
            else:
                value, half = values.iloc[0], 1.96 * part[f"{measure}_sem"].iloc[0]
                limits = (value, value - half, value + half)
            out.append((*name, measure, *limits, len(part)))
    return pd.DataFrame(out, columns=["label", "kind", "state", "layer", "measure", "mean", "low", "high", "seeds"])
