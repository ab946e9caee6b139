"""What page 6 found, as numbers: what compressed encoders keep on tasks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from smallbert.errors import DataError
from smallbert.results import Results
from smallbert.studies.facts import WORLD
from smallbert.studies.frontier_points import TRANSFER, figure_data


@dataclass(frozen=True)
class Kept:
    """What an encoder keeps of the points that the reference has above a constant answer, summed over its tasks.

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
        learnt: names of those on which the frozen reference is for sure above a constant answer.
        over_words: number of these on which it is for sure above a bag of words too.
        best: the encoder that keeps most of the points above the constant answers, frozen; None without such tasks.
        smallest: the one with fewest parameters.
        random: the reference's architecture with random weights; None where it was not asked.
        encoders: number of encoders that compress.
        not_above: those of them whose mean is not above that of random weights.
        reference: parameters of the whole encoder.
        examples: fewest and most examples that a task has to learn from.
        widest: the encoder that compresses whose share has the widest limits; None without one.
        generated: how many of the tasks are of the generated world's English.
    """

    tasks: int
    learnt: tuple[str, ...]
    over_words: int
    best: Kept | None
    smallest: Kept | None
    random: Kept | None
    encoders: int
    not_above: int
    reference: int
    examples: tuple[int, int]
    widest: Kept | None
    generated: int = 0

    @classmethod
    def of(cls, results: Results) -> Tasks:
        """As the edition's page 6 recorded it.

        Raises:
            DataError: the page has not run.
        """
        page = results.of(TRANSFER)
        tasks, shelf = page.table("tasks"), page.table("shelf").set_index("model")
        count, examples = len(tasks), (int(tasks.train.min()), int(tasks.train.max()))
        contrasts = page.table("task_contrasts")
        scores, reference = figure_data(page, "scores"), shelf.index[0]
        whole = scores[(scores.model == reference) & (scores["mode"] == "frozen")]
        above = whole[whole.learnt.astype(bool)]
        learnt, over_words = tuple(above.task), int((above.low > above.words).sum())
        parameters = int(shelf.parameters.iloc[0])
        generated = int((tasks.source == WORLD).sum())
        nothing = cls(count, learnt, over_words, None, None, None, 0, 0, parameters, examples, None, generated)
        try:
            retained = figure_data(page, "retained")
        except DataError:  # the reference has learnt no task, of which nothing can be retained
            return nothing
        frozen = contrasts[contrasts["mode"] == "frozen"]
        every = retained[(retained.task == "all learnt") & (retained["mode"] == "frozen")].dropna().set_index("model")
        # The contrasts leave out the reference and its random weights, which compress nothing.
        own = every.loc[[name for name in dict.fromkeys(frozen.model) if name in every.index]]
        if own.empty:
            return nothing
        worse = frozen[frozen.verdict == "lower"].model.value_counts()

        def kept(name: str) -> Kept:
            row = every.loc[name]
            share, low, high = (float(row[column]) for column in ("retained", "retained low", "retained high"))
            of_reference = float(shelf.loc[[name], "of reference"].iloc[0])
            return Kept(name, of_reference, share, low, high, int(worse.get(name, 0)))

        smallest, best = str(shelf.loc[own.index].parameters.idxmin()), str(own.retained.idxmax())
        widest = str((own["retained high"] - own["retained low"]).idxmax())
        drawn = [name for name in every.index if name not in own.index and name != reference]
        random = kept(drawn[0]) if drawn else None
        not_above = int((own.retained <= random.share).sum()) if random else 0
        return replace(
            nothing,
            best=kept(best),
            smallest=kept(smallest),
            random=random,
            encoders=len(own),
            not_above=not_above,
            widest=kept(widest),
        )
