"""The store of a teacher's outputs: right values for right rows, whatever stops it on the way."""

import hashlib
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from smallbert.compress.distill import outputs, recording
from smallbert.compress.distill import teacher as teachers
from smallbert.compress.distill.inputs import MaskedSteps, UnmaskedTexts
from smallbert.compress.distill.outputs import TeacherOutputs
from smallbert.errors import DataError, MachineError, UsageError
from smallbert.models.tokenizer import CLS, PAD

WANTED = {"hidden-0", "hidden-4", "keys-2", "first-3", "pooled", "top", "rest-1", "rest-4"}


def record(folder, teacher, inputs, wanted=WANTED, **options):
    return recording.record(teacher, inputs, wanted, folder, data="data", progress=io.StringIO(), **options)


def store_size(teacher):
    return len(teacher.vocabulary.theirs)


def contents(folder):
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith(".lock")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(recording, "SHARD_TOKENS", 512)  # two units


@pytest.fixture
def steps(store, recipe):
    return MaskedSteps(store.train, recipe, store.vocabulary_size)


@torch.no_grad()
def test_masked_rows_hold_what_transformers_says(tmp_path, teacher, predicting, steps, small_shards):
    """Row by row, text by text, in transformers, which sees one text at a time."""
    made = record(tmp_path, teacher, steps, top=5)
    model = transformers.AutoModelForMaskedLM.from_pretrained(predicting).eval()
    theirs = teacher.vocabulary.theirs
    for step in (0, 3):
        seen, rows = steps.step(step)
        given = made.fetch(rows, WANTED)
        hidden = given["hidden-4"].unflatten(0, (8, 32))
        first, pooled, indices = [], [], np.zeros((8 * 32, 5), dtype=int)
        for row in range(8):
            starts = sorted({0, *np.flatnonzero(seen.ids[row] == CLS), 32})
            for start, stop in itertools.pairwise(starts):
                ids = torch.from_numpy(theirs[seen.read[row, start:stop]])[None]
                out = model(ids, output_hidden_states=True)
                torch.testing.assert_close(hidden[row, start:stop], out.hidden_states[4][0], atol=4e-3, rtol=2e-3)
                if seen.ids[row, start] == CLS:
                    first.append(out.hidden_states[3][0, 0])
                    pooled.append(out.hidden_states[4][0].mean(0))
                top = out.logits[0].topk(5).indices.numpy()
                indices[row * 32 + start : row * 32 + stop] = teacher.vocabulary.ours[top]
        torch.testing.assert_close(given["first-3"], torch.stack(first), atol=4e-3, rtol=2e-3)
        torch.testing.assert_close(given["pooled"], torch.stack(pooled), atol=4e-3, rtol=2e-3)
        np.testing.assert_array_equal(given["top-indices"], indices[seen.places])
        assert (given["top-logits"][:, 0] == 0).all() and (given["top-logits"].diff(dim=1) <= 0).all()
    assert len(list(tmp_path.glob("*/*.hidden-4.npy"))) == 3
    everything = made.fetch(np.arange(steps.rows), {"rest-1", "rest-4"})
    assert made.mass_kept == {t: pytest.approx(1 - everything[f"rest-{t}"].mean().item(), abs=1e-4) for t in "14"}
    assert 1 > made.mass_kept["1"] > made.mass_kept["4"] > 5 / store_size(teacher)


def test_rows_are_found_in_any_order(tmp_path, teacher, store, recipe, small_shards):
    texts = UnmaskedTexts(store.train, recipe)
    made = record(tmp_path, teacher, texts, {"hidden-2", "pooled"})
    everything = made.fetch(np.arange(texts.rows), {"hidden-2", "pooled"})
    seen, rows = texts.step(5)
    given = made.fetch(rows, {"hidden-2", "pooled"})
    hidden = everything["hidden-2"].unflatten(0, (-1, 32))
    assert torch.equal(given["hidden-2"].unflatten(0, (-1, 32)), hidden[rows])
    all_ids = np.concatenate([texts.unit(number).ids for number in range(texts.units)])
    bounds = np.concatenate([[0], np.cumsum((all_ids == CLS).sum(1))])
    assert torch.equal(given["pooled"], torch.cat([everything["pooled"][bounds[r] : bounds[r + 1]] for r in rows]))
    assert (given["hidden-2"][torch.from_numpy(seen.ids.reshape(-1) == PAD)] == 0).all()


