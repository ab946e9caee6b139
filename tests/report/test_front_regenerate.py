"""The commands under a page do what they say: they parse, and they spell out what differs from the defaults."""

from __future__ import annotations

import shlex

import pytest
import yaml

from smallbert import cli, paths
from smallbert.report.front.regenerate import commands
from smallbert.report.parameters import MODELS
from smallbert.storage import read_json

RUNS = {path.parent.name: read_json(path) for path in sorted((paths.root() / "data" / "results").glob("*/run.json"))}
CASES = [(name, stem) for name, run in RUNS.items() for stem in run["stages"]]


@pytest.mark.parametrize(("name", "stem"), CASES)
def test_commands_of_published_pages(name, stem):
    run = RUNS[name]
    parameters = run["stages"][stem]["parameters"]
    (_, again), (_, check), (_, papermill), (_, render) = commands(stem, MODELS[stem], run["command"], parameters)

    options = cli._parser().parse_args(shlex.split(again)[1:])
    assert (options.only, str(options.out)) == (stem, "again")
    assert options.profile in run["command"]
    assert cli._parser().parse_args(shlex.split(check)[1:])
    assert cli._parser().parse_args(shlex.split(render)[1:]).edition == name

    words = shlex.split(papermill)
    assert words[:3] == ["papermill", f"notebooks/{stem}.ipynb", f"{stem}.ipynb"]
    given, rest = {}, words[3:]
    while rest:
        if rest[0] == "-r":
            given[rest[1]], rest = rest[2], rest[3:]
        else:
            assert rest[0] == "-y"
            given, rest = given | yaml.safe_load(rest[1]), rest[2:]
    # A parameter may have come or gone since the edition was made.
    defaults = {name: one.default for name, one in MODELS[stem].model_fields.items() if name in parameters}
    assert len(defaults) > 3
    assert defaults | given == {name: parameters[name] for name in defaults}


def test_text_that_looks_like_a_number_or_a_flag_stays_text():
    model = MODELS["01_corpus_and_embeddings"]
    told = commands("01_corpus_and_embeddings", model, ["smallbert", "run"], {"edition": "12", "corpus": "-y $(x) 'a'"})
    words = shlex.split(dict(told)["The notebook alone, by papermill, after the pages it reads"])
    assert words[3:] == ["-r", "edition", "12", "-r", "corpus", "-y $(x) 'a'"]


def test_a_page_that_came_along_with_another_is_asked_for_by_its_own_name():
    made = ["smallbert", "run", "--profile", "news", "--only", "03_layer_schedules"]
    told = commands("01_corpus_and_embeddings", MODELS["01_corpus_and_embeddings"], made, {})
    assert told[0][1] == "smallbert run --profile news --only 01_corpus_and_embeddings --out again"
