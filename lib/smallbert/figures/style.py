"""One theme, and one fixed look for each method throughout the report.

Colours are Okabe and Ito's set (jfly.uni-koeln.de/color), safe for colour-blind readers; every colour comes with
its own marker and line style, so that figures also read in grey.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import seaborn as sns
from cycler import cycler
from matplotlib import font_manager

INK = "#1b1b1b"
GRID = "#d9d9d9"
FLOOR = "#6b6b6b"
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"

WIDTH = 7.2
"""Width of a full figure, inches; the page shows it at about 690 CSS pixels."""

VERBATIM: dict[str, Any] = {"parse_math": False}
"""For a text with a name of the user's own, in which a dollar is a dollar; our own labels hold formulas."""

FONT = "DejaVu Sans"

FALLBACKS = (
    "Noto Sans",
    "Noto Sans CJK KR",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans KR",
    "Noto Sans JP",
    "Noto Sans SC",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Thai",
    "NanumGothic",
    "Apple SD Gothic Neo",
    "Malgun Gothic",
    "Hiragino Sans",
    "Microsoft YaHei",
    "WenQuanYi Zen Hei",
    "Arial Unicode MS",
)
"""Fonts asked, in this order, for the characters that ours lacks, such as those of Korean names."""


@dataclass(frozen=True)
class Look:
    """How one method is drawn: colour, marker, line style."""

    color: str
    marker: str
    linestyle: str


LOOKS = {
    "original": Look(VERMILION, "s", "--"),
    "fair": Look(BLUE, "o", "-"),
    "train": Look(SKY, "o", "--"),
    "test": Look(BLUE, "o", "-"),
    # linear methods
    "PCA": Look(FLOOR, "D", ":"),
    "whitening": Look(PURPLE, "P", "--"),
    "truncation": Look(ORANGE, "v", "-."),
    "truncation, least squares": Look(SKY, "^", "--"),
    "random projection, gaussian": Look(GREEN, "X", "-"),
    "mean": Look(INK, "d", ":"),
    "whole embedding": Look(INK, "*", "-"),
    # what layers share
    "nothing shared": Look(BLUE, "o", "-"),
    "attention shared": Look(GREEN, "^", "-."),
    "feed-forward shared": Look(ORANGE, "v", ":"),
    "all shared": Look(VERMILION, "s", "--"),
    # ways to give a reader triples
    "triples appended": Look(GREEN, "^", "-"),
    "triples in a tree": Look(VERMILION, "s", "--"),
    "triples in an open tree": Look(PURPLE, "v", "-."),
    # width schedules
    "uniform": Look(BLUE, "o", "-"),
    "geometric": Look(ORANGE, "^", "-."),
    "reverse-geometric": Look(ORANGE, "v", ":"),
    "bottleneck-heavy-1": Look(PURPLE, "<", "--"),
    "bottleneck-heavy-2": Look(VERMILION, "s", "--"),
    "bottleneck-heavy-3": Look(INK, "X", "--"),
    "wide-heavy-1": Look(SKY, "D", ":"),
    "wide-heavy-2": Look(GREEN, "h", ":"),
    "wide-heavy-3": Look(FLOOR, ">", ":"),
}

_CYCLE = (
    Look(BLUE, "o", "-"),
    Look(VERMILION, "s", "--"),
    Look(GREEN, "^", "-."),
    Look(PURPLE, "v", ":"),
    Look(ORANGE, "D", "-"),
    Look(SKY, "P", "--"),
    Look(INK, "X", "-."),
    Look(FLOOR, "d", ":"),
)


def look(name: str, position: int = 0) -> Look:
    """The fixed look of method ``name``, or the one at ``position`` in the cycle where it has none.

    A schedule scaled to another's size (``uniform, size of ...``) keeps its colour and gets another marker; a method
    with a detail after a comma (``all shared, 8 layers``) looks as without it.
    """
    if ", size of " in name:
        own = LOOKS.get(name.split(", size of ")[0], _CYCLE[0])
        return Look(own.color, "P", own.linestyle)
    return LOOKS.get(name) or LOOKS.get(name.split(", ")[0]) or _CYCLE[position % len(_CYCLE)]


def use_theme() -> None:
    """Set the report's theme; called once by every page, before its first figure."""
    installed = set(font_manager.get_font_names())  # matplotlib warns of every other one
    fonts = [FONT, *(name for name in FALLBACKS if name in installed)]
    sns.set_theme(context="paper", style="ticks", font=fonts)
    mpl.rcParams.update(
        {
            "figure.figsize": (WIDTH, 3.4),
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "font.size": 9,
            "axes.titlesize": 9.5,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelsize": 9,
            "axes.edgecolor": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            # 0.06 and 2000 on a logarithmic axis, not powers of ten.
            "axes.formatter.min_exponent": 4,
            "grid.color": GRID,
            "grid.linewidth": 0.6,
            "lines.linewidth": 1.6,
            "lines.markersize": 5,
            # What a legend lies over shows through faintly; its words stay readable.
            "legend.framealpha": 0.85,
            "legend.edgecolor": "none",
            "legend.fontsize": 8,
            "xtick.labelsize": 8,
            "ytick.labelsize": 8,
            "axes.prop_cycle": cycler(color=[one.color for one in _CYCLE]),
            # Outlines, not fonts: the drawing looks the same on a machine without this font.
            "svg.fonttype": "path",
            # Without a salt the SVG's element names differ from run to run.
            "svg.hashsalt": "smallbert",
        }
    )
