"""The nearest articles of an article, before and after its vector is narrowed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd

from smallbert.compress.codes.code import cosines
from smallbert.errors import SmallbertError
from smallbert.explore.articles import Articles, ChosenArticles
from smallbert.explore.narrowing import Narrowed, Way, ways
from smallbert.explore.show import CONTROL, alert, compact, note, offer
from smallbert.measure.neighbours import overlap
from smallbert.measure.stats import mean_interval

COUNT = 10
"""Neighbours shown and counted."""

WIDTH = 32
"""Numbers kept at first, or what is nearest to it."""

LISTED = 200
"""Articles in the list at most."""

AVERAGED = 500
"""Articles behind the average at most."""


def nearest(narrowed: Narrowed, articles: np.ndarray, count: int = COUNT) -> tuple[np.ndarray, np.ndarray]:
    """The nearest other articles by cosine, nearest first.

    Args:
        narrowed: what is compared with what.
        articles: row numbers (q,).
        count: how many.

    Returns:
        Row numbers and cosines, both (q, count).
    """
    scores = cosines(narrowed.queries[articles], narrowed.documents)
    scores[np.arange(len(articles)), articles] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return order, np.take_along_axis(scores, order, axis=1)


def compared(articles: Articles, narrowed: Narrowed, article: int, count: int = COUNT) -> pd.DataFrame:
    """The neighbours of one article before and after.

    Returns:
        Columns ``when`` (before, after), ``rank``, ``cosine``, ``kept`` (whether it is a neighbour both times), and
        ``id``, ``lang``, ``topic``, ``title`` of the neighbour.
    """
    parts = {}
    for when, one in (("before", Narrowed(articles.vectors, articles.vectors)), ("after", narrowed)):
        [rows], [scores] = nearest(one, np.array([article]), count)
        known = articles.rows.iloc[rows].reset_index(drop=True)
        parts[when] = known.assign(when=when, rank=range(1, len(rows) + 1), cosine=scores, row=rows)
    both = set(parts["before"].row) & set(parts["after"].row)
    frame = pd.concat(parts.values(), ignore_index=True)
    return frame.assign(kept=frame.row.isin(both))[["when", "rank", "cosine", "kept", "id", "lang", "topic", "title"]]


def kept(articles: Articles, narrowed: Narrowed, count: int = COUNT) -> np.ndarray:
    """Share of the neighbours that stay, for each of the first :data:`AVERAGED` articles."""
    asked = np.arange(min(len(articles.vectors), AVERAGED))
    before, _ = nearest(Narrowed(articles.vectors, articles.vectors), asked, count)
    return overlap(before, nearest(narrowed, asked, count)[0])


def matching(rows: pd.DataFrame, words: str) -> list[int]:
    """Rows whose title, language or topic holds all of ``words``, in any case; at most :data:`LISTED`."""
    text = (rows.lang + " " + rows.topic + " " + rows.title).str.casefold()
    found = pd.Series(True, index=rows.index)
    for word in words.casefold().split():
        found &= text.str.contains(word, regex=False)
    return rows.index[found][:LISTED].tolist()


def html(frame: pd.DataFrame, before: str, after: str) -> str:
    """The neighbours before and after in two columns; what stays is marked."""
    columns = [frame[frame.when == when].reset_index(drop=True) for when in ("before", "after")]
    body = "".join(
        f'<tr><th scope="row">{position + 1}</th>{"".join(_cell(column.iloc[position]) for column in columns)}</tr>'
        for position in range(len(columns[0]))
    )
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in (before, after))
    return (
        f"<table><caption>The {len(columns[0])} nearest articles; ● is among them before and after.</caption>"
        f'<thead><tr><th scope="col">rank</th>{heads}</tr></thead><tbody>{body}</tbody></table>'
    )


def _cell(one: Any) -> str:
    mark = "●" if one.kept else "○"
    small = f"{one.lang or 'language unknown'}, {one.topic or 'topic unknown'}, {one.cosine:.3f}"
    return (
        f'<td style="min-width:20em">{mark} <bdi>{escape(one.title)}</bdi><br>'
        f'<small style="opacity:.75">{escape(small)}</small></td>'
    )


class Neighbours:
    """An article, a way to narrow, a width: its neighbours before and after.

    Args:
        chosen: the articles.

    Attributes:
        widget: what a notebook shows.
        words: what titles in the list must hold, to set from code.
        article: the list of articles, likewise.
        way: the list of ways to narrow.
        width: the slider of widths.
        frame: the neighbours shown.
    """

    def __init__(self, chosen: ChosenArticles) -> None:
        self.words = widgets.Text(
            description="find", placeholder="words of a title, a language, a topic", continuous_update=False, **CONTROL
        )
        self.article = widgets.Select(description="article", rows=6, **CONTROL)
        self.way = widgets.Dropdown(description="narrowed by", **CONTROL)
        self.width = widgets.SelectionSlider(
            description="numbers kept", options=[WIDTH], continuous_update=False, **CONTROL
        )
        self._note, self._out = widgets.HTML(), widgets.HTML()
        self._chosen = chosen
        self._articles: Articles | None = None
        self._ways: dict[str, Way] = {}
        self.frame = pd.DataFrame()
        controls = [self.words, self.article, self.way, self.width]
        self.widget = widgets.VBox([self._note, *controls, self._out])
        chosen.chosen.observe(self._load, "run")
        self.words.observe(self._list, "value")
        self.way.observe(self._way_changed, "value")
        self.article.observe(self._show, "value")
        self.width.observe(self._show, "value")
        self._load()

    @property
    def shown(self) -> str:
        """HTML of the neighbours."""
        return self._out.value

    @property
    def said(self) -> str:
        """HTML of which articles these are."""
        return self._note.value

    def _load(self, change: object = None) -> None:
        try:
            found, told = self._chosen.get()
            self._ways = {way.name: way for way in ways(found)}
        except SmallbertError as error:
            self._articles, self._note.value, self._out.value = None, alert(error), ""
            return
        self._articles, self._note.value = found, note(told)
        offer(self.way, list(self._ways), self._way_changed)
        self._offer_widths()
        self._list()

    def _list(self, change: object = None) -> None:
        if self._articles is not None:
            rows = self._articles.rows
            found = matching(rows, self.words.value)
            labels = [f"{rows.lang[row]} · {rows.topic[row]} · {rows.title[row]}" for row in found]
            offer(self.article, list(zip(labels, found, strict=True)), self._show)
            self._show()

    def _way_changed(self, change: object) -> None:
        self._offer_widths()
        self._show()

    def _offer_widths(self) -> None:
        widths, before = _steps(self._ways[self.way.value].widths), self.width.value
        near = min(widths, key=lambda width: abs(width - before))
        offer(self.width, widths, self._show, near)

    def _show(self, change: object = None) -> None:
        if self._articles is None:
            return
        if self.article.value is None:
            self._out.value, self.frame = note("No title holds these words."), pd.DataFrame()
            return
        width = self.width.value
        narrowed = self._ways[self.way.value].narrow(width)
        self.frame = compared(self._articles, narrowed, self.article.value)
        stay = int(self.frame.kept.sum()) // 2
        mean = mean_interval(COUNT * kept(self._articles, narrowed))
        told = (
            f"{stay} of {COUNT} neighbours stay. On average over {mean.n:,} articles {mean.estimate:.1f} stay "
            f"(95%: {mean.low:.1f} to {mean.high:.1f})."
        )
        before, after = f"before: {self._articles.matrices.width} numbers", f"after: {self.way.value}, {width} numbers"
        self._out.value = note(told) + compact(html(self.frame, before, after))


def _steps(widths: Sequence[int]) -> list[int]:
    """Of many widths those that a slider shows: powers of two, those halfway between, and the last."""
    round_ones = {2**n for n in range(20)} | {3 * 2**n for n in range(20)}
    return [width for width in widths if len(widths) < 20 or width in round_ones or width == widths[-1]]
