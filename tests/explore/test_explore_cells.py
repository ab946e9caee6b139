"""Tables and figures of a run, alone and beside another run's."""

import numpy as np
import pandas as pd

from smallbert.explore.cells import FIGURE, Cells, beside, said, tables
from smallbert.explore.runs import Chooser
from smallbert.report.compare_runs import open_run
from smallbert.report.compare_tables import match

FIRST, LAST = "01_corpus_and_embeddings", "08_frontier"


def test_tables_of_a_page_are_its_own_and_its_figures(home):
    found = tables(open_run("default"), LAST)
    assert list(found) == ["points", f"{FIGURE}front"]
    assert found[f"{FIGURE}front"].kept.tolist() == [0.5, 0.75]


def test_beside_tells_both_values_and_their_difference():
    a = pd.DataFrame({"arm": ["x", "y"], "kept": [0.5, 0.75], "verdict": ["lower", "higher"], "n": ["1,000", "20"]})
    b = pd.DataFrame({"arm": ["y", "x"], "kept": [1.0, np.nan], "verdict": ["higher", "higher"], "n": ["30", "1,500"]})
    found = beside(match(a, b))
    assert found.columns.tolist() == [
        "arm", "kept, A", "kept, B", "kept, B - A", "verdict, A", "verdict, B", "n, A", "n, B", "n, B - A"
    ]  # fmt: skip
    assert found.arm.tolist() == ["x", "y"]
    np.testing.assert_allclose(found["kept, B - A"], [np.nan, 0.25])
    assert found["n, B - A"].tolist() == [500.0, 10.0]


def test_what_is_not_shared_is_counted():
    a = pd.DataFrame({"arm": ["x", "y", "z"], "kept": [1, 2, 3], "more": [1.5, 2.5, 3.5]})
    own = match(a, a[["arm", "kept"]].head(1))
    assert said(own) == "Not shown: 2 rows only in A, 1 column only in A."
    assert said(match(a, a)) == ""


def test_the_table_follows_run_page_and_name(home):
    chosen = Chooser()
    cells = Cells(chosen)
    assert cells.frame.property.tolist() == ["width", "name <b>"]
    assert "name &lt;b&gt;" in cells.shown and "name <b>" not in cells.shown, "what a run wrote is text"
    cells.table.value = "rates"
    chosen.edition.value = "other"
    assert cells.table.value == "rates", "the table stays where the other run has it"
    assert cells.frame.kept.tolist() == [1.0, 0.75]
    cells.page.value = LAST
    assert cells.frame.columns.tolist() == ["point", "kept"]
    chosen.edition.value = "default"
    cells.table.value = f"{FIGURE}front"
    assert cells.frame.bytes.tolist() == [8, 16]
    chosen.edition.value = "other"
    assert cells.table.value == "points"


def test_a_second_run_stands_beside_the_first(home):
    cells = Cells(Chooser())
    cells.table.value = "rates"
    cells.other.edition.value = "other"
    assert cells.frame["kept, B - A"].tolist() == [0.5, 0.0]
    assert "A: default, B: other." in cells.said and "1 row only in A" in cells.said
    cells.page.value = LAST
    cells.table.value = f"{FIGURE}front"
    assert "other has no such table" in cells.said
    cells.other.edition.value = "nothing"
    assert cells.said == "" and cells.frame.columns.tolist() == ["bytes", "kept"]


def test_a_broken_table_is_an_alert_and_no_crash(home):
    path = home / "data" / "results" / "other" / LAST / "points.csv"
    path.write_text('point,kept\n"x,1\n')
    cells = Cells(Chooser())
    cells.page.value = LAST
    cells.other.edition.value = "other"
    assert "no readable table" in cells.said and cells.frame.columns.tolist() == ["point", "kept"]
    cells._chosen.edition.value = "other"
    assert "no readable table" in cells.said and cells.shown == ""


def test_no_run_is_told(home):
    chosen = Chooser()
    cells = Cells(chosen)
    chosen.folder.value = "nowhere"
    assert cells.page.options == () and "no table" in cells.said and cells.shown == ""
    chosen.folder.value = ""
    assert cells.frame.property.tolist() == ["width", "name <b>"]
