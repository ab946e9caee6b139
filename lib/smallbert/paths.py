"""Where things live. Every other module asks here; nothing builds a path from the working directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

EDITION = "[a-z0-9][a-z0-9._-]*"
"""Regular expression of an edition's name."""


def root() -> Path:
    """The project folder: ``$SMALLBERT_ROOT``, else the nearest parent of the working directory
    that holds this project, else the checkout the package was installed from."""
    if override := os.environ.get("SMALLBERT_ROOT"):
        return Path(override).resolve()
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "lib" / "smallbert").is_dir():
            return folder
    return Path(__file__).resolve().parents[2]


def notebooks() -> Path:
    """Folder of the report's source notebooks, which carry no outputs."""
    return root() / "notebooks"


def data() -> Path:
    """Folder of committed inputs: ``published.toml``, ``profiles.toml``, the world's lexicons."""
    return root() / "data"


@dataclass(frozen=True)
class Edition:
    """The folders of one edition of the report (one corpus, one encoder, one profile).

    Args:
        name: the edition's name, also the name of its folders.
        base: the folder that receives ``data/``, ``figures/`` and ``report/``; the project by default.
    """

    name: str
    base: Path

    @property
    def results(self) -> Path:
        """Tables and values the prose reads: ``data/results/NAME``."""
        return self.base / "data" / "results" / self.name

    @property
    def figures(self) -> Path:
        """Figures (SVG, PNG, CSV) and tables (HTML, CSV): ``figures/NAME``."""
        return self.base / "figures" / self.name

    @property
    def report(self) -> Path:
        """Rendered pages: ``report/NAME``."""
        return self.base / "report" / self.name

    @property
    def executed(self) -> Path:
        """Executed notebooks and their logs, under the cache."""
        return cache(self.base) / "executed" / self.name


def edition(name: str) -> Edition:
    """The edition ``name`` under ``$SMALLBERT_OUT``, or under the project where that is unset."""
    return Edition(name, Path(os.environ.get("SMALLBERT_OUT") or root()).resolve())


def cache(base: Path | None = None) -> Path:
    """Folder of everything that can be computed again: ``$SMALLBERT_CACHE``, else ``data/cache``
    under ``base`` (the project by default)."""
    if override := os.environ.get("SMALLBERT_CACHE"):
        return Path(override).resolve()
    out = os.environ.get("SMALLBERT_OUT")
    return (base or (Path(out).resolve() if out else root())) / "data" / "cache"
