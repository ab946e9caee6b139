"""What a notebook can be told: one typed model a notebook, checked before any kernel starts.

To add a notebook, write its class here, enter it in :data:`MODELS`, and put what :func:`cell` returns into
the notebook's cell tagged ``parameters`` (a test compares the two).
"""

from __future__ import annotations

import ast
import difflib
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smallbert.errors import MachineError, UsageError
from smallbert.report.checks import (
    ASCENDING,
    HAS_UNIFORM,
    HEADS_DIVIDE_HIDDEN,
    HEADS_DIVIDE_WIDTH,
    SEQUENCE_DIVIDES,
    SEQUENCE_FITS,
    UNIQUE,
    WITHIN_HIDDEN,
)
from smallbert.report.spelling import base_name, example, literal, type_name

ENVIRONMENT = "SMALLBERT_ENVIRONMENT"
"""Environment variable that tells a kernel which Python environment the runner uses."""

Count = Annotated[int, Field(ge=1)]
Depth = Annotated[int, Field(ge=2)]
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
    ``speed``: parameters that change how fast, but not what, is computed.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)
    needs: ClassVar[tuple[str, ...]] = ()
    figures: ClassVar[tuple[str, ...]] = ()
    tables: ClassVar[tuple[str, ...]] = ()
    timed: ClassVar[tuple[str, ...]] = ()
    places: ClassVar[dict[str, tuple[str, ...]]] = {}
    speed: ClassVar[tuple[str, ...]] = ()

    edition: str = Field(
        "default", pattern=r"^[a-z0-9][a-z0-9._-]*$", description="folder name of results, figures and pages"
    )
    seed: int = Field(
        0,
        ge=0,
        lt=2**32,
        description="seed of corpus, splits, pretraining and draws; trained cells use seeds 0 to seeds-1",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto (GPU where there is one), cpu or cuda")


class CorpusAndEmbeddings(Parameters):
    """What goes in, and what does the encoder make of it?"""

    figures = ("rows_by_language", "token_lengths", "spectrum", "second_moment")
    tables = ("reading", "encoder", "geometry", "probes")
    places = {"corpus": ("world",), "encoder": ("pretrain", "minilm")}

    corpus: str = Field(
        "world", description="world (generated), or news: a file, folder, corpus.toml or hub:OWNER/NAME"
    )
    corpus_name: str = Field("", description="how the report calls the corpus; empty takes its file's name")
    columns: dict[str, str] = Field(
        {}, examples=[{"title": "headline"}], description="our column -> the corpus's own name of it; {} guesses"
    )
    rows: Count = Field(12000, description="articles to read at most, rows")
    encoder: str = Field("pretrain", description="pretrain (train one here), minilm, a folder or a hub id")
    max_tokens: int = Field(128, ge=8, le=512, description="longer texts are cut here, tokens")
    pooling: Literal["mean", "cls"] = Field("mean", description="token vectors to text vector: mean or cls")
    layer: int = Field(-1, ge=-64, le=64, description="layer that is read; -1 is the last")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="number format: auto, fp32 or bf16")
    test_fraction: Rate = Field(0.1, description="share of articles held out for the test, of 1")
    validation_fraction: Rate = Field(0.05, description="share of articles for choices such as rates, of 1")
    near_duplicates: bool = Field(True, description="remove near duplicates across the splits, not only exact ones")
    max_bad_rows: float = Field(0.01, ge=0, le=1, description="unreadable rows tolerated before stopping, share of 1")
    pretrain_layers: Count = Field(3, description="layers of the pretrained encoder")
    pretrain_hidden: int = Field(256, ge=16, multiple_of=4, description="its hidden width, numbers")
    pretrain_heads: Annotated[Count, HEADS_DIVIDE_WIDTH] = Field(
        4, description="its attention heads; must divide the width"
    )
    pretrain_vocabulary: int = Field(8000, ge=200, description="its WordPiece vocabulary, tokens")
    pretrain_tokens: Count = Field(1200000, description="tokens it sees in pretraining")
    pretrain_batch: Count = Field(1024, description="tokens of a step; a multiple of the sequence's")
    pretrain_sequence: Annotated[int, SEQUENCE_FITS] = Field(
        128, ge=8, le=512, description="length of its packed sequences, at least max_tokens, tokens"
    )


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
    train_rows: Count = Field(20000, description="training articles used at most, rows")
    batch_size: Count = Field(256, description="articles in a mini-batch, rows")
    jobs: int = Field(0, ge=0, description="models trained at once; 0 is one a core")


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
        "quality",
    )
    tables = ("subspace", "bound", "measures", "contrasts", "ranks")

    bottlenecks: Annotated[list[Count], UNIQUE] = Field(
        [32], min_length=1, description="widths narrowed to; the first is shown most"
    )
    depths: Annotated[list[Count], ASCENDING] = Field(
        [1, 2, 3, 4, 5, 6], min_length=2, description="encoder layers compared"
    )
    fair_epochs: Annotated[list[Count], ASCENDING] = Field(
        [5, 15], min_length=1, description="budgets of the fair protocol, epochs"
    )
    row_shares: Annotated[list[Share], ASCENDING] = Field(
        [0.125, 0.25, 0.5, 1.0], min_length=1, description="parts of train, shares of 1"
    )
    arm_depth: int = Field(3, ge=2, description="encoder layers of the other arms")
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
    fair_epochs: Count = Field(15, description="budget of the fair protocol, epochs")


