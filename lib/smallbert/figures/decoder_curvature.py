"""Figure of page 2: where a decoder that bends goes below PCA, by training rows and curvature."""

from __future__ import annotations

from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from smallbert.figures.page import Chart
from smallbert.figures.style import BLUE, FLOOR, INK, VERMILION, WIDTH

MARKS: dict[str, dict[str, Any]] = {
    "helps": {"marker": "v", "color": BLUE, "markerfacecolor": BLUE},
    "hurts": {"marker": "^", "color": VERMILION, "markerfacecolor": "white"},
    "cannot be told": {"marker": "_", "color": FLOOR, "markerfacecolor": FLOOR},
}
"""Down is less error: shape and filling say it without colour."""

_SHADES = plt.get_cmap("Blues")
DEEPEST = 0.55
"""Of the shades: black text still reads on it."""
GAP = 0.25
"""Between the clouds and the embeddings, in widths of a field."""


def regimes(table: pd.DataFrame) -> Chart:
    """The regime map: a panel a code width, a row a number of training rows, a column a curvature.

    Args:
        table: columns ``k``, ``cloud``, ``curvature`` (not-a-number for the embeddings), ``rows``, ``decoder``,
            ``parameters``, ``difference``, ``low``, ``high``, ``relative``, ``reachable``, ``expected``, ``verdict``,
            ``smallest``.
    """
    codes = list(dict.fromkeys(table.k))
    rows = sorted(table.rows.unique())
    clouds = list(dict.fromkeys(table.cloud))
    figure, panels = plt.subplots(
        len(codes), 1, figsize=(WIDTH, 0.75 + len(codes) * (0.7 + 0.8 * len(rows))), squeeze=False
    )
    for axes, k in zip(panels[:, 0], codes, strict=True):
        _panel(axes, table[table.k == k], clouds, rows)
        axes.set_title(
            f"codes of {k} numbers", pad=34 if any(len(cloud) > 12 for cloud in clouds) else 22, fontsize=10.5
        )
    handles = [Line2D([], [], linestyle="", markersize=6, label=word, **mark) for word, mark in MARKS.items()]
    handles.append(Line2D([], [], color=INK, linewidth=2.2, label="least squares expected to pay above"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=9, handletextpad=0.4)
    return Chart(
        "decoder_regimes",
        figure,
        table,
        _alt(table),
        "Test error of decoders of PCA's code against PCA itself, by training rows and by curvature, the share of "
        "what PCA leaves that is quadratic in the code; last, the real vectors. Blue fields: the smallest decoder "
        "that helps and what it takes off PCA's error, and below it the best one where that is another; darker is "
        "more. Marks, smallest decoder first: h, one hidden layer of that many units; q, quadratic by least squares; "
        "qr, by ridge. Helps and hurts: told by the paired t-test over seeds, after Holm's correction over all fields "
        "of a code width.",
    )


def _panel(axes: Axes, own: pd.DataFrame, clouds: list[str], rows: list[int]) -> None:
    """One code width: fields with the smallest decoder that helps and a mark for each decoder."""
    real = set(clouds) - set(own.cloud[own.curvature.notna()])
    places = {cloud: place + GAP * (cloud in real) for place, cloud in enumerate(clouds)}
    for (cloud, n), part in own.groupby(["cloud", "rows"], sort=False):
        _field(axes, places[cloud], rows.index(n), part.sort_values("parameters", kind="stable"))
    for cloud in clouds:
        for n in set(rows) - set(own[own.cloud == cloud].rows):
            axes.text(places[cloud] + 0.5, rows.index(n) + 0.5, "too few\nvectors", **_CENTRED, color=FLOOR)
    _expected(axes, own[own.curvature.notna()], places, rows)
    axes.set_xlim(-0.02, len(clouds) + GAP + 0.02)
    axes.set_ylim(-0.02, len(rows) + 0.02)
    axes.set_xticks([place + 0.5 for place in places.values()], [fill(cloud, 12) for cloud in clouds], fontsize=10)
    axes.set_yticks([place + 0.5 for place in range(len(rows))], [f"{n:,}\nrows" for n in rows], fontsize=10)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)


