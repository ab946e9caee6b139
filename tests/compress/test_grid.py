"""The grid: one row per cell and epoch, independent of company, resumable, safe against crashes."""

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import redirect_stderr
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from smallbert import runtime
from smallbert.compress.autoencoder import Architecture
from smallbert.compress.cells import Cell, CellStore, GridData
from smallbert.compress.grid import load_model, stackable, train
from smallbert.compress.training import Training
from smallbert.errors import DataError, UsageError


def make_data(rows=600):
    rng = np.random.default_rng(20261120)
    matrix = rng.normal(size=(rows + 200, 32)).astype(np.float32) * np.linspace(2, 0.1, 32, dtype=np.float32)
    return GridData(matrix[:rows], matrix[rows : rows + 100], matrix[rows + 100 :])


def make_cells(epochs=2):
    shapes = [(), (24,), (20, 12)]
    architectures = [Architecture(32, 4, hidden) for hidden in shapes]
    architectures += [Architecture(32, 4, (16,), "gelu", "mirrored", residual=True)]
    recipes = [Training(1e-3, epochs, batch_size=64, evaluate_at=(1,)), Training(1e-2, epochs, optimizer="sgd")]
    return [Cell(a, t, seed) for a in architectures for t in recipes for seed in (0, 1)]


def quiet(cells, data, *rest, **options):
    """Train without printing; the frame without what is measured rather than computed."""
    options = {"device": "cpu", "progress": False, **options}
    return train(cells, data, *rest, **options).drop(columns="seconds")


@pytest.fixture(scope="module")
def expected():
    """The reference: every cell alone, one job, no store."""
    data = make_data()
    return pd.concat([quiet([cell], data, jobs=1) for cell in make_cells()], ignore_index=True)


def test_frame_has_one_row_per_cell_and_epoch(expected):
    cells = make_cells()
    assert list(expected.key) == [cell.key for cell in cells for _ in cell.training.evaluate_at]
    row = expected[expected.key == cells[4].key].iloc[1]
    assert (row.epoch, row.hidden, row.depth, row.learning_rate, row.seed) == (2, (24,), 2, 1e-3, 0)
    assert (row.train_rows, row.validation_rows, row.test_rows) == (600, 100, 100)
    assert row.encoder_parameters == 32 * 24 + 24 + 24 * 4 + 4
    assert expected.finite.all() and (expected.precision == "fp32").all()


@pytest.mark.parametrize("jobs", [1, 3])
def test_results_do_not_depend_on_company_order_or_jobs(jobs, expected):
    cells = make_cells()
    shuffled = [cells[i] for i in np.random.default_rng(1).permutation(len(cells))]
    frame = quiet(shuffled + cells[:3], make_data(), jobs=jobs)  # equal cells are trained once
    by = ["key", "epoch"]
    pd.testing.assert_frame_equal(
        frame.sort_values(by, ignore_index=True), expected.sort_values(by, ignore_index=True), check_exact=True
    )
    assert list(frame.key.unique()) == [cell.key for cell in shuffled]


