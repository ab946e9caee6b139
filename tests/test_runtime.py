"""The machine as a run finds it: devices and number formats asked for by name."""

import pytest
import torch

from smallbert import paths, runtime
from smallbert.errors import MachineError, UsageError


def test_an_unknown_device_or_precision_is_refused():
    with pytest.raises(UsageError, match="auto, cpu or cuda, got 'tpu'"):
        runtime.device("tpu")
    with pytest.raises(UsageError, match="auto, fp32 or bf16, got 'fp8'"):
        runtime.dtype("fp8", torch.device("cpu"))


def test_a_missing_gpu_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert runtime.device("auto").type == "cpu"
    with pytest.raises(MachineError, match="torch sees no GPU"):
        runtime.device("cuda")


@pytest.mark.parametrize(("fast", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_takes_bf16_only_where_the_hardware_has_it(monkeypatch, fast, expected):
    monkeypatch.setattr(runtime, "has_fast_bf16", lambda kind: fast)
    assert runtime.dtype("auto", torch.device("cpu")) == expected
    assert runtime.dtype("fp32", torch.device("cpu")) == torch.float32
    assert runtime.dtype("bf16", torch.device("cpu")) == torch.bfloat16


def test_peak_memory_grows_by_what_is_allocated():
    before = runtime.peak_memory_bytes()
    block = torch.ones(64 << 20, dtype=torch.uint8)
    assert runtime.peak_memory_bytes() >= before
    assert runtime.peak_memory_bytes() > block.numel()


def test_the_project_is_found_from_anywhere_inside_it(monkeypatch, tmp_path):
    root = paths.root()
    assert (root / "lib" / "smallbert" / "paths.py").is_file()
    monkeypatch.chdir(root / "lib" / "smallbert")
    assert paths.root() == root
    monkeypatch.chdir(tmp_path)
    assert paths.root() == root  # the checkout the package was installed from
    monkeypatch.setenv("SMALLBERT_ROOT", str(tmp_path))
    assert paths.root() == tmp_path


def test_out_and_cache_move_everything_that_is_written(monkeypatch, tmp_path):
    monkeypatch.setenv("SMALLBERT_OUT", str(tmp_path))
    edition = paths.edition("mine")
    assert edition.results == tmp_path / "data" / "results" / "mine"
    assert edition.figures == tmp_path / "figures" / "mine"
    assert edition.report == tmp_path / "report" / "mine"
    assert paths.cache() == tmp_path / "data" / "cache"
    monkeypatch.setenv("SMALLBERT_CACHE", str(tmp_path / "elsewhere"))
    assert paths.cache() == edition.executed.parents[1] == tmp_path / "elsewhere"
