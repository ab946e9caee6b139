"""Results written by one stage are read back by another, and missing ones say which notebook to run."""

import pandas as pd
import pytest

from smallbert.errors import DataError
from smallbert.paths import Edition
from smallbert.results import Results


@pytest.fixture
def results(tmp_path) -> Results:
    return Results(Edition("tiny", tmp_path), "01_first")


def test_tables_come_back_as_they_went(results):
    frame = pd.DataFrame({"lang": ["en", "NA", ""], "fvu": [0.1, 1 / 3, float("nan")], "rows": [1, 2, 3]})
    results.write_table("table", frame)
    back = results.of("02_second").of("01_first").table("table")
    assert back.lang.tolist()[:2] == ["en", "NA"]  # the code NA is a language, not a missing value
    assert back.fvu[1] == frame.fvu[1]  # to the last bit
    assert pd.isna(back.fvu[2])


def test_values_add_up_and_later_ones_win(results):
    results.record(rows=3, encoder={"name": "tiny"})
    results.record(rows=4, seeds=[0, 1])
    assert results.values() == {"rows": 4, "encoder": {"name": "tiny"}, "seeds": [0, 1]}


def test_what_is_missing_names_the_notebook(results):
    with pytest.raises(DataError, match=r"Expected the table .*fvu\.csv\. Run notebook 01_first"):
        results.table("fvu")
    with pytest.raises(DataError, match=r"Expected the values .* Run notebook 01_first"):
        results.values()
