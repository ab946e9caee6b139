"""The methods by name: which losses each adds up, with which weights, and what it asks of the teacher."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from smallbert.compress.distill.inputs import Places
from smallbert.compress.distill.layer_maps import MAPS, layer_map
from smallbert.compress.distill.teacher import Teacher
from smallbert.errors import UsageError
from smallbert.models.recipe import PretrainRecipe

TERMS = {
    "hard": "cross-entropy of the masked tokens",
    "soft": "softened cross-entropy with the teacher's predictions, times T^2",
    "prediction": "the same at temperature 1, TinyBERT's",
    "cosine": "cosine of the last hidden states",
    "patient": "normalised distance at [CLS] of the intermediate layers",
    "embedding": "squared error of the embedding layer",
    "hidden": "squared error of the hidden states, layer by layer",
    "scores": "squared error of the attention scores, layer by layer",
    "attention": "divergence of the last layer's attention",
    "values": "divergence of the last layer's value relation",
    "pooled": "cosine of the embeddings of texts",
}
"""The losses that can be weighed."""

PREDICTING = frozenset(("hard", "soft", "prediction"))
"""Terms on predictions of masked tokens: with any of them, teacher and student read masked rows."""

WEIGHTS: dict[str, dict[str, float]] = {
    "alone": {"hard": 1.0},
    "hinton": {"soft": 0.9, "hard": 0.1},
    "distilbert": {"soft": 5.0, "hard": 2.0, "cosine": 1.0},
    "pkd": {"soft": 0.5, "hard": 0.5, "patient": 1.0},
    "tinybert": {"embedding": 1.0, "hidden": 1.0, "scores": 1.0, "prediction": 1.0},
    "tinybert-general": {"embedding": 1.0, "hidden": 1.0, "scores": 1.0},
    "minilm": {"attention": 1.0, "values": 1.0},
    "sentence": {"cosine": 1.0, "pooled": 1.0},
}
"""Weights by method.

