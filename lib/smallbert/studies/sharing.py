"""Study 4, what is trained: encoders that differ in what their layers share, in their embedding or in their depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from smallbert.corpus.prepared import Corpus
from smallbert.measure.probe import probe
from smallbert.models import encoder as encoders
from smallbert.models import flops, parameters
from smallbert.models.fleet import pretrain_all
from smallbert.models.sharing import SharedRecipe
from smallbert.models.tokens import TokenStore
from smallbert.studies.articles import draw
from smallbert.studies.contrasts import by_seed, contrast, corrected
from smallbert.studies.embedding_widths import MARGIN, below
from smallbert.studies.matrices import can_be_told, common_topics

MODES = {
    "none": "nothing shared",
    "attention": "attention shared",
    "ffn": "feed-forward shared",
    "all": "all shared",
}
"""What layers share, as figures and tables call it; the first is what the others are compared with."""

TUNING_SEED = 1000
"""Rates are chosen at a seed that no published cell has."""


AnyArm = TypeVar("AnyArm", bound=Any)  # a dataclass with a recipe and a name


@dataclass(frozen=True)
class Arm:
    """One encoder that is trained, for several seeds.

    Args:
        recipe: everything that decides it but the seed.
        panels: the comparisons it takes part in.
    """

    recipe: SharedRecipe
    panels: tuple[str, ...]

    @property
    def mode(self) -> str:
        """What its layers share, in words."""
        return MODES[self.recipe.sharing]

    @property
    def embedding(self) -> int:
        """Width of the embedding: E, or H where it is not factorised."""
        return self.recipe.embedding or self.recipe.hidden

    @property
    def name(self) -> str:
        """How tables call it."""
        return f"{self.mode}, E {self.embedding}, {self.recipe.layers} layers"


def arms(base: SharedRecipe, *, embedding: int, embeddings: Sequence[int], depths: Sequence[int]) -> list[Arm]:
    """The arms of page 4, each differing from the plain encoder in what its panels are about.

    Args:
        base: the plain encoder: nothing shared, embedding as wide as the layers.
        embedding: the factorised width, of ALBERT's Table 4.
        embeddings: more widths, of its Table 3.
        depths: more depths of the all-shared encoder, of its Table 11; the plain one is also trained at the deepest.

    Returns:
        Arms without repetition; the plain encoder comes first.
    """
    found: dict[SharedRecipe, list[str]] = {}

    def enter(panel: str, **changes: Any) -> None:
        found.setdefault(replace(base, **changes), []).append(panel)

    for width in (None, embedding):
        for mode in MODES:
            enter("sharing", embedding=width, sharing=mode)
    widths = sorted({*embeddings, embedding} - {base.hidden})
    for width in (*widths, None):
        for mode in ("none", "all"):
            enter("embedding", embedding=width, sharing=mode)
    for depth in sorted({*depths, base.layers}):
        enter("depth", embedding=embedding, sharing="all", layers=depth)
    enter("layers", layers=max([*depths, base.layers]))
    return [Arm(recipe, tuple(panels)) for recipe, panels in found.items()]


def tune(
    chosen: Sequence[AnyArm], rates: Sequence[float], store: TokenStore, where: Path, **options: Any
) -> tuple[list[AnyArm], pd.DataFrame]:
    """Every arm with the peak rate that suits it: of ``rates`` the one with the least held-out loss at another seed.

    A rate that suits one arm and is reused for all favours that arm. With a single rate there is nothing to choose, and
    nothing is trained.

    Args:
        chosen: from :func:`arms`.
        rates: peak rates.
        store: the tokens.
        where: folder of the encoders.
        options: of :func:`smallbert.models.fleet.pretrain_all`.

    Returns:
        The arms, and a table: ``arm``, ``rate``, ``loss`` (held out, nats) and ``chosen``.
    """
    tried = [(arm, rate) for arm in chosen for rate in rates]
    losses = [np.nan] * len(tried)
    if len(rates) > 1:
        recipes = [replace(arm.recipe, learning_rate=rate, seed=TUNING_SEED) for arm, rate in tried]
        made = pretrain_all(store, recipes, where, label="rates", **options)
        losses = [float(last_point(folder).held_out_loss) for folder in made]
    table = pd.DataFrame(
        [(arm.name, rate, loss) for (arm, rate), loss in zip(tried, losses, strict=True)],
        columns=["arm", "rate", "loss"],
    )
    best = {name: part.loss.idxmin() if len(rates) > 1 else part.index[0] for name, part in table.groupby("arm")}
    table["chosen"] = table.index.isin(list(best.values()))
    tuned = [
        replace(arm, recipe=replace(arm.recipe, learning_rate=float(table.rate[best[arm.name]]))) for arm in chosen
    ]
    return tuned, table


def last_point(folder: Path) -> pd.Series:
    """The last row of an encoder's loss curve."""
    return pd.read_csv(folder / "curve.csv").iloc[-1]


@dataclass(frozen=True)
class Trained:
    """Encoders of all arms and seeds.

    Args:
        arms: the arms.
        cells: one row an arm and seed: ``arm``, ``sharing``, ``embedding``, ``hidden``, ``layers``, ``seed``,
            ``parameters``, ``megabytes`` (fp32), ``operations`` (millions, forward pass without head, a token of a full
            sequence), ``loss`` (held out, nats), ``accuracy`` (masked tokens predicted right), ``panels``.
        folders: where each lies, by arm and seed.
    """

    arms: tuple[Arm, ...]
    cells: pd.DataFrame
    folders: dict[tuple[str, int], Path]

    def panel(self, name: str) -> pd.DataFrame:
        """The cells of one comparison."""
        own = self.cells[[name in panels for panels in self.cells.panels]]
        return own.drop(columns="panels").reset_index(drop=True)


