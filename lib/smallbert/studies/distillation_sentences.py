"""The sentences that close page 5, computed: no result and no verdict in them is typed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from smallbert.studies import distillation_verdicts as verdicts
from smallbert.studies import sharing
from smallbert.studies.distillation import ALONE, EQUAL, FRESH, TRIPLE
from smallbert.studies.distillation_training import Trained
from smallbert.studies.distillation_verdicts import MARGINS, MEASURES

NO_PREDICTIONS = "This teacher predicts no words, so nothing can be said here of soft targets or of a loss on words."
NO_COPIES = "This teacher's layers do not fit our students, so none starts from them."


def teacher_sentence(trained: Trained, name: str) -> str:
    """What the teacher is and what it reaches.

    Args:
        trained: the students.
        name: how the report calls the teacher, escaped.
    """
    own = trained.teacher
    said = f"The teacher is {name}: {own['layers']} layers, width {own['hidden']}, {own['parameters']:,} parameters."
    if not trained.predicts:
        return f"{said} It predicts no words: students learn from its hidden states and are judged by their embeddings."
    return f"{said} Its held-out loss is {own['loss']:.3f} nats, with {own['accuracy']:.1%} of the masked words right."


def floor_sentence(trained: Trained, floor: float) -> str:
    """How many students have learnt more than how often tokens occur.

    Args:
        trained: the students.
        floor: held-out loss of word frequencies alone, from :func:`smallbert.models.unigram.frequencies`.
    """
    if not trained.predicts:
        return ""
    return sharing.floor_sentence(trained.cells[trained.cells.loss.notna()], floor)


def methods_sentence(trained: Trained) -> str:
    """Which methods beat training alone, at equal steps and at equal operations."""
    name = verdicts.measure_of(trained)
    found = verdicts.methods(trained)
    found = found[found.measure == name].set_index("label")
    steps, equal = found.drop(EQUAL), found.loc[EQUAL]
    unit, better = MEASURES[name], "lower" if name == "loss" else "higher"
    said = [f"Against a student of the same size trained alone for as many steps ({unit}): {_listed(steps, name)}."]
    said.append(
        "With as many operations as a distilled one costs, the teacher's reading included, a student trained alone is "
        f"{_told(equal, name, 'one of equal steps')}."
    )
    cells = trained.panel("methods")
    means = cells.groupby("label", sort=False)[name].mean()
    best = steps.index[np.argmin(means[steps.index]) if better == "lower" else np.argmax(means[steps.index])]
    pair = verdicts.against(cells, {best: EQUAL}, name).iloc[0]
    said.append(f"The best method by its mean, {best}, is {_told(pair, name, 'that longer training')}.")
    return " ".join(said)


def removals_sentence(trained: Trained) -> str:
    """DistilBERT's ablation: how many signs are the paper's."""
    if "removed" not in trained.panels:
        return NO_COPIES if trained.predicts else NO_PREDICTIONS
    found = verdicts.removals(trained)
    same, opposite = ((found.sign == word).sum() for word in ("the same", "the opposite"))
    told = "; ".join(
        f"{row.label} {_change(row)} nats, {row.verdict} (printed {row.printed:+.2f} points)"
        for row in found.itertuples()
    )
    return (
        f"DistilBERT's Table 4 finds every part of its recipe useful. Here, against the {TRIPLE} from copied layers: "
        f"{told}. That is the paper's sign in {same} of {len(found)} and the opposite in {opposite}; the others are "
        "undecided or equivalent."
    )


def starts_caption(trained: Trained) -> str:
    """What the figure of starts shows, or why there is none."""
    return "Students of the teacher's width, from copied layers or fresh." if "starts" in trained.panels else NO_COPIES


def starts_sentence(trained: Trained) -> str:
    """What copying layers gives, what the losses give, and which is more."""
    if "starts" not in trained.panels:
        return NO_COPIES
    name, cells = verdicts.measure_of(trained), trained.panel("starts")
    found = verdicts.starts(trained).set_index("label")
    [main] = {label.split(", ")[0] for label in cells.label} - {ALONE}
    copied = next(label for label in found.index if label.startswith(ALONE))
    released = copied.removeprefix(f"{ALONE}, ")
    losses = verdicts.against(cells, {f"{main}, {FRESH}": f"{ALONE}, {FRESH}"}, name).iloc[0]
    kept = verdicts.against(cells, {f"{main}, {released}": copied}, name).iloc[0]
    said = (
        f"A start from the teacher's layers ({released}), without a word from it in training, is "
        f"{_told(found.loc[copied], name, 'a fresh one')}; {main} from a fresh start is "
        f"{_told(losses, name, 'training alone')}; and once the layers are copied, {main} is "
        f"{_told(kept, name, 'training on without the teacher')}."
    )
    others = found[found.index.str.startswith(main)]
    return f"{said} {main} from each map against a fresh start: {_listed(others, name)}."


def temperatures_sentence(trained: Trained) -> str:
    """Whether the temperature matters, with what was kept of the teacher's probability."""
    if "temperatures" not in trained.panels:
        return NO_PREDICTIONS
    found = verdicts.temperatures(trained)
    if found.empty:
        return "Only one temperature was tried."
    kept = trained.panel("temperatures").groupby("temperature")["mass kept"].mean()
    told = ", ".join(f"{share:.0%} at T = {temperature:g}" for temperature, share in kept.items())
    words = "; ".join(f"T = {row.label} {_change(row)}, {_word(row.verdict, 'loss')}" for row in found.itertuples())
    return (
        f"Hinton's soft targets, held-out loss against T = {found.against.iloc[0]}, nats: {words}. The logits that are "
        f"stored hold {told} of the teacher's probability; the rest is taught as one."
    )