``distilbert`` has the weights of its code and author (transformers#2013). Hinton et al. and Sun et al. tune theirs and
print ranges; these lie inside. ``tinybert`` sums its four losses with weight 1 (eq. 11), ``tinybert-general`` leaves
the predictions out, as general distillation does. ``minilm`` adds its two. ``sentence`` is for teachers that embed
texts and predict no tokens.
"""


@dataclass(frozen=True)
class Method:
    """A method with everything that decides its loss.

    Args:
        name: one of :data:`WEIGHTS`.
        weights: by term of :data:`TERMS`; replaces the method's own for the terms it names. A weight of 0 removes a
            term.
        temperature: T of the soft targets.
        places: where predictions are compared: ``masked`` or ``all`` attended tokens (DistilBERT's default).
        layer_map: which teacher layer each student layer learns from, see
            :func:`smallbert.compress.distill.layer_maps.layer_map`.
        shared_projection: one W (d', d) with a bias that lifts the student's embedding layer and all its hidden layers
            to the teacher's width, as TinyBERT's code has it; else one a place without a bias, where the paper has one
            for the embeddings and one for all layers. See
            :class:`smallbert.compress.distill.projections.Student`, also for the losses whose papers have no W.
        relation_heads: heads of MiniLM's relations; None takes the models' own.

    Raises:
        UsageError: an unknown name, or a value out of range.
    """

    name: str
    weights: Mapping[str, float] = field(default_factory=dict)
    temperature: float = 2.0
    places: Places = "masked"
    layer_map: str = "uniform"
    shared_projection: bool = False
    relation_heads: int | None = None

    def __post_init__(self) -> None:
        if self.name not in WEIGHTS:
            raise UsageError(f"Expected a method out of {', '.join(WEIGHTS)}, got {self.name!r}.")
        for term, weight in self.weights.items():
            if term not in TERMS:
                raise UsageError(f"Expected weights of {', '.join(TERMS)}, got one of {term!r}.")
            if not 0 <= weight < math.inf:
                raise UsageError(f"Expected a weight of at least 0 for {term}, got {weight}.")
        # Zeros stay, or a removed term would be back in a copy.
        object.__setattr__(self, "weights", WEIGHTS[self.name] | dict(self.weights))
        if not self.terms:
            raise UsageError(f"Expected at least one loss in {self.name}, got none: every weight is 0.")
        if not 0 < self.temperature < math.inf:
            raise UsageError(f"Expected a temperature above 0, got {self.temperature}.")
        if self.places not in ("masked", "all"):
            raise UsageError(f"Expected places masked or all, got {self.places!r}.")
        if self.layer_map not in MAPS:
            raise UsageError(f"Expected a layer map out of {', '.join(MAPS)}, got {self.layer_map!r}.")

    def without(self, term: str) -> Method:
        """The same with one term removed.

        Raises:
            UsageError: the method has no such term, or no other.
        """
        if term not in self.terms:
            raise UsageError(f"Expected a term of {self.name} ({', '.join(self.terms)}), got {term!r}.")
        return replace(self, weights={**self.weights, term: 0.0})

    @property
    def terms(self) -> dict[str, float]:
        """Weights of the losses that are added up."""
        return {term: float(self.weights[term]) for term in TERMS if self.weights.get(term)}

    @property
    def masked(self) -> bool:
        """Whether teacher and student read masked rows; else whole texts."""
        return bool(PREDICTING & set(self.terms))

    def identity(self) -> dict[str, object]:
        """All fields as plain data, for keys."""
        return {one.name: getattr(self, one.name) for one in fields(self)} | {"weights": self.terms}

    def wanted(self, student_layers: int, teacher_layers: int) -> set[str]:
        """The teacher's outputs that the losses read, by the names of :meth:`Teacher.trace`.

        Raises:
            UsageError: the layers do not fit the layer map.
        """
        terms, last, names = set(self.terms), teacher_layers, set()
        if "soft" in terms:
            names |= {"top", f"rest-{self.temperature:g}"}
        if "prediction" in terms:
            names |= {"top", "rest-1"}
        if "pooled" in terms:
            names.add("pooled")
        if "cosine" in terms:
            names.add(f"hidden-{last}")
        if "embedding" in terms:
            names.add("hidden-0")
        if "attention" in terms:
            names |= {f"queries-{last}", f"keys-{last}"}
        if "values" in terms:
            names.add(f"values-{last}")
        if {"patient", "hidden", "scores"} & terms:
            between = layer_map(self.layer_map, student_layers, teacher_layers)[1:-1]
            if "patient" in terms:
                names |= {f"first-{layer}" for layer in between[:-1]}
            if "hidden" in terms:
                names |= {f"hidden-{layer}" for layer in between}
            if "scores" in terms:
                names |= {f"{which}-{layer}" for layer in between for which in ("queries", "keys")}
        return names


def check(method: Method, recipe: PretrainRecipe, teacher: Teacher) -> None:
    """Refuse what cannot be distilled, before any long work.

    Raises:
        UsageError: with the reason.
    """
    terms, heads = set(method.terms), teacher.weights.heads
    if teacher.head is None and (needy := [term for term in ("soft", "prediction") if term in terms]):
        raise UsageError(
            f"Method {method.name} needs the teacher's predictions ({TERMS[needy[0]]}), "
            f"and {teacher.folder} has no masked-language-model head.",
            "Choose a method on hidden states: sentence, minilm or tinybert-general.",
        )
    method.wanted(recipe.layers, teacher.layers)
    if "patient" in terms and recipe.layers < 2:
        raise UsageError(
            "Patient KD compares the layers below the last, and a student of 1 layer has none.",
            "Give it at least 2 layers.",
        )
    if "scores" in terms and recipe.heads != heads:
        raise UsageError(
            f"TinyBERT compares attention head by head: expected {heads} heads as the teacher has, got {recipe.heads}.",
            f"Set the student's heads to {heads}, or remove the term scores.",
        )
    if {"attention", "values"} & terms:
        if method.relation_heads is None and recipe.heads != heads:
            raise UsageError(
                f"MiniLM compares head by head: expected {heads} heads as the teacher has, got {recipe.heads}.",
                "Give the student as many, or set relation_heads to a number that divides both widths.",
            )
        if (count := method.relation_heads) and (recipe.hidden % count or teacher.width % count):
            raise UsageError(
                f"Expected relation_heads that divide both widths, {recipe.hidden} and {teacher.width}, got {count}."
            )