def test_few_files_are_open_at_once(tmp_path, teacher, store, recipe, small_shards, monkeypatch):
    texts = UnmaskedTexts(store.train, recipe)
    record(tmp_path, teacher, texts, {"hidden-2"})
    monkeypatch.setattr(outputs, "OPEN_FILES", 2)
    made = record(tmp_path, teacher, texts, {"hidden-2"})
    kept = made.fetch(np.arange(texts.rows), {"hidden-2"})["hidden-2"]
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if str(tmp_path) in line}
    assert len(list(made.folder.glob("*hidden-2*"))) > 2 >= len(mapped)
    assert len(kept) == texts.rows * 32


def test_more_logits_than_there_are_keeps_all_of_them(tmp_path, teacher, steps):
    made = record(tmp_path, teacher, steps, {"rest-2"}, top=1000)
    given = made.fetch(np.arange(8), {"top"})
    assert given["top-logits"].shape[1] == store_size(teacher)
    assert made.mass_kept == {"2": pytest.approx(1)}


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, teacher, steps, small_shards, monkeypatch):
    whole = record(tmp_path / "whole", teacher, steps)
    original, calls = recording._compute, []

    def interrupt(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(recording, "_compute", interrupt)
    with pytest.raises(KeyboardInterrupt):
        record(tmp_path / "parts", teacher, steps)
    folder = tmp_path / "parts" / whole.key
    with pytest.raises(DataError, match="found none finished"):
        TeacherOutputs.open(folder)
    assert len(list(folder.glob("parts/*.json"))) == 1
    (folder / ".00001.pooled.npy.x.part").write_bytes(b"half")
    record(tmp_path / "parts", teacher, steps)
    assert len(calls) == 4 and contents(folder) == contents(whole.folder)
    record(tmp_path / "parts", teacher, steps)
    assert len(calls) == 4


@pytest.mark.parametrize("finished", [True, False])
def test_a_damaged_shard_is_named_and_redone(tmp_path, teacher, steps, small_shards, monkeypatch, finished):
    whole = record(tmp_path / "whole", teacher, steps)
    with monkeypatch.context() as patch:
        if not finished:
            patch.setattr(recording, "_complete", lambda *_: None)
        record(tmp_path / "parts", teacher, steps)
    path = tmp_path / "parts" / whole.key / "00001.keys-2.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    original, calls, log = recording._compute, [], io.StringIO()
    monkeypatch.setattr(recording, "_compute", lambda *arguments: calls.append(1) or original(*arguments))
    recording.record(teacher, steps, WANTED, tmp_path / "parts", data="data", progress=log)
    assert len(calls) == 1 and contents(path.parent) == contents(whole.folder)
    assert (f"{path} is missing or damaged: computing it again" in log.getvalue()) == finished


@pytest.mark.slow
def test_a_killed_process_resumes_to_the_same_bytes(tmp_path, teacher, predicting, store, recipe, steps, small_shards):
    code = f"""
        import os, signal
        from pathlib import Path
        import torch
        torch.set_num_threads(1)
        from smallbert.compress.distill import recording, teacher
        from smallbert.compress.distill.inputs import MaskedSteps
        from smallbert.models.recipe import PretrainRecipe
        from smallbert.models.tokens import TokenStore
        recording.SHARD_TOKENS = 512
        replace, count = os.replace, [0]
        def killing(source, target):
            count[0] += 1
            if count[0] == 14:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(source, target)
        os.replace = killing
        store = TokenStore.open(Path({str(store.folder)!r}))
        steps = MaskedSteps(store.train, {recipe!r}, store.vocabulary_size)
        loaded = teacher.load({str(predicting)!r}, precision="fp32", device="cpu")
        recording.record(loaded, steps, {WANTED!r}, Path({str(tmp_path / "parts")!r}), data="data")
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True)
    assert run.returncode == -signal.SIGKILL, run.stderr.decode()
    whole = record(tmp_path / "whole", teacher, steps)
    folder = tmp_path / "parts" / whole.key
    assert list(folder.glob(".*.part")) and len(list(folder.glob("parts/*.json"))) == 1
    record(tmp_path / "parts", teacher, steps)
    assert contents(folder) == contents(whole.folder)


def test_students_that_ask_for_the_same_share_a_store(tmp_path, teacher, store, steps, recipe):
    from dataclasses import replace

    one = record(tmp_path, teacher, steps, {"top"})
    narrow = MaskedSteps(store.train, replace(recipe, hidden=16, learning_rate=1e-4), store.vocabulary_size)
    assert record(tmp_path, teacher, narrow, {"top"}).key == one.key
    other = MaskedSteps(store.train, replace(recipe, seed=1), store.vocabulary_size)
    assert record(tmp_path, teacher, other, {"top"}).key != one.key
    assert recording.record(teacher, steps, {"top"}, tmp_path, data="other", progress=io.StringIO()).key != one.key
    manifest = json.loads((one.folder / "manifest.json").read_text())
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in one.folder.glob("*.npy")}
    assert manifest["shards"][0]["files"] == files and not (one.folder / "parts").exists()


def test_what_cannot_be_recorded_is_refused(tmp_path, teacher, headless_teacher, headless, steps, monkeypatch):
    with pytest.raises(UsageError, match=r"a teacher with a masked-language-model head for top, .* has none") as caught:
        record(tmp_path, headless_teacher, steps, {"top"})
    assert "sentence, minilm or tinybert-general" in caught.value.hint
    for name in ("hidden-5", "keys", "top-2", "rest-"):
        with pytest.raises(UsageError, match=f"outputs that a teacher of 4 layers has, got '{name}'"):
            record(tmp_path, teacher, steps, {"hidden-1", name})
    loud = teachers.load(str(headless), precision="fp32", device="cpu")
    with torch.no_grad():
        loud.weights.blocks[3].norm[0].fill_(1e6)
    with pytest.raises(DataError, match="got hidden-4 beyond the range of fp16"):
        record(tmp_path, loud, steps, {"hidden-4"})
    with monkeypatch.context() as patch:
        usage = namedtuple("usage", "total used free")(1, 1, 1000)
        patch.setattr(recording.shutil, "disk_usage", lambda _: usage)
        with pytest.raises(MachineError, match=r"need 0\.0 GiB in .*, 0\.0 GiB are free"):
            record(tmp_path, teacher, steps, {"hidden-1"})


def test_a_damaged_array_is_named(tmp_path, teacher, steps):
    made = record(tmp_path, teacher, steps, {"hidden-1"})
    path = made.folder / "00000.hidden-1.npy"
    np.save(path, np.array([{"code": 1}], dtype=object))
    with pytest.raises(DataError, match=r"00000\.hidden-1\.npy cannot be read"):
        TeacherOutputs.open(made.folder).fetch(np.arange(2), {"hidden-1"})


def test_an_array_cut_short_is_named_by_whoever_reads_it(tmp_path, teacher, steps):
    """A student opens a recording without its checksums."""
    made = record(tmp_path, teacher, steps, {"hidden-1"})
    path = made.folder / "00000.hidden-1.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"00000\.hidden-1\.npy cannot be read"):
        TeacherOutputs.open(made.folder).fetch(np.arange(2), {"hidden-1"})
