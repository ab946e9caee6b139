"""What pages 7 and 8 found, as numbers: triples, and what to take."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from smallbert.errors import DataError
from smallbert.report.front.tally import Tally, compared
from smallbert.results import Results
from smallbert.studies.frontier_needs import CHEAPEST, arithmetic
from smallbert.studies.frontier_points import FRONTIER, PAGES, figure_data
from smallbert.studies.recommend import POINTS

KNOWLEDGE = "07_knowledge"
TOPIC = "topic accuracy"
_STEMS = {int(stem[:2]): stem for stem in PAGES}


@dataclass(frozen=True)
class Triples:
    """Page 7, questions about entities that training did not show.

    Args:
        text: the sentence that states the answer against no sentence, a comparison for each kind of question.
        follows: the right triple against a wrong one, one for each kind of question and way to inject.
        crowded: the right triple among others against it alone.
    """

    text: Tally
    follows: Tally
    crowded: Tally

    @classmethod
    def of(cls, results: Results) -> Triples:
        """As the edition's page 7 recorded it.

        Raises:
            DataError: the page has not run.
        """
        found = compared(results.of(KNOWLEDGE).table("contrasts"))
        masks = (found.given == "text", found.against == "wrong", found.given.astype(str).str.startswith("right among"))
        return cls(*(Tally.of(found[mask], lower_is_better=False) for mask in masks))


@dataclass(frozen=True)
class Need:
    """A usual need and its answer.

    Args:
        need: in words.
        take: what to take, or what to keep where nothing qualifies.
        cost: of it; empty where nothing qualifies, as are the others but ``why``.
        kept: the least limit over its measures, share of the reference.
        measures: what it was measured by.
        page: stem of the page that measured it.
        command: what builds it.
        why: nothing qualifies, or what costs less than the answer and may do too; see
            :class:`smallbert.report.front.reasons.Reason`. Empty where nothing cheaper may do.
        alone: whether it was measured by one measure alone.
    """

    need: str
    take: str
    cost: str = ""
    kept: float = float("nan")
    measures: str = ""
    page: str = ""
    command: str = ""
    why: str = ""
    alone: bool = False

    @property
    def arithmetic(self) -> str:
        """What a processor must have for the answer to be fast, ``bf16`` or ``int8``; empty where any will do."""
        return arithmetic(self.take)


@dataclass(frozen=True)
class Worthless:
    """A measure of which no share is kept, since the reference itself is worth too little in it.

    Args:
        measure: its name.
        kind: of what, ``index`` or ``encoder``.
        worth: the reference's, share of 1.
        commonest: of always the commonest label; not-a-number where the measure is no label.
    """

    measure: str
    kind: str
    worth: float
    commonest: float


@dataclass(frozen=True)
class Frontier:
    """Page 8.

    Args:
        keep: the share that has to be kept for sure, such as ``95%``.
        needs: the usual needs.
        claims: verdict on each claim of the original write-ups.
        by_source: how many claims of a verdict their source decides and no measurement.
        worthless: measures that nothing could be judged by.
    """

    keep: str
    needs: tuple[Need, ...]
    claims: dict[str, str]
    by_source: Mapping[str, int] = field(default_factory=dict)
    worthless: tuple[Worthless, ...] = ()

    @classmethod
    def of(cls, results: Results) -> Frontier:
        """As the edition's page 8 recorded it.

        Raises:
            DataError: the page has not run.
        """
        page = results.of(FRONTIER)
        needs, claims = page.table("needs"), page.table("claims")
        keep = re.search(r"\d+%", page.values().get("answer", ""))
        known = set(page.table(POINTS).measure)
        rows = [_need(row, known) for row in needs.to_dict("records")]
        looked_up = claims[claims.basis == "source"]
        return cls(
            keep[0] if keep else "",
            tuple(rows),
            dict(zip(claims.claim, claims.verdict, strict=True)),
            {str(verdict): int(count) for verdict, count in looked_up.verdict.value_counts().items()},
            tuple(_worthless(page)),
        )

    @property
    def answered(self) -> tuple[Need, ...]:
        """Needs for which something qualifies."""
        return tuple(one for one in self.needs if one.cost)

    @property
    def on_one_measure(self) -> tuple[Need, ...]:
        """Those of them that were judged by a single measure."""
        return tuple(one for one in self.answered if one.alone)

    def count(self, verdict: str) -> int:
        """Claims with this verdict."""
        return list(self.claims.values()).count(verdict)


def _need(row: dict[Hashable, Any], known: set[str]) -> Need:
    """A row of the needs; names of measures, of which those ``known`` are single, have commas as their list has."""
    texts = ("measured by", "command", "why")
    measures, command, why = ("" if pd.isna(row[one]) else str(row[one]) for one in texts)
    why = "" if why == CHEAPEST else why
    if pd.isna(row["cost"]):
        return Need(row["need"], row["answer"], why=why)
    least = float(row["least kept"])
    page = _STEMS[row["page"]]
    return Need(row["need"], row["answer"], row["cost"], least, measures, page, command, why, measures in known)


def _worthless(page: Results) -> Iterator[Worthless]:
    """Measures of the whole vector and of the whole encoder of which no share could be told."""
    codes = _drawn(page, "codes_maps", "group", "measure", "mean", "kept", "floor")
    for row in codes[(codes.group == "whole") & codes.kept.isna()].to_dict("records"):
        yield Worthless(str(row["measure"]), "index", float(row["mean"]), float(row["floor"]))
    forms = _drawn(page, "weights", TOPIC, f"{TOPIC} kept", "commonest topic").iloc[:1]
    for row in forms[forms[TOPIC].notna() & forms[f"{TOPIC} kept"].isna()].to_dict("records"):
        yield Worthless(TOPIC, "encoder", float(row[TOPIC]), float(row["commonest topic"]))


def _drawn(page: Results, name: str, *columns: str) -> pd.DataFrame:
    """These columns of a figure's data, not-a-number where it has none (no topics); empty where nothing was drawn."""
    try:
        return figure_data(page, name).reindex(columns=columns)
    except DataError:
        return pd.DataFrame(columns=columns)
