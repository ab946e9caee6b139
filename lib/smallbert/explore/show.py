"""What several widgets need: sentences as HTML, in which whatever a corpus or a user wrote is escaped, and lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
import pandas as pd

from smallbert.errors import SmallbertError
from smallbert.figures.style import VERMILION
from smallbert.figures.tables import html_table


def note(text: str) -> str:
    """A sentence above or below what a widget shows."""
    return f'<p style="margin:.3em 0;line-height:1.4">{_prose(text)}</p>' if text else ""


def alert(error: SmallbertError) -> str:
    """Why there is nothing to show, and what to do."""
    text = " ".join(filter(None, [error.message, error.hint]))
    return (
        f'<p role="alert" style="margin:.3em 0;padding:.4em .7em;border-left:4px solid {VERMILION}">{_prose(text)}</p>'
    )


def table(frame: pd.DataFrame, caption: str) -> str:
    """A frame as a table, its first column as row headings."""
    return compact(html_table(frame, caption))


def compact(html: str) -> str:
    """Tables set tight and to the left, where the notebook's own style spreads and centres them."""
    cells = "padding:.15em .6em .15em 0;text-align:left;vertical-align:top;line-height:1.35"
    style = f".smallbert th,.smallbert td{{{cells}}} .smallbert caption{{text-align:left;line-height:2}}"
    return f'<div class="smallbert"><style>{style}</style>{html}</div>'


def _prose(text: str) -> str:
    """Escaped, what stands between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def shortened(text: str, most: int = 90) -> str:
    """``text`` on one line of at most ``most`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


CONTROL: dict[str, Any] = {
    "style": {"description_width": "12em"},
    "layout": widgets.Layout(width="46em", max_width="98%"),
}
"""How a control with its description looks."""


def offer(control: Any, options: Sequence[Any], changed: Callable[[Any], None], like: Any = None) -> None:
    """Give a list other options without telling ``changed``, which observes its value.

    What was selected stays selected where it is among them; else ``like`` or the first is.

    Args:
        control: a selection widget.
        options: values, or pairs of label and value.
        changed: an observer of ``value``.
        like: what to select instead.
    """
    before = control.value
    values = [one[1] if isinstance(one, tuple) else one for one in options]
    control.unobserve(changed, "value")
    control.options = options
    control.value = next((one for one in (before, like) if one in values), values[0] if values else None)
    control.observe(changed, "value")
