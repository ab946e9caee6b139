"""A map of articles in two dimensions, coloured by topic and by language."""

from __future__ import annotations

import time

import ipywidgets as widgets
import numpy as np
import pandas as pd
from sklearn.manifold import TSNE

from smallbert.compress.linear import Pca
from smallbert.compress.moments import Moments
from smallbert.errors import SmallbertError
from smallbert.explore import scatter
from smallbert.explore.articles import ChosenArticles
from smallbert.explore.show import CONTROL, alert, note
from smallbert.measure.neighbours import nearest

PCA, TSNE_MAP = "PCA", "t-SNE"
KINDS = {
    f"{PCA}: distances as far as two numbers can tell them": PCA,
    f"{TSNE_MAP}: who is near whom; far distances mean nothing": TSNE_MAP,
}

MOST = 1200
"""Articles on a map at most: a browser draws so many at once, and t-SNE takes seconds."""

COMPONENTS = 50
"""Principal components t-SNE starts from, as its authors do (van der Maaten and Hinton 2008, section 4.2)."""


def without_languages(vectors: np.ndarray, languages: pd.Series) -> np.ndarray:
    """Vectors less the mean of their own language, which mostly says which language it is."""
    out = np.array(vectors)
    for rows in languages.groupby(languages).indices.values():
        out[rows] -= out[rows].mean(axis=0)
    return out


def principal(vectors: np.ndarray) -> tuple[np.ndarray, float]:
    """The two principal coordinates of vectors (n, 2), and the share of the variance they hold."""
    pca = Pca.fit(Moments.of(vectors))
    return pca.code(2).encode(vectors), float(pca.variances[:2].sum() / pca.variances.sum())


def tsne(vectors: np.ndarray, seed: int = 0) -> np.ndarray:
    """t-SNE of vectors (n, 2), from their first principal components; the same for the same seed and machine."""
    components = min(COMPONENTS, *vectors.shape)
    start = Pca.fit(Moments.of(vectors)).code(components).encode(vectors)
    return TSNE(perplexity=min(30, (len(vectors) - 1) / 3), init="pca", random_state=seed).fit_transform(start)


def agreement(points: np.ndarray, labels: pd.Series) -> float | None:
    """Share of the points with a label whose nearest other such point has the same; None where there are not two."""
    rows = np.flatnonzero(labels != "")
    if len(rows) < 2:
        return None
    known = labels.to_numpy()[rows]
    found = nearest(points[rows], np.arange(len(rows)), 1, metric="l2")[:, 0]
    return float((known == known[found]).mean())


def panel(points: np.ndarray, vectors: np.ndarray, labels: pd.Series, titles: list[str], name: str) -> str:
    """One scatter with its heading, legend, and how far it can be trusted.

    Args:
        points: (n, 2), the map.
        vectors: (n, d), what it is a map of.
        labels: group of each article, empty where it is not known.
        titles: of each article.
        name: what the groups are.
    """
    found, whole = agreement(points, labels), agreement(vectors, labels)
    told = f"No {name} is known."
    if found is not None and whole is not None:
        told = f"{found:.0%} have the same {name} as their nearest on the map, {whole:.0%} by whole vectors."
    grouped = scatter.groups(labels)
    drawing = scatter.svg(points, grouped, titles, f"Map of {len(points):,} articles by {name}. {told}")
    return (
        f'<div style="width:{scatter.SIDE}px;max-width:100%"><b>by {name}</b><br>{drawing}{scatter.legend(grouped)}'
        f"{note(told)}</div>"
    )


class Map:
    """Articles as points, once by topic and once by language.

    Args:
        chosen: the articles.

    Attributes:
        widget: what a notebook shows.
        kind: the list of maps, to set from code.
        centred: whether each language's own mean is taken off, likewise.
        points: the points shown (n, 2).
        seconds: how long the map took.
    """

    def __init__(self, chosen: ChosenArticles) -> None:
        self.kind = widgets.Dropdown(options=KINDS, description="map", **CONTROL)
        self.centred = widgets.Checkbox(description="take off each language's mean", **CONTROL)
        self._note, self._out = widgets.HTML(), widgets.HTML()
        self._chosen = chosen
        self.points, self.seconds = np.zeros((0, 2)), 0.0
        self.widget = widgets.VBox([self._note, self.kind, self.centred, self._out])
        chosen.chosen.observe(self._show, "run")
        self.kind.observe(self._show, "value")
        self.centred.observe(self._show, "value")
        self._show()

    @property
    def shown(self) -> str:
        """HTML of the map."""
        return self._out.value

    @property
    def said(self) -> str:
        """HTML of which articles these are."""
        return self._note.value

    def _show(self, change: object = None) -> None:
        try:
            articles, told = self._chosen.get()
        except SmallbertError as error:
            self._note.value, self._out.value = alert(error), ""
            return
        self._note.value = note(told)
        rows, vectors = articles.rows.iloc[:MOST], articles.vectors[:MOST]
        if self.centred.value:
            vectors = without_languages(vectors, rows.lang)
        began = time.perf_counter()
        if self.kind.value == PCA:
            self.points, share = principal(vectors)
            how = f"The two coordinates hold {share:.0%} of the variance."
        else:
            self.points = tsne(vectors)
            how = "Groups are real where they are apart; their sizes and the distances between them are not."
        self.seconds = time.perf_counter() - began
        panels = "".join(
            panel(self.points, vectors, rows[column], rows.title.tolist(), name)
            for column, name in (("topic", "topic"), ("lang", "language"))
        )
        self._out.value = (
            note(f"{len(rows):,} articles, {self.seconds:.1f} s. {how} A title shows where the pointer rests.")
            + f'<div style="display:flex;flex-wrap:wrap;gap:1.5em">{panels}</div>'
        )
