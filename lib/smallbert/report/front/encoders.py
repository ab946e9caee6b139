"""What pages 4 and 5 found, as numbers: shared and factorised encoders, and students."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from smallbert.errors import DataError
from smallbert.measure.stats import Interval, verdict
from smallbert.report.front.tally import Tally, compared
from smallbert.results import Results
from smallbert.studies import embedding_widths
from smallbert.studies.contrasts import LEVEL, contrast
from smallbert.studies.distillation_measures import ALONE, EQUAL, MARGINS, against, copied, layers, starts
from smallbert.studies.frontier_points import ALBERT, CORPUS, DISTIL, figure_data
from smallbert.studies.layer_effect import LayerEffect, layer_effect


@dataclass(frozen=True)
class Narrowed:
    """Page 4, factorised embeddings against one as wide as the layers, by held-out loss.

    Args:
        pairs: those of which both have learnt more than word frequencies, corrected together with the others.
        width, against: of the narrowest of these and of what it is compared with.
        sharing: what both of that pair share.
        change: difference of its held-out loss, low and high limit beside it.
    """

    pairs: Tally
    width: int
    against: int
    sharing: str
    change: tuple[float, float, float]

    @classmethod
    def of(cls, found: pd.DataFrame) -> Narrowed | None:
        """From :func:`smallbert.studies.embedding_widths.contrasts`; None where no pair has learnt that much."""
        own = found[found.learnt.astype(bool)]
        if own.empty:
            return None
        least = own.loc[own.embedding.idxmin()]
        return cls(Tally.of(own), int(least.embedding), int(least.against), str(least.sharing), _limits(least))


@dataclass(frozen=True)
class Sharing:
    """Page 4.

    Args:
        parameters: of multilingual BERT.
        smallest: what its smallest form here is called.
        kept, operations: of the parameters and of a forward pass's operations in that form, shares.
        trained: encoders trained here that share layers against their unshared twins, by held-out loss: pairs of which
            both have learnt more than word frequencies, since differences among others say nothing.
        learnt: arms shown to have learnt more than word frequencies, as the page counts them.
        arms: how many were trained.
        narrowed: what a factorised embedding costs; None where that cannot be told.
        layers: what more layers of one set of weights change; None where one depth was trained.
    """

    parameters: int
    smallest: str
    kept: float
    operations: float
    trained: Tally
    learnt: int
    arms: int
    narrowed: Narrowed | None = None
    layers: LayerEffect | None = None

    @classmethod
    def of(cls, results: Results) -> Sharing:
        """As the edition's page 4 recorded it.

        Raises:
            DataError: the page has not run.
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
            *_trained(page),
            Narrowed.of(embedding_widths.contrasts(figure_data(page, "embedding_sweep"), page.values()["floor"])),
            layer_effect(figure_data(page, "depth_sweep")),
        )


def _trained(page: Results) -> tuple[Tally, int, int]:
    contrasts = page.table("contrasts")
    learnt, arms = page.values()["learnt"][:2]
    return Tally.of(contrasts[contrasts.learnt.astype(bool)]), learnt, arms


@dataclass(frozen=True)
class Copied:
    """Page 5, students of the teacher's width that start from some of its layers.

    Args:
        start: difference from a fresh start, both trained alone, low and high limit beside it.
        against_fresh: the verdict on that.
        layers: difference that the layers make once embeddings, and a head where there is one, are copied, likewise.
        against_embeddings: the verdict on that.
        taught: difference that a teacher's losses make once the layers are copied, likewise.
        against_alone: the verdict on that.
    """

    start: tuple[float, float, float]
    against_fresh: Tally
    layers: tuple[float, float, float]
    against_embeddings: Tally
    taught: tuple[float, float, float]
    against_alone: Tally

    @classmethod
    def of(cls, page: Results, measure: str) -> Copied | None:
        """As page 5 recorded it; None where no layers were copied."""
        try:
            cells = figure_data(page, "starts")
        except DataError:
            return None
        found = starts(cells, measure).set_index("label")
        own = copied(cells.label)
        start = f"{ALONE}, {own}"
        taught = next(label for label in found.index if label.endswith(f", {own}") and label != start)
        added = layers(cells, measure).set_index("label")
        rows = found.loc[[start]], added.loc[[start]], against(cells, {taught: start}, measure)
        limits = [_limits(one.iloc[0]) for one in rows]
        verdicts = [Tally.of(one, lower_is_better=measure == "loss") for one in rows]
        return cls(limits[0], verdicts[0], limits[1], verdicts[1], limits[2], verdicts[2])


