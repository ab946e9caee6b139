"""Names of the frontier's points, as a command line has them, and what of them can be built again.

A buildable point is one or two parts joined by ``+``, such as ``trim-0.99+pca-32-int8``. ``trim-COVERAGE`` comes first:
the tokens that cover that share of a corpus. What follows it, or stands alone, is one of

- ``pca-K``, a last layer of K principal components (``pca-K-FORMAT`` says how an index stores the numbers), another map
  of page 2 in 32 bits (``whitening-K-fp32``) or one of its autoencoders (``fair-D-layers-K-fp32``, ``original-...``);
- a code of page 8 in so many bytes (``pca-product-16-bytes``, ``autoencoder-16-bytes``);
- ``fp16``, ``int8``, ``int4``, bits of the stored weights;
- ``truncate-the-word-table-rank-R``, two factors (``...-by-frequency-rank-R``: a token's frequency weighs its row).

``drop-layers-K-of-N-kept`` stands alone. Students and the encoders of page 4 have names too; they need their edition's
settings, see :mod:`smallbert.studies.build_student` and :mod:`smallbert.studies.build_arm`.
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
    "Matryoshka head",
    "k-sparse",
    "PCA, binary, rescored",
    "PCA, product",
    "int8",
    "binary",
    "binary, rescored",
    "product",
    "autoencoder",
    "autoencoder, two-layer decoder",
)
"""Codes of page 8 beside principal components."""
MAPS = ("whitening", "truncation", "truncation, least squares", "random projection, gaussian")
"""Affine maps of page 2 beside principal components."""
TRAINED = ("Matryoshka head", "k-sparse", "autoencoder", "autoencoder, two-layer decoder")
"""The codes whose training an edition's settings decide."""

_TRIM = re.compile(r"trim-(0?\.\d+|1(?:\.0*)?)")
_DROP = re.compile(r"drop-layers-(\d+)-of-(\d+)-kept")
_TRUNCATE = re.compile(r"truncate-the-word-table(-by-frequency)?-rank-(\d+)")
_PCA = re.compile(rf"pca-(\d+)(?:-({'|'.join(FORMATS)}))?")
_CODE = re.compile(r"(.+)-(\d+)-bytes")
_MAP = re.compile(r"(.+)-(\d+)-fp32")
_NETWORK = re.compile(r"(original|fair)-(\d+)-layers?-(\d+)-fp32")


@dataclass(frozen=True)
class Network:
    """The encoder of an autoencoder of page 2.

    Args:
        protocol: ``original`` or ``fair``.
        layers: affine layers.
        width: numbers in its code.
    """

    protocol: Literal["original", "fair"]
    layers: int
    width: int


@dataclass(frozen=True)
class Plan:
    """What to build.

    Args:
        coverage: share of token occurrences that the kept vocabulary covers; None keeps all tokens.
        width: numbers of an affine map, the last layer; None for no such layer.
        map: which, ``PCA`` or one of :data:`MAPS`.
        network: an autoencoder's encoder instead.
        numbers: how an index stores its numbers, one of :data:`FORMATS`.
        code: another code for the index, one of :data:`CODES`, and its bytes a vector.
        bits: of the stored weights, 16, 8 or 4; None for what the encoder has.
        layers: how many are kept of how many; None keeps all.
        rank: of the word table, stored as two factors; None leaves it whole.
        by_frequency: whether a token's frequency weighs its row in that.
    """

    coverage: float | None = None
    width: int | None = None
    map: str = "PCA"
    network: Network | None = None
    numbers: str = "fp32"
    code: tuple[str, int] | None = None
    bits: Literal[16, 8, 4] | None = None
    layers: tuple[int, int] | None = None
    rank: int | None = None
    by_frequency: bool = False

    @property
    def narrows(self) -> bool:
        """Whether a last layer follows the encoder."""
        return self.width is not None or self.network is not None or self.code is not None

    @property
    def trains(self) -> bool:
        """Whether an edition's settings decide how it is trained."""
        return self.network is not None or (self.code is not None and self.code[0] in TRAINED)


def parse(point: str) -> Plan:
    """The plan that a point's name says.

    Raises:
        UsageError: no point that can be built from an encoder and a corpus.
    """
    plan: dict[str, Any] = {}
    if (drop := _DROP.fullmatch(point)) and 0 < int(drop[1]) <= int(drop[2]):
        return Plan(layers=(int(drop[1]), int(drop[2])))
    for part in point.split("+"):
        if (trim := _TRIM.fullmatch(part)) and not plan:
            plan["coverage"] = float(trim[1])
        elif {*plan} - {"coverage"}:
            raise _unknown(point)
        elif (pca := _PCA.fullmatch(part)) and int(pca[1]):
            plan["width"], plan["numbers"] = int(pca[1]), pca[2] or "fp32"
        elif (net := _NETWORK.fullmatch(part)) and int(net[2]) and int(net[3]):
            plan["network"] = Network("fair" if net[1] == "fair" else "original", int(net[2]), int(net[3]))
        elif (named := _MAP.fullmatch(part)) and named[1] in _MAPS and int(named[2]):
            plan["map"], plan["width"] = _MAPS[named[1]], int(named[2])
        elif (code := _CODE.fullmatch(part)) and code[1] in _CODES and int(code[2]):
            plan["code"] = _CODES[code[1]], int(code[2])
        elif (narrow := _TRUNCATE.fullmatch(part)) and int(narrow[2]):
            plan["rank"], plan["by_frequency"] = int(narrow[2]), bool(narrow[1])
        elif part in BITS:
            plan["bits"] = BITS[part]
        else:
            raise _unknown(point)
    return Plan(**plan)


def _unknown(point: str) -> UsageError:
    return UsageError(
        "Expected trim-COVERAGE, pca-K, MAP-K-fp32, fair-D-layers-K-fp32, original-D-layers-K-fp32, CODE-N-bytes, "
        "fp16, int8, int4, truncate-the-word-table-rank-R, trim-COVERAGE+ one of the others, drop-layers-K-of-N-kept, "
        "or a student or an encoder of page 4 of the edition, "
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
_MAPS = {slug(name): name for name in MAPS}
