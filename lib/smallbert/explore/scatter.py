"""A scatter of articles as inline SVG: a shape and a colour for each group, the title under the pointer.

Drawn by the browser rather than by matplotlib, so that titles and groups show in any script and each dot tells what it
is.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd

from smallbert.figures.style import BLUE, FLOOR, GREEN, ORANGE, PURPLE, SKY, VERMILION

_SHAPES = {
    "circle": "m-3.4,0a3.4,3.4 0 1,0 6.8,0a3.4,3.4 0 1,0 -6.8,0z",
    "square": "m-3,-3h6v6h-6z",
    "triangle": "m0,-4l3.8,6.6h-7.6z",
    "down": "m0,4l3.8,-6.6h-7.6z",
    "diamond": "m0,-4.2l4.2,4.2l-4.2,4.2l-4.2,-4.2z",
    "plus": "m-1.1,-3.8h2.2v2.7h2.7v2.2h-2.7v2.7h-2.2v-2.7h-2.7v-2.2h2.7z",
    "ring": "m-3.6,0a3.6,3.6 0 1,0 7.2,0a3.6,3.6 0 1,0 -7.2,0zm1.6,0a2,2 0 1,1 4,0a2,2 0 1,1 -4,0z",
    "bar": "m-1.3,-4h2.6v8h-2.6z",
    "dot": "m-2,0a2,2 0 1,0 4,0a2,2 0 1,0 -4,0z",
}
"""Paths around the point they stand for, about 8 units wide."""

LOOKS = (
    (BLUE, "circle"),
    (VERMILION, "square"),
    (GREEN, "triangle"),
    (PURPLE, "down"),
    (ORANGE, "diamond"),
    (SKY, "plus"),
    ("currentColor", "bar"),
    (FLOOR, "ring"),
)
"""Colour and shape of the groups with the most articles; what is left shares :data:`REST`."""

REST = (FLOOR, "dot")
OTHERS, UNKNOWN = "others", "unknown"
SIDE, MARGIN = 420, 12


def groups(labels: pd.Series) -> pd.Series:
    """Labels as a scatter tells them apart: the commonest by name, the others as one, none as ``unknown``."""
    known = labels.where(labels != "", UNKNOWN)
    counts = known[known != UNKNOWN].value_counts()
    names = set(counts.sort_index().sort_values(ascending=False, kind="stable").index[: len(LOOKS)])
    return known.where(known.isin(names | {UNKNOWN}), OTHERS)


def svg(points: np.ndarray, labels: pd.Series, titles: Sequence[str], alt: str) -> str:
    """One scatter.

    Args:
        points: (n, 2).
        labels: group of each point, as from :func:`groups`.
        titles: shown where the pointer rests on a point.
        alt: what the scatter shows.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (SIDE - 2 * MARGIN) / max(float((high - low).max()), 1e-9)  # one for both axes: distances stay comparable
    placed = (points - (low + high) / 2) * scale * (1, -1) + SIDE / 2
    looks = _looks(labels)
    drawn = []
    for (x, y), label, title in zip(placed.tolist(), labels, titles, strict=True):
        color, shape = looks[label]
        path = f'<path fill="{color}" d="M{x:.1f},{y:.1f}{_SHAPES[shape]}">'
        drawn.append(f"{path}<title>{escape(title)}</title></path>")
    return (
        f'<svg role="img" aria-label="{escape(alt, quote=True)}" viewBox="0 0 {SIDE} {SIDE}" width="{SIDE}" '
        f'height="{SIDE}" fill-opacity=".7" style="max-width:100%;border:1px solid {FLOOR}">{"".join(drawn)}</svg>'
    )


def legend(labels: pd.Series) -> str:
    """The groups with their shapes and how many points each has."""
    counts = labels.value_counts()
    entries = (
        f'<span style="white-space:nowrap;margin-right:1em"><svg width="12" height="12" viewBox="-6 -6 12 12" '
        f'aria-hidden="true"><path fill="{color}" d="M0,0{_SHAPES[shape]}"/></svg> <bdi>{escape(name)}</bdi> '
        f"{counts[name]:,}</span>"
        for name, (color, shape) in _looks(labels).items()
    )
    return f'<div style="max-width:{SIDE}px;line-height:1.6">{" ".join(entries)}</div>'


def _looks(labels: pd.Series) -> dict[str, tuple[str, str]]:
    """Colour and shape by group, the commonest first; what has no name last."""
    counts = labels.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    named = [name for name in counts.index if name not in (OTHERS, UNKNOWN)]
    rest = [name for name in (OTHERS, UNKNOWN) if name in counts.index]
    return dict(zip(named, LOOKS, strict=False)) | dict.fromkeys(rest, REST)
