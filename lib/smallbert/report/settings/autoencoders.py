"""Pages 2 and 3: autoencoders by depth and by layer schedule."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from smallbert.report.checks import ASCENDING, HAS_UNIFORM, UNIQUE
from smallbert.report.settings.base import Activation, Count, Optimizer, Parameters, Rate, Schedule, Share

Depth = Annotated[int, Field(ge=2)]
Curvature = Annotated[float, Field(ge=0, le=1)]


class Grid(Parameters):
    """What the two autoencoder pages share: both protocols and the machine they run on."""

    needs = ("01_corpus_and_embeddings",)
    speed = ("jobs",)

    seeds: int = Field(5, ge=2, description="paired repetitions of every published cell")
    activations: Annotated[list[Activation], UNIQUE] = Field(
        ["relu", "tanh", "gelu"], min_length=1, description="tried by the original"
    )
    optimizers: Annotated[list[Optimizer], UNIQUE] = Field(
        ["adam", "rmsprop", "sgd"], min_length=1, description="tried by the original"
    )
    original_rates: Annotated[list[Rate], ASCENDING] = Field(
        [0.0001, 0.001, 0.01], min_length=1, description="rates tried by the original"
    )
    original_epochs: Annotated[list[Count], ASCENDING] = Field(
        [5, 10], min_length=1, description="epochs reported, original protocol"
    )
    rates: Annotated[list[Rate], ASCENDING] = Field(
        [0.001, 0.003, 0.01], min_length=2, description="first grid of peak rates, fair protocol; widened at its edges"
    )
    train_rows: Count = Field(4000, description="training articles used at most, rows")
    batch_size: Count = Field(256, description="articles in a mini-batch, rows")
    jobs: int = Field(0, ge=0, description="models trained at once; 0 is one a core")


def _teach_the_codes(rows: list[int], info: ValidationInfo) -> list[int]:
    least = 2 * max(info.data.get("curved_codes", [1]))
    if rows[0] < least:
        raise PydanticCustomError(
            "smallbert", "the values should be at least {least}, twice the widest of curved_codes", {"least": least}
        )
    return rows


class AutoencoderDepth(Grid):
    """How far can the embedding be narrowed, and does depth beat the linear floor?"""

    figures = (
        "widths_and_baselines",
        "tuning_once",
        "loss_by_depth",
        "tuning_each",
        "gap_by_depth",
        "curves",
        "gap_by_budget",
        "loss_by_rows",
        "arms",
        "decoder_regimes",
        "quality",
    )
    tables = ("subspace", "bound", "decoder_gains", "measures", "contrasts", "ranks")

    bottlenecks: Annotated[list[Count], UNIQUE] = Field(
        [32], min_length=1, description="widths narrowed to; the first is shown most"
    )
    depths: Annotated[list[Count], ASCENDING] = Field(
        [1, 2, 3, 4, 5, 6], min_length=2, description="encoder layers compared"
    )
    fair_epochs: Annotated[list[Count], ASCENDING] = Field(
        [4, 8], min_length=1, description="budgets of the fair protocol, epochs"
    )
    row_shares: Annotated[list[Share], ASCENDING] = Field(
        [0.125, 0.25, 0.5, 1.0], min_length=1, description="parts of train, shares of 1"
    )
    arm_depth: int = Field(3, ge=2, description="encoder layers of the other arms")
    curvatures: Annotated[list[Curvature], ASCENDING] = Field(
        [0.0, 0.1, 0.3],
        min_length=1,
        description="of the made clouds: curved part of what PCA leaves, shares of 1",
    )
    curved_codes: Annotated[list[Count], ASCENDING] = Field(
        [4, 16], min_length=1, description="code widths of the decoders compared"
    )
    curved_rows: Annotated[list[Count], ASCENDING, AfterValidator(_teach_the_codes)] = Field(
        [128, 512], min_length=1, description="training rows of these decoders"
    )
    decoder_widths: Annotated[list[Count], ASCENDING] = Field(
        [8, 32], min_length=1, description="hidden units of the trained ones"
    )
    metric_rows: Count = Field(2000, description="test articles behind neighbour metrics, rows")


class LayerSchedules(Grid):
    """Does it matter where the narrow layers stand?"""

    figures = ("widths", "gap_by_schedule", "paired_differences", "gap_by_parameters")
    tables = ("sizes", "rates", "against_uniform", "matched", "bound")

    bottleneck: Count = Field(32, description="width narrowed to, numbers")
    depths: Annotated[list[Depth], ASCENDING] = Field([4], min_length=1, description="encoder layers compared")
    schedules: Annotated[list[Schedule], UNIQUE, HAS_UNIFORM] = Field(
        ["uniform", "geometric", "bottleneck-heavy-1", "bottleneck-heavy-2", "bottleneck-heavy-3", "wide-heavy-2"],
        min_length=2,
        description="width rules compared, by name",
    )
    matched: Schedule = Field("bottleneck-heavy-2", description="width rule compared with uniform at equal size")
    fair_epochs: Count = Field(8, description="budget of the fair protocol, epochs")
