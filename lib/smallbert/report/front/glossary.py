"""The glossary: what the report's terms mean (``data/glossary.toml``), and on which pages each is used."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from html import unescape
from pathlib import Path

from smallbert import paths
from smallbert.errors import DataError


@dataclass(frozen=True)
class Term:
    """One entry.

    Args:
        term: as the report writes it.
        means: what it means, one or two sentences.
        source: where it comes from, empty where no source is due.
        forms: other ways in which the report writes it.
        ko: the Korean word, which the Korean summary uses; empty where it keeps the English one.
    """

    term: str
    means: str
    source: str = ""
    forms: tuple[str, ...] = field(default=())
    ko: str = ""

    def used_in(self, text: str) -> bool:
        """Whether the term or one of its forms stands in ``text``, as a word of its own; capitals count in
        abbreviations."""
        return any(_pattern(one).search(text) for one in (self.term, *self.forms))

    @property
    def anchor(self) -> str:
        """The entry's identifier on its page."""
        return "term-" + re.sub(r"[^\w]+", "-", self.term.lower()).strip("-")


def load(path: Path | None = None) -> list[Term]:
    """All terms, by the alphabet; none where the project has no glossary.

    Args:
        path: another file than the project's ``data/glossary.toml``.

    Raises:
        DataError: the file is no TOML, or an entry lacks its term or meaning, has an unknown field or repeats a term.
    """
    path = path or paths.data() / "glossary.toml"
    if not path.exists():
        return []
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("term", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no readable TOML: {error}.") from error
    known = {one.name for one in fields(Term)}
    for number, entry in enumerate(entries, start=1):
        if not {"term", "means"} <= set(entry) <= known:
            raise DataError(
                f"{path}, entry {number}: expected term, means and of {sorted(known)}, got {sorted(entry)}."
            )
    terms = [Term(**{**entry, "forms": tuple(entry.get("forms", ()))}) for entry in entries]
    if len({one.term.lower() for one in terms}) < len(terms):
        raise DataError(f"{path}: a term is explained twice.")
    return sorted(terms, key=lambda one: one.term.lower().lstrip("§ "))


def entries(terms: list[Term], bodies: Mapping[str, str]) -> list[tuple[Term, list[str]]]:
    """Each term that some page uses, with the stems of these pages; a term that no page uses is left out.

    Args:
        terms: from :func:`load`.
        bodies: HTML of the pages, by stem.
    """
    texts = {stem: text_of(html) for stem, html in bodies.items()}
    rows = [(term, [stem for stem, text in texts.items() if term.used_in(text)]) for term in terms]
    return [(term, stems) for term, stems in rows if stems]


def text_of(html: str) -> str:
    """What a reader sees or hears of ``html``: its text, and the words of its images, without code and addresses."""
    html = re.sub(r'<img\b[^>]*?\balt="([^"]*)"[^>]*>', r" \1 ", re.sub(r'\bsrc="[^"]*"', "", html))
    html = re.sub(r"<(style|pre)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def _pattern(form: str) -> re.Pattern[str]:
    # Capitals tell PCA from a stray pca; words may stand at the start of a sentence, and in the plural.
    flags = 0 if re.search(r"[A-Z]{2}", form) else re.IGNORECASE
    return re.compile(rf"(?<![\w-]){re.escape(form)}(?:s|es)?(?![\w-])", flags)
