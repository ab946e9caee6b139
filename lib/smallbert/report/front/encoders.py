"""What pages 4 to 8 found, as numbers: sizes, students, tasks, triples, and what to take."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from smallbert.errors import DataError
from smallbert.report.front.tally import Tally, compared
from smallbert.results import Results
from smallbert.studies.contrasts import contrast
from smallbert.studies.frontier_points import ALBERT, DISTIL, FRONTIER, TRANSFER, figure_data

KNOWLEDGE = "07_knowledge"

_ALONE_LONGER = "alone, equal operations"


@dataclass(frozen=True)
class Sharing:
    """Page 4.

    Args:
        parameters: of multilingual BERT.
        smallest: what its smallest form here is called.
        kept, operations: of the parameters and of a forward pass's operations in that form, shares.
        trained: encoders trained here that share layers against their unshared twins, by held-out loss.
        learnt: arms whose loss is below what word frequencies alone are worth; differences among others say nothing.
        arms: how many were trained.
    """

    parameters: int
    smallest: str
    kept: float
    operations: float
    trained: Tally
    learnt: int
    arms: int

    @classmethod
    def of(cls, results: Results) -> Sharing:
        """As the edition's page 4 recorded it.

        Raises:
            DataError: the page has not run, or an older version ran it.
        """
        page = results.of(ALBERT)
        sizes = figure_data(page, "parameters_and_flops")
        forms = sizes[sizes.model.str.startswith("the same, ")]
        least = forms.loc[forms.parameters.idxmin()]
        return cls(
            int(sizes.parameters.iloc[0]),
            least.model.removeprefix("the same, "),
            float(least["parameters of first"]),
            float(least["flops of first"]),
            Tally.of(page.table("contrasts").verdict),
            *_learnt(page),
        )


def _learnt(page: Results) -> tuple[int, int]:
    try:
        learnt, arms = page.values()["learnt"]
    except KeyError as error:
        raise DataError(f"Expected page 4 to record {error}: an older version ran it.", "Run it again.") from error
    return learnt, arms


@dataclass(frozen=True)
class Students:
    """Page 5.

    Args:
        by_loss: judged by held-out loss (less is better), else by similarity to the teacher (more is better).
        methods: ways of teaching against training alone for as many steps.
        best: the best of them by its mean.
        gain: its difference from training alone, low and high limit beside it.
        longer: its difference from training alone for as many operations, with limits.
    """

    by_loss: bool
    methods: Tally
    best: str
    gain: tuple[float, float, float]
    longer: tuple[float, float, float]

    @classmethod
    def of(cls, results: Results) -> Students:
        """As the edition's page 5 recorded it.

        Raises:
            DataError: the page has not run.
        """
        page = results.of(DISTIL)
        every = page.table("method_contrasts")
        taught = every[every.label != _ALONE_LONGER]
        # A teacher that predicts no words gives students without a loss.
        by_loss = bool(taught.difference[taught.measure == "loss"].notna().any())
        measure = "loss" if by_loss else "similarity"
        own = compared(taught[taught.measure == measure].dropna(subset="difference")).set_index("label")
        best = own.difference.idxmin() if by_loss else own.difference.idxmax()
        cells = figure_data(page, "methods").pivot(index="seed", columns="label", values=measure)
        return cls(
            by_loss,
            Tally.of(own.verdict, lower_is_better=by_loss),
            str(best),
            _limits(own.loc[best]),
            _limits(pd.Series(contrast(cells[best], cells[_ALONE_LONGER]))),
        )


@dataclass(frozen=True)
class Kept:
    """What an encoder keeps of the reference's task scores above a constant answer, over the tasks it has learnt.

    Args:
        name: the encoder.
        parameters: share of the reference's.
        share, low, high: kept, with limits.
        worse: tasks on which it is worse for sure.
    """

    name: str
    parameters: float
    share: float
    low: float
    high: float
    worse: int


@dataclass(frozen=True)
class Tasks:
    """Page 6.

    Args:
        tasks: number of tasks.
        learnt: those that the frozen reference has learnt.
        best: the encoder that keeps most of them, frozen; None where nothing was learnt.
        smallest: the one with fewest parameters.
    """

    tasks: int
    learnt: int
    best: Kept | None
    smallest: Kept | None

    @classmethod
    def of(cls, results: Results) -> Tasks:
        """As the edition's page 6 recorded it.

        Raises:
            DataError: the page has not run.
        """
        page = results.of(TRANSFER)
        count, shelf = len(page.table("tasks")), page.table("shelf").set_index("model")
        contrasts, retained = page.table("task_contrasts"), figure_data(page, "retained")
        frozen = contrasts[contrasts["mode"] == "frozen"]
        own = retained[(retained.task == "all learnt") & (retained["mode"] == "frozen")].dropna().set_index("model")
        # The contrasts leave out the reference and its fresh weights, which compress nothing.
        own = own.loc[[name for name in dict.fromkeys(frozen.model) if name in own.index]]
        if own.empty:
            return cls(count, 0, None, None)
        worse = frozen[frozen.verdict == "lower"].model.value_counts()

        def kept(name: str) -> Kept:
            row = own.loc[name]
            share, low, high = (float(row[column]) for column in ("retained", "retained low", "retained high"))
            parameters = float(shelf.loc[[name], "of reference"].iloc[0])
            return Kept(name, parameters, share, low, high, int(worse.get(name, 0)))

        smallest = shelf.loc[own.index].parameters.idxmin()
        return cls(count, int(frozen.task.nunique()), kept(str(own.retained.idxmax())), kept(str(smallest)))


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
        return cls(*(Tally.of(found.verdict[mask], lower_is_better=False) for mask in masks))


@dataclass(frozen=True)
class Need:
    """A usual need and its answer.

    Args:
        need: in words.
        take: what to take, or that nothing qualifies.
        cost: of it; empty where nothing qualifies, as are the others.
        kept: the least limit over its measures, share of the reference.
        measures: what it was measured by.
        page: stem of the page that measured it.
        command: what builds it.
    """

    need: str
    take: str
    cost: str = ""
    kept: float = float("nan")
    measures: str = ""
    page: str = ""
    command: str = ""


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


def _limits(row: pd.Series) -> tuple[float, float, float]:
    return float(row["difference"]), float(row["low"]), float(row["high"])


def _need(row: dict[Hashable, Any]) -> Need:
    if pd.isna(row["cost"]):
        return Need(row["need"], row["answer"])
    measures, page, command = ("" if pd.isna(row[one]) else row[one] for one in ("measured by", "page", "command"))
    return Need(row["need"], row["answer"], row["cost"], float(row["least kept"]), measures, page, command)
