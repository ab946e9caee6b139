"""kill -9 on the report: finished notebooks stay finished, and a page is the old one or the new one, whole."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_jobs import tiny_report
from fault_nursery import Nursery

from smallbert.paths import Edition
from smallbert.report.stages import read_record

pytestmark = pytest.mark.slow

_report = tiny_report()
project, write_body = _report.project, _report.write_body

KILLS = 5
SEED = 20261121


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    one = Nursery()
    yield one
    one.close()


def finished(out: Path) -> dict[str, int]:
    """Everything that stages with a record of their end have made: a rename makes another inode."""
    edition = Edition("tiny", out)
    found = {}
    for stem in ("01_first", "02_second"):
        if record := read_record(edition, stem):
            found |= {name: (out / name).stat().st_ino for name in record["outputs"]}
    return {name: inode for name, inode in found.items() if not name.startswith("/")}


def pages(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in (out / "report").rglob("*.html")}


def test_killed_runs_and_renders_lose_nothing(project, write_body, nursery, tmp_path):
    chance = random.Random(SEED)
    began = time.monotonic()
    assert nursery.run("report", tmp_path / "whole", project.root) == 0, (tmp_path / "whole" / "said").read_text()
    seconds = time.monotonic() - began
    out, kills, before, status = tmp_path / "out", 0, {}, None
    while status is None:
        moment = chance.uniform(0.2, 0.9) * seconds if kills < KILLS else None
        status = nursery.run("report", out, project.root, kill_after=moment)
        assert finished(out).items() >= before.items(), "a finished notebook ran again"
        before, kills = finished(out), kills + 1
    assert status == 0, (out / "said").read_text()
    assert finished(out).keys() == finished(tmp_path / "whole").keys() and len(finished(out)) == 8
    old = pages(out)
    assert old.keys() == pages(tmp_path / "whole").keys() and len(old) == 4

    # Other words: other pages from the same results.
    project.write("01_first", "import smallbert.errors", write_body("01_first"), prose="# Another question?")
    project.write("02_second", write_body("02_second"), prose="# And one more?")
    during = []
    while status is not None:
        (out / "kill").write_text(f"before {len(during) + 1}")
        if (status := nursery.run("render", out, project.root)) is None:
            during.append(pages(out))
            status = -9
        else:
            break
    assert status == 0, (out / "said").read_text()
    new = pages(out)
    assert len(during) == 4 and new["report/tiny/01_first.html"] != old["report/tiny/01_first.html"]
    for found in during:
        assert found.keys() == old.keys()
        assert all(found[name] in (old[name], new[name]) for name in old)
