"""Many students of one teacher: each the same as if it were alone, the teacher heard once."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertForMaskedLM

from smallbert import storage
from smallbert.compress.distill import fleet, operations, students, yardstick
from smallbert.compress.distill import teacher as teachers
from smallbert.compress.distill.fleet import Job, distil_all
from smallbert.compress.distill.methods import Method
from smallbert.compress.distill.shares import drawn
from smallbert.compress.distill.train import distil
from smallbert.errors import UsageError
from smallbert.models import training
from smallbert.models.mlm import MaskedLanguageModelling
from smallbert.models.packing import PackedRows
from smallbert.models.tokenizer import CLS


@pytest.fixture
def heard(monkeypatch):
    """Every recording the teacher makes: the rows' identity and what is wanted."""
    calls, original = [], fleet.record

    def record(teacher, inputs, wanted, folder, **options):
        calls.append((inputs.identity, wanted))
        return original(teacher, inputs, wanted, folder, **options)

    monkeypatch.setattr(fleet, "record", record)
    return calls


def assert_same_student(one, other):
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert (one / "curve.csv").read_bytes() == (other / "curve.csv").read_bytes()


def test_students_are_those_of_distil_and_the_teacher_reads_once(store, predicting, recipe, tmp_path, heard):
    """Of five methods, sizes and lengths; what is read alone lengthens no recording."""
    narrow = {"hidden": 16, "intermediate": 32}
    jobs = [
        Job("alone", replace(recipe, tokens=256 * 9), Method("alone")),
        Job("hinton", recipe, Method("hinton", temperature=4.0)),
        Job("short", replace(recipe, tokens=256 * 3, **narrow), Method("distilbert")),
        Job("copied", recipe, Method("pkd"), "released"),
        Job("tiny", replace(recipe, **narrow), Method("tinybert")),
        Job("again", recipe, Method("hinton", temperature=4.0)),
    ]
    folders = distil_all(jobs, store, str(predicting), tmp_path / "all", device="cpu", workers=1)
    assert folders[1] == folders[-1] and len(set(folders)) == 5
    assert [(identity["rows"], identity.get("steps")) for identity, _ in heard] == [
        ("held out, masked", None),
        ("masked", 6),
    ]
    assert {"top", "rest-4", "rest-2", "rest-1", "hidden-4", "hidden-0", "first-2", "keys-2"} <= heard[1][1]
    assert not (tmp_path / "all" / fleet.RECORDINGS).exists()
    for job, folder in zip(jobs[:5], folders[:5], strict=True):
        out = tmp_path / job.name
        distil(store, str(predicting), job.recipe, job.method, out, start=job.start, device="cpu")
        assert_same_student(out, folder)
        made = [storage.read_json(one / "recipe.json") for one in (out, folder)]
        assert made[0]["key"] == made[1]["key"] and made[0]["mass_kept"].keys() == made[1]["mass_kept"].keys()
    heard.clear()
    assert distil_all(jobs, store, str(predicting), tmp_path / "all", device="cpu") == folders and not heard


def test_processes_make_the_same_students(store, predicting, recipe, tmp_path):
    jobs = [Job(f"seed {seed}", replace(recipe, seed=seed), Method("hinton")) for seed in range(2)]
    side_by_side, one_by_one = (
        distil_all(jobs, store, str(predicting), tmp_path / str(workers), device="cpu", workers=workers)
        for workers in (2, 1)
    )
    for one, other in zip(side_by_side, one_by_one, strict=True):
        assert_same_student(one, other)


def test_a_headless_teacher_reads_no_more_texts_than_its_students(store, headless, recipe, tmp_path, heard):
    short = replace(recipe, sequence_length=40, batch_tokens=80, tokens=160)
    jobs = [Job(name, short, Method(name)) for name in ("sentence", "minilm", "alone")]
    folders = distil_all(jobs, store, str(headless), tmp_path / "all", device="cpu", workers=1)
    trained = [identity for identity, _ in heard if identity["rows"] == "train, whole texts"]
    assert [identity["steps"] for identity in trained] == [2]
    distil(store, str(headless), short, jobs[0].method, tmp_path / "one", device="cpu")
    assert_same_student(tmp_path / "one", folders[0])
    assert "agreement" not in pd.read_csv(folders[2] / "curve.csv")


def test_order_of_reading_and_order_of_filling_give_one_student(store, headless, recipe, tmp_path, monkeypatch):
    """Less than an epoch, recorded as it is read, or with all texts."""
    short = replace(recipe, sequence_length=40, batch_tokens=80, tokens=160)
    one = distil(store, str(headless), short, Method("sentence"), tmp_path / "one", device="cpu")
    monkeypatch.setattr("smallbert.compress.distill.said.UnmaskedSteps", lambda texts, recipe: texts)
    other = distil(store, str(headless), short, Method("sentence"), tmp_path / "other", device="cpu")
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-4) for name in ours)


def test_what_cannot_be_distilled_is_named_before_the_teacher_reads(store, predicting, headless, recipe, tmp_path):
    good = Job("good", recipe, Method("sentence"))
    for job, teacher, message in (
        (
            Job("soft one", recipe, Method("hinton")),
            headless,
            "soft one: Method hinton needs the teacher's predictions",
        ),
        (
            Job("deep", replace(recipe, layers=3), Method("pkd")),
            predicting,
            "deep: Expected student layers that divide",
        ),
        (
            Job("wide", replace(recipe, hidden=64), Method("alone"), "top"),
            predicting,
            "wide: Expected a student of the",
        ),
    ):
        with pytest.raises(UsageError, match=message):
            distil_all([good, job], store, str(teacher), tmp_path / "all", device="cpu")
    with pytest.raises(UsageError, match="jobs of one precision, got bf16, fp32"):
        other = Job("other", replace(recipe, precision="bf16"), Method("sentence"))
        distil_all([good, other], store, str(headless), tmp_path / "all", device="cpu")
    assert not (tmp_path / "all").exists()


