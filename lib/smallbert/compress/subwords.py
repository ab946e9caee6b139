"""Which tokens a subword algorithm cannot do without, and the algorithm with fewer tokens.

Let V be the vocabulary and W what is kept of it. A text all of whose tokens are kept is cut as before:

- WordPiece takes the longest token of V that matches, again and again. That token is in W, and W, part of V, holds no
  longer one. A word in which nothing matches becomes [UNK]. Where V has every character of its tokens as a token by
  itself (BERT's vocabularies do) and W has those of its own, that happens exactly to words with a character that stands
  in no token. A character foreign to V is foreign to W, so words unknown before stay unknown.
- Unigram takes the cut whose scores sum highest. W leaves it standing and adds none: an unknown character scores ten
  less than the worst piece, which stays, and the text has no other ones than before, because a character goes with the
  tokens it stands in. Ties go to the longest last piece, among few as among many.
- BPE merges the pair of the lowest rank, again and again. What a merge makes is part of a final token. With every part
  of a kept token kept, its merges all remain; the pairs on offer are no others than before, so the same comes first.

So the parts of a kept token are kept as well: its single characters, or for BPE what its merges are made of. A rare
word then falls into smaller pieces, and a character is lost only where no kept token has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from smallbert.errors import DataError


class Subwords(Protocol):
    """One algorithm over one vocabulary.

    Attributes:
        always: ids that every smaller vocabulary needs.
        unknown: id of what has no token; None where nothing is unknown.
    """

    always: frozenset[int]
    unknown: int | None

    def parts(self, token: int) -> set[int]:
        """Ids that go with a token that is kept."""

    def restricted(self, new: dict[int, int]) -> dict[str, Any]:
        """The model as ``tokenizer.json`` has it, with the tokens that have a new id."""


def subwords(model: dict[str, Any]) -> Subwords:
    """The algorithm of a tokenizer.

    Args:
        model: the part ``model`` of ``tokenizer.json``.

    Raises:
        DataError: another algorithm than WordPiece, Unigram or BPE.
    """
    kind = model["type"]
    if kind not in _ALGORITHMS:
        raise DataError(
            f"Expected a tokenizer that is {', '.join(_ALGORITHMS)}; got {kind}.",
            "How another algorithm cuts a text with fewer tokens is not known here.",
        )
    return _ALGORITHMS[kind](model)


def restricted(specification: dict[str, Any], algorithm: Subwords, new: dict[int, int]) -> dict[str, Any]:
    """A whole tokenizer with fewer tokens.

    Args:
        specification: content of ``tokenizer.json``.
        algorithm: from :func:`subwords`.
        new: new id of every token that is kept, rising with the old ones; what the algorithm always needs and all added
            tokens are among them.

    Returns:
        The same for fewer tokens.
    """
    padding = specification["padding"]
    return specification | {
        "model": algorithm.restricted(new),
        "added_tokens": [token | {"id": new[token["id"]]} for token in specification["added_tokens"]],
        "post_processor": _processor(specification["post_processor"], new),
        "padding": padding and padding | {"pad_id": new[padding["pad_id"]]},
    }


class _WordPiece:
    def __init__(self, model: dict[str, Any]) -> None:
        self._model, self._ids = model, model["vocab"]
        self._tokens = {id: token for token, id in self._ids.items()}
        self.unknown = self._ids.get(model["unk_token"])
        self.always = frozenset() if self.unknown is None else frozenset({self.unknown})

    def parts(self, token: int) -> set[int]:
        text, prefix = self._tokens.get(token, ""), self._model["continuing_subword_prefix"]
        inside = text.startswith(prefix) and text != prefix
        characters = text.removeprefix(prefix) if inside else text
        pieces = (prefix + one if inside or place else one for place, one in enumerate(characters))
        return {self._ids[piece] for piece in pieces if piece in self._ids}

    def restricted(self, new: dict[int, int]) -> dict[str, Any]:
        return self._model | {"vocab": _renumbered(self._ids, new)}


class _Unigram:
    def __init__(self, model: dict[str, Any]) -> None:
        self._model, self._pieces = model, model["vocab"]
        self._ids = {piece: id for id, (piece, _score) in enumerate(self._pieces)}
        self.unknown = model["unk_id"]
        worst = min(range(len(self._pieces)), key=lambda id: self._pieces[id][1])
        unknown = set() if self.unknown is None else {self.unknown}
        self.always = frozenset({worst} | unknown | _bytes(model, self._ids))

    def parts(self, token: int) -> set[int]:
        text = self._pieces[token][0] if token < len(self._pieces) else ""
        return {self._ids[one] for one in text if one in self._ids}

    def restricted(self, new: dict[int, int]) -> dict[str, Any]:
        kept = [pair for id, pair in enumerate(self._pieces) if id in new]
        return self._model | {"vocab": kept, "unk_id": None if self.unknown is None else new[self.unknown]}


class _BPE:
    def __init__(self, model: dict[str, Any]) -> None:
        self._model, self._ids = model, model["vocab"]
        prefix = model["continuing_subword_prefix"] or ""
        self._made: dict[int, set[int]] = {}
        self._products = []
        for left, right in model["merges"]:
            product = self._ids[left + right.removeprefix(prefix)]
            self._products.append(product)
            self._made.setdefault(product, set()).update((self._ids[left], self._ids[right]))
        self.unknown = self._ids.get(model["unk_token"])
        # What no merge makes is the alphabet. BPE drops a character it lacks without a trace, so all of it stays.
        self.always = frozenset(set(self._ids.values()) - set(self._made))

    def parts(self, token: int) -> set[int]:
        found: set[int] = set()
        waiting = [token]
        while waiting:
            new = self._made.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return found

    def restricted(self, new: dict[int, int]) -> dict[str, Any]:
        pairs = zip(self._model["merges"], self._products, strict=True)
        merges = [merge for merge, product in pairs if product in new]
        return self._model | {"vocab": _renumbered(self._ids, new), "merges": merges}


_ALGORITHMS: dict[str, Callable[[dict[str, Any]], Subwords]] = {
    "WordPiece": _WordPiece,
    "Unigram": _Unigram,
    "BPE": _BPE,
}


def _renumbered(ids: dict[str, int], new: dict[int, int]) -> dict[str, int]:
    return {token: new[id] for token, id in sorted(ids.items(), key=lambda item: item[1]) if id in new}


def _processor(processor: dict[str, Any] | None, new: dict[int, int]) -> dict[str, Any] | None:
    """What puts the special tokens around a text, with new ids."""
    if processor is None:
        return None
    changed = dict(processor)
    if processor["type"] == "Sequence":
        changed["processors"] = [_processor(one, new) for one in processor["processors"]]
    if processor["type"] == "TemplateProcessing":
        tokens = processor["special_tokens"].items()
        changed["special_tokens"] = {name: one | {"ids": [new[id] for id in one["ids"]]} for name, one in tokens}
    for end in {"cls", "sep"} & set(processor):  # BertProcessing and RobertaProcessing
        token, id = processor[end]
        changed[end] = [token, new[id]]
    return changed


def _bytes(model: dict[str, Any], ids: dict[str, int]) -> set[int]:
    """The tokens of single bytes, where unknown characters are spelt with them."""
    names = (f"<0x{byte:02X}>" for byte in range(256)) if model.get("byte_fallback") else ()
    return {ids[name] for name in names if name in ids}
