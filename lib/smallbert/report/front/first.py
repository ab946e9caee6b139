"""The first page of an edition, and the page over all editions: answers from findings, nothing typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from smallbert.report.front.answers import Frontier, Need
from smallbert.report.front.encoders import Sharing, Students
from smallbert.report.front.english import CLAIMS, measured, sentence
from smallbert.report.front.findings import FINDINGS, Finding
from smallbert.report.front.narrowing import Floor, Schedules
from smallbert.report.front.phrases import counted, told
from smallbert.report.front.reference import Reference
from smallbert.report.front.taking import take, unjudged
from smallbert.report.front.tally import Tally
from smallbert.studies.frontier_points import ALBERT, FRONTIER, TRANSFER

LEADING = (ALBERT, TRANSFER)
"""Pages whose sentences follow what to take and on what it was measured: what can be left out, and what it costs."""

REMOVED = ("removed", "reversed", "partly", "untold rest")
"""Outcomes of :attr:`smallbert.studies.depth_training.TrainingEffect.outcome` in which training removes something."""


@dataclass(frozen=True)
class First:
    """What an edition's first page is made of, besides its pages.

    Args:
        lead: the answer: what to take, with what encoder that was measured, and why.
        closing: the page that answers the question, None where it has not finished.
        pictured: the page whose key figure is shown, None where no page has one.
        needs: what to take for usual needs.
        keep: the share that has to be kept for sure, such as ``95%``.
        unjudged: which measures could not count there; empty where all do.
        short: the one-line answer of a page, by stem.
        missing: number and title of every page that has not finished.
    """

    lead: list[str]
    closing: Mapping[str, Any] | None
    pictured: Mapping[str, Any] | None
    needs: Sequence[Need]
    keep: str
    unjudged: str
    short: Mapping[str, str]
    missing: list[tuple[int, str]]


@dataclass(frozen=True)
class EditionFound:
    """An edition as the page over all editions knows it.

    Args:
        run: its facts, as the renderer prepared them.
        found: its findings by page.
        korean: whether it has a Korean summary.
    """

    run: Mapping[str, Any]
    found: Mapping[str, Finding] = field(default_factory=dict)
    korean: bool = False

    @property
    def needs(self) -> dict[str, Need]:
        """What to take for each usual need; empty where page 8 has not run."""
        own = self.found.get(FRONTIER)
        return {one.need: one for one in own.needs} if isinstance(own, Frontier) else {}

    @property
    def keep(self) -> str:
        """The share that these must be sure to keep; empty where page 8 has not run."""
        own = self.found.get(FRONTIER)
        return own.keep if isinstance(own, Frontier) else ""

    def short(self, stem: str) -> str:
        """The one-line answer of a page; empty where it has not run."""
        return sentence(self.found[stem]) if stem in self.found else ""


def first(
    found: Mapping[str, Finding],
    pages: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str],
    reference: Reference | None,
) -> First:
    """What the first page of an edition says.

    Args:
        found: from :func:`smallbert.report.front.findings.collect`.
        pages: the finished pages as the renderer made them, in order; of each ``stem`` and ``image`` are used.
        titles: every page of the report, finished or not, by stem, in order.
        reference: the encoder that the edition makes smaller.
    """
    finished = {page["stem"]: page for page in pages}
    last = found.get(FRONTIER)
    drawn = [page for page in pages if page["image"]]
    closing = finished.get(FRONTIER)
    return First(
        lead=[
            *([take(last)] if isinstance(last, Frontier) else []),
            *([measured(reference)] if reference and found else []),
            *(sentence(found[stem]) for stem in LEADING if stem in found),
        ],
        closing=closing,
        pictured=closing if closing in drawn else drawn[-1] if drawn else None,
        needs=last.needs if isinstance(last, Frontier) else (),
        keep=last.keep if isinstance(last, Frontier) else "",
        unjudged=unjudged(last) if isinstance(last, Frontier) else "",
        short={stem: sentence(one) for stem, one in found.items()},
        missing=[(int(stem.partition("_")[0]), title) for stem, title in titles.items() if stem not in finished],
    )


def across(editions: Sequence[EditionFound]) -> list[str]:
    """What the editions found together, in sentences; a page that none has run is not spoken of.

    Page 7 asks the same questions whatever the corpus is, so its comparisons are not added up.
    """
    return [
        *_floor([one for one in _all(editions, Floor) if isinstance(one, Floor)]),
        *_compared(editions),
        *_needs([one for one in _all(editions, Frontier) if isinstance(one, Frontier)]),
    ]


def questions(editions: Sequence[EditionFound]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every page that some edition has finished: its stem, and the name and one-line answer of each such edition."""
    rows = [(stem, [(one.run["edition"], one.short(stem)) for one in editions if one.short(stem)]) for stem in FINDINGS]
    return [(stem, told) for stem, told in rows if told]


