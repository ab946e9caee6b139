"""What pages 1 to 3 found, as numbers: the articles, the floor under every depth, and where narrow layers stand."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from smallbert.errors import DataError
from smallbert.report.front.tally import Tally, compared
from smallbert.results import Results
from smallbert.studies.commonest import nothing_to_keep
from smallbert.studies.decoder_best import Best, on_embeddings
from smallbert.studies.depth_training import TrainingEffect
from smallbert.studies.facts import BETWEEN_LANGUAGES, COMPONENTS, LANGUAGE_COMPONENTS, TOPIC, WHOLE
from smallbert.studies.frontier_points import DEPTH, figure_data
from smallbert.studies.verdicts import freed_below

CORPUS, SCHEDULES = "01_corpus_and_embeddings", "03_layer_schedules"


@dataclass(frozen=True)
class Articles:
    """Page 1.

    Args:
        rows: articles.
        languages: number of languages.
        width: numbers of a vector.
        components: principal components that hold 95% of the variance.
        between: share of the variance between the means of languages, and the components that hold 95% once these are
            taken off; None where there is one language only.
        topic: share of test articles whose topic a linear probe reads from the whole vector, and from these components
            alone; None where no topics are known.
        always: share of always answering the commonest topic, where the whole vector's is not told from it; else None.
    """

    rows: int
    languages: int
    width: int
    components: int
    between: tuple[float, int] | None = None
    topic: tuple[float, float] | None = None
    always: float | None = None

    @classmethod
    def of(cls, results: Results) -> Articles:
        """As the edition's page 1 recorded it.

        Raises:
            DataError: the page has not run.
        """
        page = results.of(CORPUS)
        shape = page.table("geometry").set_index("property")["value"]
        if "corpus" not in (values := page.values()):
            raise DataError(f"Expected {CORPUS} to have recorded its corpus.")
        corpus = values["corpus"]
        several = BETWEEN_LANGUAGES in shape
        probes = page.table("probes")
        return cls(
            corpus["rows"],
            len(corpus["languages"]),
            int(shape["dimensions"]),
            int(shape[COMPONENTS]),
            (float(shape[BETWEEN_LANGUAGES]), int(shape[LANGUAGE_COMPONENTS])) if several else None,
            _topic(topics := probes[probes.label == TOPIC]),
            _always(topics),
        )


def _topic(probes: pd.DataFrame) -> tuple[float, float] | None:
    """Accuracy from the whole vector and from its first components."""
    if probes.empty:
        return None
    whole = probes["read from"] == WHOLE
    return float(probes[whole].accuracy.iloc[0]), float(probes[~whole].accuracy.iloc[0])


def _always(probes: pd.DataFrame) -> float | None:
    """Always the commonest topic, where a probe of the whole vector is not told from it."""
    whole = probes[probes["read from"] == WHOLE]
    told = [(row["low"], row["commonest class"]) for row in whole.to_dict("records")]
    return next((floor for low, floor in told if nothing_to_keep(low, floor)), None)


@dataclass(frozen=True)
class Floor:
    """Page 2.

    Args:
        cells: cells with an affine decoder that were held to PCA.
        least: the nearest of them above PCA on the articles trained on, share of the variance.
        shallowest: encoder layers that the others are compared with.
        deeper: the deeper encoders against these, trained fairly.
        freed: names of decoders trained with their encoder that go below PCA on held-out articles with their whole
            interval.
        epochs: of the fair training.
        training: what deeper encoders lose after the shortest and after the longest fair training; None where that
            takes more seeds, depths or budgets.
    """

    cells: int
    least: float
    shallowest: int
    deeper: Tally
    freed: tuple[str, ...]
    epochs: int
    training: TrainingEffect | None = None
    bent: tuple[Best, ...] = ()

    @classmethod
    def of(cls, results: Results) -> Floor:
        """As the edition's page 2 recorded it.

        Raises:
            DataError: the page has not run.
        """
        page = results.of(DEPTH)
        bound, contrasts = page.table("bound").iloc[0], page.table("contrasts")
        fair = compared(contrasts[contrasts.protocol == "fair"])
        arms = figure_data(page, "arms")
        budgets = figure_data(page, "gap_by_budget")
        return cls(
            int(bound["cells checked"]),
            max(float(bound["least above PCA, train"]), 0.0),  # a rounding error below it is at it
            int(fair.against.min()),
            Tally.of(fair),
            tuple(freed_below(arms)),
            int(budgets.budget.max()),
            TrainingEffect.of(budgets),
            tuple(on_embeddings(figure_data(page, "decoder_regimes"))),
        )


@dataclass(frozen=True)
class Schedules:
    """Page 3.

    Args:
        rule: the schedule that narrows early.
        equal_size: it against a uniform one of its size, and the other way round, trained fairly.
        difference: mean over these, share of the variance.
    """

    rule: str
    equal_size: Tally
    difference: float

    @classmethod
    def of(cls, results: Results) -> Schedules:
        """As the edition's page 3 recorded it.

        Raises:
            DataError: the page has not run.
        """
        matched = results.of(SCHEDULES).table("matched")
        fair = compared(matched[matched.protocol == "fair"])
        rule = str(matched.schedule.iloc[0]).split(",")[0]
        return cls(rule, Tally.of(fair), float(fair.difference.mean()))
