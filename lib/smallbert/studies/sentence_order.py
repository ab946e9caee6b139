"""Study 4, the second task: is it next sentences or their order that an encoder should learn besides masked words?

Three arms read the same pairs with the same words masked; they differ in the second task alone. Each is then asked both
tasks on articles it has not seen, by its own head and by a fresh one on its frozen [CLS]: Lan et al. (2020, Table 5) do
not say which of the two they report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from smallbert import runtime
from smallbert.corpus.prepared import Corpus
from smallbert.measure.bag_of_words import FEATURES, Bags, bag_of_words, counts, probabilities
from smallbert.measure.probe import probe
from smallbert.measure.proportions import paired_difference
from smallbert.measure.stats import Interval, mean_interval, verdict, wilson_interval
from smallbert.models import interchange
from smallbert.models import tokenizer as wordpiece
from smallbert.models.pair_modelling import PairEncoder, PairRecipe, Reading, read
from smallbert.models.pairs import TASKS, Task
from smallbert.models.tokenizer import SPECIAL_TOKENS
from smallbert.models.tokens import TokenStore
from smallbert.published import published
from smallbert.studies.accuracy_contrasts import accuracy, accuracy_contrast
from smallbert.studies.contrasts import LEVEL, against_chance, corrected, worded
from smallbert.studies.pair_tasks import DOWNSTREAM, INTRINSIC, NEAR, NSP, SOP, Pairs, PairTask, articles, tasks

MLM = "masked words"

ARMS: dict[Task, str] = {"none": "no second task", "nsp": "next sentence", "sop": "sentence order"}
"""What figures and tables call an arm."""

_AGAINST: tuple[tuple[Task, Task], ...] = (("nsp", "none"), ("sop", "none"), ("sop", "nsp"))

OWN, FRESH, WORDS = "own head", "fresh head", "bag of words"
"""Who answers."""

COLUMNS = ["arm", "seed", "task", "reader", "value", "low", "high", "n", "right"]

GAIN = ["gain", "gain low", "gain high"]
"""Of words that tell which came first: their accuracy less that of words that cannot, on the same pairs."""

CHANCE = 0.5

NEAR_CHANCE = 0.05
"""An accuracy whose whole interval lies this near to chance is called chance: ALBERT's own arms stray by 0.033."""

MARGIN = 0.01
"""A difference of one point of accuracy does not matter; intervals within it are equivalent."""


def recipes(base: PairRecipe, seeds: Sequence[int]) -> list[PairRecipe]:
    """The recipes of all arms and seeds, seed by seed, so that an early end leaves whole comparisons."""
    return [replace(base, objective=task, seed=seed) for seed in seeds for task in TASKS]


def measure(model: PairEncoder, recipe: PairRecipe, asked: Sequence[PairTask], *, seed: int) -> pd.DataFrame:
    """What one encoder knows of each task.

    The fresh head is a logistic regression on the frozen [CLS]. For tasks beyond pretraining it also gets difference
    and product of the segments' mean vectors, since nothing taught an arm without a second task to use its [CLS].

    Args:
        model: the trained encoder.
        recipe: its recipe.
        asked: from :func:`tasks`.
        seed: of the fresh heads.

    Returns:
        Columns ``arm``, ``seed``, ``task``, ``reader``, ``value`` (accuracy), ``low``, ``high`` (Wilson), ``n`` and
        ``right`` (tuple of bool, pair by pair: the same pairs in the same order for every arm and seed).
    """
    dtype = runtime.dtype(recipe.precision, next(model.parameters()).device)
    rows = []

    def enter(task: PairTask, reader: str, right: np.ndarray) -> None:
        share = wilson_interval(int(right.sum()), len(right))
        rows.append((ARMS[recipe.objective], recipe.seed, task.name, reader, *_row(share), tuple(right.tolist())))

    for task in asked:
        train, test = (read(model, part.rows, part.arrangement, dtype) for part in (task.train, task.test))
        if task.name in INTRINSIC and recipe.objective != "none":
            enter(task, OWN, np.asarray(test.logits.argmax(1) == task.test.labels))
        known, asked_labels = (part.labels.astype(str) for part in (task.train, task.test))
        features = _features(train, task), known, _features(test, task), asked_labels
        fitted = probe(*features, seed=seed, scaling="columns")
        enter(task, FRESH, fitted.right)
    return pd.DataFrame(rows, columns=COLUMNS)


def control(asked: Sequence[PairTask], vocabulary_size: int) -> pd.DataFrame:
    """What the words alone tell of each task, in no order.

    Returns:
        Columns as of :func:`measure`, the features as arm, and of the signed features on the order of sentences
        :data:`GAIN` over the symmetric ones, with Tango's interval (1998) for the same pairs.
    """
    rows = []
    for task in asked:
        train, test = (_bags(part, vocabulary_size) for part in (task.train, task.test))
        for features in FEATURES:
            gain = _gain(train, test) if (task.name, features) == (SOP, "signed") else (np.nan,) * len(GAIN)
            share = bag_of_words(train, test, features)
            rows.append((f"{WORDS}, {features}", 0, task.name, WORDS, *_row(share), (), *gain))
    return pd.DataFrame(rows, columns=[*COLUMNS, *GAIN])


