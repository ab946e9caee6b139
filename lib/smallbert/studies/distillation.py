"""Study 5, what is trained: students of one teacher that differ in their losses, start, temperature, data or size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from smallbert import paths, storage
from smallbert.compress.distill import operations, students
from smallbert.compress.distill import teacher as teachers
from smallbert.compress.distill.layer_maps import COPIES, copied_layers
from smallbert.compress.distill.methods import Method
from smallbert.compress.distill.teacher import Teacher
from smallbert.compress.distill.train import encode
from smallbert.corpus.prepared import Corpus
from smallbert.errors import UsageError
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokens import TokenStore
from smallbert.studies.distillation_measures import ALONE, EMBEDDED, EQUAL, FRESH
from smallbert.studies.embed import Texts
from smallbert.studies.facts import PRETRAIN, called, encoder_place, plain

TRIPLE = "triple loss"

PREDICTING = {"hinton": "Hinton", "distilbert": "DistilBERT", "pkd": "Patient KD", "tinybert": "TinyBERT"}
PREDICTING |= {"minilm": "MiniLM, with masked words"}
"""What figures and tables call the methods compared; MiniLM itself learns no predictions, see :func:`method`."""

HEADLESS = {"sentence": "sentence embeddings", "minilm": "MiniLM", "tinybert-general": "TinyBERT, general"}
"""The methods for a teacher that predicts no words."""

REMOVED = {"soft": "without soft targets", "cosine": "without cosine", "hard": "without masked words"}
"""DistilBERT's Table 4, by the term that is removed."""

TEMPERATURE = 2.0
"""Of the soft targets where it is not what is compared: DistilBERT's."""

EVALUATIONS = 1
"""Rows of a student's loss curve: each costs as much as training on some thousand tokens."""


@dataclass(frozen=True)
class Design:
    """Sizes and budgets of the page's students, named as its parameters.

    Args:
        layers: of every student.
        hidden: width of the students compared, rounded up to a multiple of the teacher's heads.
        widths: more widths, rounded likewise.
        sequence: tokens of a packed row.
        batch: tokens of a step.
        tokens: tokens a student reads.
        copied_tokens: tokens a student of the teacher's width reads.
        rate: peak rate.
        copied_rate: peak rate of students of the teacher's width.
        temperatures: T of Hinton's soft targets, beside :data:`TEMPERATURE`.
        shares: data of so many of the tokens read, which are then read again, as shares of 1.
    """

    layers: int
    hidden: int
    widths: Sequence[int]
    sequence: int
    batch: int
    tokens: int
    copied_tokens: int
    rate: float
    copied_rate: float
    temperatures: Sequence[float]
    shares: Sequence[float]

    @classmethod
    def of(cls, params: Any) -> Design:
        """From the page's parameters."""
        return cls(**{field.name: getattr(params, field.name) for field in fields(cls)})


@dataclass(frozen=True, eq=False)
class Arm:
    """One student, for several seeds.

    Args:
        recipe: sizes, budget and optimisation.
        method: losses.
        start: a layer map, embeddings or fresh.
        share: of the tokens it reads, how many are different ones; 1 takes the whole stream.
        labels: what it is called in each panel it takes part in.
    """

    recipe: PretrainRecipe
    method: Method
    start: str
    share: float
    labels: dict[str, str]

    @property
    def name(self) -> str:
        """How tables and errors call it."""
        terms = " + ".join(self.method.terms)
        said = [f"{self.method.name} ({terms})", f"{self.recipe.layers} x {self.recipe.hidden}", self.start]
        if {"soft"} & set(self.method.terms):
            said.append(f"T {self.method.temperature:g}")
        if self.share < 1:
            said.append(f"{self.share:g} of the data")
        return ", ".join([*said, f"{self.recipe.tokens:,} tokens"])


def teacher(source: str, first: Mapping[str, Any], device: str = "auto") -> tuple[str, Teacher]:
    """The teacher: where it is, and loaded.

    Args:
        source: ``pretrain`` for the encoder of page 1, ``minilm``, a folder or a hub id.
        first: values that page 1 recorded.
        device: auto, cpu or cuda.
    """
    found = encoder_place(source, first)
    return found, teachers.load(found, device=device)


def name(source: str, first: Mapping[str, Any]) -> str:
    """How the report calls the teacher, escaped.

    Args:
        source: the page's parameter, as for :func:`teacher`.
        first: values that page 1 recorded.
    """
    if source == PRETRAIN:
        return plain(first["encoder"]["name"])
    return plain(called(source))


def tokens(corpus: Corpus, given: Teacher) -> TokenStore:
    """The train texts of a corpus as the teacher's tokens."""
    place = storage.digest([corpus.key, given.vocabulary.sha256])
    return encode(Texts(corpus), given, paths.cache() / "students" / f"tokens-{place}", data_key=corpus.key)


def method(name: str, teacher_layers: int, layers: int, *, predicts: bool = True, **options: Any) -> Method:
    """A method as this page has it.

    Layers are met evenly where theirs are a multiple of ours, else from the top. MiniLM teaches relations alone, so no
    loss would reach the student's predictions: with a teacher that predicts, its students also predict masked words, as
    those trained alone do.

    Args:
        name: of :data:`smallbert.compress.distill.methods.WEIGHTS`.
        teacher_layers: N.
        layers: M.
        predicts: whether the teacher does.
        options: of :class:`Method`.
    """
    meeting = "uniform" if teacher_layers % layers == 0 else "top"
    weights = {"hard": 1.0} if name == "minilm" and predicts else {}
    return Method(name, weights, layer_map=meeting, **options)


