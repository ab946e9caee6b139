"""Encoders of page 6's shelf have the points, and the commands, of the pages that made them."""

import pandas as pd
import pytest

from smallbert.paths import Edition
from smallbert.results import Results
from smallbert.storage import write_text
from smallbert.studies import frontier, frontier_needs, frontier_shelf, points
from smallbert.studies.frontier_points import ALONE, DISTIL, DISTILLED, PEER, SHARED, TASKS, TRANSFER, TRUNCATE, WHOLE
from smallbert.studies.transfer_shelf import FRESH

FACTORS = "truncate-the-word-table-by-frequency-rank-4"
MODELS = {
    "whole encoder": ("what the others are made from", 3, 16, "whole", WHOLE, ""),
    "word table truncated": ("its word table as two factors of rank 4", 3, 16, FACTORS, TRUNCATE, "--encoder"),
    "all shared, E 4": ("page 4", 2, 16, "all-shared-e-4-2-layers", SHARED, "--edition mine --corpus"),
    "student distilled (tinybert), width 8": ("page 5", 2, 8, "student-2-x-8", DISTILLED, "--edition mine --encoder"),
    "student alone, width 8": ("page 5", 2, 8, "student-alone-2-x-8", ALONE, "--edition mine --encoder"),
    "peer": ("a peer trained elsewhere", 2, 8, "peer", PEER, "--only 06"),
}


@pytest.fixture
def results(tmp_path):
    """A page 6 where everything but the reference keeps half."""
    edition = Edition("mine", tmp_path)
    found = Results(edition, TRANSFER)
    rows = [(model, *about[:3], 1.0, 1.0) for model, about in MODELS.items()]
    columns = ["model", "origin", "layers", "width", "megabytes", "operations"]
    found.write_table("shelf", pd.DataFrame(rows, columns=columns))
    found.record(seeds=[0, 1, 2])
    told = pd.DataFrame({"task": "all learnt", "model": [*MODELS][1:], "mode": "frozen"})
    told = told.assign(**{f"retained{end}": 0.5 for end in ("", " low", " high")})
    write_text(edition.figures / f"{TRANSFER}__retained.csv", told.to_csv(index=False))
    return found


def test_what_fresh_weights_retain_is_the_floor(results):
    path = results.edition.figures / f"{TRANSFER}__retained.csv"
    told = pd.read_csv(path)
    told.loc[0, "retained"] = 0.49  # worse than weights that were never trained
    fresh = told.iloc[:1].assign(model=FRESH, retained=0.495)
    write_text(path, pd.concat([told, fresh]).to_csv(index=False))
    rows = list(frontier_shelf.retained(results))
    assert {row["floor"] for row in rows} == {0.495} and FRESH not in {row["name"] for row in rows}
    frame = pd.DataFrame([{"page": TRANSFER, "detail": False, "time": float("nan")} | row for row in rows])
    front = frontier.against(frame, "megabytes").set_index("name").front
    assert not front[told.model[0]] and front["whole encoder"]


@pytest.mark.parametrize("model", MODELS)
def test_an_encoder_keeps_the_point_of_the_page_that_made_it(results, model):
    [row] = [row for row in frontier_shelf.retained(results) if row["name"] == model]
    *_, point, method, flags = MODELS[model]
    assert (row["point"], row["method"], row["measure"]) == (point, method, f"{TASKS}, frozen")
    assert flags in row["command"] and row["kept"] == (1.0 if model == "whole encoder" else 0.5)
    if flags.startswith("--e"):
        assert row["command"].startswith(f"smallbert build {point} --e")
    assert points.buildable(point) == (model == "word table truncated")


def test_what_page_6_found_of_a_student_counts_wherever_it_is_asked_for(results):
    """Page 5's neighbours alone would do; the same point's task scores do not."""
    rows = [row for row in frontier_shelf.retained(results) if row["point"] in ("whole", "student-2-x-8")]
    near = {"measure": "neighbours kept", "kept": 0.99, "low": 0.98, "high": 1.0, "page": DISTIL, "among": 150}
    own = [one | near for one in rows if one["point"] != "whole"]
    frame = pd.DataFrame([*[{"page": TRANSFER, "detail": False} | one for one in rows], *own]).assign(
        **{"time many": float("nan")}
    )
    alone = frame[frame.measure == "neighbours kept"]
    assert "student-2-x-8" in set(frontier_needs.sure(alone, "megabytes", 0.9).point)
    assert "student-2-x-8" not in set(frontier_needs.sure(frame, "megabytes", 0.9).point)
