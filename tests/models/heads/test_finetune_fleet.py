"""Many fine-tunings at once: each the same as alone, features read once, what is done is found again."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from smallbert.corpus.tasks.examples import Answer, Choice, Pair, Question, ScoredPair, Tagged, Text
from smallbert.errors import DataError
from smallbert.models.heads import fleet, network
from smallbert.models.heads.choice import MultipleChoice
from smallbert.models.heads.classification import Classification, Similarity
from smallbert.models.heads.finetune import prepare
from smallbert.models.heads.fleet import Trial, finetune_all
from smallbert.models.heads.forward import all_outputs, all_states
from smallbert.models.heads.recipe import FineTuneRecipe
from smallbert.models.heads.spans import Span, SpanExtraction
from smallbert.models.heads.tagging import Tagging

RECIPE = FineTuneRecipe(learning_rate=3e-3, epochs=2, batch_size=8, max_tokens=48, precision="fp32")
CPU = torch.device("cpu")


def texts(sentence, count=24):
    return [Text(str(n), sentence(3 + n % 5), "ab"[n % 2]) for n in range(count)]


def examples(sentence):
    """A task of every kind with a few examples."""
    passage = [sentence(9) for _ in range(12)]
    return {
        Classification(): [Pair(str(n), sentence(4), sentence(3), "xyz"[n % 3]) for n in range(12)],
        Similarity(): [ScoredPair(str(n), sentence(4), sentence(3), n / 3) for n in range(12)],
        Tagging(): [Tagged(str(n), tuple(sentence(4).split()), ("A", "B", "A", "B")) for n in range(12)],
        MultipleChoice(): [Choice(str(n), "w1", "", tuple(sentence(3) for _ in range(4)), n % 4) for n in range(12)],
        SpanExtraction(overlap=4): [
            Question(str(n), "t", text, "w1?", (Answer(text.split()[0], 0),) if n % 2 else ())
            for n, text in enumerate(passage)
        ],
    }


def predictions(file):
    return json.loads(file.read_text())["predictions"]


@pytest.fixture
def one_thread():
    """As many threads as a trial of a fleet has."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("frozen", [False, True])
def test_every_trial_predicts_what_a_run_alone_predicts(encoders, sentence, tmp_path, frozen):
    recipe = replace(RECIPE, frozen=frozen, pooling="mean" if frozen else "first")
    made = examples(sentence)
    trials = [
        Trial("t", str(encoders / "bert-bare"), task, own, {"test": own[:5]}, replace(recipe, seed=seed))
        for task, own in made.items()
        for seed in (0, 1)
    ]
    for trial, file in zip(trials, finetune_all(trials, tmp_path, device="cpu", jobs=1), strict=True):
        ready = prepare(trial.encoder, trial.task, trial.examples, trial.recipe, CPU)
        alone = ready.train(trial.recipe)
        inputs = trial.task.read(trial.asked["test"], ready.reader)
        said = trial.task.predict(all_outputs(ready.network, inputs).numpy(), inputs, ready.labels)
        assert predictions(file)["test"] == trial.task.plain(said)
        found = json.loads(file.read_text())
        assert found["new_parameters"] == alone.new_parameters and tuple(found["labels"]) == alone.labels
        assert found["curve"] == alone.curve


def test_spans_come_back_from_a_file(encoders, sentence, tmp_path):
    asked = [Question("q", "t", "w3 w4 w5", "w3?", (Answer("w4", 3),))]
    trial = Trial("t", str(encoders / "bert"), SpanExtraction(overlap=4), asked, {"test": asked}, RECIPE)
    [entry] = predictions(finetune_all([trial], tmp_path, device="cpu")[0])["test"]
    span = Span(**entry)
    assert asked[0].context[span.start : span.stop] == span.text and np.isfinite(span.margin)


def test_a_frozen_encoder_reads_once_for_all_heads(encoders, sentence, tmp_path, monkeypatch):
    train, test = texts(sentence), texts(sentence, 6)
    read = []
    monkeypatch.setattr(fleet, "all_states", lambda *args, **more: read.append(1) or all_states(*args, **more))
    trials = [
        Trial(
            "t",
            str(encoders / "bert"),
            Classification(),
            train,
            {"test": test},
            replace(RECIPE, frozen=True, **changes),
        )
        for changes in ({"seed": 0}, {"seed": 1}, {"learning_rate": 1e-2}, {"epochs": 5})
    ]
    files = finetune_all(trials, tmp_path, device="cpu", jobs=1)
    assert len(set(files)) == 4 and len(read) == 2


def test_what_is_done_is_found_and_what_is_missing_made(encoders, sentence, tmp_path, monkeypatch):
    train, test = texts(sentence), texts(sentence, 6)
    trials = [
        Trial("t", str(encoders / "bert"), Classification(), train, {"test": test}, replace(RECIPE, seed=seed))
        for seed in range(3)
    ]
    files = finetune_all(trials, tmp_path, device="cpu", jobs=1)
    before = {file: file.read_bytes() for file in files}
    files[1].unlink()
    done, work = [], fleet._whole
    monkeypatch.setattr(fleet, "_whole", lambda group, *rest, **more: done.extend(group) or work(group, *rest, **more))
    assert finetune_all(trials, tmp_path, device="cpu", jobs=1) == files
    assert done == [files[1]] and {file: file.read_bytes() for file in files} == before
    other = replace(trials[0], examples=train[1:])
    assert finetune_all([other], tmp_path, device="cpu", jobs=1)[0] not in files