class Albert(Parameters):
    """Where are the parameters, and what do factorising and sharing save and cost?"""

    needs = ("01_corpus_and_embeddings",)
    figures = (
        "parameters_by_group",
        "printed_against_built",
        "factorisation_savings",
        "truncation",
        "truncation_peer",
        "parameters_and_flops",
        "sharing",
        "embedding_sweep",
        "depth_sweep",
        "speed",
        "transitions",
        "second_task_accuracy",
    )
    tables = (
        "ledger",
        "contradictions",
        "worked_example",
        "trained_factors",
        "table4",
        "rates",
        "contrasts",
        "arms",
        "timings",
        "equal_time",
        "courses",
        "second_task",
    )
    timed = ("speed", "timings", "equal_time")
    places = {"encoder": ("pretrain", "minilm"), "peer": ("minilm",)}
    speed = ("jobs",)

    encoder: str = Field("pretrain", description="the encoder of page 1: pretrain, minilm, a folder or a hub id")
    peer: str = Field("minilm", description="a second encoder to look into: minilm, a folder or a hub id")
    seeds: int = Field(3, ge=2, description="paired repetitions of every trained arm")
    layers: Count = Field(4, description="layers of the trained arms")
    hidden: int = Field(64, ge=16, multiple_of=4, description="their hidden width, numbers")
    heads: Annotated[Count, HEADS_DIVIDE_HIDDEN] = Field(2, description="their attention heads; must divide the width")
    vocabulary: int = Field(2000, ge=200, description="their WordPiece vocabulary, tokens")
    embedding: Annotated[Count, WITHIN_HIDDEN] = Field(16, description="width of the factorised embedding, numbers")
    embeddings: Annotated[list[Count], ASCENDING, WITHIN_HIDDEN] = Field(
        [32], min_length=1, description="more embedding widths, beside that and the hidden width"
    )
    depths: Annotated[list[Count], ASCENDING] = Field(
        [1, 8], min_length=1, description="more depths of the all-shared encoder; the deepest is looked into"
    )
    sequence: int = Field(64, ge=16, le=512, description="length of packed sequences, tokens")
    batch: Annotated[Count, SEQUENCE_DIVIDES] = Field(256, description="tokens of a step; a multiple of the sequence's")
    tokens: Count = Field(120000, description="tokens every arm sees")
    pair_tokens: Count = Field(120000, description="tokens every sentence-pair arm sees")
    peak_rates: Annotated[list[Rate], ASCENDING] = Field(
        [0.002], min_length=1, description="peak rates; of several, each arm takes the one that suits it best"
    )
    probe_rows: int = Field(
        200, ge=50, description="test articles behind probes, rows; train articles are twice as many"
    )
    layer_texts: Count = Field(64, description="test articles behind the layer figure, rows")
    jobs: int = Field(0, ge=0, description="arms trained at once; 0 is one a core")


