"""run.json: what made each stage, and no folder of this machine."""

from __future__ import annotations

import json

import pytest

from smallbert.errors import UsageError
from smallbert.report import notebooks, record
from smallbert.report.stages import record_path
from smallbert.storage import digest, sha256_file, write_json

FIRST = {"parameters": {"rows": 3}, "inputs": {}}
SECOND = {"parameters": {}, "inputs": {"stage 01_first": digest(FIRST)}}
OTHER = {"parameters": {"rows": 4}, "inputs": {}}


def finish(project, stem, finished, **changes):
    """A finished stage: its record and its executed copy. The second read the first."""
    executed = project.edition.executed / f"{stem}.ipynb"
    write_json(executed, {})
    values = {
        "profile": "tiny",
        "command": ["smallbert", "run", "-p", "corpus=/home/me/a=b/news.csv"],
        "parameters": {"corpus": "hub:/home/me/saved:train", "seed": 3, "columns": {"title": "t"}},
        "started": "2026-01-01T00:00:00+00:00",
        "finished": finished,
        "seconds": 1.5,
        "peak_memory_bytes": 1,
        "commit": "0123456789ab",
        "modified": False,
        "versions": {"smallbert": "0.1.0", "torch": "2.13.0"},
        "machine": {"cores": 2},
        "key": SECOND if stem == "02_second" else FIRST,
        "outputs": {str(executed): sha256_file(executed)},
    }
    write_json(record_path(project.edition, stem), values | changes)


def test_every_stage_keeps_what_made_it(project):
    newer = {"commit": "ba9876543210", "versions": {"smallbert": "0.1.0", "torch": "2.14.0"}, "machine": {"cores": 8}}
    finish(project, "01_first", "2026-01-01T00:00:02+00:00")
    finish(project, "02_second", "2026-02-01T00:00:02+00:00", **newer)
    record.write_run(project.edition, notebooks.discover())
    run = record.read_run(project.edition)
    first, second = run["stages"].values()
    assert (first["commit"], first["versions"]["torch"], first["machine"]) == ("0123456789ab", "2.13.0", {"cores": 2})
    assert {name: second[name] for name in newer} == newer == {name: run[name] for name in newer}
    assert run["seconds"] == 3.0 and run["command"][-1] == "corpus=news.csv"
    assert first["parameters"] == {"corpus": "hub:saved:train", "seed": 3, "columns": {"title": "t"}}
    assert "/home" not in json.dumps(run)


@pytest.mark.parametrize("value", ["world", "minilm", "owner/name", "hub:owner/name", 3, [1]])
def test_what_is_no_path_is_kept(project, value):
    finish(project, "01_first", "2026-01-01T00:00:02+00:00", parameters={"corpus": value})
    record.write_run(project.edition, notebooks.discover())
    assert record.read_run(project.edition)["stages"]["01_first"]["parameters"] == {"corpus": value}


def test_some_pages_do_not_replace_the_record_of_an_edition_made_elsewhere(project):
    found = notebooks.discover()
    for stem in ("01_first", "02_second"):
        finish(project, stem, "2026-01-01T00:00:02+00:00")
    record.require_records(project.edition, found, ["01_first"])  # nothing is published yet
    record.write_run(project.edition, found)
    record.require_records(project.edition, found, ["01_first"])  # this machine made them all
    record_path(project.edition, "02_second").unlink()
    record.require_records(project.edition, found, ["01_first", "02_second"])
    with pytest.raises(UsageError, match=r"not made 1 \(02_second\)") as caught:
        record.require_records(project.edition, found, ["01_first"])
    assert "--edition mine" in caught.value.hint


def test_each_stage_has_its_command(project):
    both = ["smallbert", "run", "--profile", "tiny"]
    again = [*both, "-p", "corpus=/home/me/news.csv", "--only", "02_second"]
    finish(project, "01_first", "2026-01-01T00:00:02+00:00", command=both)
    finish(project, "02_second", "2026-02-01T00:00:02+00:00", command=again)
    record.write_run(project.edition, notebooks.discover())
    first, second = record.read_run(project.edition)["stages"].values()
    assert first["command"] == both
    assert second["command"] == [*both, "-p", "corpus=news.csv", "--only", "02_second"]


def test_a_page_made_from_an_earlier_run_of_another_is_no_longer_told(project):
    """Otherwise its old numbers would stand under the new corpus."""
    found = notebooks.discover()
    finish(project, "01_first", "2026-01-01T00:00:02+00:00")
    finish(project, "02_second", "2026-01-01T00:00:03+00:00")
    finish(project, "01_first", "2026-02-01T00:00:02+00:00", key=OTHER)
    record.write_run(project.edition, found)
    assert list(record.read_run(project.edition)["stages"]) == ["01_first"]
    finish(project, "01_first", "2026-02-01T00:00:02+00:00")  # as it was again
    record.write_run(project.edition, found)
    assert list(record.read_run(project.edition)["stages"]) == ["01_first", "02_second"]


def test_a_page_whose_ground_did_not_finish_again_keeps_its_corpus(project):
    found = notebooks.discover()
    finish(project, "02_second", "2026-01-01T00:00:03+00:00")
    write_json(project.edition.results / "01_first" / "values.json", {"corpus": {"name": "news"}})
    write_json(record_path(project.edition, "01_first"), {"finished": None, "key": FIRST})
    record.write_run(project.edition, found)
    run = record.read_run(project.edition)
    assert list(run["stages"]) == ["02_second"] and run["corpus"] == {"name": "news"}