def test_threads_setting_of_the_caller_survives():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        quiet(make_cells()[:2], make_data(), jobs=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_finished_cells_are_not_trained_again(tmp_path, expected, monkeypatch):
    quiet(make_cells()[:5], make_data(), tmp_path)
    trained = []
    from smallbert.compress import grid

    def counting(stack, *rest):
        trained.extend(stack)
        return original(stack, *rest)

    original = grid.train_stack
    monkeypatch.setattr(grid, "train_stack", counting)
    frame = quiet(make_cells(), make_data(), tmp_path)
    pd.testing.assert_frame_equal(frame, expected, check_exact=True)
    assert set(trained) == set(make_cells()[5:])
    trained.clear()
    pd.testing.assert_frame_equal(quiet(make_cells(), make_data(), tmp_path), expected, check_exact=True)
    assert not trained
    quiet(make_cells()[:1], make_data(rows=500), tmp_path)  # other data: another result
    quiet(make_cells()[:1], make_data(), tmp_path, precision="bf16")
    assert len(trained) == 2


def damage_truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def damage_value(path):
    record = json.loads(path.read_text())
    record["curve"][0]["test_sse"] *= 0.5
    path.write_text(json.dumps(record))


def damage_other_cell(path):
    other = next(p for p in path.parent.glob("*.json") if p != path)
    path.write_bytes(other.read_bytes())


def damage_no_record(path):
    path.write_text("[]")


@pytest.mark.parametrize("damage", [damage_truncate, damage_value, damage_other_cell, damage_no_record])
def test_a_damaged_cell_is_detected_and_trained_again(damage, tmp_path, expected):
    cells, data = make_cells()[:3], make_data()
    first = quiet(cells, data, tmp_path)
    path = CellStore(tmp_path, data, "fp32")._path(cells[1])
    before = json.loads(path.read_text())
    damage(path)
    pd.testing.assert_frame_equal(quiet(cells, data, tmp_path), first, check_exact=True)
    after = json.loads(path.read_text())
    for record in (before, after):
        for point in record["curve"]:
            point.pop("seconds")
    assert before["curve"] == after["curve"]


def test_kept_weights_give_the_recorded_errors_back(tmp_path):
    data, cells = make_data(), make_cells()
    deep = [cell for cell in cells if cell.architecture.depth > 1]
    frame = quiet(cells, data, tmp_path, keep_weights=lambda cell: cell.architecture.depth > 1)
    for cell in deep:
        model = load_model(tmp_path, cell, data)
        with torch.no_grad():
            error = model.decode(model.encode(data.test)) - data.test
        recorded = frame[(frame.key == cell.key)].test_sse.iloc[-1]
        assert error.double().square().sum().item() == pytest.approx(recorded, rel=1e-6)
    with pytest.raises(DataError, match=f"weights of cell {cells[0].key} in .* missing or damaged"):
        load_model(tmp_path, cells[0], data)


def test_automatic_precision_is_that_of_the_device_that_trained(tmp_path, monkeypatch):
    """On a machine whose GPU has bf16 and whose processor has not, a model trained on the CPU is found again."""
    data, cell = make_data(), make_cells()[0]
    monkeypatch.setattr(runtime, "has_fast_bf16", lambda kind: kind == "cuda")
    frame = quiet([cell], data, tmp_path, precision="auto", keep_weights=lambda cell: True)
    assert set(frame.precision) == {"fp32"}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert load_model(tmp_path, cell, data, precision="auto", device="cpu")
    with pytest.raises(DataError, match=r"-bf16; they are missing"):
        load_model(tmp_path, cell, data, precision="auto", device="cuda")


def test_damaged_or_missing_weights_are_trained_again(tmp_path):
    data, cell = make_data(), make_cells()[4]
    quiet([cell], data, tmp_path)
    quiet([cell], data, tmp_path, keep_weights=lambda cell: True)
    path = CellStore(tmp_path, data, "fp32")._weights(cell)
    intact = path.read_bytes()
    path.write_bytes(intact[:-4] + b"\0\0\0\0")
    with pytest.raises(DataError, match="missing or damaged"):
        load_model(tmp_path, cell, data)
    quiet([cell], data, tmp_path, keep_weights=lambda cell: True)
    assert path.read_bytes() == intact


def test_shards_are_disjoint_and_complete(tmp_path, expected):
    cells, data = make_cells(), make_data()
    parts = [quiet(cells, data, tmp_path, shard=(i, 3)) for i in (1, 2, 3)]
    assert sum(len(part) for part in parts) == len(expected)
    assert set().union(*(part.key for part in parts)) == set(expected.key)
    pd.testing.assert_frame_equal(quiet(cells, data, tmp_path), expected, check_exact=True)


def test_a_diverged_cell_is_a_result(tmp_path):
    data = make_data()
    wild = Cell(Architecture(32, 4, (16,)), Training(1e30, 3, optimizer="sgd", evaluate_at=(1,)), seed=0)
    tame = make_cells()[0]
    for _ in range(2):  # trained, then read back
        frame = quiet([wild, tame], data, tmp_path)
        assert list(frame.finite) == [False, False, True, True]
        assert frame.test_sse.isna().tolist() == [True, True, False, False]


def test_an_error_in_one_cell_ends_the_grid_and_keeps_finished_cells(tmp_path, monkeypatch):
    from smallbert.compress import grid

    cells, data = make_cells(), make_data()
    original, bad = grid.train_stack, cells[0]  # one of the smallest: trained late

    def failing(stack, *rest):
        if stack[0] == bad:
            raise RuntimeError("no such luck")
        return original(stack, *rest)

    monkeypatch.setattr(grid, "train_stack", failing)
    with pytest.raises(RuntimeError, match="no such luck"):
        quiet(cells, data, tmp_path, jobs=1)
    assert len(list(tmp_path.glob("*/*.json"))) >= len(cells) - 4  # four are of its size


@pytest.mark.slow
def test_survives_kill_9(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys
            sys.path.insert(0, {os.path.dirname(__file__)!r})
            from test_grid import make_cells, make_data, quiet
            quiet(make_cells(epochs=15), make_data(), {str(tmp_path / "store")!r}, keep_weights=lambda cell: True)
            print("finished", flush=True)
            """
        )
    )
    process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    while len(list(tmp_path.glob("store/*/*.json"))) < 3:
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert "finished" not in process.communicate()[0]
    cells, data = make_cells(epochs=15), make_data()
    keep = {"keep_weights": lambda cell: True}
    resumed = quiet(cells, data, tmp_path / "store", **keep)
    pd.testing.assert_frame_equal(resumed, quiet(cells, data, tmp_path / "whole", **keep), check_exact=True)
    for path in (tmp_path / "whole").glob("*/*.safetensors"):
        assert path.read_bytes() == (tmp_path / "store" / path.relative_to(tmp_path / "whole")).read_bytes()


def test_progress_counts_operations_and_what_is_done_already(tmp_path):
    data, cells = make_data(), make_cells()
    quiet(cells[:4], data, tmp_path)
    with redirect_stderr(io.StringIO()) as printed:
        train(cells, data, tmp_path, device="cpu")
    assert "autoencoder grid: 32/32 GFLOP (100%)" in printed.getvalue()


def test_stacks_hold_cells_equal_but_for_seed_and_rate():
    base = Cell(Architecture(32, 4), Training(1e-3, 2), 0)
    faster = replace(base, training=replace(base.training, learning_rate=1e-2))
    other = replace(base, architecture=Architecture(32, 5))
    cells = [base, faster, other, replace(base, seed=1), replace(faster, seed=1)]
    stacks = stackable(cells, limit=3)
    assert stacks == [[base, replace(base, seed=1), faster], [replace(faster, seed=1)], [other]]


def test_keys_tell_cells_data_and_nothing_else_apart():
    cells = make_cells()
    assert len({cell.key for cell in cells}) == len(cells)
    assert [cell.key for cell in make_cells()] == [cell.key for cell in cells]
    data = make_data()
    same = GridData(data.train.numpy().copy(), data.validation, data.test)
    swapped = GridData(data.train, data.test, data.validation)
    assert same.key == data.key != swapped.key


def test_wrong_requests_say_what_was_expected(rng):
    data = make_data()
    good = make_cells()[:1]
    with pytest.raises(UsageError, match="at least one cell"):
        train([], data)
    with pytest.raises(UsageError, match="cells of input width 32, the width of the data; got Architecture"):
        train([Cell(Architecture(31, 4), Training(1e-3, 1), 0)], data)
    with pytest.raises(UsageError, match=r"1 <= i <= n; got \(0, 2\)"):
        train(good, data, shard=(0, 2))
    with pytest.raises(UsageError, match="jobs of at least 1; got 0"):
        train(good, data, jobs=0)
    matrix = rng.normal(size=(6, 3))
    broken = matrix.copy()
    broken[4, 1] = np.nan
    with pytest.raises(DataError, match="finite validation vectors; row 4 has NaN"):
        GridData(matrix, broken, matrix)
    with pytest.raises(DataError, match=r"of one width; got \[3, 3, 2\]"):
        GridData(matrix, matrix, matrix[:, :2])
    with pytest.raises(DataError, match=r"test vectors of shape \(rows, d\) with rows; got \(0, 3\)"):
        GridData(matrix, matrix, matrix[:0])
