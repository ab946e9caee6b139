"""Pretrain an encoder of page 4 as its edition did, or find it trained, and hold it to what that page says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from smallbert.compress.folders import copy_beside, write_modules
from smallbert.compress.vocabulary import check_free
from smallbert.corpus.prepared import Corpus
from smallbert.errors import UsageError
from smallbert.models.fleet import pretrain_all
from smallbert.results import Results
from smallbert.studies import albert, embed, points, sharing
from smallbert.studies.build import EMBEDDINGS, Built
from smallbert.studies.build_check import TOLERANCE, listed, parameters
from smallbert.studies.frontier_points import ALBERT, figure_data
from smallbert.studies.sharing import Arm

PANELS = ("sharing", "embedding_sweep", "depth_sweep")
"""Page 4's figures that hold every encoder's loss, seed by seed."""

SEED = 0
"""Of the encoder that is built: the first of the page's."""


@dataclass(frozen=True)
class Asked:
    """An encoder of an edition's page 4.

    Args:
        arm: what it shares, its sizes and budget, at the peak rate that the page chose for it.
        vocabulary: tokens of the vocabulary that is made of the corpus.
    """

    arm: Arm
    vocabulary: int


def is_known(results: Results, point: str) -> bool:
    """Whether a point is an encoder that an edition's page 4 has pretrained."""
    return not listed(results, point, ALBERT).empty


def find(results: Results, point: str) -> Asked:
    """The encoder of a point.

    Raises:
        UsageError: the edition's page 4 has none of that name now.
        DataError: the edition does not say how its page 4 ran.
    """
    given = SimpleNamespace(**parameters(results, ALBERT))
    arms = sharing.arms(
        albert.plain(given), embedding=given.embedding, embeddings=given.embeddings, depths=given.depths
    )
    tried = results.of(ALBERT).table("rates")
    # A table of a single rate tells of no choice.
    rates = (tried[tried.chosen] if "chosen" in tried else tried).set_index("arm").rate
    for arm in arms:
        if points.slug(arm.name) == point and arm.name in rates:
            recipe = replace(arm.recipe, learning_rate=float(rates[arm.name]), seed=SEED)
            return Asked(replace(arm, recipe=recipe), given.vocabulary)
    raise UsageError(
        f"Expected an encoder of page 4 of edition {results.edition.name}, got {point!r}.",
        "Its points are of another run than its page 4: run page 8 again.",
    )


def build(asked: Asked, corpus: Corpus, out: Path, *, max_tokens: int | None = None, device: str = "auto") -> Built:
    """Pretrain the encoder as its page did, for the first seed; on the machine that ran the page it is found trained.

    Args:
        asked: from :func:`find`.
        corpus: its train articles are read; the vocabulary is made of them.
        out: a folder without an encoder.
        max_tokens: where sentence-transformers cuts a text; by default where the encoder's positions end.
        device: where to train.

    Returns:
        A folder that we and sentence-transformers load; ``curve.csv`` has its held-out losses.

    Raises:
        UsageError: ``out`` holds an encoder.
        DataError, MachineError: as of :func:`smallbert.models.fleet.pretrain_all`.
    """
    check_free(out)
    recipe = asked.arm.recipe
    store = embed.tokens(corpus, asked.vocabulary)
    [made] = pretrain_all(store, [recipe], albert.place(), label=asked.arm.name, device=device)
    write_modules(out, recipe.hidden, max_tokens=min(max_tokens or recipe.sequence_length, recipe.sequence_length))
    copy_beside(made, out, "*.safetensors", "curve.csv")
    return Built(out, sum(path.stat().st_size for path in out.glob("*.safetensors")) / 1e6)


def verdict(
    results: Results, asked: Asked, corpus: Corpus, built: Built, tolerance: float = TOLERANCE
) -> tuple[bool, str]:
    """Whether the encoder is what the report says, by its perplexity on held-out masked words, and the sentence.

    Args:
        results: of the edition.
        asked: from :func:`find`.
        corpus: what it read.
        built: from :func:`build`.
        tolerance: a difference this small, as a share of the report's perplexity, does not matter.
    """
    own = float(sharing.last_point(built.folder).held_out_loss)
    told = f"Held-out loss on masked words: {own:.4f} nats."
    name = results.edition.name
    if corpus.key != results.of(EMBEDDINGS).values()["corpus"]["key"]:
        return True, f"{told} Edition {name} measured another corpus: nothing to compare with."
    panels = [figure_data(results.of(ALBERT), panel) for panel in PANELS]
    cells = pd.concat(panels, ignore_index=True)
    known = cells.loss[(cells.arm == asked.arm.name) & (cells.seed == SEED)]
    if known.empty:
        return True, f"{told} Edition {name} has no loss of this encoder: nothing to compare with."
    difference = np.expm1(own - known.iloc[0])
    within = abs(difference) <= tolerance
    word = "as the report says" if within else "not what the report says"
    said = f"The report: {known.iloc[0]:.4f} nats, perplexity {difference:+.1%}, {word} (tolerance {tolerance:.1%})."
    return bool(within), f"{told} {said}"