def _field(axes: Axes, x: float, y: int, part: pd.DataFrame) -> None:
    first = part[part.smallest]
    most = -part.relative[part.verdict == "helps"].min()
    face = _SHADES(0.1 + (DEEPEST - 0.1) * min(most, 1.0) ** 0.5) if len(first) else "white"
    axes.add_patch(Rectangle((x, y), 1, 1, facecolor=face, edgecolor=FLOOR, linewidth=0.6))
    if len(first):
        one = first.iloc[0]
        best = part.loc[part.relative[part.verdict == "helps"].idxmin()]
        axes.text(x + 0.5, y + 0.8, _gain(one), **_CENTRED, weight="bold")
        if best.decoder != one.decoder:
            axes.text(x + 0.5, y + 0.59, f"best {_gain(best)}", ha="center", va="center", fontsize=8.5)
    else:
        axes.text(x + 0.5, y + 0.7, "none helps", **_CENTRED, color=FLOOR)
    step = 1 / (len(part) + 0.4)
    for place, row in enumerate(part.itertuples()):
        at = x + (place + 0.7) * step
        axes.plot(at, y + 0.36, markersize=7, markeredgewidth=1.4, **MARKS[row.verdict])
        axes.text(at, y + 0.13, _short(row.decoder), ha="center", va="center", fontsize=8, color=INK)


_CENTRED: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 10}


def _expected(axes: Axes, known: pd.DataFrame, places: dict[str, float], rows: list[int]) -> None:
    """The stair above which least squares is expected to gain, on the clouds."""
    edges = []
    for cloud, own in known.groupby("cloud", sort=False):
        paying = own[own.expected < 0].rows
        edges.append((places[cloud], rows.index(paying.min()) if len(paying) else len(rows)))
    xs = [x for place, _ in edges for x in (place, place + 1)]
    ys = [y for _, edge in edges for y in (edge, edge)]
    axes.plot(xs, ys, color=INK, linewidth=2.2, clip_on=False, solid_joinstyle="miter")


def _short(decoder: str) -> str:
    """``h8``, ``q`` or ``qr``."""
    return decoder.replace("hidden ", "h").replace("quadratic by ridge", "qr").replace("quadratic", "q")


def _gain(row: Any) -> str:
    return f"{_short(row.decoder)}  {_percent(row.relative)}"


def _percent(share: float) -> str:
    """A share with its sign, at least one digit of it: ``−23%``, ``−0.7%``."""
    digits = 0 if abs(share) >= 0.0095 else 1
    return f"{share:+.{digits}%}".replace("-", "−")


def _alt(table: pd.DataFrame) -> str:
    """Fields where something helps, by code width, and what it is on the embeddings at the most rows."""
    said = []
    for k, own in table.groupby("k", sort=False):
        clouds, real = own[own.curvature.notna()], own[own.cloud == "embeddings"]
        fields = clouds.drop_duplicates(["cloud", "rows"])
        won = clouds[clouds.smallest]
        curved = int((fields.curvature > 0).sum())
        told = f"codes of {k}: a decoder helps in {(won.curvature > 0).sum()} of {curved} curved fields"
        if (fields.curvature == 0).any():
            told += f" and {(won.curvature == 0).sum()} of {(fields.curvature == 0).sum()} flat ones"
        if len(real):
            last = real[real.rows == real.rows.max()]
            first = last[last.smallest]
            told += f"; on the embeddings with {last.rows.iloc[0]:,} rows " + (
                f"the smallest that helps is {first.decoder.iloc[0]}, {first.relative.iloc[0]:+.0%}"
                if len(first)
                else "none is shown to"
            )
        said.append(told)
    worst = table[table.verdict == "hurts"]
    if len(worst):
        row = worst.loc[worst.relative.idxmax()]
        said.append(f"most harm: {row.decoder}, codes of {row.k}, {row.rows:,} rows, {row.relative:+.0%}")
    text = ". ".join(one[0].upper() + one[1:] for one in said)
    return text + "."
