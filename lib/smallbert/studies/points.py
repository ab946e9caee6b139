"""Names of the frontier's points, as a command line has them, and what of them can be built again.

A buildable point is one or two parts joined by ``+``: ``trim-COVERAGE`` (the tokens that cover that share of a
corpus), then ``pca-K`` (a last layer of K principal components; ``pca-K-FORMAT`` says how an index stores the numbers),
``CODE-N-bytes`` (another code of page 8 in so many bytes, such as ``pca-product-16-bytes``) or ``fp16``, ``int8``,
``int4`` (bits of the stored weights). For example ``trim-0.99+pca-32-int8``. Alone stand ``drop-layers-K-of-N-kept``
and ``truncate-the-word-table-rank-R`` (two factors; ``...-by-frequency-rank-R`` where a token's frequency weighs its
row). Students and the encoders of page 4 have names too; they need their edition's settings, see
:mod:`smallbert.studies.build_student` and :mod:`smallbert.studies.build_arm`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from smallbert.errors import UsageError

WHOLE = "whole"
FORMATS = ("fp32", "fp16", "int8", "binary")
"""How an index stores numbers."""
BITS = {"fp16": 16, "int8": 8, "int4": 4}
"""Bits of stored weights."""
CODES = (
    "whitening",
    "truncation",
    "random projection",
    "PCA, binary, rescored",
    "PCA, product",
    "int8",
    "binary",
    "binary, rescored",
    "product",
)
"""Codes of page 8, beside principal components, whose map is affine and fitted for one size: a last layer can be it."""

_TRIM = re.compile(r"trim-(0?\.\d+|1(?:\.0*)?)")
_DROP = re.compile(r"drop-layers-(\d+)-of-(\d+)-kept")
_TRUNCATE = re.compile(r"truncate-the-word-table(-by-frequency)?-rank-(\d+)")
_PCA = re.compile(rf"pca-(\d+)(?:-({'|'.join(FORMATS)}))?")
_CODE = re.compile(r"(.+)-(\d+)-bytes")


@dataclass(frozen=True)
class Plan:
    """What to build.

    Args:
        coverage: share of token occurrences that the kept vocabulary covers; None keeps all tokens.
        width: principal components of the last layer; None for no such layer.
        numbers: how an index stores its numbers, one of :data:`FORMATS`.
        code: another code for the index, one of :data:`CODES`, and its bytes a vector.
        bits: of the stored weights, 16, 8 or 4; None for what the encoder has.
        layers: how many are kept of how many; None keeps all.
        rank: of the word table, stored as two factors; None leaves it whole.
        by_frequency: whether a token's frequency weighs its row in that.
    """

    coverage: float | None = None
    width: int | None = None
    numbers: str = "fp32"
    code: tuple[str, int] | None = None
    bits: Literal[16, 8, 4] | None = None
    layers: tuple[int, int] | None = None
    rank: int | None = None
    by_frequency: bool = False

    @property
    def narrows(self) -> bool:
        """Whether a last layer follows the encoder."""
        return self.width is not None or self.code is not None


def parse(point: str) -> Plan:
    """The plan that a point's name says.

    Raises:
        UsageError: no point that can be built from an encoder and a corpus.
    """
    plan: dict[str, Any] = {}
    if (drop := _DROP.fullmatch(point)) and 0 < int(drop[1]) <= int(drop[2]):
        return Plan(layers=(int(drop[1]), int(drop[2])))
    if (narrow := _TRUNCATE.fullmatch(point)) and int(narrow[2]):
        return Plan(rank=int(narrow[2]), by_frequency=bool(narrow[1]))
    for part in point.split("+"):
        if (trim := _TRIM.fullmatch(part)) and not plan:
            plan["coverage"] = float(trim[1])
        elif {"width", "code", "bits"} & set(plan):
            raise _unknown(point)
        elif (pca := _PCA.fullmatch(part)) and int(pca[1]):
            plan["width"], plan["numbers"] = int(pca[1]), pca[2] or "fp32"
        elif (code := _CODE.fullmatch(part)) and code[1] in _CODES and int(code[2]):
            plan["code"] = _CODES[code[1]], int(code[2])
        elif part in BITS:
            plan["bits"] = BITS[part]
        else:
            raise _unknown(point)
    return Plan(**plan)


def _unknown(point: str) -> UsageError:
    return UsageError(
        "Expected trim-COVERAGE, pca-K, CODE-N-bytes, fp16, int8, int4, trim-COVERAGE+ one of the others, "
        "drop-layers-K-of-N-kept, truncate-the-word-table-rank-R, or a student or an encoder of page 4 of the edition, "
        f"got {point!r}.",
        "Which --edition has it? Students of your own: smallbert distil. Other points are made by their page: "
        "smallbert recommend names the command.",
    )


def buildable(point: str) -> bool:
    """Whether :func:`parse` knows the point."""
    try:
        parse(point)
    except UsageError:
        return False
    return True


def slug(text: str) -> str:
    """A name as one word: ``drop layers, 2 of 3 kept`` as ``drop-layers-2-of-3-kept``."""
    return re.sub(r"[^\w.%]+", "-", text.lower()).strip("-.")


def trimmed(text: str) -> str | None:
    """The point of an encoder that is said to be trimmed alone, by the coverage in the text; None for any other."""
    found = re.search(r"(?:coverage|cover|trimmed|trim)\D*?(\d?\.\d+|\d)(?!\d)", text.lower())
    return f"trim-{float(found[1]):g}" if found and 0 < float(found[1]) <= 1 else None


def truncated(rank: int) -> str:
    """The point of an encoder whose word table has a rank, weighed by frequency."""
    return f"truncate-the-word-table-by-frequency-rank-{rank}"


def student(layers: int, hidden: int, *, alone: bool = False) -> str:
    """The point of a student of page 5 by its size: the best distilled one, or the one trained alone."""
    return slug(f"student{' alone' * alone}, {layers} x {hidden}")


def code(method: str, nbytes: int) -> str:
    """The point of a code of page 8 with so many bytes a vector."""
    width, numbers = {
        "PCA": (nbytes // 2, "fp16"),
        "PCA, 32 bits": (nbytes // 4, "fp32"),
        "PCA, int8": (nbytes, "int8"),
        "PCA, binary": (8 * nbytes, "binary"),
    }.get(method, (0, ""))
    return f"pca-{width}-{numbers}" if width else f"{slug(method)}-{nbytes}-bytes"


_CODES = {slug(name): name for name in CODES}
