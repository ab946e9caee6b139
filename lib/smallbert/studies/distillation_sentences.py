"""The sentences that close page 5, computed: no result and no verdict in them is typed."""

from __future__ import annotations

from typing import Any

import pandas as pd

from smallbert.studies import distillation_verdicts as verdicts
from smallbert.studies import sharing_sentences
from smallbert.studies.contrasts import NOT_AFTER_CORRECTION, worded
from smallbert.studies.distillation import TRIPLE
from smallbert.studies.distillation_measures import (
    ALONE,
    EMBEDDED,
    EQUAL,
    FRESH,
    MARGINS,
    MEASURES,
    copied,
    effect,
    layers,
)
from smallbert.studies.distillation_training import Trained

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
    return sharing_sentences.floor_sentence(trained.cells[trained.cells.loss.notna()], floor)


def methods_sentence(trained: Trained) -> str:
    """Which methods beat training alone, at equal steps and at equal operations; the table has every difference."""
    name = verdicts.measure_of(trained)
    found = verdicts.methods(trained)
    found = found[found.measure == name].set_index("label")
    steps, equal = found.drop(EQUAL), found.loc[EQUAL]
    cells = trained.panel("methods")
    means = cells.groupby("label", sort=False)[name].mean()[steps.index]
    best = means.idxmin() if name == "loss" else means.idxmax()
    pair = verdicts.against(cells, {best: EQUAL}, name).iloc[0]
    return (
        f"Against a student of the same size trained alone for as many steps ({MEASURES[name]}): "
        f"{_grouped(steps, name)}. The best method by its mean, {best}, {_effect(steps.loc[best], name)}. With as many "
        "operations as a distilled one costs, the teacher's reading included, a student trained alone is "
        f"{_told(equal, name, 'one of equal steps')}; {best} is {_told(pair, name, 'that longer training')}."
    )


def removals_sentence(trained: Trained) -> str:
    """DistilBERT's ablation: how many signs are the paper's."""
    if "removed" not in trained.panels:
        return NO_COPIES if trained.predicts else NO_PREDICTIONS
    found = verdicts.removals(trained)
    same, opposite = ((found.sign == word).sum() for word in ("the same", "the opposite"))
    told = "; ".join(
        f"{row.label} {_effect(row, 'loss')} (printed: {abs(row.printed):.2f} points "
        f"{'worse' if row.printed < 0 else 'better'})"
        for row in found.itertuples()
    )
    rest = len(found) - same - opposite
    return (
        f"DistilBERT's Table 4 finds every part of its recipe useful. Here, against the {TRIPLE} from copied layers: "
        f"{told}. Both get worse in {same} of {len(found)}; the paper's gets worse and ours better in {opposite}; "
        f"whether ours gets worse is not told, or it stays equivalent, in {rest}."
    )


def starts_caption(trained: Trained) -> str:
    """What the figure of starts shows, or why there is none."""
    if "starts" not in trained.panels:
        return NO_COPIES
    return (
        "Students of the teacher's width, from copied layers or fresh. With layers goes what is under them; "
        f"{EMBEDDED}: the teacher's {_under(trained)}, and fresh layers."
    )


def starts_sentence(trained: Trained) -> str:
    """What copying layers gives, what the losses give, and which is more; then whether it matters which are copied."""
    if "starts" not in trained.panels:
        return NO_COPIES
    name, found = verdicts.measure_of(trained), verdicts.starts(trained).set_index("label")
    maps = found[~found.index.str.startswith(ALONE) & ~found.index.str.endswith(EMBEDDED)]
    maps = maps.sort_values("difference", ascending=name == "loss")
    best, least = (f"{label.split(', ', 1)[1]} {_effect(maps.loc[label], name)}" for label in maps.index[[0, -1]])
    return (
        f"{copied_sentence(trained)} Of {len(maps)} choices of layers, each against a fresh start, best by its mean: "
        f"{best}; worst: {least}."
    )


