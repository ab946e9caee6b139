"""The whole way: texts and a teacher in, a folder out that transformers and our encoder read; and what stops it."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from smallbert import storage
from smallbert.compress.distill.methods import WEIGHTS, Method
from smallbert.compress.distill.train import distil, epoch_tokens
from smallbert.errors import DataError, UsageError
from smallbert.models import encoder, training
from smallbert.models.tokens import TokenStore


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    """Where the students of this file share what their teacher said."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture
def make(store, predicting, recipe, work, tmp_path):
    def make(method="hinton", *, texts=store, teacher=predicting, out=tmp_path / "student", **options):
        options = {"work": work, "device": "cpu", **options}
        changes = options.pop("changes", {})
        method = method if isinstance(method, Method) else Method(method)
        return distil(texts, str(teacher), replace(recipe, **changes), method, out, **options)

    return make


def assert_same_student(one, other):
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert (one / "curve.csv").read_bytes() == (other / "curve.csv").read_bytes()


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_method_makes_a_narrow_student_that_everyone_reads(make, name):
    folder = make(name, changes={"hidden": 16, "intermediate": 32})
    predicts = name not in ("minilm", "sentence", "tinybert-general")
    kind, more = (AutoModelForMaskedLM, {}) if predicts else (AutoModel, {"add_pooling_layer": False})
    model, report = kind.from_pretrained(folder, output_loading_info=True, **more)
    assert not any(report.values()) and model.config.hidden_size == 16
    one = encoder.load(str(folder), max_tokens=32, precision="fp32")
    vectors = one.encode(one.tokenize(["ba bo to", "ma"]))
    assert vectors.shape == (2, 16) and np.isfinite(vectors).all()
    curve = pd.read_csv(folder / "curve.csv")
    assert curve.step.tolist() == [3, 6] and curve.agreement.between(-1, 1).all()
    made = json.loads((folder / "recipe.json").read_text())
    assert made["parameters"] == sum(one.numel() for one in model.parameters()) < made["teacher"]["parameters"]
    assert made["measures"]["agreement"] == curve.agreement.iloc[-1]
    assert (made["mass_kept"] != {}) == (name in ("hinton", "distilbert", "pkd", "tinybert"))
    assert not list(folder.glob("checkpoint*")) and not list(folder.glob(".*.part"))


def test_texts_and_a_headless_teacher(make, headless, texts, tmp_path):
    """From texts, without a store made before; the student embeds as its teacher's tokenizer reads."""
    folder = make("sentence", texts=texts, teacher=headless, start="released", work=None)
    assert AutoModel.from_pretrained(folder).config.num_hidden_layers == 2
    assert AutoTokenizer.from_pretrained(folder)("ba bo")["input_ids"][1:-1] == [0, 1]
    assert len(list((folder / "work" / "teacher").iterdir())) == 2  # train and held out
    loaded = load_file(folder / "model.safetensors")
    assert not [name for name in loaded if "cls" in name]


@pytest.mark.parametrize(("start", "has_head"), [("fresh", False), ("top", True)])
def test_a_head_that_nobody_trained_is_not_saved(make, predicting, start, has_head):
    """A student of whole texts has its teacher's head if it started from its layers, and no head if it is fresh."""
    folder = make("sentence", start=start)
    names = set(load_file(folder / "model.safetensors"))
    assert any(name.startswith("cls.") for name in names) == has_head
    if has_head:
        name = "cls.predictions.transform.dense.weight"
        theirs = load_file(predicting / "model.safetensors")[name]
        assert torch.equal(load_file(folder / "model.safetensors")[name], theirs)


def test_it_learns_to_embed_as_its_teacher_does(make, headless):
    changes = {"tokens": 256 * 60, "learning_rate": 1e-2, "evaluations": 20}
    curve = pd.read_csv(make("sentence", teacher=headless, start="released", changes=changes) / "curve.csv")
    assert curve.held_out_loss.iloc[-1] < 0.6 * curve.held_out_loss.iloc[0]


def test_students_share_what_the_teacher_said(make, tmp_path, monkeypatch):
    """Students of other sizes that ask for the same, from one store."""
    work, method = tmp_path / "work", Method("hinton", temperature=4.0)
    make(method, out=tmp_path / "one", work=work)
    before = {path: path.stat().st_mtime_ns for path in work.rglob("*.npy")}
    monkeypatch.setattr("smallbert.compress.distill.recording._compute", None)
    changes = {"hidden": 16, "layers": 1}
    made = make(method, out=tmp_path / "two", work=work, changes=changes)
    assert {path: path.stat().st_mtime_ns for path in work.rglob("*.npy")} == before and before
    monkeypatch.undo()
    alone = make(method, out=tmp_path / "three", work=tmp_path / "other", changes=changes)
    assert_same_student(made, alone)


def test_a_finished_student_is_returned_and_another_refused(make):
    folder = make()
    before = (folder / "recipe.json").stat().st_mtime_ns
    assert make() == folder and (folder / "recipe.json").stat().st_mtime_ns == before
    for changed in ({"changes": {"seed": 1}}, {"method": Method("hinton", temperature=3.0)}, {"start": "top"}):
        with pytest.raises(UsageError, match="made with another recipe, method, teacher or corpus"):
            make(**changed)


