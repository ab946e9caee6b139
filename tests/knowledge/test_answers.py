"""Readers that learn: a plain task is learnt, a killed run ends as a whole one, finished ones are found again."""

from dataclasses import replace

import numpy as np
import pytest

from smallbert.knowledge.answering import FINISHED, Task, answer_all
from smallbert.knowledge.given import Item
from smallbert.models import sources, training
from smallbert.models.heads.recipe import FineTuneRecipe

RECIPE = FineTuneRecipe(learning_rate=0.01, epochs=6, batch_size=8, max_tokens=64, precision="fp32", seed=3)


def items(count, seed):
    """The letter that the text tells: ``q`` is answered with ``yes``, ``z`` with ``no``."""
    random = np.random.default_rng(seed)
    made = []
    for letter in random.choice(["q", "z"], count):
        offered = ["yes", "no"] if random.random() < 0.5 else ["no", "yes"]
        label = offered.index("yes" if letter == "q" else "no")
        made.append(Item(f"the {letter} is", "say", tuple(offered), label, -1, (), (), (0, 1)))
    return made


@pytest.fixture
def task(encoders):
    folder = encoders / "bert"
    asked = {"seen": items(40, 1)[:20], "new": items(30, 2)}
    return Task(folder, sources.checksum(folder), "plain", items(40, 1), asked, RECIPE)


def test_a_reader_learns_what_the_text_tells(task, tmp_path):
    answers = answer_all({"own": task}, tmp_path, device="cpu", workers=1)["own"]
    for name, asked in task.asked.items():
        assert np.mean(np.array(answers[name]) == [item.label for item in asked]) > 0.9


def test_a_finished_reader_is_found_and_another_is_not(task, tmp_path):
    tasks = {"own": task, "other": replace(task, recipe=replace(RECIPE, seed=4, epochs=1))}
    answers = answer_all(tasks, tmp_path, device="cpu", workers=1)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob(f"answers-*/{FINISHED}")}
    assert len(written) == 2
    assert answer_all(tasks, tmp_path, device="cpu", workers=1) == answers
    assert {path: path.stat().st_mtime_ns for path in written} == written
    keys = {
        replace(task, **changes).key
        for changes in (
            {},
            {"train": task.train[1:]},
            {"asked": {"seen": task.train}},
            {"method": "tree"},
            {"checksum": "x"},
            {"layers": 1},
            {"vectors": np.ones((2, 3), np.float32)},
        )
    }
    assert len(keys) == 7


def test_a_killed_reader_goes_on_and_answers_the_same(task, tmp_path, monkeypatch):
    whole = answer_all({"own": task}, tmp_path / "whole", device="cpu", workers=1)
    fit, update, count = training.fit, training.update, []
    monkeypatch.setattr(training, "fit", lambda *given, **named: fit(*given, **named | {"checkpoint_every": 4}))

    def dies(*given):
        count.append(1)
        if len(count) == 11:
            raise KeyboardInterrupt
        return update(*given)

    monkeypatch.setattr(training, "update", dies)
    with pytest.raises(KeyboardInterrupt):
        answer_all({"own": task}, tmp_path / "cut", device="cpu", workers=1)
    assert answer_all({"own": task}, tmp_path / "cut", device="cpu", workers=1) == whole
    assert len(count) == 11 + task.steps - 8  # the last checkpoint was at step 8
    assert not list(tmp_path.glob("cut/*/*.safetensors"))