MODELS: dict[str, type[Parameters]] = {
    "01_corpus_and_embeddings": CorpusAndEmbeddings,
    "02_autoencoder_depth": AutoencoderDepth,
    "03_layer_schedules": LayerSchedules,
    "04_albert": Albert,
}


def model(notebook: str) -> type[Parameters]:
    """The parameter model of a notebook.

    Raises:
        UsageError: there is none of that name.
    """
    if notebook not in MODELS:
        raise UsageError(f"Notebook {notebook!r} has no parameter model.{suggestion(notebook, MODELS)}")
    return MODELS[notebook]


def check(notebook: str, values: Mapping[str, Any], where: str) -> Parameters:
    """The parameters of ``notebook`` with ``values`` in place of their defaults.

    Args:
        notebook: the notebook's stem.
        values: parameter name to value.
        where: where the values come from, for the message.

    Raises:
        UsageError: a name is unknown, or a value has the wrong type, lies outside its bounds or does not fit another.
    """
    check_names(notebook, values, where)
    fields = model(notebook).model_fields
    try:
        return model(notebook)(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        path = ".".join(str(part) for part in first["loc"])
        field = fields[name]
        expected = first["msg"].replace("Input should", "the value should")
        raise UsageError(
            f"{where}: {notebook}.{path}: {expected}, got {first['input']!r}.",
            f"{name} ({type_name(field)}): {field.description}. Write it as in -p {example(name, field)}.",
        ) from error


def check_names(notebook: str, names: Iterable[str], where: str) -> None:
    """Refuse names that are no parameters of ``notebook``.

    Raises:
        UsageError: with the nearest name there is.
    """
    fields = model(notebook).model_fields
    for name in names:
        if name not in fields:
            raise UsageError(f"{where}: {notebook} has no parameter {name!r}.{suggestion(name, fields)}")


def start(notebook: str, namespace: Mapping[str, Any]) -> Parameters:
    """First call of every notebook: its parameters, checked, whoever runs it (us, papermill, JupyterLab).

    Args:
        notebook: the notebook's stem.
        namespace: the notebook's variables, ``globals()``.

    Raises:
        UsageError: a parameter is unknown (one that plain papermill injected included) or has a wrong value.
        MachineError: the kernel runs in another environment than the runner.
    """
    expected = os.environ.get(ENVIRONMENT, sys.prefix)
    if expected != sys.prefix:
        raise MachineError(
            f"Expected a kernel of the environment {expected}, got one of {sys.prefix}.",
            "Remove the kernelspec that shadows this environment (`jupyter kernelspec list` shows it).",
        )
    names = [*model(notebook).model_fields, *_injected(namespace.get("In", ()))]
    values = {name: namespace[name] for name in names if name in namespace}
    return check(notebook, values, where="notebook")


def cell(notebook: str) -> str:
    """Source of the notebook's cell tagged ``parameters``: every default with its type and meaning.

    One line each, however long: that is what ``papermill --help-notebook`` reads.
    """
    lines = [
        f"{name}: {base_name(field)} = {literal(field.default)}  # {field.description}"
        for name, field in model(notebook).model_fields.items()
    ]
    return "\n".join(["# fmt: off", *lines])


def suggestion(name: str, known: Iterable[str]) -> str:
    """`` Did you mean 'seed'?`` for ``sedd``, or the known names where none is close."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else f" Known: {', '.join(names)}."


def _injected(history: Iterable[str]) -> list[str]:
    """Names assigned by the cell that papermill injects, which starts with the comment ``# Parameters``."""
    return [
        target.id
        for source in history
        if source.startswith("# Parameters\n")
        for statement in ast.parse(source).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    ]
