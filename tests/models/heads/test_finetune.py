"""Fine-tuning learns what is planted, repeats to the bit, resumes, and refuses early what it cannot learn."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from smallbert.corpus.tasks.examples import Answer, Choice, Pair, Question, ScoredPair, Tagged, Text
from smallbert.errors import DataError, UsageError
from smallbert.models import training
from smallbert.models.heads.choice import MultipleChoice
from smallbert.models.heads.classification import Classification, Similarity
from smallbert.models.heads.finetune import finetune
from smallbert.models.heads.recipe import FineTuneRecipe, Run
from smallbert.models.heads.spans import SpanExtraction
from smallbert.models.heads.tagging import Tagging

RECIPE = FineTuneRecipe(learning_rate=3e-3, epochs=8, batch_size=16, max_tokens=48, precision="fp32")


def texts(rng, count=160):
    """The class says whether a w7 is among the words."""
    made = []
    for n in range(count):
        words = [f"w{i}" for i in rng.integers(10, 40, size=rng.integers(2, 9))]
        if n % 2:
            words[rng.integers(len(words))] = "w7"
        made.append(Text(str(n), " ".join(words), "with" if n % 2 else "without"))
    return made


def tagged(rng, count=120, vocabulary=40):
    """A word's tag is its number's parity."""
    drawn = [tuple(f"w{i}" for i in rng.integers(vocabulary, size=rng.integers(2, 9))) for _ in range(count)]
    return [Tagged(str(n), words, tuple("EO"[int(word[1:]) % 2] for word in words)) for n, words in enumerate(drawn)]


def choices(rng, count=120):
    """The right ending is the one with a w7."""
    label = rng.integers(4, size=count)
    return [
        Choice(str(n), "w1 w2", "", tuple("w7 w3" if k == label[n] else "w5 w3" for k in range(4)), int(label[n]))
        for n in range(count)
    ]


def questions(rng, count=120):
    """The answer is the w7, where there is one."""
    made = []
    for n in range(count):
        words = [f"w{i}" for i in rng.integers(10, 40, size=rng.integers(4, 12))]
        if n % 3:
            words[rng.integers(len(words))] = "w7"
        context = " ".join(words)
        answers = (Answer("w7", context.index("w7")),) if n % 3 else ()
        made.append(Question(str(n), "t", context, "w2?", answers))
    return made


@pytest.mark.parametrize("family", ["bert-bare", "albert"])
def test_classes_are_learnt(encoders, rng, family):
    fitted = finetune(encoders / family, Classification(), texts(rng), RECIPE, device="cpu")
    test = texts(rng, 100)
    right = np.mean([a == b.label for a, b in zip(fitted.predict(test).labels, test, strict=True)])
    assert right > 0.9
    assert fitted.labels == ("with", "without")


def test_tags_choices_and_spans_are_learnt(encoders, rng):
    recipe = replace(RECIPE, epochs=12)
    fitted = finetune(encoders / "bert", Tagging(), tagged(rng), recipe, device="cpu")
    test = tagged(rng, 50)
    assert np.mean([a == b.tags for a, b in zip(fitted.predict(test), test, strict=True)]) > 0.9

    fitted = finetune(encoders / "bert", MultipleChoice(), choices(rng), recipe, device="cpu")
    test = choices(rng, 50)
    assert np.mean(fitted.predict(test).best == [one.label for one in test]) > 0.9

    fitted = finetune(encoders / "bert", SpanExtraction(overlap=4), questions(rng), recipe, device="cpu")
    test = questions(rng, 60)
    spans = fitted.predict(test)
    assert np.mean([s.text == "w7" for s, one in zip(spans, test, strict=True) if one.answers]) > 0.9
    margins = np.array([span.margin for span in spans])
    has_answer = np.array([bool(one.answers) for one in test])
    assert margins[has_answer].mean() > margins[~has_answer].mean() + 1


def test_similarity_is_learnt(encoders, rng):
    pairs = [ScoredPair(text.id, text.text, "w1 w2", float(text.label == "with")) for text in texts(rng, 200)]
    fitted = finetune(encoders / "bert", Similarity(), pairs[:150], replace(RECIPE, epochs=12), device="cpu")
    found = fitted.predict(pairs[150:])
    assert np.corrcoef(found, [pair.score for pair in pairs[150:]])[0, 1] > 0.8


def weights(fitted):
    return fitted.network.model.state_dict()


def assert_equal_to_the_bit(one, other):
    for name, tensor in weights(one).items():
        assert torch.equal(tensor, weights(other)[name]), name


def test_a_run_repeats_to_the_bit_and_leaves_the_global_generator_alone(encoders, rng):
    examples = texts(rng, 60)
    recipe = replace(RECIPE, epochs=2)
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = finetune(encoders / "bert-bare", Classification(), examples, recipe, device="cpu")
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    np.random.default_rng().random()
    assert_equal_to_the_bit(first, finetune(encoders / "bert-bare", Classification(), examples, recipe, device="cpu"))
    other = finetune(encoders / "bert-bare", Classification(), examples, replace(recipe, seed=1), device="cpu")
    assert not torch.equal(weights(first)["classifier.weight"], weights(other)["classifier.weight"])


@pytest.mark.parametrize("family", ["bert-bare", "roberta", "distilbert", "albert"])
@pytest.mark.parametrize("frozen", [False, True])
def test_after_a_kill_the_result_is_the_same(encoders, rng, tmp_path, monkeypatch, family, frozen):
    examples = questions(rng, 48)
    recipe = replace(RECIPE, epochs=2, frozen=frozen)
    task, update = SpanExtraction(overlap=4), training.update
    whole = finetune(encoders / family, task, examples, recipe, device="cpu", development=examples[:20])

    def killed(objective, optimizer, run, step):
        if step == 4:
            raise KeyboardInterrupt
        return update(objective, optimizer, run, step)

    options = {"out": tmp_path / "out", "device": "cpu", "checkpoint_every": 2, "development": examples[:20]}
    monkeypatch.setattr(training, "update", killed)
    with pytest.raises(KeyboardInterrupt):
        finetune(encoders / family, task, examples, recipe, **options)
    monkeypatch.setattr(training, "update", update)
    resumed = finetune(encoders / family, task, examples, recipe, **options)
    assert_equal_to_the_bit(whole, resumed)
    assert [row["train_loss"] for row in resumed.curve] == [row["train_loss"] for row in whole.curve]
    assert [row["development_loss"] for row in resumed.curve] == [row["development_loss"] for row in whole.curve]
    assert not list(tmp_path.glob("out/checkpoint*"))

    monkeypatch.setattr(training, "update", None)  # what is finished is not trained again
    again = finetune(encoders / family, task, examples, recipe, **options)
    assert_equal_to_the_bit(whole, again)
    assert (again.labels, again.curve, again.new_parameters) == (whole.labels, resumed.curve, whole.new_parameters)
    assert again.predict(examples[:5]) == whole.predict(examples[:5])
    with pytest.raises(UsageError, match="made with another recipe, encoder or examples"):
        finetune(encoders / family, task, examples[1:], recipe, **options)


def test_a_frozen_encoder_stays_as_it_was(encoders, rng):
    recipe = replace(RECIPE, frozen=True, epochs=20, learning_rate=3e-2)
    fitted = finetune(encoders / "bert", Tagging(), tagged(rng, vocabulary=4), recipe, device="cpu")
    before = transformers.AutoModel.from_pretrained(encoders / "bert").state_dict()
    for name, tensor in fitted.network.model.base_model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert fitted.curve[-1]["train_loss"] < 0.5 * fitted.curve[0]["train_loss"]


def test_bf16_learns_the_same(encoders, rng):
    examples, test = texts(rng), texts(rng, 100)
    exact, fast = (
        finetune(encoders / "bert", Classification(), examples, replace(RECIPE, precision=precision), device="cpu")
        for precision in ("fp32", "bf16")
    )
    assert fast.curve[0]["train_loss"] == pytest.approx(exact.curve[0]["train_loss"], rel=0.05)
    assert np.mean([a == b.label for a, b in zip(fast.predict(test).labels, test, strict=True)]) > 0.9


def test_every_example_is_read_once_an_epoch():
    recipe = FineTuneRecipe(epochs=3, batch_size=4, warmup_fraction=0.25)
    run = Run(recipe, 10, 1000)
    read = np.concatenate([run.batch(step) for step in range(run.steps)])
    assert run.steps == 8 and len(read) == 30
    orders = read.reshape(3, 10)
    assert all(sorted(order) == list(range(10)) for order in orders) and len(set(map(tuple, orders))) == 3
    assert run.evaluation_steps() == {3, 6, 8}
    rates = [run.rate(step) / recipe.learning_rate for step in range(8)]
    np.testing.assert_allclose(rates, [1 / 3, 2 / 3, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])


@pytest.mark.parametrize(
    ("examples", "development", "message"),
    [
        ([], [], "Expected examples to learn from, got none"),
        (
            [Text("1", "a", "x"), Text("2", "b", "x")],
            [],
            "at least two labels to tell apart, got only 'x' in 2 examples",
        ),
        (
            [Text("1", "a", "x"), Text("2", "b", "y")],
            [Text("9", "c", "z")],
            r"labels seen in training \(x, y\), got 'z' in example 9",
        ),
    ],
)
def test_what_cannot_be_learnt_is_refused_before_training(encoders, monkeypatch, examples, development, message):
    monkeypatch.setattr(training, "update", None)
    with pytest.raises(DataError, match=message):
        finetune(encoders / "bert", Classification(), examples, RECIPE, development=development, device="cpu")


def test_hostile_questions_are_refused_before_training(encoders, monkeypatch):
    monkeypatch.setattr(training, "update", None)
    for context, answer, message in (
        ("", Answer("a", 0), "Expected a passage, got an empty one in question q"),
        ("w1 w2", Answer("w9", 0), "Expected the answer 'w9' at character 0 of the passage, got 'w1' in question q"),
    ):
        with pytest.raises(DataError, match=message):
            asked = [Question("q", "t", context, "w1", (answer,))]
            finetune(encoders / "bert", SpanExtraction(overlap=4), asked, RECIPE, device="cpu")


def test_a_loss_that_is_not_finite_ends_the_run(encoders, rng):
    with pytest.raises(UsageError, match="Expected a finite loss and gradient"):
        finetune(
            encoders / "bert",
            Similarity(),
            [ScoredPair(str(n), "w1", "w2", 1e30 * n) for n in range(8)],
            RECIPE,
            device="cpu",
        )


def test_a_decoder_is_refused_since_it_would_be_read_in_both_directions(encoders, rng, tmp_path):
    folder = shutil.copytree(encoders / "bert", tmp_path / "decoder")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "is_decoder": True}))
    with pytest.raises(DataError, match=r"Expected an encoder in .*decoder, got a decoder"):
        finetune(folder, Classification(), texts(rng), RECIPE, device="cpu")


@pytest.mark.parametrize("tokens", [4, 67])
def test_inputs_must_fit_the_encoder(encoders, rng, tokens):
    with pytest.raises(UsageError, match=f"Expected max_tokens between 5 and 66 for .*bert, got {tokens}"):
        finetune(encoders / "bert", Classification(), texts(rng), replace(RECIPE, max_tokens=tokens), device="cpu")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("epochs", 0, "Expected epochs of at least 1, got 0"),
        ("batch_size", 2.0, "Expected batch_size as a whole number"),
        ("learning_rate", 0.0, "Expected learning_rate between 0 and inf"),
        ("warmup_fraction", 1.0, "Expected warmup_fraction between 0 and 1"),
        ("precision", "fp16", "Expected precision auto, fp32 or bf16, got 'fp16'"),
    ],
)
def test_recipes_out_of_range(field, value, message):
    with pytest.raises(UsageError, match=message):
        FineTuneRecipe(**{field: value})


def test_prediction_needs_no_labels_it_has_seen(encoders, rng):
    fitted = finetune(encoders / "bert", Classification(), texts(rng, 20), replace(RECIPE, epochs=1), device="cpu")
    assert len(fitted.predict([Text("1", "w1 🙂 עברית", "never seen")]).labels) == 1
    assert len(fitted.predict([Pair("1", "w1", "w2", "?")]).labels) == 1
    with pytest.raises(DataError, match="Expected examples to predict, got none"):
        fitted.predict([])