def copied_sentence(trained: Trained) -> str:
    """What a start from the teacher's layers gives beside its losses; empty where no layers were copied.

    Its embeddings, and its head where it has one, are copied with them; so what these give alone is told too.
    """
    if "starts" not in trained.panels:
        return ""
    name, cells = verdicts.measure_of(trained), trained.panel("starts")
    found = verdicts.starts(trained).set_index("label")
    [main] = {label.split(", ")[0] for label in cells.label} - {ALONE}
    released = copied(cells.label)
    start = f"{ALONE}, {released}"
    added = layers(cells, name).set_index("label").loc[start]
    losses = verdicts.against(cells, {f"{main}, {FRESH}": f"{ALONE}, {FRESH}"}, name).iloc[0]
    kept = verdicts.against(cells, {f"{main}, {released}": start}, name).iloc[0]
    joined = f"{', ' if trained.predicts else ' and '}{_under(trained)}"
    return (
        f"A start from the teacher's layers ({released}){joined}, without a word from it in training, is "
        f"{_told(found.loc[start], name, 'a fresh one')}; one from its {_under(trained)} alone is "
        f"{_told(found.loc[f'{ALONE}, {EMBEDDED}'], name, 'a fresh one')}, and one with its layers too is "
        f"{_told(added, name, 'one without them')}. {main} from a fresh start is "
        f"{_told(losses, name, 'training alone')}; and once the layers are copied, {main} is "
        f"{_told(kept, name, 'training on without the teacher')}."
    )


def _under(trained: Trained) -> str:
    """What is copied under the layers."""
    return "embeddings and head" if trained.predicts else "embeddings"


def temperatures_sentence(trained: Trained) -> str:
    """Whether the temperature matters, with what was kept of the teacher's probability."""
    if "temperatures" not in trained.panels:
        return NO_PREDICTIONS
    found = verdicts.temperatures(trained)
    if found.empty:
        return "Only one temperature was tried."
    kept = trained.panel("temperatures").groupby("temperature")["mass kept"].mean()
    told = ", ".join(f"{share:.0%} at T = {temperature:g}" for temperature, share in kept.items())
    words = "; ".join(f"T = {row.label} {_effect(row, 'loss')}" for row in found.itertuples())
    return (
        f"Hinton's soft targets against T = {found.against.iloc[0]}, held-out loss in nats: {words}. The logits that "
        f"are stored hold {told} of the teacher's probability; the rest is taught as one."
    )


def shares_sentence(trained: Trained) -> str:
    """Whether the teacher helps most when data are few."""
    found = verdicts.gains(trained, "shares", "share")
    name = verdicts.measure_of(trained)
    few, many = found.iloc[0], found.iloc[-1]
    said = (
        f"With {few.share:.0%} of the data, read {1 / few.share:.3g} times, the teacher {_gain(few, name)}; with "
        f"{_all(many.share)}, {_gain(many, name)}."
    )
    if len(found) < 2 or found.pairs.min() < 2:
        return said
    change, word = verdicts.slope(trained)
    ends = {
        "lower": "the teacher helps most where data are few",
        "higher": "the teacher helps more where data are many",
        "equivalent": f"its help does not depend on the amount of data (within {MARGINS[name]})",
    }
    falls = change.estimate < 0
    low, high = (-change.high, -change.low) if falls else (change.low, change.high)
    line = "" if len(found) == 2 else f"Along a line through all {len(found)} shares: "
    return (
        f"{said} {line}{'f' if line else 'F'}rom {few.share:.0%} of the data to {_all(many.share)} the teacher's gain "
        f"{'falls' if falls else 'rises'} by {abs(change.estimate):.3f} [{low:.3f}, {high:.3f}]: "
        f"{ends.get(word, 'no dependence on the amount of data is shown')}."
    )


def _all(share: float) -> str:
    return "all of it" if share == 1 else f"{share:.0%}"


