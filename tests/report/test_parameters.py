"""Parameters are refused by name, type and bound, wherever they come from."""

from __future__ import annotations

from typing import get_args

import nbformat
import papermill
import pytest

from smallbert.compress.activations import ACTIVATIONS
from smallbert.compress.schedules import SCHEDULES
from smallbert.compress.training import OPTIMIZERS
from smallbert.errors import MachineError, UsageError
from smallbert.report import parameters
from smallbert.report.parameters import MODELS, cell, check, start

DEPTH = "02_autoencoder_depth"


def test_names_repeated_here_are_those_of_the_library():
    assert set(get_args(parameters.Activation)) == set(ACTIVATIONS)
    assert set(get_args(parameters.Optimizer)) == set(OPTIMIZERS)
    assert set(get_args(parameters.Schedule)) == set(SCHEDULES)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sedd": 1}, "here: 02_autoencoder_depth has no parameter 'sedd'. Did you mean 'seed'?"),
        ({"seed": "abc"}, "02_autoencoder_depth.seed: the value should be a valid integer, got 'abc'"),
        ({"seeds": True}, "seeds: the value should be a valid integer, got True"),
        ({"seeds": 0}, "greater than or equal to 2, got 0"),
        ({"depths": []}, "depths: List should have at least 2 items"),
        ({"depths": [1, "2"]}, "depths.1: the value should be a valid integer, got '2'"),
        ({"optimizers": ["adm"]}, "the value should be 'adam', 'rmsprop' or 'sgd', got 'adm'"),
        ({"device": "gpu"}, "the value should be 'auto', 'cpu' or 'cuda', got 'gpu'"),
        ({"edition": "../up"}, "edition: String should match pattern"),
    ],
)
def test_wrong_parameter_is_refused_with_what_was_expected(values, message):
    with pytest.raises(UsageError) as caught:
        check(DEPTH, values, "here")
    assert message in str(caught.value)


def test_error_explains_the_parameter():
    with pytest.raises(UsageError) as caught:
        check(DEPTH, {"arm_depth": 1.5}, "here")
    assert caught.value.hint == "arm_depth (int): encoder layers of the other arms."


@pytest.mark.parametrize("stem", MODELS)
def test_cell_gives_papermill_every_name_type_default_and_meaning(stem, tmp_path):
    code = nbformat.v4.new_code_cell(cell(stem), metadata={"tags": ["parameters"]})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[code], metadata=kernel), tmp_path / "nb.ipynb")
    found = papermill.inspect_notebook(tmp_path / "nb.ipynb")
    fields = MODELS[stem].model_fields
    assert list(found) == list(fields)
    assert {name: one["help"] for name, one in found.items()} == {n: f.description for n, f in fields.items()}
    namespace: dict = {}
    exec(cell(stem), namespace)  # noqa: S102 - our own text, as a kernel would run it
    assert start(stem, namespace) == MODELS[stem]()
    assert found["seed"]["inferred_type_name"] == "int"


def test_start_refuses_what_plain_papermill_lets_through():
    namespace = {"seed": 0, "sedd": 3, "In": ["", "seed: int = 0", "# Parameters\nsedd = 3\n"]}
    with pytest.raises(UsageError, match=r"no parameter 'sedd'. Did you mean 'seed'\?"):
        start(DEPTH, namespace)


def test_start_ignores_other_variables_of_a_live_session():
    assert start(DEPTH, {"seed": 4, "sedd": 3, "In": ["", "sedd = 3"]}).seed == 4


def test_start_refuses_a_kernel_of_another_environment(monkeypatch):
    monkeypatch.setenv(parameters.ENVIRONMENT, "/elsewhere")
    with pytest.raises(MachineError, match="Expected a kernel of the environment /elsewhere, got one of"):
        start(DEPTH, {})
