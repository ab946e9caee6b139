"""HTML from notebooks made safe and accessible: what a corpus or an author wrote may be shown but cannot act.

Everything a page shows passes :func:`clean`: only listed elements and attributes survive, images only as embedded
data, links only to pages; the rest appears as text. Tables get scopes; tables and drawings a box that scrolls on small
screens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bleach.html5lib_shim import Filter
from bleach.sanitizer import Cleaner
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

_TEXT = "p br hr b strong i em u s sub sup small mark abbr cite code kbd samp var q blockquote pre span div a img"
_LISTS = "ul ol li dl dt dd"
_TABLES = "table caption thead tbody tfoot tr th td"
_FIGURES = "figure figcaption h1 h2 h3 h4 details summary"
_FORMULAS = "math mrow mi mn mo mtext msup msub msubsup mfrac msqrt mover munder munderover mtable mtr mtd mspace"
TAGS = frozenset(" ".join((_TEXT, _LISTS, _TABLES, _FIGURES, _FORMULAS)).split())

_HEADINGS = ("h1", "h2", "h3", "h4")
_LINK = re.compile(r"https?://[^\s]+|#[\w-]+|[\w][\w./-]*\.(html|csv|svg|png)(#[\w-]+)?")
_IMAGE = re.compile(r"data:image/(png|jpeg|svg\+xml);base64,[A-Za-z0-9+/=\s]+")
_WORDS = re.compile(r"[\w -]*")
# Elements whose content is for machines; without this it would appear as text after its tags are gone.
_MACHINE = re.compile(r"<(script|style)\b[^>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)


class MissingAlt(ValueError):
    """An image without a text alternative."""


def clean(html: str) -> str:
    """``html`` with everything that could load, run or disguise itself removed or shown as text.

    Raises:
        MissingAlt: an embedded image has no alt text.
    """
    return _CLEANER.clean(_MACHINE.sub("", html))


def markdown(source: str) -> str:
    """HTML of a Markdown text, cleaned."""
    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    return clean(MarkdownWithMath(renderer=renderer).render(source))


def inline(source: str) -> str:
    """HTML of one paragraph of Markdown, cleaned, without the paragraph around it."""
    return markdown(source).strip().removeprefix("<p>").removesuffix("</p>")


def _allowed(tag: str, name: str, value: str) -> bool:
    if name in ("class", "id"):
        return _WORDS.fullmatch(value) is not None and (tag == "figure" if name == "id" else tag not in _HEADINGS)
    if name in ("scope", "colspan", "rowspan", "headers") and tag in ("th", "td"):
        return True
    return (
        (tag == "a" and name == "href" and _LINK.fullmatch(value) is not None)
        or (tag == "img" and name == "src" and _IMAGE.fullmatch(value) is not None)
        or (tag == "img" and name == "alt")
        or (tag in ("abbr", "span") and name == "title")
        or (tag in ("p", "q", "blockquote", "span", "td", "li") and name == "lang")
        or (tag == "ol" and name == "start" and value.isdigit())
        or (tag == "math" and name == "display" and value in ("block", "inline"))
    )


class _Accessible(Filter):
    """Scopes for table headings, named scroll boxes around tables and drawings, no image without source or words."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        in_head, drawing = False, ""
        tokens = list(super().__iter__())
        for position, token in enumerate(tokens):
            kind, name = token["type"], token.get("name")
            if kind == "StartTag" and name == "table":
                yield _box(_words(tokens[position + 1 :], inside="caption", until="tbody") or "Table")
            if name == "thead":
                in_head = kind == "StartTag"
            if name == "figure":
                inside = tokens[position + 1 :] if kind == "StartTag" else []
                drawing = (_words(inside, inside="b", until="figure") or "Figure") if inside else ""
            if kind == "StartTag" and name == "th":
                token["data"].setdefault((None, "scope"), "col" if in_head else "row")
            if name == "img":
                if (None, "src") not in token["data"]:
                    continue
                if not token["data"].get((None, "alt"), "").strip():
                    raise MissingAlt("An image has no alt text")
                yield from (_box(drawing), token, _END) if drawing else (token,)
                continue
            yield token
            if kind == "EndTag" and name == "table":
                yield _END


def _box(label: str) -> dict[str, Any]:
    """Start of a box that scrolls: keyboards reach it, screen readers can say what it holds."""
    data = {"class": "scroll", "tabindex": "0", "role": "group", "aria-label": label}
    return {
        "type": "StartTag",
        "namespace": None,
        "name": "div",
        "data": {(None, key): value for key, value in data.items()},
    }


_END: dict[str, Any] = {"type": "EndTag", "namespace": None, "name": "div", "data": {}}


def _words(tokens: list[dict[str, Any]], *, inside: str, until: str) -> str:
    """Text of the first element ``inside`` in tokens that end where an element ``until`` starts or ends."""
    text, reading = "", False
    for token in tokens:
        name = token.get("name")
        if name == until or (name == inside and token["type"] == "EndTag"):
            break
        if name == inside:
            reading = True
        elif reading and token["type"] in ("Characters", "SpaceCharacters"):
            text += token["data"]
    return " ".join(text.split())


_CLEANER = Cleaner(
    tags=TAGS,
    attributes=_allowed,
    # data: only ever reaches an image, see _allowed.
    protocols=["http", "https", "data"],
    strip=False,
    strip_comments=True,
    filters=[_Accessible],
)
