"""Sentence templates and the forms words take in them.

A template is text with slots. ``{org}`` is a role in its first form, ``{org:gen}`` in another one, and
``{org?принял/приняла/приняло}`` picks by the gender of the role (masculine, feminine, neuter; the last
given stands for the rest). Square brackets in a word's form mark what counts as the entity: "the [Veldor Museum]".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter

from smallbert.errors import DataError

GENDERS = {"m": 0, "f": 1, "n": 2}
# Sentence-initial words take a capital in these scripts.
CASED = frozenset({"latin", "cyrillic"})

_SLOT = re.compile(r"\{(\w+)(?:([:?])([^{}]*))?\}")


def plain(form: str) -> str:
    """A form without the brackets that mark the entity."""
    return form.replace("[", "").replace("]", "")


def bracketed(form: str) -> str:
    """A form in which the entity is marked; a form without brackets is the entity as a whole."""
    return form if "[" in form else f"[{form}]"


# Final sound of a digit read in Korean, as the final-consonant index of its Hangul syllable: 0 yeong ... 9 gu.
_DIGIT_FINALS = (21, 8, 0, 16, 0, 0, 1, 8, 8, 0)
_RIEUL = 8


def final_consonant(word: str) -> int:
    """Index of the last syllable's final consonant in the Unicode Hangul table, 0 if it ends in a vowel.

    Unicode chapter 3.12: a syllable is 0xAC00 + (initial * 21 + vowel) * 28 + final. A digit counts as read aloud.
    """
    last = word[-1]
    return _DIGIT_FINALS[int(last)] if last.isdecimal() else (ord(last) - 0xAC00) % 28


def _particle(after_consonant: str, after_vowel: str, rieul_as_vowel: bool = False) -> Callable[[str], str]:
    def attach(form: str) -> str:
        final = final_consonant(plain(form))
        vowel = final == 0 or (rieul_as_vowel and final == _RIEUL)
        return form + (after_vowel if vowel else after_consonant)

    return attach


def _contraction(preposition: str, with_article: str) -> Callable[[str], str]:
    def attach(form: str) -> str:
        return f"{with_article} {form[3:]}" if form.startswith("el ") else f"{preposition} {form}"

    return attach


# Forms computed from the first one, for every word of the language.
COMPUTED: Mapping[str, Mapping[str, Callable[[str], str]]] = {
    "ko": {
        "은": _particle("은", "는"),
        "이": _particle("이", "가"),
        "을": _particle("을", "를"),
        "으로": _particle("으로", "로", rieul_as_vowel=True),
        "이다": _particle("이다", "다"),
    },
    "es": {"de": _contraction("de", "del"), "a": _contraction("a", "al")},
}


class Layout:
    """Where each form of each role stands in the flat tuple of strings that fills a template.

    Args:
        forms: role -> names of its forms, in the order in which the values are concatenated.
        gendered: roles that have a gender, in the order of the ``genders`` given to :meth:`Template.render`.
    """

    def __init__(self, forms: Mapping[str, Sequence[str]], gendered: Sequence[str]) -> None:
        places = [(role, form) for role, names in forms.items() for form in names]
        self.index = {place: i for i, place in enumerate(places)}
        self.first = {role: names[0] for role, names in forms.items()}
        self.gendered = {role: i for i, role in enumerate(gendered)}


class Template:
    """One compiled sentence.

    Args:
        text: the template.
        layout: the places its slots refer to.
        at: file and key, for error messages.

    Raises:
        DataError: an unknown role or form, two roles with switches, or stray brackets or braces.
    """

    __slots__ = ("_switch", "_variants", "roles")

    def __init__(self, text: str, layout: Layout, at: str) -> None:
        slots = list(_SLOT.finditer(text))
        if re.search(r"[{}\[\]]", _SLOT.sub("", text)):
            raise DataError(
                f"{at}: expected slots like {{org}}, {{org:gen}} or {{org?a/b}}, got “{text}”.",
                "Correct the lexicon file.",
            )
        for slot in slots:
            role, mark, rest = slot.groups()
            known = layout.gendered if mark == "?" else layout.first
            if role not in known or (mark == ":" and (role, rest) not in layout.index):
                raise DataError(
                    f"{at}: expected a slot of the roles {', '.join(known)}, got {slot.group()}.",
                    "Correct the lexicon file, or declare the form under [forms].",
                )
        switched = sorted({slot[1] for slot in slots if slot[2] == "?"})
        if len(switched) > 1:
            raise DataError(f"{at}: expected switches on one role, got {switched}.", "Split the template.")
        self.roles = frozenset(slot[1] for slot in slots if slot[2] != "?")
        self._switch = layout.gendered[switched[0]] if switched else None
        self._variants = [self._compile(text, layout, gender) for gender in GENDERS.values()]

    @staticmethod
    def _compile(text: str, layout: Layout, gender: int) -> tuple[str, Callable[[tuple[str, ...]], object]]:
        picks: list[int] = []

        def fill(slot: re.Match[str]) -> str:
            role, mark, rest = slot.groups()
            if mark == "?":
                choices = rest.split("/")
                return choices[min(gender, len(choices) - 1)]
            picks.append(layout.index[role, rest or layout.first[role]])
            return "%s"

        pattern = _SLOT.sub(fill, text.replace("%", "%%"))
        return pattern, itemgetter(*picks) if picks else lambda values: ()

    def render(self, values: tuple[str, ...], genders: Sequence[int]) -> str:
        """The sentence for these forms and genders (both in the order of the layout)."""
        switch = self._switch
        pattern, pick = self._variants[0 if switch is None else genders[switch]]
        return pattern % pick(values)
