"""The commands that train, alone and by two processes of torchrun."""

import argparse
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from smallbert.cli import main, pretrain
from smallbert.errors import UsageError


@pytest.fixture
def torchrun(tmp_path, monkeypatch):
    """Run a command of ours in two processes that share a cache; returns what they said."""
    monkeypatch.setenv("SMALLBERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def torchrun(*arguments):
        start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        ran = subprocess.run(
            [*start, "-m", "smallbert.cli", *map(str, arguments)], capture_output=True, text=True, timeout=300
        )
        assert ran.returncode == 0, ran.stderr
        return ran

    return torchrun


@pytest.fixture
def teacher(settings, tmp_path):
    """The encoder of letters with a head, which is a teacher that predicts."""
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        AutoModelForMaskedLM.from_pretrained(settings["name"]).save_pretrained(tmp_path / "teacher")
    AutoTokenizer.from_pretrained(settings["name"]).save_pretrained(tmp_path / "teacher")
    return tmp_path / "teacher"


@pytest.mark.slow
def test_two_processes_distil_what_one_distils(corpus, teacher, torchrun, tmp_path):
    command = ["distil", "--teacher", teacher, "--student-layers", 1, "--student-hidden", 16, "--max-tokens", 32]
    command += ["--batch-tokens", 256, "--max-steps", 12, "--precision", "fp32", "--device", "cpu"]
    command += ["--method", "tinybert", "--corpus", corpus.folder]
    ran = torchrun(*command, "--out", tmp_path / "two")
    assert ran.stdout.count("of the masked tokens right") == 1  # one process speaks
    assert ran.stderr.count("distil:") == 1
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    assert main([*map(str, command), "--out", str(tmp_path / "one")]) == 0
    torch.set_num_threads(threads)
    one, two = (pd.read_csv(tmp_path / name / "curve.csv") for name in ("one", "two"))
    # fp32 sums in another order, 12 steps of Adam on.
    np.testing.assert_allclose(two.train_loss, one.train_loss, rtol=1e-5)
    np.testing.assert_allclose(two.held_out_loss, one.held_out_loss, rtol=1e-5)
    ours, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("two", "one"))
    for name, weights in ours.items():
        torch.testing.assert_close(weights, theirs[name], rtol=0, atol=2e-4)
    assert json.loads((tmp_path / "two" / "recipe.json").read_text())["processes"] == 2


def test_pretrain_makes_an_encoder_and_tells(corpus, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SMALLBERT_CACHE", str(tmp_path / "cache"))
    parser = argparse.ArgumentParser()
    pretrain.add(parser.add_subparsers())
    flags = "--tokens 1024 --layers 1 --hidden 16 --heads 2 --vocabulary 300 --max-tokens 16 --batch-tokens 256"
    command = ["pretrain", str(corpus.folder), "--out", str(tmp_path / "bert"), *flags.split()]
    options = parser.parse_args([*command, "--precision", "fp32", "--device", "cpu"])
    options.command(options)
    assert f"{tmp_path / 'bert'}: 1 layers, width 16, vocabulary 300; 4 steps in" in capsys.readouterr().out
    assert json.loads((tmp_path / "bert" / "recipe.json").read_text())["processes"] == 1
    options = parser.parse_args([*command, "--heads", "3"])
    with pytest.raises(UsageError, match="hidden to be a multiple of heads"):
        options.command(options)
