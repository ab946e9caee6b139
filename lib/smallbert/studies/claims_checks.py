"""One check for each claim: what an edition's tables say of it, and where they stand."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pandas as pd

from smallbert.errors import DataError
from smallbert.published import published
from smallbert.results import Results
from smallbert.studies.contrasts import worded
from smallbert.studies.frontier_points import ALBERT, DEPTH, TRANSFER, figure_data
from smallbert.studies.law_sentences import BENT, law_sentence
from smallbert.studies.layer_effect import layer_effect
from smallbert.studies.layer_effect import sentence as layer_sentence

Verdict = Literal["holds", "does not hold", "cannot be told", "not measured in this edition"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
HOLDS, FAILS, OPEN, UNMEASURED = VERDICTS

Basis = Literal["measurement", "source", ""]
"""What a verdict follows from: this edition's measurements, or a source or a definition in it; empty where there is
neither."""
MEASURED, SOURCE, NOTHING = get_args(Basis)

SCHEDULES, KNOWLEDGE = "03_layer_schedules", "07_knowledge"


@dataclass(frozen=True)
class Finding:
    """What an edition says of a claim.

    Args:
        verdict: one of :data:`VERDICTS`.
        evidence: a computed sentence.
        link: page and figure, ``STEM.html#FIGURE``.
        basis: of :data:`Basis`; a verdict by a source is the same in every edition, whatever the evidence adds.
    """

    verdict: Verdict
    evidence: str
    link: str = ""
    basis: Basis = MEASURED


def judge(words: Iterable[str], *, support: Collection[str], against: Collection[str]) -> Verdict:
    """What several verdicts of comparisons make of a claim that says something of all of them.

    Args:
        words: of the comparisons.
        support: words that agree with the claim.
        against: words that refute it; one is enough.
    """
    words = list(words)
    if any(word in against for word in words):
        return FAILS
    return HOLDS if words and all(word in support for word in words) else OPEN


def depth_order(results: Results) -> Finding:
    """The published order of losses by depth: one pair told the other way round refutes it, all told establish it."""
    ranks = nonempty(results.of(DEPTH).table("ranks"))
    verdict = FAILS if (ranks.reversed > 0).any() else HOLDS if (ranks.told == ranks.pairs).all() else OPEN
    told = "; ".join(
        f"{row.protocol} protocol, {row.k} numbers: {row.ours} against {row.published}, tau {row.published_tau:+.2f}, "
        f"{row.told} of {row.pairs} pairs of depths told in the published order and {row.reversed} in the other"
        for row in ranks.itertuples()
    )
    return Finding(verdict, f"Orders of losses, largest first: {told}.", anchor(DEPTH, "gap_by_depth"))


def bottleneck_heavy(results: Results) -> Finding:
    """Bottleneck-heavy schedules against uniform ones, at equal depth and at equal size."""
    page = results.of(SCHEDULES)
    both = pd.concat([page.table("against_uniform"), page.table("matched")], ignore_index=True)
    claimed = published("original.best_schedule").value
    own = nonempty(both[both.schedule.str.startswith(claimed)])
    verdict = judge(own.verdict, support={"lower"}, against={"higher", "equivalent"})
    return Finding(
        verdict,
        f"FVU of {claimed} less uniform, {len(own)} comparisons: {_tally(own.verdict)} "
        f"({own.difference.min():+.4f} to {own.difference.max():+.4f}).",
        anchor(SCHEDULES, "gap_by_schedule"),
    )


def converges(results: Results) -> Finding:
    """How far the layers of trained all-shared encoders move a token; readings of one encoder are no repetitions."""
    courses = results.of(ALBERT).table("courses")
    own = nonempty(courses[courses.label.str.startswith("all shared") & (courses.state == "trained")])
    share = (own.verdict == "converges").groupby([own.label, own.seed]).mean()
    every, some = int((share == 1).sum()), int(((share > 0) & (share < 1)).sum())
    verdict = OPEN if len(share) < 2 else HOLDS if every == len(share) else FAILS if not every + some else OPEN
    also = f" and by some readings in {some} more" if some else ""
    return Finding(
        verdict,
        f"Converges in {every} of {len(share)} trained encoders, by {own.curve.nunique()} readings of the layers of "
        f"each{also}.",
        anchor(ALBERT, "transitions"),
    )


def factorised_speed(results: Results) -> Finding:
    """Training time with a factorised embedding and nothing shared."""
    claimed = published("albert.table2.large.speedup").value
    times = figure_data(results.of(ALBERT), "speed")
    own = times[(times.measure == "training") & (times.sharing == "nothing shared")].iloc[1:]
    row = nonempty(own).iloc[0]
    verdict = HOLDS if row.high <= 1 / claimed else FAILS if row.low > 1 / claimed else OPEN
    return Finding(
        verdict,
        f"With {row.arm} training takes {row.ratio:.0%} [{row.low:.0%}, {row.high:.0%}] of the time without "
        f"factorising; {claimed:g} times faster would be {1 / claimed:.0%}.",
        anchor(ALBERT, "speed"),
    )


def what_sharing_costs(results: Results) -> Finding:
    """Attention or feed-forward layers shared, against nothing shared, where both have learnt more than frequencies.

    That they are equivalent says something where more layers are better for sure.
    """
    table = results.of(ALBERT).table("contrasts").set_index("sharing")
    both = (nonempty(table[table.index == name]) for name in ("attention shared", "feed-forward shared"))
    attention, forward = (own[own.learnt] for own in both)
    told = pd.concat([attention, forward])
    if told.empty:
        nothing = "No pair to compare has learnt more than word frequencies, so what sharing costs is not to be seen."
        return Finding(OPEN, nothing, anchor(ALBERT, "sharing"))
    layers = layer_effect(figure_data(results.of(ALBERT), "depth_sweep"))
    if layers is None or not layers.told:
        attention, forward = (own[own.verdict != "equivalent"] for own in (attention, forward))
    # Of pairs that have learnt nothing no verdict counts; one that has can refute the claim, not establish it.
    parts = (
        judge(attention.verdict, support={"equivalent", "lower"}, against={"higher"}) if len(attention) else OPEN,
        judge(forward.verdict, support={"higher"}, against={"equivalent", "lower"}) if len(forward) else OPEN,
    )
    verdict = FAILS if FAILS in parts else HOLDS if set(parts) == {HOLDS} else OPEN
    each = "; ".join(f"{sharing}, E {row.embedding}: {told_difference(row)}" for sharing, row in told.iterrows())
    said = f"Held-out loss less that of nothing shared, nats: {each}. {layer_sentence(layers)}"
    return Finding(verdict, said.strip(), anchor(ALBERT, "sharing"))


def next_sentence(results: Results) -> Finding:
    """Pretraining with and without next-sentence prediction, on a task beyond it."""
    table = results.of(ALBERT).table("second_task")
    own = nonempty(table[(table.arm == "next sentence") & (table.against == "no second task")])
    verdict = judge(own.verdict, support={"equivalent"}, against={"higher", "lower"})
    told = "; ".join(f"{row.task}: {_accuracies(row)}" for row in own.itertuples())
    return Finding(verdict, f"Accuracy with the task less without it: {told}.", anchor(ALBERT, "second_task_accuracy"))


def shorter_and_better(results: Results) -> Finding:
    """Sharing at equal time.

    Losses are not paired there, so they cannot establish the claim; that it trains no faster for sure refutes it.
    """
    page = results.of(ALBERT)
    table, times = page.table("equal_time").set_index("sharing"), figure_data(page, "speed")
    times = times[(times.measure == "training") & (times.sharing == "all shared")]
    if not {"nothing shared", "all shared"} <= set(table.index):
        raise DataError("Expected both arms at equal time.")
    row = nonempty(times).iloc[0]
    above = table["loss at equal time"]["all shared"] - table["loss at equal time"]["nothing shared"]
    return Finding(
        FAILS if row.low >= 1 else OPEN,
        f"With {row.arm} training takes {row.ratio:.0%} [{row.low:.0%}, {row.high:.0%}] of the time with nothing "
        f"shared; at the narrowest embedding its held-out loss after equal time is {abs(above):.3f} nats "
        f"{'above' if above > 0 else 'below'} by mean, without an interval between them.",
        anchor(ALBERT, "speed"),
    )


def bigger_is_better(results: Results) -> Finding:
    """The last step of size, and whether a law with an asymptote foretells sizes best."""
    page = results.of(TRANSFER)
    steps, laws = page.table("size_steps"), page.table("size_laws")
    last = nonempty(steps[steps.panel == "size"]).iloc[-1]
    preferred = laws[(laws.measure == laws.measure.iloc[0]) & laws.preferred.astype(bool)].law
    bent = BENT in set(preferred)
    verdict = judge([last.verdict], support={"lower"}, against={"higher", "equivalent"})
    if verdict == HOLDS and bent:
        verdict = FAILS
    beyond = "What lies beyond the largest size cannot be told."
    if page.values()["sizes_learnt"] == 0:
        verdict, beyond = OPEN, "No size is shown to have learnt more than how often words occur."
    return Finding(
        verdict,
        f"Held-out loss of {last.arm} less {last.against}, nats: {told_difference(last)}. {law_sentence(steps, laws)} "
        f"{beyond}",
        anchor(TRANSFER, "against_size"),
    )


def small_batches(results: Results) -> Finding:
    """The largest batch against the smallest at equal training loss."""
    row = nonempty(results.of(TRANSFER).table("batch_relations")).iloc[0]
    verdict = judge([row.verdict], support={"higher"}, against={"lower", "equivalent"})
    if pd.isna(row.estimate):
        return Finding(OPEN, "There are too few encoders or seeds.", anchor(TRANSFER, "at_training_loss"))
    return Finding(
        verdict,
        f"{row.relation.capitalize()}, from the smallest batch to the largest: {row.estimate:+.3f} nats "
        f"[{row.low:+.3f}, {row.high:+.3f}], {worded(row)}.",
        anchor(TRANSFER, "at_training_loss"),
    )


def facts_not_in_the_text(results: Results) -> Finding:
    """What the sentence that states the answer adds to the closed book."""
    table = results.of(KNOWLEDGE).table("contrasts")
    own = nonempty(table[table.given == "text"])
    verdict = judge(own.verdict, support={"higher"}, against={"equivalent", "lower"})
    told = "; ".join(f"{row.kind}: {_accuracies(row)}" for row in own.itertuples())
    return Finding(
        verdict,
        f"Accuracy on entities not in training, with the sentence less without it: {told}.",
        anchor(KNOWLEDGE, "answers"),
    )


def knowledge_graph(results: Results) -> Finding:
    """Whether, for every kind of question, some injection makes answers follow right triples more than wrong ones."""
    table = results.of(KNOWLEDGE).table("contrasts")
    own = nonempty(table[(table.given == "right") & (table.against == "wrong")])
    helped = [(part.verdict == "higher").any() for _, part in own.groupby("kind")]
    none = own.verdict.isin(["equivalent", "lower"]).all()
    told = "; ".join(f"{row.kind}, {row.arm}: {_accuracies(row)}" for row in own.itertuples())
    return Finding(
        HOLDS if all(helped) else FAILS if none else OPEN,
        f"Accuracy on entities not in training given the right triple less given a wrong one: {told}.",
        anchor(KNOWLEDGE, "answers"),
    )


def nonempty(table: pd.DataFrame) -> pd.DataFrame:
    """The table itself.

    Raises:
        DataError: it has no rows: nothing was compared.
    """
    if table.empty:
        raise DataError("Expected comparisons, got none.")
    return table


def told_difference(row: Any) -> str:
    """A difference with its interval and verdict."""
    return f"{row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}], {worded(row)}"


def _accuracies(row: Any) -> str:
    """A difference of accuracies, which is within -1 and 1; seeds that agree by chance give no interval."""
    if row.low == row.high:
        return f"{row.difference:+.3f}, the same in all {row.pairs} seeds"
    return f"{row.difference:+.3f} [{max(row.low, -1.0):+.3f}, {min(row.high, 1.0):+.3f}], {worded(row)}"


def _tally(words: pd.Series) -> str:
    return ", ".join(f"{word} in {count}" for word, count in words.value_counts().items())


def anchor(page: str, figure: str) -> str:
    """Where a figure of a page stands."""
    return f"{page}.html#{figure}"
