"""The GPU check: it runs whole at toy sizes without a GPU, keeps what it has when a part fails, and scales honestly."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import gpu_check
import gpu_figures
import gpu_grid
import gpu_pretrain
import numpy as np
import pytest
import torch
from gpu_tools import Check, OutOfTime, at_most, limits

from smallbert.errors import MachineError
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.tokens import TokenStore
from smallbert.storage import read_json
from smallbert.studies import benchmarks

SCRIPT = Path(gpu_check.__file__)


def toy(folder: Path, *, quick: bool = True) -> Check:
    return Check(torch.device("cpu"), quick, 1, None, folder, folder)


def start(*options: str) -> subprocess.CompletedProcess[str]:
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, text=True, env=hidden)


@pytest.mark.slow
def test_the_whole_check_at_toy_sizes(tmp_path, monkeypatch):
    done = start("--device", "cpu", "--quick", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    record = read_json(tmp_path / "gpu.json")
    assert record["errors"] == [] and record["quick"] is True
    assert set(record["seconds"]) == set(gpu_check.SECONDS)
    assert set(record["limits"]) == {"bf16_gflops", "fp32_gflops", "tf32_gflops", "copy_gb_s"}
    (read,) = benchmarks.read(tmp_path)  # the report's page reads it as it reads the others
    found = benchmarks.comparisons([read])
    assert {name for name, _ in found.groupby("comparison")} >= {target.comparison for target in gpu_figures.TARGETS}
    assert {one["unit"] for one in record["alone"]} == {"tokens"}  # our encoder alone; pretraining
    ours = found[found.variant.str.contains("smallbert") & found.comparison.str.startswith("Extraction")]
    assert len(ours) == 2 and (ours["worst cosine distance"] < 1e-3).all()
    assert "toy sizes" in (tmp_path / "gpu.md").read_text() and (tmp_path / "gpu.png").stat().st_size > 1000
    (tmp_path / "gpu.md").unlink()
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--draw", str(tmp_path / "gpu.json")])
    assert gpu_check.main() == 0
    assert (tmp_path / "gpu.md").exists()


def test_without_a_gpu_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT)])
    assert gpu_check.main() == MachineError.exit_code
    said = capsys.readouterr().err
    assert "needs a GPU" in said and "--device cpu --quick" in said


def test_a_part_that_takes_too_long_ends_and_is_written_down(tmp_path, monkeypatch):
    check = toy(tmp_path)

    def endless(check: Check) -> None:
        while True:
            check.attempt("a step", lambda: time.sleep(0.01))  # what a step swallows, the limit does not

    monkeypatch.setattr(gpu_check, "SECONDS", dict.fromkeys(gpu_check.SECONDS, 0.2))
    monkeypatch.setattr(gpu_check, "limits", endless)
    monkeypatch.setattr("gpu_inputs.articles", lambda check: 1 / 0)
    monkeypatch.setattr(gpu_grid, "measure", lambda check: check.record.update(reached=True))
    gpu_check.run(check)
    record = read_json(tmp_path / "gpu.json")
    assert [one["part"] for one in record["errors"]] == ["limits", "texts"]
    assert "OutOfTime" in record["errors"][0]["error"] and "ZeroDivisionError" in record["errors"][1]["error"]
    assert record["reached"] and set(record["seconds"]) == {"limits", "texts", "grid"}


def test_the_time_limit_is_lifted_again():
    with pytest.raises(OutOfTime, match="limit of 0 s"), at_most(0.05):
        time.sleep(5)
    with at_most(0.05):
        pass
    time.sleep(0.1)


def test_limits_are_rates_of_this_device(tmp_path):
    check = toy(tmp_path)
    limits(check)
    assert all(value > 0 for value in check.record["limits"].values())
    assert torch.get_float32_matmul_precision() == "highest"


def test_the_grid_is_the_original_study_s(tmp_path):
    stacks = gpu_grid._stacks(toy(tmp_path, quick=False))
    shapes = [stack[0].architecture for stack in stacks]
    assert len(set(shapes)) == 8 and {one.depth for one in shapes} == {2, 3, 4, 5}
    assert {(one.input_width, one.bottleneck) for one in shapes} == {(768, 128)}
    for stack in stacks:
        assert [cell.seed for cell in stack] == [0, 1, 2, 3, 4]
        assert (stack[0].training.epochs, stack[0].training.batch_size) == (10, 256)


def test_a_grid_cut_short_is_scaled_by_its_share(tmp_path):
    check = toy(tmp_path)
    stacks, data = gpu_grid._stacks(check), gpu_grid._data(check)
    began = time.perf_counter()
    seconds, told = gpu_grid._engine(check, stacks, data, "fp32", budget=0.0)
    wall = time.perf_counter() - began
    assert told["measured"] == 1 / 16  # the first of two epochs of the first of eight stacks
    assert 0 < seconds <= 16 * wall


def test_useful_work_of_pretraining(tmp_path):
    text = [2, *[9] * 14, 3]  # [CLS] ... [SEP]: documents of 16 tokens, cut by no row of 32
    ids = np.array(text * 64, np.int64)
    store = TokenStore(tmp_path, ids, ids, vocabulary_size=100, key="")
    recipe = PretrainRecipe(
        layers=2, hidden=8, heads=2, intermediate=32, vocabulary_size=100, sequence_length=32, batch_tokens=32
    )
    encoder = 2 * (24 * 8**2 * 16 + 4 * 8 * 16**2) / 16
    head = 0.15 * 2 * 8 * (8 + 100)
    assert gpu_pretrain._gflop_a_token(recipe, store) == pytest.approx(3e-9 * (encoder + head))


def test_targets_stand_beside_what_was_measured():
    row = {"seconds": 59.0, "rate": 1.0, "gflops": 1.0, "of limit": 0.1, "ratio": 51.0}
    slow = row | {"seconds": 61.0, "variant": "smallbert fp32"}
    grid = {"comparison": gpu_grid.NAME, "unit": "rows", "rows": [row | {"variant": "smallbert bf16"}, slow]}
    loop = row | {"variant": "transformers loop bf16", "ratio": 1.0}
    base = {
        "comparison": gpu_figures.EXTRACTION[0],
        "unit": "tokens",
        "rows": [loop, row | {"variant": "smallbert bf16"}],
    }
    said = {
        (one["comparison"], one["variant"]): one.get("reached")
        for one in gpu_figures.rows({"comparisons": [grid, base], "alone": []})
    }
    assert said == {
        (gpu_grid.NAME, "smallbert bf16"): "yes",
        (gpu_grid.NAME, "smallbert fp32"): "no",
        (gpu_figures.EXTRACTION[0], "transformers loop bf16"): None,
        (gpu_figures.EXTRACTION[0], "smallbert bf16"): "ratio not measured",
        (gpu_figures.EXTRACTION[1], "smallbert bf16"): "not measured",
    }
