"""Claims that a source or a definition in it refutes in every edition, and what an edition has of them."""

from __future__ import annotations

import re

from smallbert.results import Results
from smallbert.studies.claims_checks import FAILS, SOURCE, Finding, anchor, nonempty, told_difference
from smallbert.studies.distillation import REMOVED
from smallbert.studies.frontier_points import DISTIL, TRANSFER, figure_data

LOOKED_UP = "Not a measurement but its source"
"""How the evidence for a verdict by a source begins."""


def bert_numbers(results: Results) -> Finding:
    """Numbers of BERT's appendix beside those of GPT-1's paper: every row of the table differs, or it is not made."""
    table = nonempty(results.of(TRANSFER).table("twin_slips"))
    told = []
    for row in table.itertuples():
        least = row.why.startswith("At least")
        # Cut off, not rounded: at least so many.
        correct = re.sub(r"^(\d+),(\d)\d\d,\d{3}", r"\1.\2 million", row.correct) if least else row.correct
        told.append(f"{row.claim}: {row.said} said, {'at least ' if least else ''}{correct} by {row.source}")
    return Finding(FAILS, f"{LOOKED_UP}: {'; '.join(told)}.", f"{TRANSFER}.html", SOURCE)


def two_steps(results: Results) -> Finding:
    """The decision as the paper defines it, which is one comparison: no measurement could tell otherwise."""
    table = nonempty(results.of(TRANSFER).table("answering"))
    best = table["answerable F1"].fillna(0)
    row, found = table.loc[best.idxmax()], best.max()
    none = "" if found >= 0.01 else ": no answer to speak of"
    return Finding(
        FAILS,
        f"{LOOKED_UP}: by the paper's definition one comparison with a threshold decides whether and where at once. "
        f"What comes of it here at best: F1 {found:.2f} on questions that have an answer{none}, "
        f"{row.unanswerable:.0%} of the others left without ({row.model}, {row['mode']}).",
        anchor(TRANSFER, "null_threshold"),
        SOURCE,
    )


def only_soft_targets(results: Results) -> Finding:
    """DistilBERT's recipe, whose paper names three losses, without each of them: its start is no loss."""
    removed = figure_data(results.of(DISTIL), "removed")
    terms = nonempty(removed[removed.label.isin(REMOVED.values())])
    others = terms[terms.label != REMOVED["soft"]]
    helps = int((others.verdict == "higher").sum())
    told = "; ".join(
        f"{row.label}: {row.printed:+.2f} points as printed, here {told_difference(row)}" for row in terms.itertuples()
    )
    return Finding(
        FAILS,
        f"{LOOKED_UP}: the paper sums three losses. Held-out loss here less the whole recipe's, nats, one loss taken "
        f"away at a time: {told}. Of {len(others)} losses other than soft targets {helps or 'none'} "
        f"{'are' if helps > 1 else 'is'} shown to help.",
        anchor(DISTIL, "removed"),
        SOURCE,
    )


def shrunk_teacher(results: Results) -> Finding:
    """The maps between TinyBERT's widths, whose shapes its paper and its code define."""
    table = nonempty(results.of(DISTIL).table("projections"))
    told = "; ".join(f"{row.form}: {row.parameters:,} parameters" for row in table.itertuples())
    return Finding(
        FAILS,
        f"{LOOKED_UP}: the maps lift the student to the teacher's width ({told}).",
        f"{DISTIL}.html",
        SOURCE,
    )
