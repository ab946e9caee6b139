"""Names, numbers and brackets without end, where people write parameters, descriptions and file names."""

from __future__ import annotations

import os

import pytest
from fault_contents import CSV
from fault_files import REPEATABLE, SCRAPS, Ledger, outcome
from fault_readers import TABLES_TWICE, read_news
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smallbert import cli
from smallbert.corpus import news, sources
from smallbert.corpus.tally import Tally
from smallbert.corpus.tasks import description
from smallbert.errors import DataError, MachineError, UsageError
from smallbert.knowledge import files as graphs
from smallbert.models import encoder
from smallbert.report import profiles
from smallbert.report.parameters import MODELS

ENDLESS = {"number": "9" * 5000, "brackets": "[" * 100_000, "name": "x" * 5000}
EMPTY = profiles.Profile("tiny", "", 1, "any")


@pytest.mark.parametrize("what", ["number", "brackets"])
def test_toml_without_end_is_no_toml(what, tmp_path):
    path = tmp_path / "some.toml"
    path.write_text(f"a = {ENDLESS[what]}")
    for read in (description.load, lambda path: sources.parts(path, sources.Options()), profiles.load):
        with pytest.raises((DataError, UsageError), match=f"{path}.* TOML"):
            read(path)


def test_names_too_long_for_any_file_are_files_that_do_not_exist(tmp_path):
    name, path = ENDLESS["name"], tmp_path / "some.toml"
    for text in (f'path = "{name}"', f'path = "hub:{name}"'):
        path.write_text(f"[[source]]\n{text}\n")
        with pytest.raises(DataError, match=r"does not exist|Expected a data set"):
            sources.parts(path, sources.Options())
    path.write_text(f'[[task]]\nname = "a"\nkind = "sentence"\nformat = "table"\nwhole = "{name}"\n')
    with pytest.raises(DataError, match=r"some.toml:5: expected a file at .* which does not exist"):
        description.load(path)
    with pytest.raises(DataError, match="which does not exist"):
        news.read(name)
    with pytest.raises(MachineError, match="no hub id has this form"):
        encoder.load(name)
    for setting in ("corpus", "tasks", "encoder", "corpus=hub:"):
        setting = f"{setting}{'' if '=' in setting else '='}{name}"
        assert outcome(lambda setting=setting: profiles.resolve(EMPTY, MODELS, [setting])) is not None
    with pytest.raises(UsageError, match="there is no file or folder"):
        profiles.resolve(EMPTY, MODELS, [f"corpus={name}"])


def test_descriptions_that_list_each_other_are_refused(tmp_path):
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    for path, listed in ((one, other), (other, one)):
        path.write_text(f'[[source]]\npath = "{listed.name}"\n')
    for read in (lambda: sources.parts(one, sources.Options()), lambda: sources.files(one)):
        with pytest.raises(DataError, match=r"one\.toml: expected descriptions that list files, found one that lists"):
            read()


def test_a_description_is_held_to_its_types(tmp_path):
    (tmp_path / "a.csv").write_bytes(CSV)
    path = tmp_path / "corpus.toml"
    path.write_text('[[source]]\npath = "a.csv"\n[source.columns]\ntitle = 3\n')
    with pytest.raises(UsageError, match=r"got columns = \{'title': 3\}"):
        read_news(path, Ledger())
    path.write_text("source = [3]")
    with pytest.raises(DataError, match="found source = 3"):
        read_news(path, Ledger())


def test_file_names_that_are_no_text_name_their_rows_all_the_same(tmp_path):
    """As archives packed under another encoding leave them; two such names stay two."""
    for name in (b"\xff.csv", b"\xfe.csv"):
        with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:
            file.write(b"title,content\na,b\n")
    assert [row["id"] for row in read_news(tmp_path, Ledger())] == ["\\xfe.csv:1", "\\xff.csv:1"]


@pytest.mark.parametrize("name", TABLES_TWICE)
def test_a_column_there_twice_is_no_column(name, tmp_path):
    reader = TABLES_TWICE[name]
    path = reader.write(tmp_path, reader.content)
    with pytest.raises(DataError, match=r"expected one column '(score|text)', found 2") as caught:
        reader.read(path, Ledger())
    assert caught.value.hint == "Rename or remove the others."


def test_a_limit_that_is_no_number_is_no_limit():
    with pytest.raises(UsageError, match="got nan"):
        Tally(float("nan"))


def test_an_entity_without_a_name_is_called_by_its_identifier(tmp_path):
    (tmp_path / "train.tsv").write_text("king\trules\tbo\n")
    (tmp_path / "entity2text.txt").write_text("king\t, a man\nbo\tBo\n")
    graph = graphs.read(tmp_path)
    assert (graph.name(0), graph.gloss(0), graph.name(1)) == ("king", "a man", "Bo")


names = sorted({name for model in MODELS.values() for name in model.model_fields})
scraps = st.sampled_from([scrap[:6000].decode("utf-8", "surrogateescape") for scrap in SCRAPS])
values = st.one_of(scraps, st.text(max_size=12), st.lists(scraps, max_size=2).map("".join))


@settings(max_examples=150, **REPEATABLE)
@given(st.lists(st.tuples(st.sampled_from([*names, "sedd", "01.seed", ".seed", ""]), values), max_size=2))
@example([("seeds", ENDLESS["brackets"])])
@example([("seed", ENDLESS["number"])])
@example([("columns", '{"title": "\\ud800"}')])
@example([("corpus_name", "\udcff")])
@example([("corpus", "~nobody-of-this-name/x")])
@example([("rows", "NaN")])
@example([("rows", "1e999")])
def test_any_setting_is_taken_or_refused(settings_of_a_user):
    written = [f"{name}={value}" for name, value in settings_of_a_user]
    taken = outcome(lambda: profiles.resolve(EMPTY, MODELS, written))
    if isinstance(taken, dict):
        for parameters in taken.values():
            parameters.model_dump_json().encode()


@pytest.mark.parametrize("flags", [("--rows", "²"), ("--rows", "0"), ("--shard", "2/1"), ("--max-bad-rows", "²")])
def test_flags_that_are_no_numbers_are_usage(flags, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["embed", "x.csv", "--encoder", "x", "--out", "y", *flags])
    assert caught.value.code == 2 and flags[0] in capsys.readouterr().err
