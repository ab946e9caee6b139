"""Parameters are refused by name, type and bound, wherever they come from."""

from __future__ import annotations

from typing import get_args

import nbformat
import papermill
import pytest

from smallbert.compress.activations import ACTIVATIONS
from smallbert.compress.schedules import SCHEDULES
from smallbert.compress.training import OPTIMIZERS
from smallbert.corpus.rows import COLUMNS
from smallbert.errors import MachineError, UsageError
from smallbert.report import parameters
from smallbert.report.parameters import MODELS, cell, check, start
from smallbert.report.settings import base
from smallbert.report.settings.embeddings import Column

CORPUS, DEPTH, SCHEDULES_PAGE = "01_corpus_and_embeddings", "02_autoencoder_depth", "03_layer_schedules"
ALBERT = "04_albert"


def test_names_repeated_here_are_those_of_the_library():
    assert set(get_args(base.Activation)) == set(ACTIVATIONS)
    assert set(get_args(base.Optimizer)) == set(OPTIMIZERS)
    assert set(get_args(base.Schedule)) == set(SCHEDULES)


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
    assert caught.value.hint == "arm_depth (int): encoder layers of the other arms. Write it as in -p arm_depth=3."


@pytest.mark.parametrize(
    ("stem", "values", "message"),
    [
        (DEPTH, {"depths": [1, 3, 2]}, "depths: the values should ascend, none of them twice, got [1, 3, 2]."),
        (DEPTH, {"depths": [1, 1, 2]}, "depths: the values should ascend"),
        (DEPTH, {"bottlenecks": [32, 8, 32]}, "bottlenecks: no value should be there twice, got [32, 8, 32]."),
        (DEPTH, {"rates": [0.1, 0.01]}, "rates: the values should ascend"),
        (DEPTH, {"original_rates": [0.1, 0.1]}, "original_rates: the values should ascend"),
        (DEPTH, {"original_epochs": [10, 5]}, "original_epochs: the values should ascend"),
        (DEPTH, {"fair_epochs": [30, 10]}, "fair_epochs: the values should ascend"),
        (DEPTH, {"row_shares": [1.0, 0.5]}, "row_shares: the values should ascend"),
        (DEPTH, {"activations": ["relu", "relu"]}, "activations: no value should be there twice"),
        (DEPTH, {"optimizers": ["sgd", "sgd"]}, "optimizers: no value should be there twice"),
        (SCHEDULES_PAGE, {"depths": [5, 3]}, "depths: the values should ascend"),
        (SCHEDULES_PAGE, {"schedules": ["geometric", "wide-heavy-1"]}, "schedules: the list should hold 'uniform'"),
        (SCHEDULES_PAGE, {"schedules": ["uniform", "uniform"]}, "schedules: no value should be there twice"),
        (CORPUS, {"max_tokens": 256}, "pretrain_sequence: the value should be at least max_tokens (256)"),
        (CORPUS, {"pretrain_heads": 5}, "pretrain_heads: the value should divide pretrain_hidden (128), got 5."),
        (ALBERT, {"heads": 3}, "heads: the value should divide hidden (64), got 3."),
        (ALBERT, {"embedding": 65}, "embedding: the value should be at most hidden (64), got 65."),
        (ALBERT, {"embeddings": [16, 65]}, "embeddings: the value should be at most hidden (64), got [16, 65]."),
        (ALBERT, {"batch": 100}, "batch: the value should be a multiple of sequence (64), got 100."),
        (CORPUS, {"pretrain_batch": 1000}, "pretrain_sequence: the value should divide pretrain_batch (1000), got 128"),
    ],
)
def test_values_that_do_not_fit_each_other_are_refused(stem, values, message):
    with pytest.raises(UsageError) as caught:
        check(stem, values, "here")
    assert f"here: {stem}.{message}" in caught.value.message


def test_values_in_no_order_and_texts_longer_than_anything_pretrained_are_fine_where_they_mean_something():
    assert check(DEPTH, {"bottlenecks": [64, 8]}, "here").bottlenecks == [64, 8]
    assert check(CORPUS, {"max_tokens": 256, "encoder": "minilm"}, "here").max_tokens == 256


def test_error_in_a_table_shows_how_one_is_written():
    with pytest.raises(UsageError) as caught:
        check(CORPUS, {"columns": 3}, "here")
    assert caught.value.hint.endswith("""Write it as in -p 'columns={"title": "headline"}'.""")


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


def test_start_in_a_kernel_lets_the_workers_import_what_it_has_imported(monkeypatch):
    from smallbert.figures import labels  # noqa: F401 - no worker draws
    from smallbert.models import fleet, workers

    warmed = []
    monkeypatch.setattr(workers, "warm", lambda names: warmed.extend(names))
    start("04_albert", {"get_ipython": None})
    assert {fleet.__name__, workers.__name__} <= {*warmed} and "smallbert.figures.labels" not in warmed
    warmed.clear()
    start("04_albert", {})  # a script, a test
    start(DEPTH, {"get_ipython": None})  # a notebook that trains in no worker
    assert not warmed


def test_start_refuses_a_kernel_of_another_environment(monkeypatch):
    monkeypatch.setenv(parameters.ENVIRONMENT, "/elsewhere")
    with pytest.raises(MachineError, match="Expected a kernel of the environment /elsewhere, got one of"):
        start(DEPTH, {})


def test_columns_that_can_be_named_are_those_of_a_row():
    assert get_args(Column) == COLUMNS
