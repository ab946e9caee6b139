"""When a stage runs again, and the reason it gives: no kernel needed."""

from __future__ import annotations

import os

import pytest

from smallbert import paths, provenance
from smallbert.errors import UsageError
from smallbert.report import notebooks
from smallbert.report.keys import imported, reasons
from smallbert.storage import write_json


@pytest.fixture
def finished(project):
    """The project as if both stages had run."""
    for stage in project.plan():
        for path in (*stage.expected(), stage.executed):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
        write_json(stage.record, {"finished": "now", "key": stage.key, "outputs": stage.outputs()})
    assert project.reasons() == {"01_first": (), "02_second": ()}
    return project


def test_parameter_change_names_old_and_new_and_reruns_dependents(finished):
    assert finished.reasons("rows=4") == {
        "01_first": ("parameter rows changed from 3 to 4",),
        "02_second": ("input stage 01_first changed",),
    }
    assert finished.reasons("widths=[1]") == {
        "01_first": (),
        "02_second": ("parameter widths changed from [1, 2] to [1]",),
    }


def test_parameter_that_changes_only_speed_reruns_nothing(finished):
    assert finished.reasons("jobs=2")["01_first"] == ()


def test_library_change_reruns_what_imports_it_even_through_another_module(finished):
    (finished.library / "paths.py").write_text("x = 1\n")  # 01 imports errors, errors imports paths
    (finished.library / "measure" / "stats.py").write_text("x = 1\n")  # nobody imports it
    assert finished.reasons() == {
        "01_first": ("library paths.py changed",),
        "02_second": ("input stage 01_first changed",),
    }


def test_code_change_names_the_cell_and_prose_changes_nothing(finished, write_body):
    finished.write("02_second", write_body("02_second"), prose="# Another question?")
    assert finished.reasons()["02_second"] == ()
    finished.write("02_second", write_body("02_second") + "\nx = 1")
    assert finished.reasons()["02_second"] == ("notebook cell 3 changed",)


def test_missing_and_changed_outputs_are_named(finished):
    (finished.edition.figures / "01_first__dots.svg").unlink()
    (finished.edition.results / "02_second" / "values.json").write_text("edited")
    assert finished.reasons() == {
        "01_first": ("missing figures/tiny/01_first__dots.svg",),
        "02_second": ("data/results/tiny/02_second/values.json was changed after it was written",),
    }


@pytest.mark.parametrize("name", ["store", "prepared", "pretrained"])
def test_what_was_deleted_from_the_cache_is_made_again(finished, name):
    folder = paths.cache(finished.edition.base) / "made" / "by-01"
    folder.mkdir(parents=True)
    stage = finished.plan()[0]
    write_json(stage.values, {"store": "", name: "made/by-01"})
    write_json(stage.record, {"finished": "now", "key": stage.key, "outputs": stage.outputs()})
    assert finished.reasons() == {"01_first": (), "02_second": ()}
    folder.rmdir()
    assert finished.reasons() == {"01_first": ("missing made/by-01 in the cache",), "02_second": ()}


def test_changed_corpus_file_and_lock_are_inputs(finished):
    corpus = finished.root / "news.csv"
    corpus.write_text("a")
    before = finished.plan("corpus=news.csv")[0].key
    os.utime(corpus, ns=(1, 1))
    assert finished.plan("corpus=news.csv")[0].key != before
    (finished.root / "requirements.lock").write_text("torch==1")
    assert finished.reasons()["01_first"] == ("input requirements.lock added",)


@pytest.mark.parametrize("source", ["corpus.toml", "hub:saved:train", "folder"])
def test_every_file_behind_a_corpus_is_an_input(finished, source):
    for folder in ("saved", "folder/inner"):
        (finished.root / folder).mkdir(parents=True)
        (finished.root / folder / "news.csv").write_text("a")
    (finished.root / "corpus.toml").write_text('[[source]]\npath = "folder"\n[[source]]\npath = "hub:saved"\n')
    before = finished.plan(f"corpus={source}")[0].key
    assert finished.plan(f"corpus={source}")[0].key == before
    changed = "folder/inner" if source == "folder" else "saved"
    (finished.root / changed / "news.csv").write_text("abc")
    after = finished.plan(f"corpus={source}")[0].key
    (reason,) = reasons(before, after)
    assert reason.startswith("input ") and reason.endswith("changed")


def test_version_that_is_installed_is_an_input(finished, monkeypatch):
    versions = provenance.versions()
    old = versions["torch"]
    monkeypatch.setattr(provenance, "versions", lambda: versions | {"torch": "99.0", "smallbert": "another"})
    assert finished.reasons()["01_first"] == (f"torch version changed from {old} to 99.0",)


def test_force_reruns_all_or_only_the_wanted_notebook(finished):
    assert [stage.reasons for stage in finished.plan(force=True)] == [("forced",), ("forced",)]
    assert [stage.reasons for stage in finished.plan(force=True, only="02_second")] == [(), ("forced",)]
    assert [stage.stem for stage in finished.plan(only="01_first")] == ["01_first"]


def test_damaged_record_counts_as_unfinished(finished):
    finished.plan()[0].record.write_text("{")
    assert finished.reasons()["01_first"] == ("did not finish last time",)


def test_imports_of_every_form_are_followed(tmp_path):
    files = {
        "__init__.py": "",
        "a.py": "from . import b\n\ndef late():\n    from smallbert.room.c import thing\n",
        "b.py": "import numpy\n",
        "room/__init__.py": "",
        "room/c.py": "from .d import x\n",
        "room/d.py": "from .. import e\n",
        "e.py": "",
        "unused.py": "",
        "report/__init__.py": "from smallbert import unused\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    sources = ["from smallbert import a\nfrom smallbert.report import start\nimport smallbertish"]
    found = [path.relative_to(tmp_path).as_posix() for path in imported(sources, tmp_path)]
    assert found == ["__init__.py", "a.py", "b.py", "e.py", "room/__init__.py", "room/c.py", "room/d.py"]
    everything = imported(["%matplotlib inline"], tmp_path)
    assert tmp_path / "unused.py" in everything


def test_discovery_takes_numbered_notebooks_in_order_and_checks_needs(project):
    (project.root / "notebooks" / "explore.ipynb").write_text("{}")
    assert [one.stem for one in notebooks.discover()] == ["01_first", "02_second"]
    assert notebooks.select(notebooks.discover(), "02").stem == "02_second"
    with pytest.raises(UsageError, match=r"Expected one notebook, got '02_secnd'. Did you mean '02_second'\?"):
        notebooks.select(notebooks.discover(), "02_secnd")
    (project.root / "notebooks" / "01_first.ipynb").unlink()
    with pytest.raises(UsageError, match="02_second needs 01_first, which does not come before it"):
        notebooks.discover()
    (project.root / "notebooks" / "04_unknown.ipynb").write_text("{}")
    (project.root / "notebooks" / "02_second.ipynb").unlink()
    with pytest.raises(UsageError, match="'04_unknown' has no parameter model"):
        notebooks.discover()
