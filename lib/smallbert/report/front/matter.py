"""The pages around an edition's pages: first page, glossary and Korean summary; and the list of editions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from smallbert.paths import Edition
from smallbert.report.front import korean
from smallbert.report.front.answers import Frontier
from smallbert.report.front.english import sentence
from smallbert.report.front.findings import Finding, collect
from smallbert.report.front.first import LEADING, EditionFound, across, first, questions
from smallbert.report.front.glossary import Term, entries, load
from smallbert.report.front.names_ko import source
from smallbert.report.front.reference import Reference
from smallbert.report.front.summary_ko import summary
from smallbert.report.front.taking_ko import take
from smallbert.report.inputs import named
from smallbert.report.notebooks import Notebook
from smallbert.studies.frontier_points import FRONTIER

SUMMARY, GLOSSARY = "summary_ko.html", "glossary.html"


@dataclass(frozen=True)
class Document:
    """A page to be written.

    Args:
        name: of its file, in the edition's folder.
        template: under ``templates/site``.
        description: for search engines and previews.
        values: of the template.
    """

    name: str
    template: str
    description: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Matter:
    """What the pages around an edition's pages are made of.

    Args:
        edition: its folders.
        run: its ``run.json``.
        pages: the finished pages as the renderer made them, in order.
        titles: every page of the report by stem, from :func:`titles`.
        found: findings by page.
        terms: the terms that some page uses, with these pages.
    """

    edition: Edition
    run: Mapping[str, Any]
    pages: Sequence[Mapping[str, Any]]
    titles: Mapping[str, str]
    found: Mapping[str, Finding]
    terms: Sequence[tuple[Term, list[Mapping[str, Any]]]]

    @classmethod
    def of(
        cls, edition: Edition, run: Mapping[str, Any], pages: Sequence[Mapping[str, Any]], titles: Mapping[str, str]
    ) -> Matter:
        """Read findings and glossary; see the class for the arguments."""
        by_stem = {page["stem"]: page for page in pages}
        used = entries(load(), {stem: page["body"] for stem, page in by_stem.items()})
        terms = [(term, [by_stem[stem] for stem in stems]) for term, stems in used]
        return cls(edition, run, pages, titles, collect(edition, list(by_stem)), terms)

    def short(self, stem: str) -> str:
        """A page's answer in a sentence or two; empty where it has only the answer that it recorded."""
        return sentence(self.found[stem]) if stem in self.found else ""

    def documents(self, shown: Mapping[str, Any], question: str) -> Iterator[Document]:
        """The first page, and where there is something in them the glossary and the Korean summary.

        Args:
            shown: facts of the run, as the renderer prepared them.
            question: of the whole report.
        """
        reference = Reference.of(self.run, self.found)
        front = first(self.found, self.pages, self.titles, reference)
        yield Document(
            "index.html",
            "first",
            " ".join(front.lead) or shown["standfirst"],
            {"question": question, "run": shown, "pages": self.pages, "front": front}
            | {"glossary": bool(self.terms), "korean": bool(self.found)},
        )
        if self.terms:
            meaning = f"What the words of the report mean: {', '.join(term.term for term, _ in self.terms)}."
            yield Document(GLOSSARY, "glossary", meaning, {"run": shown, "entries": self.terms})
        if self.found:
            yield Document(SUMMARY, "summary_ko", korean.QUESTION, self._korean(shown, reference))

    def _korean(self, shown: Mapping[str, Any], reference: Reference | None) -> dict[str, Any]:
        image = next((page["image"] for page in self.pages if page["stem"] == FRONTIER), "")
        content = summary(self.edition, self.found, self.run, self.titles)
        return {
            "question": korean.QUESTION,
            "run": dict(shown) | {one: source(named(self.run.get(one) or {})) for one in ("corpus", "encoder")},
            "summary": content,
            "answer": [
                *([take(last)] if isinstance(last := self.found.get(FRONTIER), Frontier) else []),
                *([korean.measured(reference)] if reference else []),
                *(korean.sentence(self.found[stem]) for stem in LEADING if stem in self.found),
            ],
            "pictured": FRONTIER,
            # The same drawing with its alternative text in the page's language.
            "image": re.sub(r'\balt="[^"]*"', lambda _: f'alt="{escape(content.drawn)}"', image),
            "terms": [term for term, _ in self.terms if term.ko],
        }


def titles(notebooks: Sequence[Notebook]) -> dict[str, str]:
    """The question of every page, from its source, by stem; the stem where it has none."""
    found = {}
    for notebook in notebooks:
        prose = (cell.source for cell in notebook.read().cells if cell.cell_type == "markdown")
        heading = next((match for source in prose if (match := re.search(r"^# +(.+)$", source, re.MULTILINE))), None)
        found[notebook.stem] = heading[1].strip() if heading else notebook.stem
    return found


def editions(
    base: Path, shown: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], titles: Mapping[str, str]
) -> dict[str, Any]:
    """Values of the list of editions.

    Args:
        base: the folder that holds ``data/``, ``figures/`` and ``report/``.
        shown: facts of each edition's run, as the renderer prepared them, and its ``run.json`` with the stages alone
            that tell what it found.
        titles: from :func:`titles`.
    """
    found = [_edition(base, facts, run) for facts, run in shown]
    asked = [(stem, titles.get(stem, stem), told) for stem, told in questions(found)]
    needs = list(dict.fromkeys(need for one in found for need in one.needs))
    keeps = dict.fromkeys(one.keep for one in found if one.keep)
    return {"across": across(found), "editions": found, "needs": needs, "keep": " or ".join(keeps), "questions": asked}


def _edition(base: Path, shown: Mapping[str, Any], run: Mapping[str, Any]) -> EditionFound:
    edition = Edition(shown["edition"], base)
    corpus = run.get("corpus") or {}
    facts = {
        "corpus": named(corpus),
        "encoder": named(run.get("encoder") or {}),
        "rows": f"{corpus['rows']:,}" if isinstance(corpus.get("rows"), int) else "–",
        "languages": f"{len(corpus['languages'])}" if corpus.get("languages") else "–",
    }
    return EditionFound(dict(shown) | facts, collect(edition, list(run["stages"])), (edition.report / SUMMARY).exists())
