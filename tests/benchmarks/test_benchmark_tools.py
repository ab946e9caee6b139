"""The benchmarks' own tools: alternating rounds, ratios round by round, useful work, and names that the page knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import compare
import machine
import numpy as np
import pytest
import run
from texts import reading, training

from smallbert.models.sizes import Sizes
from smallbert.storage import read_json
from smallbert.studies.benchmarks import FORM, TARGETS

HERE = Path(__file__).parent
LIMITS = {"threads": 1, "fp32_gflops": 100.0, "bf16_gflops": 400.0, "int8_gflops": 0.0, "copy_gb_s": 10.0}


def test_rounds_alternate_after_one_that_does_not_count():
    calls = []
    timings = compare.side_by_side({name: lambda name=name: calls.append(name) for name in "abc"}, rounds=3)
    assert "".join(calls) == "abc" + "abc" + "cba" + "abc"
    assert [len(one.seconds) for one in timings.values()] == [3, 3, 3]


def test_ratios_are_those_of_each_round_and_limits_those_of_the_format(monkeypatch, capsys):
    seconds = {"peer": [4.0, 8.0, 2.0], "ours": [1.0, 4.0, 1.0], "integers": [1.0, 1.0, 1.0]}
    timings = {name: compare.Timing(one, [0.0, 0.0, 0.5]) for name, one in seconds.items()}
    monkeypatch.setattr(machine, "limits", lambda: LIMITS)
    monkeypatch.setattr(compare, "side_by_side", lambda runs, rounds: timings)
    forms = zip(seconds, ("fp32", "bf16", "int8"), strict=True)
    found = compare.compare(
        "a test",
        {name: compare.Variant(lambda: None, form) for name, form in forms},
        amount=80,
        unit="texts",
        rounds=3,
        gflop=200.0,
        checks=lambda: {"ours": {"away": 0.25}},
    )
    ours = found["rows"][1]
    assert (ours["ratio"], ours["ratio low"], ours["ratio high"]) == (2.0, 2.0, 4.0)
    assert (ours["seconds"], ours["rate"], ours["gflops"], ours["of limit"]) == (1.0, 80.0, 200.0, 0.5)
    assert ours["away"] == 0.25 and ours["all seconds"] == [1.0, 4.0, 1.0]
    assert np.isnan(found["rows"][2]["of limit"])
    assert found["disturbed"] is False
    assert "ours" in capsys.readouterr().out


def test_useful_work_counts_real_tokens_and_three_forwards_for_training():
    sizes = Sizes(vocabulary=1000, hidden=384, layers=6, heads=12, intermediate=1536)
    lengths = np.array([10, 30, 30])
    by_hand = sum(6 * (24 * 384**2 * n + 4 * 384 * n**2) for n in lengths.tolist())
    assert reading(sizes, lengths) == pytest.approx(1e-9 * by_hand)
    assert training(sizes, lengths) == pytest.approx(3e-9 * by_hand)


def test_the_best_of_several_limits():
    other = LIMITS | {"fp32_gflops": 50.0, "copy_gb_s": 12.0}
    assert machine.best_of([LIMITS, other]) == LIMITS | {"copy_gb_s": 12.0}


def test_a_file_has_the_form_the_page_reads(tmp_path, capsys):
    machine.save("one", tmp_path, LIMITS, comparisons=[])
    record = read_json(tmp_path / "one.json")
    assert set(record) >= FORM | {"benchmark", "commit", "versions", "comparisons"}
    assert record["machine"]["device"] and record["limits"] == LIMITS


def comparison_names() -> list[re.Pattern[str]]:
    """Patterns of all names that benchmarks give to comparisons."""
    found = []
    for path in HERE.glob("bench_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.compile(re.escape(node.value)))
            elif isinstance(node, ast.JoinedStr):
                parts = (re.escape(one.value) if isinstance(one, ast.Constant) else ".*" for one in node.values)
                found.append(re.compile("".join(parts)))
    return [one for one in found if re.match(r"[A-Z]\w+.*", one.pattern)]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.comparison}, {target.variant}")
def test_every_target_has_a_benchmark_of_that_name(target):
    assert any(name.fullmatch(target.comparison) for name in comparison_names()), target


def test_every_benchmark_is_run_by_make_bench():
    assert {path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py")} == set(run.BENCHMARKS)


def test_an_unknown_benchmark_is_refused():
    done = subprocess.run([sys.executable, str(HERE / "run.py"), "speed"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "expected names out of extract, grid" in done.stderr
