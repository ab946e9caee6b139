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
from smallbert.models.heads.finetune import prepare
from smallbert.models.heads.recipe import FineTuneRecipe, Run
from smallbert.models.heads.spans import Span, SpanExtraction
from smallbert.models.heads.tagging import Tagging

CPU = torch.device("cpu")
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
def test_classes_are_learnt(encoders, rng, tune, family):
    train, test = texts(rng), texts(rng, 100)
    fitted = tune(encoders / family, Classification(), train, RECIPE, test)
    assert np.mean([said == one.label for said, one in zip(fitted["said"], test, strict=True)]) > 0.9
    assert fitted["labels"] == ["with", "without"]


def test_tags_choices_and_spans_are_learnt(encoders, rng, tune):
    recipe = replace(RECIPE, epochs=12)
    train, test = tagged(rng), tagged(rng, 50)
    said = tune(encoders / "bert", Tagging(), train, recipe, test)["said"]
    assert np.mean([tuple(a) == b.tags for a, b in zip(said, test, strict=True)]) > 0.9

    train, test = choices(rng), choices(rng, 50)
    said = tune(encoders / "bert", MultipleChoice(), train, recipe, test)["said"]
    assert np.mean([a == b.label for a, b in zip(said, test, strict=True)]) > 0.9

    train, test = questions(rng), questions(rng, 60)
    said = tune(encoders / "bert", SpanExtraction(overlap=4), train, recipe, test)["said"]
    spans = [Span(**entry) for entry in said]
    assert np.mean([s.text == "w7" for s, one in zip(spans, test, strict=True) if one.answers]) > 0.9
    margins = np.array([span.margin for span in spans])
    has_answer = np.array([bool(one.answers) for one in test])
    assert margins[has_answer].mean() > margins[~has_answer].mean() + 1


def test_similarity_is_learnt(encoders, rng, tune):
    pairs = [ScoredPair(text.id, text.text, "w1 w2", float(text.label == "with")) for text in texts(rng, 200)]
    fitted = tune(encoders / "bert", Similarity(), pairs[:150], replace(RECIPE, epochs=12), pairs[150:])
    assert np.corrcoef(fitted["said"], [pair.score for pair in pairs[150:]])[0, 1] > 0.8


def trained(encoder, task, examples, recipe, **options):
    """What was prepared, its network trained, and what training left beside it."""
    ready = prepare(encoder, task, examples, recipe, CPU)
    return ready, ready.train(recipe, **options)


def weights(ready):
    return ready.network.model.state_dict()


def assert_equal_to_the_bit(one, other):
    for name, tensor in weights(one).items():
        assert torch.equal(tensor, weights(other)[name]), name


def test_a_run_repeats_to_the_bit_and_leaves_the_global_generator_alone(encoders, rng):
    examples = texts(rng, 60)
    recipe = replace(RECIPE, epochs=2)
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first, _ = trained(encoders / "bert-bare", Classification(), examples, recipe)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    np.random.default_rng().random()
    assert_equal_to_the_bit(first, trained(encoders / "bert-bare", Classification(), examples, recipe)[0])
    other, _ = trained(encoders / "bert-bare", Classification(), examples, replace(recipe, seed=1))
    assert not torch.equal(weights(first)["classifier.weight"], weights(other)["classifier.weight"])


