"""The style sheet's colours: letters stand out in light, in dark and on paper (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

import re

import pytest

from smallbert.report.page import TEMPLATES


def palettes():
    """Colours of the style sheet by what it is shown on: ``{"screen, dark": {"ink": "#e6e3dd", ...}}``."""
    css = (TEMPLATES / "site" / "style.css").read_text(encoding="utf-8")
    found = {}
    for name, rules in zip(("light", "dark", "print"), re.findall(r":root \{(.*?)\}", css, re.DOTALL), strict=True):
        own = re.findall(r"--(\w+): (#[0-9a-f]{3,6});", rules)
        found[name] = found.get("light", {}) | dict(own)
    return found


def luminance(colour):
    """Relative luminance of WCAG 2.2."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("shown_on", ["light", "dark", "print"])
def test_letters_stand_out_from_every_ground(shown_on):
    palette = palettes()[shown_on]
    for ground in ("paper", "wash"):
        for letters in ("ink", "quiet", "accent", "string", "keyword", "comment"):
            low, high = sorted(luminance(palette[name]) for name in (ground, letters))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (letters, ground)


def test_width_changes_places_alone():
    # The browser tests look at dark colours at one width, and at what is hidden at another.
    css = (TEMPLATES / "site" / "style.css").read_text(encoding="utf-8")
    blocks = [
        block.partition("\n}\n")[0] if "{\n" in block[:40] else block.partition("\n")[0]
        for block in re.split(r"@media \((?=m(?:in|ax)-width)", css)[1:]
    ]
    assert len(blocks) == 5
    for block in blocks:
        assert not re.search(r"display: none|visibility: hidden|color|background|opacity|var\(--", block), block
