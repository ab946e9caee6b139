"""How parameters are written: their types in words, their values in a notebook's cell and on the command line."""

from __future__ import annotations

import json
import shlex
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo


def type_name(field: FieldInfo) -> str:
    """A parameter's type in words: ``int``, ``list[float]``, ``auto|cpu|cuda``."""
    if get_origin(field.annotation) is Literal:
        return "|".join(str(choice) for choice in get_args(field.annotation))
    return base_name(field)


def base_name(field: FieldInfo) -> str:
    """A parameter's type as Python and papermill write it: ``int``, ``list[float]``, ``str``."""

    def name(kind: Any) -> str:
        if get_origin(kind) is Annotated:
            return name(get_args(kind)[0])
        if get_origin(kind) is Literal:
            return "str"
        inner = ", ".join(name(part) for part in get_args(kind))
        return f"{(get_origin(kind) or kind).__name__}[{inner}]" if inner else kind.__name__

    return name(field.annotation)


def literal(value: Any) -> str:
    """``value`` as the formatter would write it: double quotes."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(one)}" for key, one in value.items()) + "}"
    return repr(value)


def example(name: str, field: FieldInfo) -> str:
    """A parameter as it is written after ``-p``, quoted for the shell: ``seed=0``, ``'rates=[0.001, 0.01]'``."""
    value = (field.examples or [field.default])[0]
    return shlex.quote(f"{name}={value if isinstance(value, str) else json.dumps(value)}")