def arms(design: Design, given: Teacher) -> list[Arm]:
    """The arms of page 5, without repetition.

    Panels ``methods``, ``temperatures``, ``shares`` and ``sizes`` have students of the design's width, ``removed`` and
    ``starts`` students of the teacher's. A teacher without predictions has no ``temperatures`` and no ``removed``; one
    whose layers cannot be copied has no ``removed`` and no ``starts``.

    Raises:
        UsageError: the students are deeper than the teacher, or too wide for its positions.
    """
    predicts = given.head is not None
    found: dict[str, Arm] = {}
    narrow = _recipe(design, given, design.hidden)

    def enter(panel: str, label: str, recipe: PretrainRecipe, own: Method, start: str = students.FRESH, share=1.0):
        key = storage.digest([vars(recipe), own.identity(), start, share])
        arm = found.setdefault(key, Arm(recipe, own, start, share, {}))
        arm.labels.setdefault(panel, label)

    def named(name: str, **options: Any) -> Method:
        return method(name, given.layers, design.layers, predicts=predicts, **options)

    alone, soft = named("alone"), named("hinton" if predicts else "sentence")
    enter("methods", ALONE, narrow, alone)
    for name, label in (PREDICTING if predicts else HEADLESS).items():
        enter("methods", label, narrow, named(name))
    enter("methods", EQUAL, replace(narrow, tokens=equal_tokens(narrow, given)), alone)
    if predicts:
        for temperature in sorted({*design.temperatures, TEMPERATURE}):
            enter("temperatures", f"{temperature:g}", narrow, named("hinton", temperature=temperature))
    for share in sorted({*design.shares, 1.0}):
        enter("shares", ALONE, narrow, alone, share=share)
        enter("shares", label_of(soft), narrow, soft, share=share)
    main = named("distilbert" if predicts else "sentence")
    for width in sorted({*design.widths, design.hidden}):
        enter("sizes", ALONE, _recipe(design, given, width), alone)
        enter("sizes", label_of(main), _recipe(design, given, width), main)
    _enter_copied(enter, design, given, alone, main)
    return list(found.values())


def _enter_copied(enter: Any, design: Design, given: Teacher, alone: Method, main: Method) -> None:
    """The students of the teacher's width, where its layers can be copied."""
    wide = replace(
        _recipe(design, given, given.width),
        intermediate=given.intermediate,
        tokens=design.copied_tokens,
        learning_rate=design.copied_rate,
    )
    try:
        students.require_copies(wide, given)
    except UsageError:
        return
    maps = starts(design.layers, given.layers)
    released = next(label for label, start in maps.items() if start == "released")
    for own in (alone, main):
        enter("starts", f"{label_of(own)}, {FRESH}", wide, own)
        enter("starts", f"{label_of(own)}, {EMBEDDED}", wide, own, students.EMBEDDINGS)
        enter("starts", f"{label_of(own)}, {released}", wide, own, "released")
    for label, start in maps.items():
        enter("starts", f"{label_of(main)}, {label}", wide, main, start)
    if given.head is not None:
        enter("removed", TRIPLE, wide, main, "released")
        for term, label in REMOVED.items():
            enter("removed", label, wide, main.without(term), "released")
        enter("removed", FRESH, wide, main)


def starts(layers: int, teacher_layers: int) -> dict[str, str]:
    """Layer maps to start from, by what they are called: those that copy the same layers have one name together."""
    same: dict[tuple[int, ...] | str, list[str]] = {}
    for name in COPIES:
        copied = tuple(copied_layers(name, layers, teacher_layers))
        same.setdefault(name if name == "random" else copied, []).append(name)
    return {" = ".join(names): names[0] for names in same.values()}


def label_of(own: Method) -> str:
    """What a method is called."""
    return ALONE if own.name == "alone" else (PREDICTING | HEADLESS)[own.name]


def equal_tokens(recipe: PretrainRecipe, given: Teacher) -> int:
    """Tokens that a student alone can read with the operations of a distilled one, the teacher's reading included.

    Operations are counted, so that the result repeats; on a machine whose large products run faster than small ones the
    teacher's share of the time is smaller. The teacher's reading is charged in full to one student.
    """
    own = operations.learning(replace(recipe, vocabulary_size=len(given.vocabulary.theirs)))
    return round(recipe.tokens * (own + operations.teaching(given, recipe)) / own)


def _recipe(design: Design, given: Teacher, width: int) -> PretrainRecipe:
    """A student with as many heads as the teacher, its width rounded up to fit them, and the teacher's proportions."""
    heads = given.weights.heads
    width = -(-width // heads) * heads
    return PretrainRecipe(
        layers=design.layers,
        hidden=width,
        heads=heads,
        intermediate=given.intermediate * width // given.width,
        vocabulary_size=len(given.vocabulary.theirs),
        sequence_length=design.sequence,
        batch_tokens=design.batch,
        tokens=design.tokens,
        learning_rate=design.rate,
        evaluations=EVALUATIONS,
    )