def test_a_diverging_student_is_named_with_its_step_and_recordings_stay(store, predicting, recipe, tmp_path):
    wild = Job("wild", replace(recipe, learning_rate=1e30), Method("tinybert"))
    with pytest.raises(UsageError, match=r"wild: Expected a finite loss and gradient, .* at step \d of 6"):
        distil_all([wild], store, str(predicting), tmp_path, device="cpu", workers=1)
    assert any((tmp_path / fleet.RECORDINGS).iterdir())


def test_an_interrupted_run_goes_on_with_what_the_teacher_said(store, predicting, recipe, tmp_path, monkeypatch):
    jobs = [Job(f"seed {seed}", replace(recipe, seed=seed), Method("hinton")) for seed in range(2)]
    whole = distil_all(jobs, store, str(predicting), tmp_path / "whole", device="cpu", workers=1)
    original, calls = training.update, []

    def step(*arguments):
        calls.append(arguments[-1])
        if len(calls) == 10:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(training, "update", step)
    options = {"device": "cpu", "workers": 1, "checkpoint_every": 2}
    with pytest.raises(KeyboardInterrupt):
        distil_all(jobs, store, str(predicting), tmp_path / "again", **options)
    monkeypatch.setattr("smallbert.compress.distill.recording._compute", None)
    folders = distil_all(jobs, store, str(predicting), tmp_path / "again", **options)
    assert calls == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 2, 3, 4, 5]
    for one, other in zip(folders, whole, strict=True):
        assert_same_student(one, other)


def test_a_share_holds_whole_documents_and_lies_in_a_larger_one(store):
    small, large, other = drawn(store, 400, 1), drawn(store, 1200, 1), drawn(store, 400, 2)
    whole = {tuple(one) for one in documents(store.train)}
    assert {tuple(one) for one in documents(small.train)} < {tuple(one) for one in documents(large.train)} < whole
    assert 400 <= len(small.train) < 400 + 45 and not np.array_equal(small.train, other.train)
    assert len({store.key, small.key, large.key, other.key}) == 4
    assert small.held_out is store.held_out
    everything = drawn(store, 10**9, 1)
    assert len(everything.train) == len(store.train)


def documents(tokens):
    return np.split(np.asarray(tokens), np.flatnonzero(tokens == CLS)[1:])


def test_a_share_is_what_its_student_reads(store, predicting, recipe, tmp_path, heard):
    jobs = [Job("few", recipe, Method("hinton"), data=600), Job("all", recipe, Method("hinton"))]
    few, _ = distil_all(jobs, store, str(predicting), tmp_path / "all", device="cpu", workers=1)
    assert len(heard) == 3  # one held out, two to train on
    one = distil(drawn(store, 600, 0), str(predicting), recipe, Method("hinton"), tmp_path / "one", device="cpu")
    assert_same_student(one, few)


def test_the_teacher_is_measured_as_a_student_that_equals_it(toy, store, recipe, tmp_path):
    model = toy.stir(BertForMaskedLM(toy.config()))
    model.cls.predictions.bias.data[0] += 20  # mostly the first word, which is sometimes right
    model.save_pretrained(tmp_path)
    toy.tokenizer().save_pretrained(tmp_path)
    teacher = teachers.load(str(tmp_path), precision="fp32", device="cpu")
    twin = students.build(replace(recipe, layers=4), teacher, "bottom", torch.device("cpu"))
    rows = PackedRows(store.train, 32)
    expected = MaskedLanguageModelling(twin, rows, rows, recipe, torch.float32).evaluate()
    found = yardstick.held_out(teacher, replace(store, held_out=store.train), recipe)
    assert found == pytest.approx(expected, rel=1e-4)
    assert 0 < expected["held_out_accuracy"] < 0.5


def test_a_teacher_without_predictions_has_no_loss(headless_teacher, store, recipe):
    with pytest.raises(UsageError, match="Expected a teacher with a masked-language-model head"):
        yardstick.held_out(headless_teacher, store, recipe)


def test_operations_are_those_torch_counts(teacher, predicting, recipe):
    """A student's forward and backward, and the teacher's forward, on one full row with its head at every token."""
    recipe = replace(recipe, vocabulary_size=len(teacher.vocabulary.theirs), masking_probability=1 - 1e-12)
    student = students.build(recipe, teacher, students.FRESH, torch.device("cpu"))
    ids = torch.arange(32).unsqueeze(0) % 20
    with FlopCounterMode(display=False) as counter:
        student(ids).logits.sum().backward()
    # The embeddings' inputs have no gradient, so the first products of the backward pass are all there.
    assert operations.learning(recipe) * 32 == pytest.approx(counter.get_total_flops(), rel=1e-6)
    theirs = BertForMaskedLM.from_pretrained(predicting, attn_implementation="eager")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        theirs(ids)
    assert operations.teaching(teacher, recipe) * 32 == pytest.approx(counter.get_total_flops(), rel=1e-6)
