"""Study 6, model size: the ablation of BERT's Table 6 in shape, and whether quality grows with size without end."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from smallbert.models import parameters
from smallbert.models.sharing import SharedRecipe
from smallbert.models.tokens import TokenStore
from smallbert.studies import sharing
from smallbert.studies.contrasts import contrast, corrected
from smallbert.studies.sharing import MARGIN, Arm, Trained

PANELS = {"depth": "layers", "width": "hidden", "heads": "heads"}
"""What the panels of the ablation vary, by the column that says how much."""

SIZE = "size"
"""The panel of the arms that the curves are fitted to: all that differ in more than their heads."""

MEASURES = ("parameters", "without embeddings", "operations")
"""What size means: columns of the cells."""

MASKED = 0.3
"""Share of the tokens to predict: twice BERT's, so that as many tokens read teach about twice as much. Encoders of
every size gain from more than BERT's 0.15 (Wettig et al. 2023), and at a small budget few would else learn context."""


HEADS = 4
"""Heads at least: an encoder of a few numbers would else have one, and nothing to vary."""


def base(
    *, layers: int, hidden: int, heads: int, vocabulary: int, sequence: int, batch: int, tokens: int
) -> SharedRecipe:
    """The encoder that arms are varied from: nothing shared, measured once, at the end.

    Args:
        layers: how many.
        hidden: width; the feed-forward layer is four times as wide.
        heads: attention heads.
        vocabulary: tokens of the vocabulary.
        sequence: tokens of a row.
        batch: tokens of a step.
        tokens: tokens read in all.
    """
    return SharedRecipe(
        layers=layers,
        hidden=hidden,
        heads=heads,
        intermediate=4 * hidden,
        vocabulary_size=vocabulary,
        sequence_length=sequence,
        batch_tokens=batch,
        tokens=tokens,
        masking_probability=MASKED,
        evaluations=1,
    )


def middle(params: Any) -> SharedRecipe:
    """The encoder that a page's parameters put in the middle of the sizes."""
    return base(
        layers=params.layers,
        hidden=params.hidden,
        heads=heads(params.hidden),
        vocabulary=params.vocabulary,
        sequence=params.sequence,
        batch=params.batch,
        tokens=params.tokens,
    )