def test_a_long_run_goes_on_from_its_checkpoint(encoders, sentence, tmp_path, monkeypatch):
    train, test = texts(sentence), texts(sentence, 6)
    trial = Trial("t", str(encoders / "bert"), Classification(), train, {"test": test}, replace(RECIPE, epochs=4))
    [whole] = finetune_all([trial], tmp_path / "whole", device="cpu")
    monkeypatch.setattr(fleet, "CHECKPOINT_EVERY", 5)

    def stop(group, kind, *, report):
        def stopping(steps):
            report(steps)
            if steps >= 7:
                raise KeyboardInterrupt

        work(group, kind, report=stopping)

    work = fleet._whole
    monkeypatch.setattr(fleet, "_whole", stop)
    with pytest.raises(KeyboardInterrupt):
        finetune_all([trial], tmp_path / "killed", device="cpu")
    assert [path.suffixes[-2:] for path in (tmp_path / "killed").glob("*.safetensors")] == [
        [".checkpoint", ".safetensors"]
    ]
    monkeypatch.setattr(fleet, "_whole", work)
    [again] = finetune_all([trial], tmp_path / "killed", device="cpu")
    assert predictions(again) == predictions(whole) and not list((tmp_path / "killed").glob("*.safetensors"))


@pytest.mark.slow
def test_workers_give_what_one_process_gives(encoders, sentence, tmp_path):
    train, test = texts(sentence), texts(sentence, 6)
    trials = [
        Trial("t", str(encoders / "bert"), Classification(), train, {"test": test}, replace(RECIPE, frozen=frozen))
        for frozen in (True, False)
    ]
    here, there = (finetune_all(trials, tmp_path / str(jobs), device="cpu", jobs=jobs) for jobs in (1, 2))
    assert [file.read_bytes() for file in here] == [file.read_bytes() for file in there]


def test_an_error_names_the_trial(encoders, tmp_path):
    same = [Text(str(n), "w1", "a") for n in range(4)]
    trial = Trial("my task, bert", str(encoders / "bert"), Classification(), same, {"test": same}, RECIPE)
    with pytest.raises(DataError, match="my task, bert: Expected at least two labels to tell apart, got only 'a'"):
        finetune_all([trial], tmp_path, device="cpu")


@pytest.mark.parametrize("frozen", [False, True])
def test_a_part_without_examples_is_refused_before_any_training(encoders, sentence, tmp_path, monkeypatch, frozen):
    train = texts(sentence)
    recipe = replace(RECIPE, frozen=frozen)
    trials = [
        Trial("whole", str(encoders / "bert"), Classification(), train, {"test": train}, recipe),
        Trial("part", str(encoders / "bert"), Classification(), train, {"test": train, "development": []}, recipe),
    ]
    monkeypatch.setattr(fleet, "prepare", None)
    with pytest.raises(DataError, match="part: Expected examples to predict in the part development, got none"):
        finetune_all(trials, tmp_path, device="cpu", jobs=1)
    assert not list(tmp_path.iterdir())


def test_hostile_inputs_are_answered(encoders, tmp_path):
    """A passage of 40,000 characters, emoji, right-to-left text, and a label that training lacks."""
    words = "w3 🙂🚀 שלום עברית w9 "
    long = words * (40_000 // len(words)) + "w7 end"
    asked = [
        Question("long", "t", long, "w7?", (Answer("w7", long.index("w7")),)),
        Question("short", "t", "🚀 עברית", "w1?", (Answer("עברית", 2),)),
    ]
    task = SpanExtraction(overlap=8, longest_question=16)
    trial = Trial("t", str(encoders / "bert"), task, asked, {"test": asked}, replace(RECIPE, epochs=1, max_tokens=64))
    for question, entry in zip(
        asked, predictions(finetune_all([trial], tmp_path, device="cpu")[0])["test"], strict=True
    ):
        assert entry["text"] == question.context[entry["start"] : entry["stop"]] != ""
    train = [Text(str(n), "w1 🙂" if n % 2 else "w2 עברית", "ab"[n % 2]) for n in range(8)]
    unseen = [Text("9", "🚀🚀", "never seen"), Text("10", "\u200f", "a")]
    trial = Trial("t", str(encoders / "bert"), Classification(), train, {"test": unseen}, RECIPE)
    assert set(predictions(finetune_all([trial], tmp_path, device="cpu")[0])["test"]) <= {"a", "b"}


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "albert"])
def test_the_mean_is_that_of_all_tokens(encoders, sentence, family):
    train = texts(sentence, 6)
    recipe = replace(RECIPE, pooling="mean")
    ready = prepare(encoders / family, Classification(), train, recipe, CPU)
    found = all_states(ready.network, ready.examples.inputs).numpy()
    tagged = [
        Tagged(one.id, tuple(one.text.split()), tuple("ab"[i % 2] for i in range(len(one.text.split()))))
        for one in train
    ]
    every = prepare(encoders / family, Tagging(), tagged, RECIPE, CPU)
    states = all_states(every.network, every.examples.inputs).numpy()
    starts = every.examples.inputs.starts
    expected = [states[start:stop].mean(0) for start, stop in pairwise(starts)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["bert-bare", "roberta", "distilbert", "albert"])
def test_a_restart_draws_what_a_new_network_has(encoders, family):
    one, other = (
        network.build(encoders / family, "SequenceClassification", 3, seed=seed, device=CPU, dtype=torch.float32)
        for seed in (4, 5)
    )
    fresh = [
        name for name in one.new if not torch.equal(one.model.get_parameter(name), other.model.get_parameter(name))
    ]
    assert fresh and all("weight" in name for name in fresh)
    other.restart(4)
    for name, parameter in one.model.named_parameters():
        assert torch.equal(parameter, other.model.get_parameter(name)), name
