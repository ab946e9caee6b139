"""Tables as accessible HTML: caption, column scopes, right-aligned numbers, everything escaped."""

from __future__ import annotations

import html
from numbers import Integral, Real

import pandas as pd

P_VALUES = ("p", "p_holm")
"""Columns of p-values."""

SIGNIFICANT = 0.05
"""Below it a corrected p is told."""


def html_table(frame: pd.DataFrame, caption: str, formats: dict[str, str] | None = None) -> str:
    """HTML of ``frame``, its first column as row headings.

    P-values, the columns of :data:`P_VALUES`, have a form of their own, which no other replaces.

    Args:
        frame: one row a line; column names are the headings, underscores read as spaces.
        caption: shown above the table.
        formats: Python format by column name, spaces written as underscores; numbers without one are shown
            with thousands separators (integers) or four significant digits (floats).
    """
    formats = formats or {}
    head = "".join(f'<th scope="col">{html.escape(_heading(str(column)))}</th>' for column in frame.columns)
    body = []
    for row in frame.itertuples(index=False):
        cells = []
        for position, (column, value) in enumerate(zip(frame.columns, row, strict=True)):
            spec = formats.get(str(column).replace(" ", "_"), "")
            text = html.escape(_p_value(value) if column in P_VALUES else _format(value, spec))
            kind = ' class="number"' if isinstance(value, Real) and not isinstance(value, bool) else ""
            cells.append(f'<th scope="row">{text}</th>' if position == 0 else f"<td{kind}>{text}</td>")
        body.append("<tr>" + "".join(cells) + "</tr>")
    return (
        f'<div class="table"><table><caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _heading(column: str) -> str:
    """A column's name as words; files keep the name."""
    return "p, Holm" if column == "p_holm" else column.replace("_", " ")


def _p_value(p: float) -> str:
    """Three significant digits, and more where these would put it on the other side of 0.05 or on it."""
    if p != p:
        return "–"
    if p < 0.001:
        return "<0.001"
    told = (f"{p:#.{digits}g}" for digits in range(3, 18))
    return next(text for text in told if (float(text) < SIGNIFICANT) == (p < SIGNIFICANT))


def _format(value: object, spec: str) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if spec:
        return format(value, spec)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if isinstance(value, Real):
        number = float(value)
        return f"{number:,.0f}" if number.is_integer() or 1000 <= abs(number) < 1e15 else f"{number:.4g}"
    return str(value)
