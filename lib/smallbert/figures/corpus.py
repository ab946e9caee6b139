"""Figures of page 1: what went in, how the encoder learned, and the shape of its embeddings."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import PercentFormatter

from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, INK, ORANGE, VERMILION, WIDTH, look

MOST_LANGUAGES = 30
"""Languages with a bar of their own."""

TALL = 4
"""A last bar so many times as high as any other is cut off, its height written beside it."""

SPLITS = {"train": look("train").color, "validation": ORANGE, "test": look("test").color}


def rows_by_language(counts: pd.DataFrame) -> Chart:
    """Rows of each language and split.

    Args:
        counts: columns ``lang``, ``split``, ``rows``.
    """
    table = counts.pivot_table(index="lang", columns="split", values="rows", aggfunc="sum", fill_value=0).astype(int)
    table = table.reindex(columns=[split for split in SPLITS if split in table])
    table = table.loc[table.sum(axis=1).sort_values(kind="stable").index]
    languages, total = len(table), int(table.to_numpy().sum())
    counted = f"{languages} language{'s' if languages > 1 else ''}"
    smallest, largest = table.iloc[0], table.iloc[-1]
    ends = f"; the largest is {largest.name} with {int(largest.sum()):,}, "
    ends = ends + f"the smallest {smallest.name} with {int(smallest.sum()):,}" if languages > 1 else ""
    if languages > MOST_LANGUAGES:
        rest = table.iloc[:-MOST_LANGUAGES].sum().rename(f"{languages - MOST_LANGUAGES} others")
        table = pd.concat([rest.to_frame().T, table.iloc[-MOST_LANGUAGES:]])
    figure, axes = plt.subplots(figsize=(WIDTH, max(1.5, 0.9 + 0.24 * len(table))))
    left = np.zeros(len(table))
    for split in table.columns:
        bars = axes.barh(table.index, table[split], left=left, color=SPLITS[split], label=split, height=0.72)
        for bar in bars:
            bar.set_hatch({"train": "", "validation": "//", "test": ".."}[split])
            bar.set_edgecolor("white")
        left += table[split].to_numpy()
    for y, width in enumerate(left):
        axes.text(width, y, f" {int(width):,}", va="center", fontsize=8, color=INK)
    axes.set(xlabel="articles", ylabel="language")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.1)
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside upper right", ncols=len(SPLITS))
    return Chart(
        "rows_by_language",
        figure,
        counts,
        f"Stacked bars of {total:,} articles in {counted}{ends}.",
        "Articles kept by language and split, after bad rows and duplicates were removed.",
    )


def token_lengths(lengths: pd.DataFrame, filled: float) -> Chart:
    """How long the articles are, in tokens of the encoder.

    Args:
        lengths: columns ``tokens`` (right edge of a bin; the last is the limit), ``share`` (of all articles in it).
        filled: share of articles that fill the limit.
    """
    max_tokens = int(lengths.tokens.iloc[-1])
    figure, axes = plt.subplots(figsize=(WIDTH, 2.4))
    width = np.diff(lengths.tokens, prepend=0)
    axes.bar(lengths.tokens - width / 2, lengths.share, width=width * 0.94, color=BLUE)
    axes.axvline(max_tokens, color=VERMILION, linestyle="--", linewidth=1.2)
    others, last = float(lengths.share.iloc[:-1].max()), float(lengths.share.iloc[-1])
    tall = 0 < TALL * others < last
    if tall:  # the shorter articles would be a flat line beside that bar
        axes.set_ylim(0, 1.4 * others)
    axes.annotate(
        f"cut at {max_tokens}: {filled:.1%} fill it" + (f";\nlast bar {last:.0%}, cut off here" if tall else ""),
        (max_tokens - tall * width[-1], 1), xycoords=("data", "axes fraction"), xytext=(-4, -2),
        textcoords="offset points", ha="right", va="top", color=INK, fontsize=8,
    )  # fmt: skip
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes.set(xlabel="tokens, [CLS] and [SEP] included", ylabel="share of articles")
    return Chart(
        "token_lengths",
        figure,
        lengths,
        f"Histogram of article lengths; {filled:.0%} of the articles fill the limit of {max_tokens} tokens.",
        "Length of the articles as the encoder reads them. Those that fill the limit, nearly all of them cut "
        "there, are "
        "in the last bin.",
    )


def pretraining(curve: pd.DataFrame, unigram: float | None = None) -> Chart:
    """Loss of the masked language model against tokens read.

    Args:
        curve: columns ``tokens``, ``train_loss``, ``held_out_loss`` (nats a masked token; empty where not measured).
        unigram: loss of always guessing by frequency, nats, drawn as the line to beat.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 2.8))
    millions = curve.tokens / 1e6
    axes.plot(millions, curve.train_loss, color=look("train").color, linestyle="-", linewidth=1, label="train")
    held = curve.dropna(subset=["held_out_loss"])
    axes.plot(held.tokens / 1e6, held.held_out_loss, color=BLUE, marker="o", label="held out")
    if unigram is not None:
        axes.axhline(unigram, color=FLOOR, linestyle=":")
        axes.text(millions.max(), unigram, "guess by frequency", ha="right", va="bottom", fontsize=8, color=FLOOR)
    axes.set(xlabel="tokens read, millions", ylabel="masked-token loss, nats")
    axes.set_ylim(0, 1.08 * max(curve.train_loss.max(), held.held_out_loss.max()))
    axes.legend(loc="lower left")
    first, last = held.iloc[0].held_out_loss, held.iloc[-1].held_out_loss
    return Chart(
        "pretraining",
        figure,
        curve,
        f"Held-out loss falls from {first:.2f} to {last:.2f} nats over {millions.max():.1f} million tokens.",
        "Pretraining of the small multilingual BERT: cross-entropy of masked tokens, on the training stream (smoothed) "
        "and on held-out articles with fixed masks.",
    )


