"""Tasks on pairs of texts, made from the articles of any corpus: those of pretraining, and two beyond it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from tokenizers import Tokenizer

from smallbert.corpus.prepared import Corpus
from smallbert.corpus.text import text
from smallbert.errors import DataError
from smallbert.models.masking import generator
from smallbert.models.pairs import Arrangement, arrange
from smallbert.models.segments import SegmentRows, Segments

NSP, NEAR, SOP = "next sentence", "next sentence, same language", "sentence order"
TITLE, EVENT = "title of this article", "same event in another language"
INTRINSIC, DOWNSTREAM = (NSP, NEAR, SOP), (TITLE, EVENT)

FEWEST = 40
"""Pairs of a task beyond pretraining, at least: with fewer, chance alone spans thirty points."""

ARRANGE_STREAM = 6


@dataclass(frozen=True)
class Pairs:
    """Pairs of segments and how they stand."""

    rows: SegmentRows
    arrangement: Arrangement

    @property
    def labels(self) -> np.ndarray:
        """0 where the pair is as it was written, 1 where it is not, (n,)."""
        return self.arrangement.labels


@dataclass(frozen=True)
class PairTask:
    """A task on pairs: some to fit a fresh head on, others to judge."""

    name: str
    train: Pairs
    test: Pairs


def articles(prepared: Corpus, split: str, *, rows: int, seed: int) -> pd.DataFrame:
    """At most ``rows`` articles of a split, drawn by ``seed``: title, content, lang, topic, group."""
    positions = np.random.default_rng(seed).permutation(prepared.counts["split"][split])[:rows]
    parts, start = [], 0
    for batch in prepared.batches(["title", "content", "lang", "topic", "group"], split=split):
        here = np.sort(positions[(positions >= start) & (positions < start + batch.num_rows)]) - start
        parts.append(batch.take(pa.array(here)).to_pandas())
        start += batch.num_rows
    return pd.concat(parts, ignore_index=True)


def tasks(
    train: pd.DataFrame, test: pd.DataFrame, tokenizer: Tokenizer, sequence_length: int, *, seed: int
) -> list[PairTask]:
    """Every task these articles allow.

    - Next sentence: the second segment is the article's own, or any other's. In a corpus of many languages that is
      mostly one in another language, so the task is also asked within the language.
    - Sentence order: the two segments as written, or swapped.
    - Title: does the title belong to the article, or to another of the same language and topic? It resembles the
      next-sentence task, which it may favour.
    - Event: do two articles in different languages tell the same event, or two of one topic? It resembles neither task.

    Args:
        train: articles to fit fresh heads on, from :func:`articles`.
        test: articles to judge.
        tokenizer: the encoders'.
        sequence_length: tokens of a row.
        seed: of all draws.

    Returns:
        The intrinsic tasks, and those beyond pretraining that have enough pairs: without titles there is no title
        task, without translations no event.

    Raises:
        DataError: too few articles are long enough for two segments.
    """
    train_tasks, test_tasks = (
        _of_split(frame, tokenizer, sequence_length, generator(seed, ARRANGE_STREAM, number))
        for number, frame in enumerate((train, test))
    )
    both = [PairTask(name, pairs, test_tasks[name]) for name, pairs in train_tasks.items() if name in test_tasks]
    asked = [
        task for task in both if task.name in INTRINSIC or min(len(task.train.labels), len(task.test.labels)) >= FEWEST
    ]
    asked = [task for task in asked if all(0 < part.labels.mean() < 1 for part in (task.train, task.test))]
    if not {NSP, SOP} <= {task.name for task in asked}:
        raise DataError(
            f"Expected several articles of two segments to fit on and to judge, got {len(train)} and {len(test)} "
            "articles, nearly all too short.",
            "Give more or longer articles.",
        )
    return asked


def _of_split(frame: pd.DataFrame, tokenizer: Tokenizer, length: int, random: np.random.Generator) -> dict[str, Pairs]:
    """All tasks on the articles of one split."""
    texts = text(pa.Table.from_pandas(frame[["title", "content"]], preserve_index=False))
    tokens = np.concatenate([np.asarray(ids, np.int32) for ids in _encode(tokenizer, texts, whole=True)])
    segments = Segments.cut(tokens, tokenizer, length)
    found: dict[str, Pairs] = {}
    if len(segments):
        rows, lang = segments.rows(np.arange(len(segments))), frame.lang.to_numpy(str)[segments.documents]
        second = segments.lengths[1]
        found[NSP] = Pairs(rows, arrange("nsp", second, random))
        if len(set(lang)) > 1:
            found[NEAR] = Pairs(rows, arrange("nsp", second, random, lang))
        found[SOP] = Pairs(rows, arrange("sop", second, random))
    titled = frame[(frame.title != "") & (frame.content != "")]
    if len(titled):
        strata = titled.lang + "\n" + titled.topic
        found[TITLE] = _matching(titled.title, titled.content, strata, tokenizer, length, random)
    told = _translations(frame, random)
    if len(told):
        strata = told.lang + "\n" + told.topic
        found[EVENT] = _matching(told.other, told.content, strata, tokenizer, length, random)
    return found


def _translations(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Events told in two languages: an article of each, its topic, and ``other``, the content in another language."""
    known = frame[(frame.group != "") & (frame.content != "")].sample(frac=1, random_state=random)
    known = known.drop_duplicates(["group", "lang"])
    place = known.groupby("group").cumcount()
    other = known[place == 1].set_index("group").content.rename("other")
    return known[place == 0].join(other, on="group", how="inner")


def _matching(
    first: pd.Series,
    second: pd.Series,
    strata: pd.Series,
    tokenizer: Tokenizer,
    length: int,
    random: np.random.Generator,
) -> Pairs:
    """Does the second text belong to the first? Half of them are another's, of the same stratum."""
    ids = [np.asarray(one, np.int64) for texts in (first, second) for one in _encode(tokenizer, texts.tolist())]
    lengths = np.array([len(one) for one in ids])
    starts, kept = lengths.cumsum() - lengths, np.minimum(lengths, (length - 3) // 2)
    rows = SegmentRows.gather(np.concatenate(ids), starts, kept)
    return Pairs(rows, arrange("nsp", kept[len(first) :], random, strata.to_numpy(str)))


def _encode(tokenizer: Tokenizer, texts: list[str], *, whole: bool = False) -> list[list[int]]:
    return [found.ids for found in tokenizer.encode_batch_fast(texts, add_special_tokens=whole)]