def shares_sentence(trained: Trained) -> str:
    """Whether the teacher helps most when data are few."""
    found = verdicts.gains(trained, "shares", "share")
    name = verdicts.measure_of(trained)
    few, many = found.iloc[0], found.iloc[-1]
    said = (
        f"With {few.share:.0%} of the data, read {1 / few.share:.3g} times, the teacher gives {_gain(few, name)}; with "
        f"all of it, {_gain(many, name)}."
    )
    if len(found) < 2 or found.pairs.min() < 2:
        return said
    change, word = verdicts.slope(trained)
    ends = {
        "lower": "the teacher helps most where data are few",
        "higher": "the teacher helps more where data are many",
        "equivalent": f"its help does not depend on the amount of data (within {MARGINS[name]})",
    }
    return (
        f"{said} Each tenfold of the data changes its gain by {change.estimate:+.3f} [{change.low:+.3f}, "
        f"{change.high:+.3f}]: {ends.get(word, 'no dependence on the amount of data is shown')}."
    )


def sizes_sentence(trained: Trained) -> str:
    """What the teacher gives at each size, down to the smallest."""
    found, name = verdicts.gains(trained, "sizes", "hidden"), verdicts.measure_of(trained)
    told = "; ".join(
        f"width {row.hidden} ({row.parameters:,} parameters, {row.share:.0%} of the teacher's) {_gain(row, name)}"
        for row in found.rename(columns={"of teacher": "share"}).itertuples()
    )
    return f"What the teacher gives by size: {told}. {_reaches_a_larger(found, name)}"


def answer(trained: Trained, name: str) -> str:
    """The answer of page 5 in one paragraph.

    Args:
        trained: the students.
        name: how the report calls the teacher, escaped.
    """
    return " ".join([teacher_sentence(trained, name), methods_sentence(trained), sizes_sentence(trained)])


def _reaches_a_larger(found: pd.DataFrame, name: str) -> str:
    """Whether some distilled student is at least as good, by its mean, as the next larger one trained alone."""
    less = name == "loss"
    pairs = [
        (small.hidden, large.hidden)
        for small, large in zip(found[:-1].itertuples(), found[1:].itertuples(), strict=True)
        if (small.distilled <= large.alone if less else small.distilled >= large.alone)
    ]
    if not pairs:
        return "By their means no distilled student reaches the next larger one trained alone."
    told = " and ".join(f"width {small} reaches {large}" for small, large in pairs)
    return f"By their means a distilled student reaches the next larger one trained alone: {told}."


def _word(word: str, name: str) -> str:
    """A verdict as better or worse."""
    better, worse = ("lower", "higher") if name == "loss" else ("higher", "lower")
    return {better: "better", worse: "worse", "equivalent": f"equivalent within {MARGINS[name]}"}.get(word, word)


def _change(row: Any) -> str:
    return f"{row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"


def _told(row: pd.Series, name: str, other: str) -> str:
    """A contrast in words: ``better than`` the other, with its interval."""
    phrases = {"better": "better than", "worse": "worse than", "no difference shown": "not told apart from"}
    word = _word(row.verdict, name)
    return f"{phrases.get(word, f'{word} to')} {other} ({_change(row)})"


def _listed(rows: pd.DataFrame, name: str) -> str:
    return "; ".join(f"{label} {_change(row)}, {_word(row.verdict, name)}" for label, row in rows.iterrows())


def _gain(row: Any, name: str) -> str:
    unit = " nats" if name == "loss" else ""
    return f"{row.gain:+.3f}{unit} [{row.low:+.3f}, {row.high:+.3f}], {row.verdict}"