def _all(editions: Sequence[EditionFound], kind: type) -> list[Finding]:
    return [found for one in editions for found in one.found.values() if isinstance(found, kind)]


def _floor(found: Sequence[Floor]) -> list[str]:
    if not found:
        return []
    cells, deeper = sum(one.cells for one in found), sum((one.deeper for one in found), Tally())
    freed = sum(bool(one.freed) for one in found)
    removed = [one.training.outcome in REMOVED for one in found if one.training]
    effect = f"; for sure more epochs remove some or all of what depth costs in {sum(removed)} of {len(removed)}"
    return [
        f"In {counted(cells, 'cell')} of {counted(len(found), 'edition')} no encoder with one affine decoder layer "
        f"gets below PCA; a freed decoder trained with its encoder does so on held-out articles for sure in {freed} of "
        f"{len(found)}.",
        f"Deeper encoders against the shallowest, trained fairly: {told(deeper)}{effect if removed else ''}.",
    ]


def _compared(editions: Sequence[EditionFound]) -> list[str]:
    said = []
    schedules = [one for one in _all(editions, Schedules) if isinstance(one, Schedules)]
    sizes = [one for one in _all(editions, Sharing) if isinstance(one, Sharing)]
    students = [one for one in _all(editions, Students) if isinstance(one, Students)]
    if schedules:
        rules = " or ".join(dict.fromkeys(one.rule for one in schedules))
        tally = sum((one.equal_size for one in schedules), Tally())
        said.append(f"{rules} widths against uniform ones of equal size, trained fairly: {told(tally)}.")
    if sizes:
        tally = sum((one.trained for one in sizes), Tally())
        learnt, arms = sum(one.learnt for one in sizes), sum(one.arms for one in sizes)
        said.append(
            f"{learnt} of {counted(arms, 'encoder')} trained to see what sharing costs are shown to have learnt more "
            f"than word frequencies; of these, those that share layers against their unshared twins, by held-out loss: "
            f"{told(tally)}."
        )
    if students:
        tally = sum((one.methods for one in students), Tally())
        said.append(f"Taught students against one trained alone for as many steps: {told(tally)}.")
    return [one[0].upper() + one[1:] for one in said]


def _needs(found: Sequence[Frontier]) -> list[str]:
    if not found:
        return []
    said = []
    keeps = " or ".join(dict.fromkeys(one.keep for one in found if one.keep))
    for need in dict.fromkeys(need.need for one in found for need in one.needs):
        count = sum(need in {one.need for one in own.answered} for own in found)
        said.append(f"{need[0].lower()}{need[1:]} in {count}")
    holds, fails, *_ = CLAIMS
    words = [{one.claims[claim] for one in found if claim in one.claims} for claim in dict.fromkeys(
        claim for one in found for claim in one.claims)]  # fmt: skip
    always, never = sum(word == {holds} for word in words), sum(fails in word for word in words)
    return [
        f"Something is sure to keep {keeps or 'its share'} of the reference, of {counted(len(found), 'edition')}: "
        f"{'; '.join(said)}.",
        f"Of {counted(len(words), 'claim')} of the original write-ups {always} "
        f"{'holds' if always == 1 else 'hold'} in every edition; {never} {'fails' if never == 1 else 'fail'} in at "
        "least one.",
    ]
