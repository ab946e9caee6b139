"""Bounds of parameters that one number's range cannot say: lists in order, and parameters that must fit others."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from pydantic import AfterValidator, ValidationInfo
from pydantic_core import PydanticCustomError


def _ascending(values: list[Any]) -> list[Any]:
    if any(after <= before for before, after in pairwise(values)):
        raise _refused("the values should ascend, none of them twice")
    return values


def _unique(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise _refused("no value should be there twice")
    return values


def _has_uniform(values: list[str]) -> list[str]:
    if "uniform" not in values:
        raise _refused("the list should hold 'uniform', which the others are compared with")
    return values


def divides(other: str) -> AfterValidator:
    """The value divides the parameter ``other``, which comes before it."""

    def check(value: int, info: ValidationInfo) -> int:
        whole = info.data.get(other, value)
        if whole % value:
            raise _refused(f"the value should divide {other} ({whole})")
        return value

    return AfterValidator(check)


def multiple_of(other: str) -> AfterValidator:
    """The value is a multiple of the parameter ``other``, which comes before it."""

    def check(value: int, info: ValidationInfo) -> int:
        part = info.data.get(other, value)
        if value % part:
            raise _refused(f"the value should be a multiple of {other} ({part})")
        return value

    return AfterValidator(check)


def at_most(other: str) -> AfterValidator:
    """The value, or each of a list, is at most the parameter ``other``, which comes before it."""

    def check(value: Any, info: ValidationInfo) -> Any:
        most = info.data.get(other)
        if most is not None and any(one > most for one in (value if isinstance(value, list) else [value])):
            raise _refused(f"the value should be at most {other} ({most})")
        return value

    return AfterValidator(check)


def among(other: str) -> AfterValidator:
    """The value is one of the parameter ``other``, a list that comes before it."""

    def check(value: Any, info: ValidationInfo) -> Any:
        known = info.data.get(other, [value])
        if value not in known:
            raise _refused(f"the value should be one of {other} ({', '.join(map(str, known))})")
        return value

    return AfterValidator(check)


def _sequence_fits(sequence: int, info: ValidationInfo) -> int:
    longest, batch = info.data.get("max_tokens", 0), info.data.get("pretrain_batch", sequence)
    if info.data.get("encoder") == "pretrain" and sequence < longest:
        raise _refused(f"the value should be at least max_tokens ({longest}), which the encoder will be asked to read")
    if batch % sequence:
        raise _refused(f"the value should divide pretrain_batch ({batch})")
    return sequence


def _refused(expected: str) -> PydanticCustomError:
    # The text is a template, in which braces would name values.
    return PydanticCustomError("smallbert", "{expected}", {"expected": expected})


ASCENDING = AfterValidator(_ascending)
UNIQUE = AfterValidator(_unique)
HAS_UNIFORM = AfterValidator(_has_uniform)
HEADS_DIVIDE_WIDTH = divides("pretrain_hidden")
SEQUENCE_FITS = AfterValidator(_sequence_fits)