def _gain(train: Bags, test: Bags) -> tuple[float, float, float]:
    classes = np.unique(train.labels)
    symmetric, signed = (classes[probabilities(train, test, name).argmax(1)] == test.labels for name in FEATURES)
    found = paired_difference(signed, symmetric, level=LEVEL)
    return found.estimate, found.low, found.high


def run(
    prepared: Corpus,
    store: TokenStore,
    arms: Sequence[PairRecipe],
    train: Callable[[Sequence[PairRecipe]], Sequence[Path]],
    *,
    rows: int,
    seed: int = 0,
    device: str = "auto",
) -> pd.DataFrame:
    """Train all arms, or find them trained, and measure them and the bags of words on test articles.

    Args:
        prepared: the corpus, whose train articles the store holds.
        store: its tokens.
        arms: from :func:`recipes`.
        train: trains encoders by their recipes and returns their folders.
        rows: articles judged, at most; fresh heads are fitted on at most twice as many others.
        seed: of all draws; the same articles are asked of every arm.
        device: auto, cpu or cuda.

    Returns:
        Columns as of :func:`measure` and :func:`control`; the accuracy on masked words is that of ``curve.csv``,
        without limits.
    """
    folders = train(arms)
    fitted, judged = (
        articles(prepared, split, rows=most, seed=seed) for split, most in (("train", 2 * rows), ("test", rows))
    )
    asked = tasks(fitted, judged, wordpiece.load(store.folder), arms[0].sequence_length, seed=seed)
    found = []
    for recipe, folder in zip(arms, folders, strict=True):
        model = interchange.load(folder, device=device).eval()
        last = pd.read_csv(folder / "curve.csv").iloc[-1]
        masked = (ARMS[recipe.objective], recipe.seed, MLM, OWN, last.held_out_accuracy, np.nan, np.nan, 0, ())
        found += [pd.DataFrame([masked], columns=COLUMNS), measure(model, recipe, asked, seed=seed)]
    return pd.concat([*found, control(asked, store.vocabulary_size)], ignore_index=True)