def sizes_sentence(trained: Trained) -> str:
    """What the teacher gives at each size, down to the smallest."""
    found, name = verdicts.gains(trained, "sizes", "hidden"), verdicts.measure_of(trained)
    told = "; ".join(
        f"width {row.hidden} ({row.parameters:,} parameters, {row.share:.0%} of the teacher's) {_gain(row, name)}"
        for row in found.rename(columns={"of teacher": "share"}).itertuples()
    )
    return f"What the teacher's help does by size: {told}. {_reaches_a_larger(found, name)}"


def steps_caption(applied: pd.DataFrame, rows: int) -> str:
    """Of the table of applied steps, with how many articles are behind it.

    Args:
        applied: from :func:`smallbert.studies.reductions.run`.
        rows: test articles at most, as there.
    """
    probed = applied[applied.measure == "accuracy"].n
    said = f"What each step leaves and what it costs, on {int(applied.n.max()):,} test articles"
    if probed.empty:
        return f"{said}."
    return (
        f"{said}. Accuracy: of a probe fitted on at most {2 * rows:,} train articles, on the {int(probed.max()):,} "
        "test articles with a label; low, high: 95% interval of its change."
    )


def answer(trained: Trained, name: str, floor: float) -> str:
    """The answer of page 5 in one paragraph.

    Args:
        trained: the students.
        name: how the report calls the teacher, escaped.
        floor: as of :func:`floor_sentence`.
    """
    parts = [teacher_sentence(trained, name), methods_sentence(trained), _below(trained, floor)]
    return " ".join(part for part in [*parts, copied_sentence(trained), sizes_sentence(trained)] if part)


def _below(trained: Trained, floor: float) -> str:
    """Without it a gain over a student that has learnt nothing reads as something learnt."""
    if not trained.predicts:
        return ""
    below, taught = verdicts.learnt(trained, floor)
    return (
        f"Of these {taught} ways to teach, those that end below word frequencies alone ({floor:.3f}) for sure, by "
        f"their 95% interval over seeds: {below}."
    )


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


def _word(row: Any, name: str) -> str:
    """A verdict as better or worse."""
    better, worse = ("lower", "higher") if name == "loss" else ("higher", "lower")
    words = {better: "better", worse: "worse", "equivalent": f"equivalent within {MARGINS[name]}"}
    return words.get(row.verdict, worded(row))


def _effect(row: Any, name: str) -> str:
    """A contrast as what it does and its verdict."""
    return f"{effect(name, (row.difference, row.low, row.high))}, {_word(row, name)}"


def _told(row: pd.Series, name: str, other: str) -> str:
    """A contrast in words: ``better than`` the other, with what it does."""
    phrases = {"better": "better than", "worse": "worse than", "no difference shown": "not told apart from"}
    word, done = _word(row, name), effect(name, (row.difference, row.low, row.high))
    if word == NOT_AFTER_CORRECTION:
        return f"not told apart from {other} after correction ({done})"
    return f"{phrases.get(word, f'{word} to')} {other} ({done})"


def _grouped(rows: pd.DataFrame, name: str) -> str:
    """Labels by verdict: ``better in all 5``, ``better (DistilBERT; TinyBERT), worse (Hinton)``."""
    words: dict[str, list[str]] = {}
    for label, row in rows.iterrows():
        words.setdefault(_word(row, name), []).append(str(label))
    if len(words) == 1:
        return f"{next(iter(words))} in all {len(rows)}"
    return ", ".join(f"{word} ({'; '.join(labels)})" for word, labels in words.items())


def _gain(row: Any, name: str) -> str:
    """What the teacher does to the measure; ``row.gain`` is positive where that is better."""
    limits = (-row.gain, -row.high, -row.low) if name == "loss" else (row.gain, row.low, row.high)
    return f"{effect(name, limits)}{' nats' if name == 'loss' else ''}, {worded(row)}"
