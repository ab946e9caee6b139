"""``smallbert check``: copies of a published page, changed here and there, held to what was published."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from smallbert import paths
from smallbert.errors import UsageError
from smallbert.report.compare import compare
from smallbert.report.compare_check import Reproduction, check
from smallbert.report.compare_runs import open_run, published
from smallbert.report.compare_words import check_summary
from smallbert.storage import read_json, write_json

STEM = "03_layer_schedules"


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A project that has published one page, outside version control."""
    source, folder = paths.root(), tmp_path / "project"
    shutil.copytree(source / "data/results/default" / STEM, folder / "data/results/default" / STEM)
    (folder / "figures/default").mkdir(parents=True)
    for path in (source / "figures/default").glob(f"{STEM}__*"):
        shutil.copy(path, folder / "figures/default")
    record = read_json(source / "data/results/default/run.json")
    write_json(folder / "data/results/default/run.json", record | {"stages": {STEM: record["stages"][STEM]}})
    monkeypatch.setenv("SMALLBERT_ROOT", str(folder))
    monkeypatch.delenv("SMALLBERT_OUT", raising=False)
    return folder


@pytest.fixture
def again(root, tmp_path) -> Path:
    """The same run in another folder."""
    return shutil.copytree(root, tmp_path / "again")


def held(run: Path | str) -> Reproduction:
    opened = open_run(str(run))
    with published(opened) as edition:
        return check(compare(edition, opened))


def edit(run: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change a table of the page, or the data of ``figure NAME``."""
    figure = name.removeprefix("figure ")
    path = run / f"data/results/default/{STEM}/{name}.csv"
    path = path if figure == name else run / f"figures/default/{STEM}__{figure}.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)


def times(factor: float, *columns: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.assign(**{name: frame[name] * factor for name in columns})


def plus(step: float, *columns: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.assign(**{name: frame[name] + step for name in columns})


def test_a_copy_reproduces(again):
    found = held(again)
    assert found.reproduces and found.failed.empty and found.elsewhere == ()
    text = "\n".join(check_summary(found))
    assert text.startswith(f"{again} reproduces the published edition default.")
    assert (
        "other numbers: within 0.005 (half a point" in text
        and "whole numbers, words and recorded values: exact" in text
    )


@pytest.mark.parametrize(
    ("table", "change", "fails"),
    [
        ("bound", times(1.04, "least above PCA, train"), False),
        ("bound", times(1.4, "least above PCA, train"), True),
        ("bound", lambda frame: frame.assign(**{"cells checked": 113}), True),
        ("sizes", lambda frame: frame.assign(layers=5), True),
        ("matched", lambda frame: frame.assign(verdict="higher"), True),
        ("matched", times(1.5, "p_holm", "low", "high"), False),  # they follow the difference
        ("matched", plus(1e-5, "difference", "low", "high"), False),  # noise
        ("matched", plus(0.5, "difference", "low", "high"), True),
        ("figure gap_by_schedule", times(1.5, "seconds"), False),
        ("figure gap_by_schedule", times(1.5, "test_fvu"), True),
        ("figure gap_by_schedule", times(1.04, "test_fvu"), False),  # judged as real, but near
        ("figure widths", times(2, "width"), False),  # nothing judges it
    ],
)
def test_each_kind_of_cell_has_its_tolerance(again, table, change, fails):
    edit(again, table, change)
    found = held(again)
    assert found.reproduces is not fails
    assert set(found.failed.table) == ({table} if fails else set())


def test_recorded_choices_are_exact(again):
    path = again / f"data/results/default/{STEM}/values.json"
    values = read_json(path)
    write_json(path, values | {"choice": values["choice"] | {"rate": values["choice"]["rate"] + 0.001}})
    assert held(again).failed.row.tolist() == ["choice.rate"]


def record(run: Path, **changes: dict) -> None:
    """Change parts of the record: of the page, or ``corpus`` and ``encoder``."""
    path = run / "data/results/default/run.json"
    told = read_json(path)
    stage = told["stages"][STEM]
    for name, change in changes.items():
        owner = told if name in ("corpus", "encoder") else stage
        owner[name] = owner[name] | change
    write_json(path, told)


def test_another_experiment_is_no_reproduction(again):
    record(again, parameters={"seeds": 6, "jobs": 2})
    assert held(again).reasons == ("another experiment, with seeds set otherwise",)


def test_other_articles_are_no_reproduction(again):
    record(again, corpus={"rows_sha256": "0" * 64})
    assert held(again).reasons == ("another corpus, whose articles have another checksum",)


def test_another_machine_is_told_and_forgiven(again):
    precision = read_json(paths.root() / "data/results/default/run.json")["encoder"]["precision"]
    other = {"precision": "bf16" if precision == "fp32" else "fp32"}
    record(again, machine={"processor": "another"}, versions={"torch": "2.11.0"}, encoder=other)
    found = held(again)
    assert found.reproduces
    assert found.elsewhere == ("another machine", "other package versions", "another number format")
    assert "another machine, other package versions, another number format: computed" in "\n".join(check_summary(found))


def test_all_that_was_published_must_be_there_and_nothing_else(again):
    (again / f"data/results/default/{STEM}/rates.csv").unlink()
    edit(again, "sizes", lambda frame: frame.iloc[1:])
    assert held(again).reasons == ("1 table, 1 row published and missing",)
    shutil.copy(again / f"data/results/default/{STEM}/sizes.csv", again / f"data/results/default/{STEM}/rates.csv")
    assert "columns not in the published edition" in held(again).reasons[1]


def test_what_was_never_published_cannot_be_checked(root, again):
    with pytest.raises(UsageError, match="was never committed, so there is no published copy"):
        held(root)
    run = read_json(again / "data/results/default/run.json")
    write_json(again / "data/results/default/run.json", run | {"edition": "mine"})
    with pytest.raises(UsageError, match=r"no published edition 'mine' to check against\. Published: default\."):
        held(again)


def test_a_rerun_in_place_is_held_to_the_commit(root):
    identity = {
        f"GIT_{who}_{what}": "test@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "publish"]):
        environment = os.environ | identity | {"GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(["git", "-C", str(root), *command], check=True, env=environment)
    assert held("default").reproduces
    edit(root, "bound", times(2, "least above PCA, train"))
    found = held("default")
    assert found.reasons == ("1 cell outside their tolerance",) and found.failed.table.tolist() == ["bound"]