@pytest.mark.parametrize("family", ["bert-bare", "roberta", "distilbert", "albert"])
@pytest.mark.parametrize("frozen", [False, True])
def test_after_a_kill_the_result_is_the_same(encoders, rng, tmp_path, monkeypatch, family, frozen):
    examples = questions(rng, 48)
    recipe = replace(RECIPE, epochs=2, frozen=frozen)
    task, update = SpanExtraction(overlap=4), training.update
    whole, fitted = trained(encoders / family, task, examples, recipe)

    def killed(objective, optimizer, run, step):
        if step == 4:
            raise KeyboardInterrupt
        return update(objective, optimizer, run, step)

    options = {"checkpoint": tmp_path / "checkpoint.safetensors", "key": "one", "checkpoint_every": 2}
    monkeypatch.setattr(training, "update", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(encoders / family, task, examples, recipe, **options)
    taken = []
    monkeypatch.setattr(training, "update", lambda *step: taken.append(step[-1]) or update(*step))
    resumed, again = trained(encoders / family, task, examples, recipe, **options)
    assert taken == [4, 5]
    assert_equal_to_the_bit(whole, resumed)
    assert again == fitted
    with pytest.raises(UsageError, match="Expected a checkpoint of run other"):
        trained(encoders / family, task, examples, recipe, **options | {"key": "other"})


def test_a_frozen_encoder_stays_as_it_was(encoders, rng):
    recipe = replace(RECIPE, frozen=True, epochs=20, learning_rate=3e-2)
    ready, fitted = trained(encoders / "bert", Tagging(), tagged(rng, vocabulary=4), recipe)
    before = transformers.AutoModel.from_pretrained(encoders / "bert").state_dict()
    for name, tensor in ready.network.model.base_model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert fitted.curve[-1]["train_loss"] < 0.5 * fitted.curve[0]["train_loss"]


def test_bf16_learns_the_same(encoders, rng, tune):
    examples, test = texts(rng), texts(rng, 100)
    exact, fast = (
        tune(encoders / "bert", Classification(), examples, replace(RECIPE, precision=precision), test)
        for precision in ("fp32", "bf16")
    )
    assert fast["curve"][0]["train_loss"] == pytest.approx(exact["curve"][0]["train_loss"], rel=0.05)
    assert fast["curve"] != exact["curve"]
    right = [
        np.mean([said == one.label for said, one in zip(found["said"], test, strict=True)]) for found in (exact, fast)
    ]
    assert min(right) > 0.8 and right[1] == pytest.approx(
        right[0], abs=0.1
    )  # chance is a half; units differ in rounding


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
    ("examples", "message"),
    [
        ([], "Expected examples to learn from, got none"),
        (
            [Text("1", "a", "x"), Text("2", "b", "x")],
            "at least two labels to tell apart, got only 'x' in 2 examples",
        ),
    ],
)
def test_what_cannot_be_learnt_is_refused_before_training(encoders, examples, message):
    with pytest.raises(DataError, match=message):
        prepare(encoders / "bert", Classification(), examples, RECIPE, CPU)


def test_a_label_that_training_lacks_is_no_target():
    with pytest.raises(DataError, match=r"labels seen in training \(x, y\), got 'z' in example 9"):
        Classification().targets([Text("1", "a", "y"), Text("9", "c", "z")], None, ("x", "y"))


def test_hostile_questions_are_refused_before_training(encoders):
    for context, answer, message in (
        ("", Answer("a", 0), "Expected a passage, got an empty one in question q"),
        ("w1 w2", Answer("w9", 0), "Expected the answer 'w9' at character 0 of the passage, got 'w1' in question q"),
    ):
        with pytest.raises(DataError, match=message):
            asked = [Question("q", "t", context, "w1", (answer,))]
            prepare(encoders / "bert", SpanExtraction(overlap=4), asked, RECIPE, CPU)


def test_a_loss_that_is_not_finite_ends_the_run(encoders, rng):
    asked = [ScoredPair(str(n), "w1", "w2", 1e30 * n) for n in range(8)]
    with pytest.raises(UsageError, match="Expected a finite loss and gradient"):
        trained(encoders / "bert", Similarity(), asked, RECIPE)


def test_a_decoder_is_refused_since_it_would_be_read_in_both_directions(encoders, rng, tmp_path):
    folder = shutil.copytree(encoders / "bert", tmp_path / "decoder")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "is_decoder": True}))
    with pytest.raises(DataError, match=r"Expected an encoder in .*decoder, got a decoder"):
        prepare(folder, Classification(), texts(rng), RECIPE, CPU)


@pytest.mark.parametrize("tokens", [4, 67])
def test_inputs_must_fit_the_encoder(encoders, rng, tokens):
    with pytest.raises(UsageError, match=f"Expected max_tokens between 5 and 66 for .*bert, got {tokens}"):
        prepare(encoders / "bert", Classification(), texts(rng), replace(RECIPE, max_tokens=tokens), CPU)


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


@pytest.mark.parametrize("asked", [Text("1", "w1 🙂 עברית", "never seen"), Pair("1", "w1", "w2", "?")])
def test_prediction_needs_no_labels_it_has_seen(encoders, rng, tune, asked):
    fitted = tune(encoders / "bert", Classification(), texts(rng, 20), replace(RECIPE, epochs=1), [asked])
    assert len(fitted["said"]) == 1 and fitted["said"][0] in fitted["labels"]
