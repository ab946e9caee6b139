"""What a step of the waterfall costs: articles embedded before and after it, and their vectors compared."""

from __future__ import annotations

import numpy as np
import pandas as pd

from smallbert import storage
from smallbert.corpus.prepared import Corpus
from smallbert.measure.bootstrap import percentiles, resampled_means
from smallbert.measure.neighbours import nearest, overlap
from smallbert.measure.probe import probe
from smallbert.measure.proportions import paired_difference
from smallbert.measure.reconstruction import row_cosines
from smallbert.measure.stats import Interval, wilson_interval
from smallbert.models.encoder import Encoder
from smallbert.progress import Progress
from smallbert.studies.articles import NEIGHBOURS, draw
from smallbert.studies.commonest import commonest
from smallbert.studies.matrices import can_be_told, common_topics

UNCHANGED, COSINE, KEPT, ACCURACY, CHANGE = "unchanged to the bit", "cosine", "neighbours kept", "accuracy", "change"
"""What is measured of a step: a share of articles; a mean over them; the same; a probe's; that less the whole's."""

MEASURES = (UNCHANGED, COSINE, KEPT, ACCURACY, CHANGE)


class Articles:
    """The articles all steps read, and what a probe is asked of them."""

    def __init__(self, prepared: Corpus, rows: int, seed: int) -> None:
        drawn = {split: draw(prepared, split, most, seed) for split, most in (("train", 2 * rows), ("test", rows))}
        self.texts = {split: texts for split, (_, texts) in drawn.items()}
        self.key, self.seed = storage.digest([prepared.key, rows, seed]), seed
        self.total = sum(map(len, self.texts.values()))
        known = {split: rows for split, (rows, _) in drawn.items()}
        named = {"topic": common_topics(known), "language": {split: rows.lang for split, rows in known.items()}}
        told = [(name, labels) for name, labels in named.items() if can_be_told(**labels)]
        self.label: str
        self.labels: dict[str, pd.Series] | None
        self.label, self.labels = told[0] if told else ("", None)
        self.commonest = commonest(**self.labels) if self.labels else float("nan")

    def asked(self, measure: str) -> int:
        """Test articles behind a measure: a probe is asked only about those whose label is known."""
        if self.labels is None or measure not in (ACCURACY, CHANGE):
            return len(self.texts["test"])
        return int((self.labels["test"] != "").sum())


class Read:
    """The articles as a step reads them: tokens of the test articles, vectors, and where the probe is right."""

    def __init__(self, articles: Articles, encoder: Encoder, bar: Progress) -> None:
        self.encoder = encoder
        ids = {split: encoder.tokenize(texts) for split, texts in articles.texts.items()}
        self.ids = ids["test"]
        vectors = {split: encoder.encode(own, advance=bar.advance) for split, own in ids.items()}
        mean = vectors["train"].mean(axis=0)  # an origin is no loss
        self.vectors, self.right = vectors["test"] - mean, None
        if articles.labels is not None:
            train, test = (articles.labels[split] for split in ("train", "test"))
            found = probe(vectors["train"] - mean, train, self.vectors, test, seed=articles.seed)
            self.right = found.right


def measure(whole: Read, step: Read, new_ids: np.ndarray | None, seed: int) -> dict[str, Interval]:
    """What a step keeps of the whole's vectors, by measure; see :func:`smallbert.studies.reductions.run`.

    Args:
        whole: the articles as the encoder reads them.
        step: as it reads them after the step.
        new_ids: the id now of each token before; None where tokens keep theirs.
        seed: of the intervals.
    """
    found = {}
    queries = np.arange(len(whole.ids))
    if whole.vectors.shape == step.vectors.shape:
        equal = _equal_to_the_bit(whole, step, new_ids)
        found[UNCHANGED] = wilson_interval(int(equal.sum()), len(equal))
        found[COSINE] = _over_articles(row_cosines(step.vectors, whole.vectors), seed)
    near = [nearest(one.vectors, queries, NEIGHBOURS, metric="l2") for one in (whole, step)]
    found[KEPT] = _over_articles(overlap(*near), seed)
    if whole.right is not None and step.right is not None:
        found[ACCURACY] = wilson_interval(int(step.right.sum()), len(step.right))
        # A bootstrap would call a change of no article certain.
        found[CHANGE] = paired_difference(step.right, whole.right)
    return found


def _over_articles(values: np.ndarray, seed: int) -> Interval:
    """Mean with its bootstrap interval: other articles might have been drawn."""
    return percentiles(values, resampled_means(values, seed=seed))


def _equal_to_the_bit(whole: Read, step: Read, new_ids: np.ndarray | None) -> np.ndarray:
    """Which test articles keep their tokens and have equal vectors, bool (n,).

    Both encoders read these articles alone: a batch is a function of its lengths, and its shape enters the rounding.
    """
    same = np.array(
        [
            np.array_equal(before if new_ids is None else new_ids[before], after)
            for before, after in zip(whole.ids, step.ids, strict=True)
        ]
    )
    if same.any():
        chosen = np.flatnonzero(same)
        before, after = (one.encoder.encode([one.ids[i] for i in chosen]) for one in (whole, step))
        same[chosen] = (before == after).all(axis=1)
    return same
