"""What pages 7 and 8 found, as numbers: triples, and what to take."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from smallbert.report.front.tally import Tally, compared
from smallbert.results import Results
from smallbert.studies.frontier_points import FRONTIER

KNOWLEDGE = "07_knowledge"


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
        why: nothing qualifies; empty where something does.
    """

    need: str
    take: str
    cost: str = ""
    kept: float = float("nan")
    measures: str = ""
    page: str = ""
    command: str = ""
    why: str = ""


@dataclass(frozen=True)
class Frontier:
    """Page 8.

    Args:
        keep: the share that has to be kept for sure, such as ``95%``.
        needs: the usual needs.
        claims: verdict on each claim of the original write-ups.
    """

    keep: str
    needs: tuple[Need, ...]
    claims: dict[str, str]

    @classmethod
    def of(cls, results: Results) -> Frontier:
        """As the edition's page 8 recorded it.

        Raises:
            DataError: the page has not run.
        """
        page = results.of(FRONTIER)
        needs, claims = page.table("needs"), page.table("claims")
        keep = re.search(r"\d+%", page.values().get("answer", ""))
        rows = [_need(row) for row in needs.to_dict("records")]
        return cls(keep[0] if keep else "", tuple(rows), dict(zip(claims.claim, claims.verdict, strict=True)))

    @property
    def answered(self) -> tuple[Need, ...]:
        """Needs for which something qualifies."""
        return tuple(one for one in self.needs if one.cost)

    def count(self, verdict: str) -> int:
        """Claims with this verdict."""
        return list(self.claims.values()).count(verdict)


def _need(row: dict[Hashable, Any]) -> Need:
    if pd.isna(row["cost"]):
        why = row.get("why", "")
        return Need(row["need"], row["answer"], why="" if pd.isna(why) else str(why))
    measures, page, command = ("" if pd.isna(row[one]) else row[one] for one in ("measured by", "page", "command"))
    return Need(row["need"], row["answer"], row["cost"], float(row["least kept"]), measures, page, command)
