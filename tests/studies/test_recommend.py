"""Recommendations: the best point that fits, its doubts, and nothing where nothing fits."""

import numpy as np
import pandas as pd
import pytest

from smallbert.errors import DataError, UsageError
from smallbert.paths import Edition
from smallbert.results import Results
from smallbert.studies import recommend
from smallbert.studies.frontier_points import page_command


@pytest.fixture
def points(tmp_path):
    topic, near, none = "topic accuracy kept", "neighbours kept", np.nan
    rows = [
        ("whole", "whole encoder", "encoder", 13.7, none, topic, 1.0, 1.0, 1.0, "", none),
        ("trim-0.9", "trim, coverage 0.9", "encoder", 11.8, none, topic, 0.97, 0.9, 1.0, "build", 1.0),
        ("int8", "whole, int8", "encoder", 3.5, none, topic, 0.95, 0.92, 0.99, "build", none),
        ("student", "student", "encoder", 1.4, none, topic, 0.6, 0.5, 0.7, "distil", 0.5),
        ("student", "student", "encoder", 1.4, none, near, 0.58, none, none, "distil", 0.5),
        ("pca-32-int8", "PCA, int8, 32 bytes", "index", none, 32, "neighbour overlap@10", 0.8, 0.7, 0.9, "build", none),
    ]
    columns = ["point", "name", "kind", "megabytes", "bytes", "measure", "kept", "low", "high", "command", "time"]
    frame = pd.DataFrame(rows, columns=columns).assign(n=200, over="articles", detail=False)
    frame = frame.assign(page="05_distillation", where="reductions", floor=none)
    frame["time low"], frame["time high"] = frame.time - 0.1, frame.time + 0.1
    results = Results(Edition("mine", tmp_path), "08_frontier")
    results.write_table("points", frame)
    return recommend.points(results)


def test_the_best_that_fits_and_what_is_not_told_from_it(points):
    name = recommend.measure(points, "megabytes", "topic")
    said = recommend.answer(points, "megabytes", 12, name)
    assert said[0] == (
        "trim, coverage 0.9 (trim-0.9): 11.8 MB of weights, keeps 97.0% [90.0%, 100.0%] of its reference's topic "
        "accuracy."
    )
    assert "05_distillation.html#reductions), over 200 articles" in said[1]
    assert said[2] == "Its time for one text: 100% [90%, 110%] of the reference's."
    unsure = points.assign(**{"time high": np.inf})
    assert "100% [90%, no upper limit told]" in recommend.answer(unsure, "megabytes", 12, name)[2]
    assert said[3] == "Not told from it by their intervals: whole, int8, 3.5 MB of weights."
    assert said[-1] == "To build it: build"


@pytest.mark.parametrize(("floor", "worthless"), [(0.5, False), (0.6, True), (np.nan, False)])
def test_what_keeps_no_more_than_frequencies_is_called_so(points, floor, worthless):
    said = " ".join(recommend.answer(points.assign(floor=floor), "megabytes", 2, "topic accuracy kept"))
    assert (
        f"That is worth nothing: without any encoder, by frequencies alone, {floor:.1%} is kept." in said
    ) == worthless


def test_a_command_that_came_after_the_edition_is_told(tmp_path):
    made = ["build", page_command("02"), page_command("06"), ""]
    frame = pd.DataFrame({"point": ["pca-2", "fair-2-layers-8-fp32", "fresh", "whole"], "command": made})
    results = Results(Edition("mine", tmp_path), "08_frontier")
    results.write_table("points", frame)
    found = recommend.points(results).command.tolist()
    assert (
        found[1] == "smallbert build fair-2-layers-8-fp32 --edition mine --encoder ENCODER --corpus CORPUS --out FOLDER"
    )
    assert [found[0], *found[2:]] == ["build", page_command("06"), ""]


def test_nothing_fits(points):
    said = recommend.answer(points, "megabytes", 1, "topic accuracy kept")
    assert said[0] == "Nothing that was measured by topic accuracy kept fits 1 MB of weights."
    assert said[1] == "The smallest is student (student): 1.4 MB of weights, keeps 60.0% [50.0%, 70.0%]."


def test_a_mean_without_an_interval_is_called_so(points):
    [first, *_] = recommend.answer(points, "megabytes", 2, recommend.measure(points, "megabytes", "neighbours"))
    assert first.endswith("keeps 58.0% (a mean without an interval) of its reference's neighbours.")


def test_an_index_has_bytes(points):
    name = recommend.measure(points, "bytes")
    assert name == "neighbour overlap@10"
    assert recommend.answer(points, "bytes", 40, name)[0].startswith(
        "PCA, int8, 32 bytes (pca-32-int8): 32 bytes a vector"
    )


def test_measures_are_found_by_a_part_of_their_name(points):
    assert recommend.measure(points, "megabytes") == "topic accuracy kept"
    with pytest.raises(UsageError, match="part of one measure's name, got 'kept', which is in those of 2") as error:
        recommend.measure(points, "megabytes", "kept")
    assert "topic accuracy kept; neighbours kept" in error.value.hint


def test_a_single_task_gives_way_to_the_whole(points):
    task = points[points.measure == "topic accuracy kept"].assign(measure="topic of a sentence, frozen", detail=True)
    both = pd.concat([task, points], ignore_index=True)
    assert recommend.measure(both, "megabytes", "topic") == "topic accuracy kept"
    assert recommend.measure(both, "megabytes", "topic of a sentence") == "topic of a sentence, frozen"


def test_an_edition_without_points(tmp_path):
    with pytest.raises(DataError, match="Expected the table"):
        recommend.points(Results(Edition("none", tmp_path), "08_frontier"))