def heads(width: int, most: int | None = None) -> int:
    """Heads of an encoder of a width: as wide as BERT's, but at least :data:`HEADS`; none wider than its neighbours.

    Args:
        width: H.
        most: heads at most, in place of that rule.
    """
    most = most or max(HEADS, width // 64)
    return next(count for count in range(most, 0, -1) if width % count == 0)


def rate_factor(first: SharedRecipe, other: SharedRecipe) -> float:
    """What the peak rate of one encoder is multiplied by for another: the root of how much narrower and less deep."""
    return math.sqrt(first.hidden * first.layers / (other.hidden * other.layers))


@dataclass(frozen=True)
class SizeArm(Arm):
    """One encoder that differs from the base in depth, width or heads."""

    @property
    def name(self) -> str:
        """How tables call it."""
        recipe = self.recipe
        heads = f"{recipe.heads} head{'s' if recipe.heads > 1 else ''}"
        return f"{recipe.layers} layer{'s' if recipe.layers > 1 else ''}, width {recipe.hidden}, {heads}"


def arms(middle: SharedRecipe, *, depths: Iterable[int], widths: Iterable[int], heads: Iterable[int]) -> list[SizeArm]:
    """The arms, each differing from the base in depth, in width or in heads.

    As in Table 6, depth and width change the number of parameters and heads do not; a head is as wide at every width,
    and no wider than the encoder.

    Args:
        middle: the base, from :func:`base`.
        depths: other numbers of layers.
        widths: other widths; the feed-forward layer keeps its ratio to them.
        heads: other numbers of heads; each must divide the base's width.

    Returns:
        Arms without repetition, the base first.

    Raises:
        UsageError: a size is out of range, or heads do not divide a width.
    """
    found: dict[SharedRecipe, list[str]] = {}

    def enter(*panels: str, **changes: Any) -> None:
        entered = found.setdefault(replace(middle, **changes), [])
        entered += [panel for panel in panels if panel not in entered]

    enter("heads")
    for layers in sorted({*depths, middle.layers}):
        enter("depth", SIZE, layers=layers)
    for hidden in sorted({*widths, middle.hidden}):
        enter("width", SIZE, **_width(middle, hidden))
    for count in sorted({*heads, middle.heads}):
        enter("heads", heads=count)
    return [SizeArm(recipe, tuple(panels)) for recipe, panels in found.items()]


def _width(middle: SharedRecipe, hidden: int) -> dict[str, int]:
    return {
        "hidden": hidden,
        "heads": max(1, hidden * middle.heads // middle.hidden),
        "intermediate": hidden * middle.intermediate // middle.hidden,
    }


def tune(
    chosen: Sequence[SizeArm], rates: Sequence[float], store: TokenStore, where: Path, **options: Any
) -> tuple[list[SizeArm], pd.DataFrame]:
    """Every arm with the peak rate that suits it: see :func:`smallbert.studies.sharing.tune`.

    One rate for all sizes favours the size it suits: on the generated world 0.008 suits 2 layers of width 16, 0.003
    those of width 64, 0.002 those of width 128, and 4 layers stall at the rate that suits 2. So the rates are the
    base's, and an arm is tried with them times the square root of how much narrower and less deep than the base it is.

    Args:
        chosen: from :func:`arms`, the base first.
        rates: peak rates of the base.
        store: the tokens.
        where: folder of the encoders.
        options: of :func:`smallbert.models.fleet.pretrain_all`.
    """
    first, tables = chosen[0].recipe, []
    alike: dict[float, list[SizeArm]] = {}
    tuned: dict[str, SizeArm] = {}
    for arm in chosen:
        alike.setdefault(rate_factor(first, arm.recipe), []).append(arm)
    for factor, group in alike.items():
        found, table = sharing.tune(group, [rate * factor for rate in rates], store, where, **options)
        tuned |= {arm.name: arm for arm in found}
        tables.append(table)
    return [tuned[arm.name] for arm in chosen], pd.concat(tables, ignore_index=True)


def train(chosen: Sequence[SizeArm], store: TokenStore, where: Path, *, seeds: int, **options: Any) -> Trained:
    """Pretrain every arm for every seed, or find them trained; see :func:`smallbert.studies.sharing.train`.

    Args:
        chosen: from :func:`arms`, or with rates of their own from :func:`tune`.
        store: the tokens; every arm sees as many of them in the same order with the same masks, seed by seed.
        where: folder of the encoders.
        seeds: how many.
        options: of :func:`smallbert.models.fleet.pretrain_all`.

    Returns:
        Cells have ``heads`` and ``without embeddings`` (parameters above the embeddings and the head's tied matrix)
        besides.
    """
    trained = sharing.train(chosen, store, where, seeds=seeds, **options)
    recipes = {arm.name: arm.recipe for arm in chosen}
    counts = {name: parameters.count(recipe.sizes(store.vocabulary_size)) for name, recipe in recipes.items()}
    cells = trained.cells.assign(
        heads=trained.cells.arm.map({name: recipe.heads for name, recipe in recipes.items()}),
        **{
            "without embeddings": trained.cells.arm.map(
                {name: own.total - own.embeddings for name, own in counts.items()}
            )
        },
    )
    return replace(trained, cells=cells)


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of every arm, from the smallest to the largest; columns as the cells have, and ``sd of loss``."""
    keys = ["arm", *MEASURES]
    arms = cells.groupby(keys, sort=False)
    means = arms[["loss", "accuracy"]].mean().reset_index()
    means.insert(means.columns.get_loc("loss") + 1, "sd of loss", arms.loss.std(ddof=1).to_numpy())
    return means.sort_values("parameters", kind="stable", ignore_index=True)


def panels(trained: Trained) -> pd.DataFrame:
    """The cells of the ablation, panel below panel, with columns ``panel`` and ``varied``: how deep, wide or many."""
    parts = [trained.panel(name) for name in PANELS]
    told = [
        part.assign(panel=name, varied=part[column]) for part, (name, column) in zip(parts, PANELS.items(), strict=True)
    ]
    return pd.concat(told, ignore_index=True)


def contrasts(trained: Trained) -> pd.DataFrame:
    """Every arm against the next smaller of its panel, paired by seed; then the largest against the second largest.

    Returns:
        Columns ``panel``, ``arm``, ``against``, ``difference`` (held-out loss, nats) with ``low``, ``high``, ``pairs``,
        ``p_holm`` (over all rows) and ``verdict``.
    """
    rows = []
    for panel, column in (*PANELS.items(), (SIZE, "parameters")):
        cells = trained.panel(panel)
        loss = cells.pivot(index="seed", columns="arm", values="loss")
        order = list(cells.drop_duplicates("arm").sort_values(column, kind="stable").arm)
        steps = list(zip(order[1:], order[:-1], strict=True))
        for arm, against in steps[-1:] if panel == SIZE else steps:
            rows.append({"panel": panel, "arm": arm, "against": against} | contrast(loss[arm], loss[against]))
    columns = ["panel", "arm", "against", "difference", "low", "high", "pairs", "p"]
    return corrected(pd.DataFrame(rows, columns=columns), margin=MARGIN)
