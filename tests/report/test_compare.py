"""Two runs side by side: made-up ones, written as the report writes them, and published editions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from smallbert.errors import DataError, UsageError
from smallbert.paths import Edition
from smallbert.report.compare import Comparison, compare
from smallbert.report.compare_runs import open_run
from smallbert.report.compare_words import as_json, headline, summary
from smallbert.results import Results
from smallbert.storage import write_json, write_text

ALBERT = "04_albert"  # its table `timings` is timed
FIRST = "01_corpus_and_embeddings"

CONTRASTS = pd.DataFrame(
    {
        "sharing": ["attention shared", "all shared"],
        "difference": [0.5, 0.25],
        "low": [0.375, -0.25],
        "high": [0.625, 0.75],
        "pairs": [5, 5],
        "verdict": ["higher", "no difference shown"],
    }
)
LEDGER = pd.DataFrame({"model": ["BERT", "ALBERT"], "built": [108.5, 11.75], "heads": [12, 64]})
TIMINGS = pd.DataFrame({"arm": ["nothing shared"], "microseconds": [34.5]})
SVG = "<svg><metadata><dc:description>It falls from 2 to 1.</dc:description></metadata></svg>"


class Made:
    """Runs of two pages in a folder of their own."""

    def __init__(self, base: Path) -> None:
        self.base = base

    def run(self, folder: str, *, name: str = "tiny", stages: tuple[str, ...] = (FIRST, ALBERT), **changes) -> Path:
        """Write a run; ``changes``: tables of page 4 by name, ``parameters``, ``corpus``, ``stage`` or ``values``."""
        edition = Edition(name, self.base / folder)
        parameters = {"edition": name, "seed": 0, "jobs": 0} | changes.pop("parameters", {})
        corpus = {"name": "made up", "rows": 3, "rows_sha256": "a" * 64} | changes.pop("corpus", {})
        stage = {
            "profile": "tiny",
            "parameters": parameters,
            "seconds": 1.5,
            "commit": "0123456789ab",
            "modified": False,
            "versions": {"smallbert": "0.1.0", "torch": "2.13.0"},
            "machine": {"cores": 2, "device": "cpu"},
        } | changes.pop("stage", {})
        Results(edition, FIRST).write_table("reading", pd.DataFrame({"step": ["read", "kept"], "articles": [4, 3]}))
        page = Results(edition, ALBERT)
        page.record(**{"answer": "It costs 0.5 nats.", "choice": {"rate": 0.01}} | changes.pop("values", {}))
        tables = {"contrasts": CONTRASTS, "ledger": LEDGER, "timings": TIMINGS} | changes
        for table, frame in tables.items():
            page.write_table(table, frame)
        write_text(edition.figures / f"{ALBERT}__sharing.svg", SVG)
        write_text(edition.figures / f"{ALBERT}__sharing.csv", "arm,seed,loss\na,0,1.5\na,1,1.75\na,2,2.0\n")
        record = {"edition": name, "corpus": corpus, **{key: stage[key] for key in ("commit", "versions", "machine")}}
        write_json(edition.results / "run.json", record | {"stages": dict.fromkeys(stages, stage)})
        return self.base / folder

    def compare(self, **changes) -> Comparison:
        """The made-up run against one with ``changes``."""
        return compare(open_run(str(self.run("a"))), open_run(str(self.run("b", **changes))))


@pytest.fixture
def made(tmp_path) -> Made:
    return Made(tmp_path)


def moved(frame: pd.DataFrame, by: float, *columns: str) -> pd.DataFrame:
    return frame.assign(**{name: frame[name] + by for name in columns})


def verdicts(found: Comparison) -> dict[tuple[str, str], str]:
    return {(row.table, row.column): row.verdict for row in found.cells.itertuples()}


def test_a_run_is_the_same_as_itself_and_as_its_copy(made):
    found = made.compare()
    assert not found.differs and found.same_experiment and found.cells.empty
    assert headline(found).endswith("are the same in all 23 cells.")
    assert found.counts == {"same": 23, "real": 0, "noise": 0, "no interval": 0, "word": 0, "not held": 0}


def test_within_the_interval_is_noise_and_beyond_it_is_real(made):
    found = made.compare(contrasts=moved(CONTRASTS, 0.0625, "difference", "low", "high"))
    assert verdicts(found)["contrasts", "difference"] == "noise" and not found.differs
    assert "differ within it" in headline(found)
    found = made.compare(contrasts=moved(CONTRASTS, 4.0, "difference", "low", "high"))
    assert verdicts(found) == {
        ("contrasts", "difference"): "real",
        ("contrasts", "low"): "not held",
        ("contrasts", "high"): "not held",
    }
    assert found.differs and "2 cells beyond noise" in headline(found)


def test_seeds_behind_a_figure_judge_it(made):
    a, b = made.run("a"), made.run("b")
    data = b / "figures" / "tiny" / f"{ALBERT}__sharing.csv"
    write_text(data, "arm,seed,loss\na,0,2.5\na,1,2.875\na,2,3.0\n")
    found = compare(open_run(str(a)), open_run(str(b)))
    (cell,) = found.cells.itertuples()
    assert (cell.table, cell.row, cell.verdict) == ("figure sharing", "mean over seeds", "real")


def test_what_nothing_judges_counts_only_where_nothing_was_set_otherwise(made):
    changed = {"ledger": LEDGER.assign(built=[108.5, 12.0])}
    same = made.compare(**changed)
    assert verdicts(same) == {("ledger", "built"): "no interval"} and same.differs
    assert "1 cell though nothing was set otherwise" in headline(same)
    other = made.compare(**changed, parameters={"seed": 1})
    assert verdicts(other) == {("ledger", "built"): "no interval"} and not other.differs
    assert "1 cell changed with the settings" in headline(other)


@pytest.mark.parametrize(
    ("changes", "same", "word"),
    [
        ({"parameters": {"seed": 1}}, False, "seed: 0 → 1 (pages 1, 4)"),
        ({"corpus": {"rows_sha256": "b" * 64}}, False, "corpus: rows_sha256: aaaaaaaaaaaaaaaa → bbbbbbbbbbbbbbbb"),
        ({"corpus": {"name": "another name"}}, True, "corpus: name: made up → another name"),
        ({"parameters": {"jobs": 4}}, True, "jobs"),  # changes how fast, not what
        ({"parameters": {"fresh": 4}}, False, "fresh: – → 4"),
        ({"name": "other"}, True, "are the same"),
        ({"stage": {"commit": "ba9876543210", "modified": True}}, True, "0123456789ab → ba9876543210 with changes"),
        ({"stage": {"versions": {"smallbert": "0.2.0", "torch": "2.13.0"}}}, True, "smallbert: 0.1.0 → 0.2.0"),
        ({"stage": {"machine": {"cores": 8, "device": "cpu"}}}, True, "machine: cores: 2 → 8"),
        ({"stage": {"profile": "news"}}, True, "profile: tiny → news"),
    ],
)
def test_settings_inputs_and_environment_are_told_apart(made, changes, same, word):
    if "jobs" in changes.get("parameters", {}):
        changes = {**changes, "stages": (ALBERT,)}  # only a page that has workers can be told how many
    found = made.compare(**changes)
    assert word in "\n".join(summary(found))
    assert found.same_experiment is same
    assert found.differs is ("stages" in changes)


def test_times_never_count(made):
    found = made.compare(timings=TIMINGS.assign(microseconds=[99.5]), ledger=LEDGER.assign(seconds=[1, 2]))
    assert not found.cells.verdict.isin(["real", "no interval"]).any()
    assert verdicts(found) == {("timings", "microseconds"): "not held"}
    found = made.compare(ledger=LEDGER.assign(seconds=[1.5, 2.5]))
    assert found.missing.name.tolist() == ["seconds"]


def test_words_count_but_numbers_in_sentences_and_keys_do_not(made):
    found = made.compare(values={"answer": "It costs 0.75 nats.", "store": "embeddings/2862b7d4c8800d06"})
    assert found.cells.empty and "store" not in "".join(found.missing.name)
    found = made.compare(values={"answer": "It costs nothing."}, contrasts=CONTRASTS.assign(verdict="equivalent"))
    assert verdicts(found) == {("values", "value"): "word", ("contrasts", "verdict"): "word"} and found.differs


def test_whole_numbers_are_counts(made):
    found = made.compare(ledger=LEDGER.assign(heads=[12, 63]), values={"choice": {"rate": 0.003}})
    assert dict(zip(found.cells.column, found.cells.kind, strict=True)) == {"heads": "count", "value": "number"}


def test_what_only_one_has_is_named(made):
    a = made.run("a")
    b = made.run("b", stages=(ALBERT,), ledger=LEDGER.iloc[:1].drop(columns="heads").assign(more=1))
    (b / "data/results/tiny" / ALBERT / "contrasts.csv").unlink()
    (b / "figures/tiny" / f"{ALBERT}__sharing.svg").unlink()
    shutil.copy(a / "figures/tiny" / f"{ALBERT}__sharing.svg", b / "figures/tiny" / f"{ALBERT}__speed.svg")
    found = compare(open_run(str(a)), open_run(str(b)))
    told = {(row.table, row.what, row.name, row.run) for row in found.missing.itertuples(index=False)}
    assert told == {
        ("", "page", FIRST, "a"),
        ("", "table", "contrasts", "a"),
        ("", "figure", "sharing", "a"),
        ("", "figure data", "sharing", "a"),
        ("", "figure", "speed", "b"),
        ("ledger", "row", "ALBERT", "a"),
        ("ledger", "column", "heads", "a"),
        ("ledger", "column", "more", "b"),
    }
    assert found.differs


def test_results_without_figures_are_compared_without(made):
    a, b = made.run("a"), made.run("b")
    loose = made.base / "only results"
    shutil.copytree(b / "data/results/tiny", loose)
    found = compare(open_run(str(a)), open_run(str(loose)))
    assert not found.differs
    assert f"not compared: none lie with {loose}" in "\n".join(summary(found))


def test_a_run_is_found_by_edition_by_its_results_and_by_its_folder(made, monkeypatch):
    folder = made.run("a")
    monkeypatch.setenv("SMALLBERT_OUT", str(folder))
    places = ["tiny", str(folder), str(folder / "data/results/tiny")]
    assert {open_run(place).edition.figures for place in places} == {folder / "figures" / "tiny"}


def test_mistakes_are_told(made, monkeypatch):
    folder = made.run("a")
    monkeypatch.setenv("SMALLBERT_OUT", str(folder))
    with pytest.raises(UsageError, match=r"got 'tinny': there is neither\. Editions: tiny\."):
        open_run("tinny")
    with pytest.raises(DataError, match=r"is no run: expected run\.json in it"):
        open_run(str(folder / "figures"))
    with pytest.raises(UsageError, match=r"holds several editions: other, tiny\. Name one"):
        open_run(str(made.run("a", name="other")))
    with pytest.raises(UsageError, match=f"have no page in common: {FIRST} against {ALBERT}"):
        compare(open_run(str(made.run("b", stages=(FIRST,)))), open_run(str(made.run("c", stages=(ALBERT,)))))
    write_text(folder / "data/results/tiny" / ALBERT / "ledger.csv", 'a,b\n1,2\n"3')
    with pytest.raises(DataError, match=r"ledger\.csv is no readable table"):
        compare(open_run("tiny"), open_run("tiny"))


@pytest.mark.parametrize(
    ("record", "lacking"),
    [
        ([], "edition"),
        ({"edition": "../../etc", "versions": {}, "stages": {}}, "edition"),
        ({"edition": "tiny"}, "versions"),
        ({"edition": "tiny", "versions": {}, "stages": []}, "stages"),
        ({"edition": "tiny", "versions": {}, "stages": {FIRST: {"profile": "x"}}}, f"stages.{FIRST}.parameters"),
        (
            {"edition": "tiny", "versions": {}, "stages": {"../01_x": {}}},
            "stages called as notebooks are, but '../01_x'",
        ),
    ],
)
def test_a_record_of_another_version_is_refused(made, record, lacking):
    folder = made.run("a")
    write_json(folder / "data/results/tiny/run.json", record)
    with pytest.raises(DataError, match=rf"run\.json has no {lacking}: it was written by another version"):
        open_run(str(folder))


def test_a_published_edition_is_the_same_as_itself():
    found = compare(open_run("default"), open_run("default"))
    assert not found.differs and found.cells.empty and found.counts["same"] > 5_000


def test_editions_of_two_corpora_differ_where_they_should():
    found = compare(open_run("default"), open_run("reviews-korean"))
    assert found.differs and not found.same_experiment
    real = found.cells[(found.cells.verdict == "real") & (found.cells.table == "probes")]
    assert real.column.tolist() == ["accuracy"]
    # Counted from configurations, whatever was read.
    counted = found.cells[(found.cells.page == ALBERT) & found.cells.table.isin(["table4", "worked_example"])]
    assert counted.empty
    timed = found.cells[found.cells.table.isin(["timings", "equal_time", "figure speed"])]
    assert len(timed) and (timed.verdict == "not held").all()
    assert "corpus: name: the generated world →" in "\n".join(summary(found))
    told = as_json(found)
    assert told["differs"] is True and len(told["cells"]) == len(found.cells)


def test_a_terminal_gets_no_control_characters(made):
    hostile = LEDGER.assign(model=["\x1b]0;owned\x07\x1b[2J", "ALBERT"])
    found = compare(
        open_run(str(made.run("a", ledger=hostile))), open_run(str(made.run("b", ledger=hostile.assign(built=1.5))))
    )
    text = "\n".join(summary(found))
    assert "owned" in text and not any(one != "\n" and not one.isprintable() for one in text)