def spectrum(floor: pd.DataFrame) -> Chart:
    """The linear floor: unexplained variance of PCA at every width.

    Args:
        floor: columns ``k``, ``train`` (fitted and measured on train), ``transfer`` (fitted on train, measured on
            test), ``oracle`` (fitted and measured on test).
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.0))
    shown = floor[floor.transfer > 0]
    axes.plot(shown.k, shown.transfer, color=look("PCA").color, label="fitted on train, measured on test")
    axes.plot(shown.k, shown.oracle, color=INK, linestyle=":", label="fitted and measured on test (oracle)")
    axes.set(xscale="log", yscale="log", xlabel="width k, components", ylabel="unexplained variance (FVU)")
    axes.set_ylim(bottom=1e-4)
    axes.legend()
    half = int(shown.k[shown.transfer <= 0.05].min()) if (shown.transfer <= 0.05).any() else int(shown.k.max())
    return Chart(
        "spectrum",
        figure,
        floor,
        f"Unexplained variance of PCA falls with the width; {half} of {int(floor.k.max())} components leave 5% of it "
        "or less.",
        "Fraction of variance unexplained (FVU) by PCA at every width, both axes logarithmic. "
        "No autoencoder with an affine decoder can go below the dotted line on the test articles.",
    )


DEAD = 1e-3
"""Times an equal share: what holds less is as good as zero."""


def second_moment(shares: pd.DataFrame, outlier: float) -> Chart:
    """Share of the total second moment that each dimension holds, largest first.

    Args:
        shares: columns ``rank`` (1 is the largest), ``dimension``, ``share`` of the raw second moment.
        outlier: share above which a dimension is called an outlier.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 2.6))
    axes.plot(shares["rank"], shares.share, color=BLUE)
    axes.axhline(outlier, color=VERMILION, linestyle="--", linewidth=1)
    axes.text(shares["rank"].max(), outlier, "an outlier ", ha="right", va="bottom", color=INK, fontsize=8)
    even = 1 / len(shares)
    axes.axhline(even, color=FLOOR, linestyle=":")
    axes.text(shares["rank"].max(), even, "if all were equal ", ha="right", va="bottom", color=FLOOR, fontsize=8)
    axes.set(xscale="log", yscale="log", xlabel="dimension, by rank", ylabel="share of second moment")
    dead = int((shares.share < even * DEAD).sum())
    if dead:  # one dimension of zeros would leave no room for the others
        axes.set_ylim(bottom=even * DEAD)
    cut = f" Not shown: {dead} of less than {even * DEAD:.1g}." if dead else ""
    above = int((shares.share > outlier).sum())
    return Chart(
        "second_moment",
        figure,
        shares,
        f"{above} of {len(shares)} dimensions hold over {outlier:.1%} of the second moment each; the largest holds "
        f"{shares.share.max():.1%}.",
        "Share of the raw second moment by dimension. Where few dimensions hold much of it, the raw squared error "
        f"mostly measures those few.{cut}",
    )


def retrieval(pairs: pd.DataFrame) -> Chart:
    """Cross-language retrieval: how often an article's nearest neighbour in another language tells the same event.

    Args:
        pairs: columns ``query``, ``target`` (languages), ``precision`` (at 1).
    """
    table = pairs.pivot_table(index="query", columns="target", values="precision")
    size = 1.2 + 0.42 * len(table)
    figure, axes = plt.subplots(figsize=(min(WIDTH, size + 1.2), size))
    sns.heatmap(
        table, annot=True, fmt=".0%", cmap="cividis", vmin=0, vmax=pairs.precision.max(), square=True, cbar=False,
        ax=axes, annot_kws={"fontsize": 8}, linewidths=0.5,
    )  # fmt: skip
    axes.tick_params(length=0, labelsize=8, rotation=0)
    axes.set_xlabel("searched language", fontsize=9)
    axes.set_ylabel("query language", fontsize=9)
    axes.grid(visible=False)
    best = pairs.loc[pairs.precision.idxmax()]
    return Chart(
        "retrieval",
        figure,
        pairs,
        f"Mean precision at 1 is {pairs.precision.mean():.1%} over {len(pairs)} ordered language pairs; the best is "
        f"{best['query']} to {best.target} with {best.precision:.1%}.",
        "Of the test articles whose event is also told in the other language: share whose nearest neighbour "
        "there tells "
        "it. Each language's own mean is taken off first.",
    )
