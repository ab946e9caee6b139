"""Every published page, opened from disk in a real browser: alone, at any width, on paper, by keyboard."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from PIL import Image

from smallbert import paths

REPORT = paths.root() / "report"

# A4 less the margins of the style sheet (16, 15 and 18 mm), in CSS pixels: 96 to the inch.
PAPER_WIDTH, PAPER_HEIGHT = int(180 / 25.4 * 96), int(263 / 25.4 * 96)

WIDTH = "() => document.documentElement.scrollWidth"

# What scrolls sideways or down must be reached by keyboard, itself or by what is in it, and have a name.
SCROLLERS = """() => [...document.querySelectorAll('body *')].filter(one => {
  const style = getComputedStyle(one), scrolls = value => value === 'auto' || value === 'scroll';
  return (one.scrollWidth > one.clientWidth + 1 && scrolls(style.overflowX))
      || (one.scrollHeight > one.clientHeight + 1 && scrolls(style.overflowY));
}).filter(one => !(one.tabIndex === 0 && one.getAttribute('role') && one.getAttribute('aria-label'))
              && !one.querySelector('a[href]'))
  .map(one => one.outerHTML.slice(0, 150))"""

DRAWINGS = """() => [...document.querySelectorAll('img, svg')].map(one => one.getAttribute('alt') || '')"""

TABLES = """() => [...document.querySelectorAll('table')].filter(one =>
  !one.caption || !one.caption.textContent.trim() || !one.tHead
  || [...one.querySelectorAll('th')].some(head => !['row', 'col'].includes(head.scope))
  || [...one.tBodies[0].rows].some(row => !row.querySelector('th[scope="row"]'))
).map(one => one.outerHTML.slice(0, 150))"""

# A caption is read without scrolling: it ends where the table's frame does.
OVERLONG = """() => [...document.querySelectorAll('caption')].filter(one => {
  const frame = one.closest('.scroll') || document.documentElement;
  return one.getBoundingClientRect().right > frame.getBoundingClientRect().right + 1;
}).map(one => one.textContent.slice(0, 100))"""

LEVELS = "() => [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(one => Number(one.tagName[1]))"

# What sticks out of the sheet on paper, where nothing scrolls.
CLIPPED = """() => [...document.querySelectorAll('main *')].filter(one => {
  const box = one.getBoundingClientRect();
  return box.width && (box.right > innerWidth + 1 || box.left < -1);
}).map(one => one.outerHTML.slice(0, 150))"""

CUT = """height => [...document.querySelectorAll('figure')].filter(one =>
  getComputedStyle(one).breakInside !== 'avoid' || one.getBoundingClientRect().height > height
).map(one => one.id + ' ' + one.getBoundingClientRect().height)"""

SHORTEN = """rows => document.querySelectorAll('tbody').forEach(body =>
  [...body.rows].forEach((row, place) => row.hidden = place >= rows))"""

SHOWN_CODE = "() => [...document.querySelectorAll('details.code')].filter(one => one.checkVisibility()).length"

# Everything a reader may act on; each is given its place, to be met again by keyboard.
CONTROLS = """() => [...document.querySelectorAll('a[href], summary, input, [tabindex="0"]')]
  .filter(one => one.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true}))
  .map((one, place) => { one.dataset.place = place; return one.outerHTML.slice(0, 120); })"""

# Notes every place that the focus comes to, from here on.
NOTED = """() => {
  if (!window.stops) document.addEventListener('focusin', event => window.stops.push(event.target.dataset.place ?? ''));
  window.stops = [];
}"""

# Rules of axe on where things stand. What the others read is the same at every width: the style sheet hides nothing by
# width, and in its queries of width there are no colours.
LAYOUT = ("color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size")

DRAWN_WIDTHS = "() => [...document.querySelectorAll('figure img')].map(one => one.getBoundingClientRect().width)"


def test_it_stands_alone_and_says_nothing(opened):
    opened.look()
    assert [one for one in opened.asked if not one.startswith(("file:", "data:"))] == []
    assert opened.said == []


def test_it_fits_a_phone(opened):
    # 320 pixels is where WCAG 2.2 (1.4.10, reflow) draws the line.
    for width, unfolded in ((360, False), (320, False), (320, True)):
        assert opened.look(width=width, unfolded=unfolded).ask(WIDTH) <= width


@pytest.mark.parametrize("width", [360, 1200])
def test_what_scrolls_has_a_name_and_a_tab_stop(opened, width):
    assert opened.look(width=width).ask(SCROLLERS) == []


@pytest.mark.parametrize("width", [360, 700, 1100, 1400])
def test_captions_are_read_whole(opened, width):
    assert opened.look(width=width).ask(OVERLONG) == []


def test_drawings_are_told_in_words(opened):
    for alt in opened.look().ask(DRAWINGS):
        words = alt.split()
        assert len(words) >= 6 and alt.rstrip().endswith((".", "!", "?")), alt
        nothing = " no " in f" {alt.lower()}" or "has not been measured" in alt
        assert len(alt) >= 60 or any(letter.isdigit() for letter in alt) or nothing, alt


def test_tables_and_headings_have_an_order(opened):
    assert opened.look().ask(TABLES) == []
    levels = opened.ask(LEVELS)
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels


def test_it_prints_whole(opened):
    for unfolded in (False, True):
        opened.look(width=PAPER_WIDTH, media="print", unfolded=unfolded)
        assert opened.ask(CLIPPED) == []
        assert opened.page.evaluate(CUT, PAPER_HEIGHT) == []
        assert bool(opened.ask(SHOWN_CODE)) == (unfolded and bool(opened.ask("() => document.querySelector('.code')")))


def test_drawings_keep_their_letters_on_a_phone(opened):
    # Drawn 7.2 inches wide with letters of 8 points: at 600 pixels, 9 pixels each.
    assert all(width >= 600 for width in opened.look(width=360).ask(DRAWN_WIDTHS))


def test_axe_finds_nothing(opened, axe):
    # The rows of a table are made alike; a few stand for hundreds.
    opened.page.evaluate(SHORTEN, 5)
    assert axe(opened.look(width=360)) == []
    # Colours change in the dark alone, places with the width alone.
    assert axe(opened.look(width=1200, scheme="dark"), *LAYOUT) == []
    opened.page.evaluate(SHORTEN, 10**6)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((REPORT / "default").glob("*.html")), ids=lambda path: path.stem)
def test_axe_finds_nothing_in_any_row(visit, axe, path):
    with visit(path) as opened:
        assert axe(opened.look()) == []


def reached(opened):
    """What the tab key stops at, one after the other, and what it should."""
    controls = opened.ask(CONTROLS)
    opened.ask("() => document.activeElement.blur()")
    opened.ask(NOTED)
    opened.ask("() => document.querySelector('.skip').focus()")
    for _ in controls[1:]:
        opened.page.keyboard.press("Tab")
    return [controls[int(place)] for place in opened.ask("() => window.stops") if place], controls


def test_keyboard_reaches_everything_in_reading_order(opened):
    stops, controls = reached(opened.look(width=360))
    assert stops == controls


def test_keyboard_opens_what_is_folded(synthetic, visit):
    with visit(synthetic) as opened:
        stops, controls = reached(opened.look(unfolded=False))
        assert stops == controls
        opened.page.locator("details.code summary").first.focus()
        opened.page.keyboard.press("Enter")
        assert len(opened.ask(CONTROLS)) == len(controls)  # code has no stops of its own: it wraps
        assert opened.page.locator("details.code").first.get_attribute("open") is not None


def test_dark_is_dark(synthetic, visit):
    with visit(synthetic) as opened:
        light, dark = (
            opened.look(scheme=scheme).ask("() => getComputedStyle(document.body).backgroundColor")
            for scheme in ("light", "dark")
        )
    light, dark = (sum(map(int, colour.strip("rgb()").split(","))) for colour in (light, dark))
    assert light > 700 and dark < 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_goes_on_beyond_an_edge_is_shaded_there(synthetic, visit, scheme):
    with visit(synthetic) as opened:
        opened.look(width=360, scheme=scheme)
        for frame in opened.page.locator("main .scroll:has(img), main .scroll:has(tr)").all():
            start, between, end = (edges(frame, scrolled) for scrolled in (0, 0.5, 1))
            ground, shade = start
            assert abs(ground - shade) > 100
            assert between == pytest.approx((shade, shade), abs=6) and end == pytest.approx((shade, ground), abs=6)


def edges(frame, scrolled):
    """How light a frame's first and last column of pixels are, by the commonest colour of their middle.

    Args:
        frame: what scrolls.
        scrolled: how far, a share of its way.
    """
    frame.evaluate("(one, share) => { one.scrollLeft = share * (one.scrollWidth - one.clientWidth); }", scrolled)
    with Image.open(io.BytesIO(frame.screenshot())) as shot:
        pixels = shot.convert("RGB")
        columns = [(x, 0.4 * pixels.height, x + 1, 0.8 * pixels.height) for x in (0, pixels.width - 1)]
        return tuple(sum(max(pixels.crop(column).getcolors())[1]) for column in columns)


def test_the_same_without_scripts(synthetic, visit):
    texts = []
    for scripts in (True, False):
        with visit(synthetic, scripts=scripts) as opened:
            opened.page.locator("details.code summary").first.click()
            assert opened.page.locator("details.code").first.get_attribute("open") is not None
            texts.append(opened.page.inner_text("body"))
    assert texts[0] == texts[1] and "Wide and long." in texts[0]


def test_it_becomes_a_pdf(synthetic, visit):
    with visit(synthetic) as opened:
        assert opened.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
