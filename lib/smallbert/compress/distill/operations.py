"""What a distillation costs in counted operations, which repeat to the digit where times do not."""

from __future__ import annotations

from smallbert.compress.distill.teacher import Teacher
from smallbert.models import flops
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.sizes import Sizes

BACKWARD = 2
"""A backward pass as multiples of its forward: one product for the inputs' gradients, one for the weights'."""


def student_sizes(recipe: PretrainRecipe) -> Sizes:
    """A student in numbers, with its head; it has no pooler."""
    return Sizes(
        vocabulary=recipe.vocabulary_size,
        hidden=recipe.hidden,
        layers=recipe.layers,
        heads=recipe.heads,
        intermediate=recipe.intermediate,
        positions=recipe.sequence_length,
        pooler=False,
        head="mlm",
    )


def teacher_sizes(teacher: Teacher) -> Sizes:
    """A teacher in numbers, with its head where it has one."""
    weights = teacher.weights
    return Sizes(
        vocabulary=len(weights.words),
        hidden=teacher.width,
        layers=teacher.layers,
        heads=weights.heads,
        intermediate=teacher.intermediate,
        embedding=None if weights.projection is None else weights.words.shape[1],
        positions=len(weights.positions),
        pooler=False,
        head="none" if teacher.head is None else "mlm",
    )


def learning(recipe: PretrainRecipe) -> float:
    """Operations of a student's training on one token: forward and backward, the head on masked tokens alone."""
    return (1 + BACKWARD) * _forward(student_sizes(recipe), recipe)


def teaching(teacher: Teacher, recipe: PretrainRecipe) -> float:
    """Operations of the teacher's one forward on a token that a student of ``recipe`` reads."""
    return _forward(teacher_sizes(teacher), recipe)


def _forward(sizes: Sizes, recipe: PretrainRecipe) -> float:
    """Of a token of a full row, which holds one text."""
    found = flops.forward(sizes, recipe.sequence_length)
    return (found.total - (1 - recipe.masking_probability) * found.heads) / recipe.sequence_length