def test_an_interrupted_run_ends_with_the_same_bits(make, tmp_path, monkeypatch):
    whole = make("distilbert", out=tmp_path / "whole", start="released")
    original, calls = training.update, []

    def step(*arguments):
        calls.append(arguments[-1])
        if len(calls) == 5:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(training, "update", step)
    with pytest.raises(KeyboardInterrupt):
        make("distilbert", start="released", checkpoint_every=2)
    with pytest.raises(UsageError, match="Expected a checkpoint of run"):
        make("hinton", start="released", checkpoint_every=2)
    folder = make("distilbert", start="released", checkpoint_every=2)
    assert calls == [0, 1, 2, 3, 4, 4, 5]
    assert_same_student(folder, whole)


@pytest.mark.slow
def test_a_killed_process_resumes_to_the_same_bits(make, store, predicting, recipe, tmp_path):
    """SIGKILL while the teacher's outputs are written, then while the second checkpoint replaces the first."""
    code = """
        import os, signal, sys
        from pathlib import Path
        import torch
        torch.set_num_threads(1)
        from smallbert.compress.distill import recording
        from smallbert.compress.distill.methods import Method
        from smallbert.compress.distill.train import distil
        from smallbert.models.recipe import PretrainRecipe
        from smallbert.models.tokens import TokenStore
        recording.SHARD_TOKENS = 512
        name, nth = sys.argv[1], int(sys.argv[2])
        replace, count = os.replace, [0]
        def killing(source, target):
            count[0] += name in str(target)
            if count[0] == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(source, target)
        os.replace = killing
    """
    call = f"""
        store = TokenStore.open(Path({str(store.folder)!r}))
        distil(store, {str(predicting)!r}, {recipe!r}, Method("pkd"), Path({str(tmp_path / "student")!r}),
               work=Path({str(tmp_path / "work")!r}), device="cpu", checkpoint_every=2)
    """
    script = textwrap.dedent(code) + textwrap.dedent(call)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for arguments in (["top-logits", "2"], ["checkpoint", "2"]):
        run = subprocess.run([sys.executable, "-c", script, *arguments], env=environment, capture_output=True)
        assert run.returncode == -signal.SIGKILL, run.stderr.decode()
    run = subprocess.run([sys.executable, "-c", script, "none", "1"], env=environment, capture_output=True)
    assert run.returncode == 0, run.stderr.decode()
    assert_same_student(make("pkd", out=tmp_path / "whole", work=tmp_path / "other"), tmp_path / "student")


def test_a_diverging_student_stops_and_says_so(make, tmp_path):
    with pytest.raises(UsageError, match="Expected a finite loss and gradient") as caught:
        make("tinybert", changes={"learning_rate": 1e30})
    assert "Lower learning_rate" in caught.value.hint
    assert not (tmp_path / "student" / "recipe.json").exists()


@pytest.mark.parametrize("method", ["alone", "hinton", "sentence"])
def test_another_vocabulary_is_refused(make, texts, tmp_path, method):
    """By a student that learns from the text alone too: it has its teacher's vocabulary."""
    other = TokenStore.build(texts, 80, tmp_path / "other")
    with pytest.raises(UsageError, match="found another vocabulary's: the student reads and is saved with the teacher"):
        make(method, texts=other)
    assert not (tmp_path / "student").exists()


def test_it_learns_to_say_what_its_teacher_says(texts, recipe, tmp_path):
    """From a teacher that was pretrained here, whose special tokens stand where ours do."""
    from smallbert.models.pretrain import pretrain

    store = TokenStore.build(4 * texts, 80, tmp_path / "tokens")
    recipe = replace(recipe, vocabulary_size=80, tokens=256 * 240, learning_rate=1e-2, evaluations=4)
    teacher = pretrain(store, recipe, tmp_path / "teacher", device="cpu")
    small = replace(recipe, layers=1, tokens=256 * 150)
    folder = distil(store, str(teacher), small, Method("distilbert"), tmp_path / "student", device="cpu")
    curve = pd.read_csv(folder / "curve.csv")
    assert curve.held_out_loss.iloc[-1] < 0.6 * curve.held_out_loss.iloc[0]
    assert curve.agreement.iloc[-1] > curve.agreement.iloc[0] + 0.2
    assert storage.read_json(folder / "recipe.json")["recipe"]["vocabulary_size"] == store.vocabulary_size
    assert AutoTokenizer.from_pretrained(folder).get_vocab() == AutoTokenizer.from_pretrained(teacher).get_vocab()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"changes": {"batch_tokens": 320_000}}, DataError, "at least one step of 320000 tokens"),
        ({"changes": {"sequence_length": 64}}, UsageError, "sequence_length of at most 40, as many positions"),
        ({"start": "middle"}, UsageError, "a layer map out of released, .*, got 'middle'"),
        ({"start": "top", "changes": {"hidden": 16}}, UsageError, r"hidden 16 \(teacher: 32\)"),
    ],
)
def test_what_cannot_be_distilled_is_refused(make, options, error, message, tmp_path):
    with pytest.raises(error, match=message):
        make(**options)
    assert not (tmp_path / "student").exists()


def test_an_epoch_is_one_pass_over_the_rows(store):
    assert epoch_tokens(store, Method("hinton"), 32) == -(-len(store.train) // 32) * 32
    assert epoch_tokens(store, Method("sentence"), 48) >= len(store.train)
