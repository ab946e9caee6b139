"""One meaning a look, and looks that colour-blind readers and grey printers can tell apart."""

from __future__ import annotations

import io
from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from smallbert.figures import codes, frontier, student_costs, style
from smallbert.figures.style import LOOKS, Look, look

# Machado, Oliveira and Fernandes (2009), A Physiologically-based Model for Simulation of Color Vision Deficiency, IEEE
# Transactions on Visualization and Computer Graphics 15 (6): the matrices of severity 1.0, for linear RGB.
VISION = {
    "full": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
# Linear sRGB to CIE XYZ under D65 (IEC 61966-2-1).
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])

TOGETHER = {
    "splits": ("train", "test"),
    "protocols": ("original", "fair"),
    "linear": tuple(list(LOOKS)[list(LOOKS).index("PCA") : list(LOOKS).index("nothing shared")]),
    "sharing": ("nothing shared", "attention shared", "feed-forward shared", "all shared"),
    "triples": ("triples appended", "triples in a tree", "triples in an open tree"),
    "schedules": tuple(list(LOOKS)[list(LOOKS).index("uniform") :]),
}
"""Names of :data:`LOOKS` that stand in one figure."""


def groups() -> dict[str, dict[str, Look]]:
    """Looks that stand in one figure, by name."""
    shown = {name: {one: LOOKS[one] for one in members} for name, members in TOGETHER.items()}
    shown["cycle"] = {str(position): look("", position) for position in range(8)}
    shown["codes: maps"] = {one: codes.LOOKS[one] for one in list(codes.LOOKS)[:9]}
    shown["codes: formats"] = {one: codes.LOOKS[one] for one in ("PCA", *list(codes.LOOKS)[9:])}
    shown["frontier"] = frontier.LOOKS
    shown["costs"] = {name: Look(color, marker, "") for name, (color, marker) in student_costs.LOOKS.items()}
    return shown


GROUPS = groups()


def lab(colour: str, vision: str = "full") -> np.ndarray:
    """CIELAB (D65) of a colour as someone with this vision sees it."""
    rgb = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(VISION[vision]) @ linear, 0, 1)
    ratio = XYZ @ seen / XYZ.sum(axis=1)
    x, y, z = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(colour: str, ground: str = "white") -> float:
    """Contrast ratio of WCAG 2.2."""
    high, low = sorted((((lab(one)[0] + 16) / 116) ** 3 for one in (colour, ground)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colorimetry_agrees_with_known_values():
    assert lab("white") == pytest.approx([100, 0, 0], abs=0.02)
    assert lab("red") == pytest.approx([53.24, 80.09, 67.20], abs=0.05)
    assert contrast("#767676") == pytest.approx(4.54, abs=0.01)
    # Grey stays grey whoever looks.
    assert all(lab("#808080", vision) == pytest.approx(lab("#808080"), abs=0.05) for vision in VISION)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("group", GROUPS)
def test_colours_that_stand_together_can_be_told_apart(group, vision):
    colours = sorted({one.color for one in GROUPS[group].values()})
    near = {
        (a, b): round(float(np.linalg.norm(lab(a, vision) - lab(b, vision))), 1) for a, b in combinations(colours, 2)
    }
    # About 2 is the least that an eye sees side by side; these lie apart and are thin.
    assert {pair: distance for pair, distance in near.items() if distance < 14} == {}


@pytest.mark.parametrize("group", GROUPS)
def test_in_grey_a_marker_or_a_line_tells_what_lightness_does_not(group):
    same = [
        (a, b)
        for (a, one), (b, other) in combinations(GROUPS[group].items(), 2)
        if (one.marker, one.linestyle) == (other.marker, other.linestyle)
        and abs(lab(one.color)[0] - lab(other.color)[0]) < 20
    ]
    assert same == []


def test_no_two_of_a_figure_look_the_same():
    for group, shown in GROUPS.items():
        assert len(set(shown.values())) == len(shown), group


def test_a_method_has_the_same_colour_and_marker_on_every_page():
    places = [LOOKS, codes.LOOKS, frontier.LOOKS]
    aliases = {"random projection": "random projection, gaussian", "whole vector": "whole embedding"}
    seen: dict[str, Look] = {}
    for looks in places:
        for name, one in looks.items():
            known = seen.setdefault(aliases.get(name, name), one)
            assert (known.color, known.marker) == (one.color, one.marker), name


def test_nothing_is_too_pale_for_the_paper():
    text = [style.INK, style.FLOOR]
    assert all(contrast(colour) >= 4.5 for colour in text)
    for group, shown in GROUPS.items():
        for name, one in shown.items():
            # Okabe and Ito's sky blue and orange are the palest that are drawn, each with a marker of its own.
            assert contrast(one.color) > 2.2, (group, name)


def test_a_detail_or_another_size_keeps_the_method_s_colour():
    assert look("all shared, 8 layers") == LOOKS["all shared"]
    scaled = look("uniform, size of geometric")
    assert scaled.color == LOOKS["uniform"].color and scaled.marker != LOOKS["uniform"].marker


def drawn(text):
    style.use_theme()
    figure, axes = plt.subplots()
    axes.set(title=text, xlabel=r"$T^2$", xscale="log", xlim=(1e-5, 1))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    return buffer.getvalue()


@pytest.fixture
def korean_font(tmp_path, monkeypatch):
    """A font of one Korean syllable, installed under a name that is looked for."""
    name, pen = "Noto Sans CJK KR", TTGlyphPen(None)
    for move, place in ((pen.moveTo, (0, 0)), (pen.lineTo, (500, 0)), (pen.lineTo, (0, 500))):
        move(place)
    pen.closePath()
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", "ga"])
    builder.setupCharacterMap({ord("가"): "ga"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "ga": pen.glyph()})
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "ga"), (600, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": name, "styleName": "Regular", "fullName": name, "psName": "TestKorean"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "korean.ttf")
    manager = font_manager.fontManager
    monkeypatch.setattr(manager, "ttflist", [one for one in manager.ttflist if one.name not in style.FALLBACKS])

    def install():
        manager.addfont(tmp_path / "korean.ttf")

    return install


@pytest.mark.filterwarnings("error")
def test_a_character_that_the_font_lacks_is_drawn_from_another_that_is_installed(korean_font):
    before = drawn("accuracy")
    with pytest.warns(UserWarning, match="Glyph 44032"):
        drawn("가")
    assert mpl.rcParams["font.family"] == [style.FONT]
    korean_font()
    assert b"TestKorean" in drawn("가")
    assert mpl.rcParams["font.family"] == [style.FONT, "Noto Sans CJK KR"]
    assert drawn("accuracy") == before
