"""What every notebook can be told, and the types its parameters have."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from smallbert.paths import EDITION

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(gt=0, le=1)]
# The library's registries repeated as types, so that a typo is found without loading torch (a test compares them).
Activation = Literal["identity", "relu", "leaky-relu", "elu", "selu", "tanh", "sigmoid", "gelu"]
Optimizer = Literal["adam", "rmsprop", "sgd"]
Schedule = Literal[
    "uniform",
    "geometric",
    "reverse-geometric",
    "bottleneck-heavy-1",
    "bottleneck-heavy-2",
    "bottleneck-heavy-3",
    "wide-heavy-1",
    "wide-heavy-2",
    "wide-heavy-3",
]


class Parameters(BaseModel):
    """What every notebook can be told.

    A subclass also declares what its notebook stands on and leaves behind. ``needs``: stems of notebooks that
    run before it. ``figures`` and ``tables``: names it must write (``STEM__NAME.svg``, ``.html`` and so on in
    the edition's figures). ``timed``: those among them that hold times of this machine, so that no two runs
    agree on them. ``places``: parameters that may name a file or folder, each with the words that do not.
    ``speed``: parameters that change how fast, but not what, is computed. ``workers``: whether it trains in processes
    of its own (:mod:`smallbert.models.workers`).
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)
    needs: ClassVar[tuple[str, ...]] = ()
    figures: ClassVar[tuple[str, ...]] = ()
    tables: ClassVar[tuple[str, ...]] = ()
    timed: ClassVar[tuple[str, ...]] = ()
    places: ClassVar[dict[str, tuple[str, ...]]] = {}
    speed: ClassVar[tuple[str, ...]] = ()
    workers: ClassVar[bool] = False

    edition: str = Field("default", pattern=f"^{EDITION}$", description="folder name of results, figures and pages")
    seed: int = Field(
        0,
        ge=0,
        lt=2**32,
        description="seed of corpus, splits, pretraining and draws; trained cells use seeds 0 to seeds-1",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto (GPU where there is one), cpu or cuda")