def train(chosen: Sequence[Arm], store: TokenStore, where: Path, *, seeds: int, **options: Any) -> Trained:
    """Pretrain every arm for seeds 0 .. ``seeds`` - 1, or find them trained.

    The same seed gives every arm the same order of the same rows and the same masks.

    Args:
        chosen: from :func:`tune`.
        store: the tokens.
        where: folder of the encoders.
        seeds: how many.
        options: of :func:`smallbert.models.fleet.pretrain_all`.
    """
    runs = [(arm, replace(arm.recipe, seed=seed)) for arm in chosen for seed in range(seeds)]
    made = pretrain_all(store, [recipe for _, recipe in runs], where, label="arms", **options)
    rows, folders = [], {}
    for (arm, recipe), folder in zip(runs, made, strict=True):
        counted = recipe.sizes(store.vocabulary_size)
        size = parameters.count(counted)
        operations = flops.forward(replace(counted, head="none"), recipe.sequence_length).total
        last = last_point(folder)
        folders[arm.name, recipe.seed] = folder
        rows.append(
            {
                "arm": arm.name,
                "sharing": arm.mode,
                "embedding": arm.embedding,
                "hidden": recipe.hidden,
                "layers": recipe.layers,
                "seed": recipe.seed,
                "parameters": size.total,
                "megabytes": size.nbytes()["fp32"] / 1e6,
                "operations": operations / recipe.sequence_length / 1e6,
                "loss": float(last.held_out_loss),
                "accuracy": float(last.held_out_accuracy),
                "panels": arm.panels,
            }
        )
    return Trained(tuple(chosen), pd.DataFrame(rows), folders)


def probes(
    trained: Trained, corpus: Corpus, *, max_tokens: int, rows: int, seed: int, device: str = "auto"
) -> pd.DataFrame:
    """What a linear classifier reads from the arms of the panel ``sharing``: its cells with ``topic`` and ``language``.

    All arms share one tokenizer, so articles are tokenised once.

    Args:
        trained: from :func:`train`.
        corpus: articles to embed.
        max_tokens: where an article is cut: what the arms can read.
        rows: test articles at most; twice as many train articles.
        seed: of the draw.
        device: where to embed.

    Returns:
        The panel's cells with two more columns, not-a-number where the corpus has fewer than two topics or languages.
    """
    drawn = {split: draw(corpus, split, most, seed) for split, most in (("train", 2 * rows), ("test", rows))}
    articles = {split: known for split, (known, _) in drawn.items()}
    topics = common_topics(articles)
    labels = {
        "topic": (topics["train"], topics["test"]),
        "language": (articles["train"].lang, articles["test"].lang),
    }
    told = {name: pair for name, pair in labels.items() if can_be_told(*pair)}
    cells, ids = trained.panel("sharing"), None
    for position, cell in enumerate(cells.itertuples()):
        folder = str(trained.folders[cell.arm, cell.seed])
        encoder = encoders.load(folder, max_tokens=max_tokens, device=device)
        if ids is None:
            ids = {split: encoder.tokenize(texts) for split, (_, texts) in drawn.items()}
        vectors = {split: encoder.encode(own) for split, own in ids.items()}
        for name, (train_labels, test_labels) in told.items():
            found = probe(vectors["train"], train_labels, vectors["test"], test_labels, seed=seed)
            cells.loc[position, name] = found.accuracy.estimate
    for name in labels:
        if name not in cells:
            cells[name] = np.nan
    return cells


def learnt(cells: pd.DataFrame, floor: float) -> tuple[int, int]:
    """How many arms have learnt more than how often tokens occur for sure, and how many there are.

    For sure: the 95% t interval of the loss over seeds lies below the floor.

    Args:
        cells: of :class:`Trained`.
        floor: held-out loss of word frequencies alone, from :func:`smallbert.models.unigram.frequencies`.
    """
    found = [below(losses, floor) for _, losses in cells.groupby("arm").loss]
    return sum(found), len(found)


def contrasts(cells: pd.DataFrame, floor: float) -> pd.DataFrame:
    """Every mode against nothing shared at the same embedding width, paired by seed, Holm-corrected.

    Args:
        cells: of the panel ``sharing``.
        floor: as of :func:`learnt`.

    Returns:
        Columns ``embedding``, ``sharing``, ``parameters saved`` (share of 1), ``difference`` (held-out loss, nats) with
        ``low``, ``high``, ``pairs``, ``p_holm``, ``verdict``, and ``learnt``: whether both have learnt more than word
        frequencies for sure, without which no difference says what sharing costs.
    """
    first, *others = MODES.values()
    rows, learnt = [], []
    for width, part in cells.assign(finite=True).groupby("embedding", sort=False):
        wide = by_seed(part, "sharing", "loss")
        size, has_learnt = part.groupby("sharing").parameters.first(), {mode: below(wide[mode], floor) for mode in wide}
        learnt += [has_learnt[mode] and has_learnt[first] for mode in others]
        rows += [
            {"embedding": int(width), "sharing": mode, "parameters saved": 1 - size[mode] / size[first]}
            | contrast(wide[mode], wide[first])
            for mode in others
        ]
    return corrected(pd.DataFrame(rows), margin=MARGIN).assign(learnt=learnt)


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of every arm: columns as in :class:`Trained`, one row an arm."""
    keys = ["sharing", "embedding", "layers"]
    values = ["parameters", "megabytes", "operations", "loss", "accuracy"]
    means = cells.groupby(keys, sort=False)[values].mean().reset_index()
    spread = cells.groupby(keys, sort=False).loss.std(ddof=1).reset_index(drop=True)
    means.insert(means.columns.get_loc("loss") + 1, "sd of loss", spread)
    return means.astype({"parameters": int})
