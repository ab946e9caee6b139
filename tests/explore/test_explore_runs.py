"""A run is chosen from the list or by its folder; what is no run is told, not raised."""

import shutil

from smallbert.explore.runs import NONE, Chooser, editions, facts
from smallbert.report.compare_runs import open_run


def test_editions_are_those_with_a_record_the_default_first(home):
    (home / "data" / "results" / "benchmarks").mkdir()
    assert editions() == ["default", "other"]


def test_facts_leave_out_what_is_not_known(home):
    found = dict(facts(open_run("default")).to_numpy())
    assert found["articles"] == "150"
    assert found["languages"] == "2: en, ko"
    assert found["finished"] == "2026-11-21 08:51"
    assert found["pages"] == "01, 08"
    assert "commit" not in found


def test_another_edition_is_opened_and_told_to_observers(home):
    chooser, seen = Chooser(), []
    chooser.observe(lambda change: seen.append(change.new.name), "run")
    assert chooser.run.name == "default"
    chooser.edition.value = "other"
    assert seen == ["other"]
    assert "The run other." in chooser.shown and "letters &lt;b&gt;" in chooser.shown


def test_a_folder_goes_before_the_list_until_the_list_is_used(home, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    shutil.copytree(home / "data" / "results" / "other", out / "data" / "results" / "other")
    chooser = Chooser()
    chooser.folder.value = str(out)
    assert chooser.run.edition.base == out
    chooser.edition.value = "other"
    assert chooser.folder.value == "" and chooser.run.edition.base == home


def test_a_folder_that_is_no_run_is_an_alert(home):
    chooser = Chooser()
    chooser.folder.value = str(home / "data")
    assert chooser.run is None
    assert 'role="alert"' in chooser.shown and "is no run" in chooser.shown
    chooser.folder.value = "<b>nowhere</b>"
    assert "&lt;b&gt;nowhere" in chooser.shown and "<b>nowhere" not in chooser.shown


def test_nothing_may_be_chosen_where_that_is_an_option(home):
    chooser = Chooser(optional=True)
    assert chooser.edition.value == NONE and chooser.run is None and chooser.shown == ""


def test_a_clone_without_any_run_opens(home):
    shutil.rmtree(home / "data" / "results")
    assert Chooser().run is None
