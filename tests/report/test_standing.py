"""Which pages are current, and what is said of the others."""

from __future__ import annotations

import pytest

from smallbert.report import notebooks, parameters
from smallbert.report.parameters import Parameters
from smallbert.report.stages import record_path
from smallbert.report.standing import standing
from smallbert.storage import write_json


class Third(Parameters):
    needs = ("02_second",)


@pytest.fixture
def finished(project, monkeypatch):
    """Three pages as if they had run, each from the one before it."""
    monkeypatch.setitem(parameters.MODELS, "03_third", Third)
    project.write("03_third", "pass")
    finish(project)
    assert left_out(project) == {}
    return project


def finish(project, *settings, stems=("01_first", "02_second", "03_third")):
    for stage in project.plan(*settings):
        if stage.stem in stems:
            write_json(stage.executed, {})
            write_json(stage.record, {"finished": "now", "key": stage.key, "outputs": stage.outputs()})


def left_out(project):
    return standing(project.edition, notebooks.discover()).left_out


def test_what_stands_on_an_earlier_run_is_left_out_and_so_is_what_stands_on_that(finished):
    finish(finished, "rows=4", stems=["01_first"])
    assert left_out(finished) == {
        "02_second": "made from an earlier run of 01_first",
        "03_third": "made from an earlier run of 02_second",
    }
    finish(finished, "rows=4", stems=["02_second"])
    assert list(left_out(finished)) == ["03_third"]
    finish(finished, "rows=4")
    assert left_out(finished) == {}
    assert list(standing(finished.edition, notebooks.discover()).records) == ["01_first", "02_second", "03_third"]


def test_a_run_that_was_stopped_overtakes_others_only_where_it_was_another_run(finished):
    same, other = finished.plan()[0], finished.plan("rows=4")[0]
    write_json(same.record, {"finished": None, "key": same.key})
    assert left_out(finished) == {"01_first": "its last run did not finish"}
    write_json(same.record, {"finished": None})  # of a version that did not say which run it was
    assert left_out(finished) == {"01_first": "its last run did not finish"}
    write_json(same.record, {"finished": None, "key": other.key})
    assert list(left_out(finished)) == ["01_first", "02_second", "03_third"]


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_text("[]")])
def test_a_page_without_its_executed_copy_is_left_out(finished, change):
    change(finished.edition.executed / "02_second.ipynb")
    assert left_out(finished) == {"02_second": "its executed notebook is gone or was changed"}


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_text("{}")])
@pytest.mark.parametrize("place", ["results/02_second/values.json", "figures/02_second__dots.csv"])
def test_a_page_whose_results_papermill_alone_wrote_anew_is_left_out(finished, place, change):
    folder, _, name = place.partition("/")
    path = getattr(finished.edition, folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"answer": "Yes."})
    finish(finished)
    assert left_out(finished) == {}
    change(path)
    assert left_out(finished) == {"02_second": "its results were changed after its run"}


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_record_is_of_no_finished_run(finished, text):
    record_path(finished.edition, "03_third").write_text(text)
    assert left_out(finished) == {"03_third": "its last run did not finish"}
