"""Every sentence of one language, compiled once: what a telling picks from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from smallbert.corpus.world import lexicon
from smallbert.corpus.world.grammar import COMPUTED, Layout, Template
from smallbert.corpus.world.lexicon import language
from smallbert.errors import DataError

# Role -> (type of its span or "" for none, which group of declared forms it has).
ROLES = {
    "org": ("ORG", "org"),
    "other": ("ORG", "org"),
    "who": ("PER", ""),
    "voice": ("PER", ""),
    "place": ("LOC", ""),
    "home": ("LOC", ""),
    "country": ("LOC", "country"),
    "thing": ("THING", "thing"),
    "office": ("", ""),
    "n": ("NUM", ""),
    "m": ("NUM", ""),
    "amount": ("NUM", ""),
    "score": ("NUM", ""),
    "date": ("DATE", ""),
    "date2": ("DATE", ""),
    "year": ("DATE", ""),
    "tool": ("THING", ""),
}
GENDERED = ("org", "other", "who", "voice")


class Sentences:
    """The templates of a language: one inventory of sentences, compiled once.

    Attributes:
        layout: where each form stands among the values of an event.
        title, lead, cause, result: by kind; the two last by kind and by the index of the cause or result.
        detail: by topic; quote: by topic, then all frames of each quote; scene: by index of the purpose.
        others: "office", "home", "country", "closing" -> templates.
        aside: what introduces the lead of another event; tool: the sentence that names a scene's tool.
    """

    def __init__(self, code: str, source: Path | None) -> None:
        words, inventory = language(code, source), lexicon.inventory(source)
        self.layout = layout = _layout(code, words)
        path = (source or lexicon.folder()) / f"{code}.toml"

        def compiled(texts: Sequence[str], at: str) -> list[Template]:
            return [Template(text, layout, f"{path}: {at}[{i}]") for i, text in enumerate(texts)]

        def framed(name: str, texts: Sequence[str], at: str) -> list[Template]:
            filled = [frame.replace(f"{{{name}}}", text) for text in texts for frame in words["frames"][name]]
            return compiled(filled, at)

        kinds = [(f"kind.{kind.name}", kind, words["kind"][kind.name]) for kind in inventory.kinds]
        self.title = [compiled(own["title"], f"{at}.title") for at, _, own in kinds]
        self.lead = [compiled(own["lead"], f"{at}.lead") for at, _, own in kinds]
        self.cause = [[framed("cause", [own["cause"][c]], f"{at}.cause.{c}") for c in k.causes] for at, k, own in kinds]
        self.result = [[compiled([own["result"][r]], f"{at}.result.{r}") for r in k.results] for at, k, own in kinds]
        topics = [words["topic"][kind.topic] for kind in inventory.kinds]
        self.detail = [compiled(own["detail"], "topic.detail") for own in topics]
        shared = list(words["quotes"].values())
        self.quote = [framed("quote", [own["quote"], own["quote"], *shared], "quotes") for own in topics]
        self.scene = [compiled([words["scene"][purpose]], f"scene.{purpose}") for purpose in inventory.purposes]
        self.others = {
            name: compiled(words["frames"][name], f"frames.{name}") for name in ("office", "home", "country", "closing")
        }
        self.aside = [text.removesuffix("{lead}") for text in words["frames"]["aside"]]
        if any("{" in text for text in self.aside):
            raise DataError(f"{path}: frames.aside: expected texts ending in {{lead}}.", "Correct the lexicon file.")
        self.tool = Template(words["frames"]["tool"], layout, f"{path}: frames.tool")


@cache
def sentences(code: str, source: Path | None = None) -> Sentences:
    """The compiled sentences of a language.

    Raises:
        DataError: a lexicon is incomplete or a template does not compile; names file and key.
    """
    return Sentences(code, source)


def _layout(code: str, words: Mapping[str, Any]) -> Layout:
    declared = {group: tuple(forms) for group, forms in words["forms"].items()}
    computed = tuple(COMPUTED.get(code, {}))
    return Layout({role: (*declared.get(group, ("nom",)), *computed) for role, (_, group) in ROLES.items()}, GENDERED)