@dataclass(frozen=True)
class Judged:
    """What page 5's students read and are judged by.

    Args:
        generated: whether its texts are the generated world's.
        languages: number of their languages.
        only: code of the language where there is one.
        articles: test articles behind its probes.
    """

    generated: bool
    languages: int
    only: str
    articles: int

    @classmethod
    def of(cls, page: Results) -> Judged | None:
        """As pages 1 and 5 recorded it; None where they have not."""
        try:
            corpus = page.of(CORPUS).values()["corpus"]
            articles = int(figure_data(page, "reductions").n.max())
        except (DataError, KeyError, AttributeError):
            return None
        languages = corpus["languages"]
        return cls(corpus["generated"], len(languages), languages[0] if len(languages) == 1 else "", articles)


@dataclass(frozen=True)
class Students:
    """Page 5.

    Args:
        by_loss: judged by held-out loss (less is better), else by similarity to the teacher (more is better).
        methods: ways of teaching against training alone for as many steps.
        best: the best of them by its mean.
        gain: its difference from training alone, low and high limit beside it.
        longer: its difference from training alone for as many operations, with limits.
        against_longer: the verdict on that.
        learnt: taught students shown to have learnt more than word frequencies, as the page counts them, and how many
            are taught; None where no words are predicted.
        frequencies: that worth, nats of held-out loss; not-a-number likewise.
        copied: what a start from the teacher's layers gives; None where none was tried.
        judged: on what; None where it was not recorded.
    """

    by_loss: bool
    methods: Tally
    best: str
    gain: tuple[float, float, float]
    longer: tuple[float, float, float]
    against_longer: Tally
    learnt: tuple[int, int] | None = None
    frequencies: float = float("nan")
    copied: Copied | None = None
    judged: Judged | None = None

    @classmethod
    def of(cls, results: Results) -> Students:
        """As the edition's page 5 recorded it.

        Raises:
            DataError: the page has not run.
        """
        page = results.of(DISTIL)
        every = page.table("method_contrasts")
        taught = every[every.label != EQUAL]
        # A teacher that predicts no words gives students without a loss.
        by_loss = bool(taught.difference[taught.measure == "loss"].notna().any())
        measure = "loss" if by_loss else "similarity"
        own = compared(taught[taught.measure == measure].dropna(subset="difference")).set_index("label")
        best = own.difference.idxmin() if by_loss else own.difference.idxmax()
        cells = figure_data(page, "methods").pivot(index="seed", columns="label", values=measure)
        longer, values = contrast(cells[best], cells[EQUAL]), page.values()
        limits = _limits(pd.Series(longer))
        pairs = int(longer["pairs"])
        found = verdict(Interval(*limits, pairs, LEVEL), margin=MARGINS[measure], p=longer["p"])
        word = found if pairs > 1 else "diverged"
        told = pd.DataFrame({"verdict": [word], "low": limits[1], "high": limits[2]})
        return cls(
            by_loss,
            Tally.of(own, lower_is_better=by_loss),
            str(best),
            _limits(own.loc[best]),
            limits,
            Tally.of(told, lower_is_better=by_loss),
            tuple(values["learnt"][:2]) if "learnt" in values else None,
            values.get("floor", float("nan")),
            Copied.of(page, measure),
            Judged.of(page),
        )


def _limits(row: pd.Series) -> tuple[float, float, float]:
    return float(row["difference"]), float(row["low"]), float(row["high"])
