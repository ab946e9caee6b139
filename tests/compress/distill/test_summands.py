"""Several processes share every step of a distillation, whatever its losses are means over."""

import io

import pytest
import torch

from smallbert.compress.distill import students
from smallbert.compress.distill.methods import TERMS, WEIGHTS, Method
from smallbert.compress.distill.objectives import Distillation
from smallbert.compress.distill.projections import Student
from smallbert.compress.distill.recording import record
from smallbert.compress.distill.said import train_inputs
from smallbert.models.parallel import Part

CPU = torch.device("cpu")


def gradients(objective, loss):
    objective.model.zero_grad(set_to_none=True)
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in objective.model.named_parameters()}


def test_every_loss_is_tried():
    assert {term for weights in WEIGHTS.values() for term in weights} >= set(TERMS)


@pytest.mark.parametrize("name", WEIGHTS)
def test_losses_and_gradients_of_the_parts_add_up(name, store, teacher, recipe, tmp_path):
    method = Method(name)
    wanted = method.wanted(recipe.layers, teacher.layers)
    inputs = train_inputs(store, recipe, method)
    given = record(teacher, inputs, wanted, tmp_path, data="", progress=io.StringIO()) if wanted else None
    model = Student(students.build(recipe, teacher, students.FRESH, CPU), method, teacher.width, recipe.seed)
    objective = Distillation(
        model, inputs, inputs, given, None, method, teacher_layers=teacher.layers, teacher_heads=4, dtype=torch.float32
    )
    whole = objective.loss(2)
    expected = gradients(objective, whole)
    for of in (2, 3):
        parts = [objective.loss(2, Part(index, of)) for index in range(of)]
        assert len({part.item() for part in parts}) == of
        torch.testing.assert_close(sum(parts), whole, rtol=5e-6, atol=0)
        found = gradients(objective, sum(parts))
        for key, gradient in expected.items():
            torch.testing.assert_close(found[key], gradient, rtol=0, atol=5e-6 * float(gradient.abs().max()) + 1e-7)