def summary(measures: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of each accuracy with its 95% interval over seeds and pairs; of one seed its own interval.

    Of masked words, whose places differ from seed to seed, over seeds alone.

    Returns:
        Columns ``arm``, ``task``, ``reader``, ``mean``, ``low``, ``high``, ``seeds``.
    """
    rows = []
    for (arm, task, reader), part in measures.groupby(["arm", "task", "reader"], sort=False):
        if len(part) > 1:
            # Every seed is asked the same pairs: more seeds are not more of these.
            over = accuracy(part.right, len(part.right.iloc[0])) if part.n.all() else mean_interval(part.value)
            rows.append((arm, task, reader, over.estimate, over.low, over.high, len(part)))
        else:
            rows.append((arm, task, reader, *part.iloc[0][["value", "low", "high"]], 1))
    return pd.DataFrame(rows, columns=["arm", "task", "reader", "mean", "low", "high", "seeds"])


def reported() -> pd.DataFrame:
    """ALBERT's Table 5, intrinsic accuracies: columns ``arm``, ``task``, ``mean``, from 0 to 1."""
    rows = []
    for task, arm in ARMS.items():
        values = published(f"albert.table5.{task}.intrinsic").value
        rows += [(arm, name, value / 100) for name, value in zip((MLM, NSP, SOP), values, strict=True)]
    return pd.DataFrame(rows, columns=["arm", "task", "mean"])


def contrasts(measures: pd.DataFrame) -> pd.DataFrame:
    """Every arm against every other on the tasks beyond pretraining, paired by seed and pair, corrected by Holm.

    Returns:
        Columns ``task``, ``arm``, ``against``, ``difference`` (accuracy), ``low``, ``high``, ``pairs`` (of seeds),
        ``questions`` (pairs asked), ``p_holm``, ``verdict``; empty where there is no such task or a single seed.
    """
    rows = []
    for task in DOWNSTREAM:
        own = measures[(measures.task == task) & (measures.reader == FRESH)]
        wide = own.pivot(index="seed", columns="arm", values="right")
        if len(wide) > 1:
            for arm, against in _AGAINST:
                both = ARMS[arm], ARMS[against]
                first, second = (wide[one] for one in both)
                found = accuracy_contrast(first, second, len(first.iloc[0]))
                rows.append({"task": task, "arm": both[0], "against": both[1]} | found)
    columns = ["task", "arm", "against", "difference", "low", "high", "pairs", "questions", "p"]
    return corrected(pd.DataFrame(rows, columns=columns), margin=MARGIN)


def findings(measures: pd.DataFrame, differences: pd.DataFrame) -> list[str]:
    """What the arms show, a finding an entry.

    Args:
        measures: from :func:`run`.
        differences: from :func:`contrasts`.
    """
    found = summary(measures).set_index(["arm", "task", "reader"])
    symmetric, signed = (f"{WORDS}, {features}" for features in FEATURES)
    nsp, sop = ARMS["nsp"], ARMS["sop"]
    control = [found.loc[of] for of in ((symmetric, NSP, WORDS), (symmetric, SOP, WORDS), (signed, SOP, WORDS))]
    said = [
        f"Words without their order judge {_share(control[0])} of the next sentences right and {_share(control[1])} of "
        "the orders if the features are the same for both orders. If they tell whose words came first, they judge "
        f"{_share(control[2])} of the orders right{_given_away(measures)}"
    ]
    for arm, own, other in ((nsp, NSP, SOP), (sop, SOP, NSP)):
        learnt, across, fresh = (
            found.loc[arm, own, OWN],
            found.loc[arm, other, OWN],
            found.loc[arm, other, FRESH],
        )
        word = _against_chance(learnt)
        how = "hardly" if word == "barely above chance" else "not"
        said.append(
            f"Trained on {arm}, the encoder's own head is {_told(learnt)} on {own} and {_told(across)} on {other}; a "
            f"fresh head on its frozen [CLS] is {_told(fresh)} on {other}."
            + f" It has {how} learnt its own task, so nothing follows for {arm}."
            * (word != "above chance")
        )
    if (nsp, NEAR, OWN) in found.index:
        near = found.loc[nsp, NEAR, OWN]
        learnt_it = _against_chance(found.loc[nsp, NSP, OWN]) == "above chance"
        most = {"at chance": "", "barely above chance": ", nearly all of it,"}.get(_against_chance(near))
        only = f": what it has learnt is{most} to tell languages apart" if learnt_it and most is not None else ""
        said.append(
            f"Where the foreign segment is in the same language, the head trained on {nsp} is {_told(near)}{only}."
        )
    plain = found.loc[ARMS["none"]]
    said.append(
        f"Without a second task a fresh head is {_told(plain.loc[NSP, FRESH])} on {NSP} and "
        f"{_told(plain.loc[SOP, FRESH])} on {SOP}."
    )
    printed = reported().set_index(["arm", "task"])["mean"]
    said.append(
        f"ALBERT's Table 5 prints {printed[nsp, SOP]:.1%} on {SOP} for the arm {nsp} and {printed[sop, NSP]:.1%} on "
        f"{NSP} for the arm {sop}, without saying which head answered."
    )
    said += [
        f"{row.task}, {row.arm} against {row.against}: {worded(row)} ({row.difference:+.3f}, {row.low:+.3f} to "
        f"{row.high:+.3f})."
        for row in differences.itertuples()
    ]
    return said


def _given_away(measures: pd.DataFrame) -> str:
    """Whether words that tell which came first know more of the order than words that cannot, on the same pairs."""
    signed = f"{WORDS}, {FEATURES[1]}"
    [own] = measures[(measures.arm == signed) & (measures.task == SOP)][GAIN].to_numpy()
    gain, low, high = own
    told = f", {gain:+.1%} [{low:+.1%}, {high:+.1%}] on the same pairs: "
    if low > 0:
        return told + "the words that begin an article give its order away."
    if verdict(Interval(gain, low, high, 1, LEVEL), margin=NEAR_CHANCE) == "equivalent":
        return told + f"within {NEAR_CHANCE:.0%} no words give the order away."
    return told + "not told from words that cannot know the order."


def _told(row: pd.Series) -> str:
    return f"{_against_chance(row)} ({_share(row)})"


def _share(row: pd.Series) -> str:
    return f"{row['mean']:.1%} [{row.low:.1%}, {row.high:.1%}]"


def _against_chance(row: pd.Series) -> str:
    low, mean, high = (row[name] - CHANCE for name in ("low", "mean", "high"))
    return against_chance(Interval(mean, low, high, 1, LEVEL), margin=NEAR_CHANCE)


def _features(reading: Reading, task: PairTask) -> np.ndarray:
    if task.name in INTRINSIC:
        return reading.start
    return np.hstack([reading.start, abs(reading.first - reading.second), reading.first * reading.second])


def _bags(pairs: Pairs, vocabulary_size: int) -> Bags:
    bags = counts(pairs.rows.ids, vocabulary_size, smallest=len(SPECIAL_TOKENS))
    return Bags(bags[pairs.arrangement.first], bags[pairs.arrangement.second], pairs.labels)


def _row(share: Interval) -> tuple[float, float, float, int]:
    return share.estimate, share.low, share.high, share.n
