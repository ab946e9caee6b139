"""The objective against transformers' BertForPreTraining, and what each task can learn on planted documents."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForPreTraining

from smallbert.errors import DataError, UsageError
from smallbert.models import interchange, training
from smallbert.models import tokenizer as wordpiece
from smallbert.models.masking import generator
from smallbert.models.pair_modelling import PairModelling, PairRecipe, pair_modelling, read
from smallbert.models.pairs import TASKS, arrange
from smallbert.models.segments import Segments
from smallbert.models.tokens import TokenStore

RECIPE = PairRecipe(
    layers=2,
    hidden=32,
    heads=2,
    intermediate=64,
    vocabulary_size=120,
    sequence_length=32,
    batch_tokens=512,
    tokens=512 * 8,
    learning_rate=3e-3,
    evaluations=2,
    precision="fp32",
)
FP32 = torch.float32
WORDS = [a + b for a in "bdfgklmnprst" for b in ("a", "o")]


class Bert(torch.nn.Module):
    """transformers' model behind the interface of ours."""

    def __init__(self, recipe, vocabulary_size):
        super().__init__()
        config = BertConfig(
            vocab_size=vocabulary_size,
            hidden_size=recipe.hidden,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            intermediate_size=recipe.intermediate,
            max_position_embeddings=recipe.sequence_length,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            attn_implementation="sdpa",
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.whole = BertForPreTraining(config)

    def encode(self, inputs, positions, inside, types):
        bert = self.whole.bert
        return bert(inputs, attention_mask=inside, position_ids=positions, token_type_ids=types).last_hidden_state

    def vocabulary_logits(self, hidden):
        return self.whole.cls.predictions(hidden)

    def vocabulary_loss(self, hidden, targets):
        return torch.nn.functional.cross_entropy(self.vocabulary_logits(hidden), targets, reduction="sum")

    def pair_logits(self, hidden):
        return self.whole.cls.seq_relationship(torch.tanh(self.whole.bert.pooler.dense(hidden)))


def planted(documents=1200, seed=5):
    """Documents of one topic each, whose words of the first half are not those of the second."""
    rng, words = np.random.default_rng(seed), np.array(WORDS).reshape(-1, 2, 2)  # (topic, half, word)
    return [
        " ".join(words[topic, half, i] for half in range(2) for i in rng.integers(2, size=rng.integers(5, 9)))
        for topic in rng.integers(len(words), size=documents)
    ]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Matrices this small gain nothing from a second thread, and threads that wait for each other lose much."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return TokenStore.build(planted(), 120, tmp_path_factory.mktemp("tokens") / "store")


@pytest.fixture(scope="module")
def segments(store):
    tokenizer = wordpiece.load(store.folder)
    return [Segments.cut(tokens, tokenizer, RECIPE.sequence_length) for tokens in (store.train, store.held_out)]


def modelling(segments, task, recipe=RECIPE, vocabulary_size=120):
    recipe = replace(recipe, objective=task)
    return PairModelling(Bert(recipe, vocabulary_size), *segments, recipe, vocabulary_size, FP32)


@pytest.mark.parametrize("task", TASKS)
def test_loss_and_gradients_equal_transformers(segments, task, monkeypatch):
    """All rows and labels are caught on their way; transformers sets its own mask, positions and losses."""
    objective = modelling(segments, task)
    caught = {}
    encode, states = objective.model.encode, objective._encode
    monkeypatch.setattr(objective.model, "encode", lambda *rows: caught.update(rows=rows) or encode(*rows))
    monkeypatch.setattr(objective, "_encode", lambda *all: caught.update(all=all) or states(*all))
    ours = objective.loss(3)
    parameters = list(objective.model.parameters())
    gradients = torch.autograd.grad(ours, parameters)

    rows, (_, chosen), arrangement, _ = caught["all"]
    inputs, _, _, types = caught["rows"]
    labels = np.full(inputs.shape, -100)
    for row, (first, second) in enumerate(zip(arrangement.first, arrangement.second, strict=True)):
        place = 1
        for segment in (first, second):
            length = rows.lengths[segment]
            hidden = np.where(chosen[segment, :length], rows.ids[segment, :length], -100)
            labels[row, place : place + length] = hidden
            place += length + 1
    theirs = objective.model.whole(
        inputs,
        attention_mask=(inputs != 0).long(),
        token_type_ids=types,
        labels=torch.from_numpy(labels),
        next_sentence_label=torch.from_numpy(arrangement.labels),
    )
    expected = theirs.loss
    if task == "none":
        expected = torch.nn.functional.cross_entropy(
            theirs.prediction_logits.flatten(0, 1), torch.from_numpy(labels.ravel())
        )
    else:
        assert 0 < arrangement.labels.sum() < len(arrangement.labels)
    assert (labels >= 0).sum() > 30
    assert ours.item() == pytest.approx(expected.item(), abs=1e-5)
    for mine, other in zip(gradients, torch.autograd.grad(expected, parameters, allow_unused=True), strict=True):
        torch.testing.assert_close(mine, torch.zeros_like(mine) if other is None else other, atol=1e-6, rtol=1e-4)


def test_every_task_masks_the_same_tokens(segments):
    """The states and targets of a batch, whatever the task, belong to the same tokens."""
    seen = {}
    for task in TASKS:
        objective = modelling(segments, task)
        objective.model.vocabulary_loss = lambda hidden, targets, task=task: (
            seen.update({task: targets}) or hidden.sum()
        )
        objective.loss(7)
    assert len(seen["none"]) > 30
    for task in ("nsp", "sop"):
        assert torch.equal(seen[task].sort().values, seen["none"].sort().values)


def test_held_out_measures_are_those_of_the_reader(segments):
    objective = modelling(segments, "sop")
    measured = objective.evaluate()
    assert measured == objective.evaluate()
    held_out = segments[1]
    rows = held_out.rows(np.arange(len(held_out)))
    arrangement = arrange("sop", held_out.lengths[1], generator(3))
    reading = read(objective.model, rows, arrangement, FP32)
    assert measured["pair_accuracy"] == (reading.logits.argmax(1) == arrangement.labels).mean()
    assert "pair_accuracy" not in modelling(segments, "none").evaluate()


def test_reading_does_not_depend_on_the_company(segments):
    """A pair read among others, padded, gives what it gives alone."""
    model, held_out = Bert(RECIPE, 120), segments[1]
    arrangement = arrange("nsp", held_out.lengths[1], generator(1))
    together = read(model, held_out.rows(np.arange(len(held_out))), arrangement, FP32)
    for pair in (0, 5):
        both = np.array([arrangement.first[pair], arrangement.second[pair] - len(held_out)])
        rows = held_out.rows(both)
        alone = read(model, rows, type(arrangement)(np.array([0]), np.array([3]), np.array([0])), FP32)
        for name in ("start", "first", "second", "logits"):
            np.testing.assert_allclose(getattr(together, name)[pair], getattr(alone, name)[0], atol=1e-5)


def test_each_task_is_learnt(segments, tmp_path):
    """Both halves tell the topic, which nsp can compare; each tells which half it is, and so the order."""
    recipe = replace(RECIPE, tokens=512 * 350, evaluations=1)
    for task in ("nsp", "sop"):
        objective = modelling(segments, task, recipe)
        curve, _ = training.fit(objective, recipe, tmp_path / f"{task}.safetensors", task)
        assert curve[-1]["pair_accuracy"] > 0.9
        assert curve[-1]["held_out_loss"] < np.log(len(WORDS)) / 2


def test_our_encoder_has_the_loss_of_the_model_it_is_saved_as(store, tmp_path):
    recipe = replace(RECIPE, objective="nsp")
    ours = pair_modelling(recipe, store, torch.device("cpu"), FP32)
    interchange.save(ours.model, tmp_path)
    theirs = pair_modelling(recipe, store, torch.device("cpu"), FP32)
    theirs.model = Bert(recipe, store.vocabulary_size)
    theirs.model.whole = BertForPreTraining.from_pretrained(tmp_path)
    for step in (0, 9):
        assert ours.loss(step).item() == pytest.approx(theirs.loss(step).item(), abs=1e-5)
    assert ours.evaluate() == pytest.approx(theirs.evaluate(), abs=1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_every_arm_can_be_resumed(store, tmp_path, task):
    """A checkpoint holds moments of all weights, those of an idle pair head as well."""
    recipe = replace(RECIPE, objective=task, tokens=512 * 6, embedding=16, sharing="all")
    weights = []
    for name, halves in (("whole", 1), ("parts", 2)):
        for part in range(halves):
            objective = pair_modelling(recipe, store, torch.device("cpu"), FP32)
            stop = {"at": 4} if part < halves - 1 else {}
            weights.append(_trained(objective, recipe, tmp_path / name, **stop))
    assert all(torch.equal(one, other) for one, other in zip(weights[0], weights[2], strict=True))


class Interrupted(Exception):
    """What ends a run half way."""


def _trained(objective, recipe, checkpoint, at=None):
    loss = objective.loss

    def interrupted(step):
        if step == at:
            raise Interrupted
        return loss(step)

    objective.loss = interrupted
    with contextlib.suppress(Interrupted):
        training.fit(objective, recipe, checkpoint, "key", checkpoint_every=2)
    return [p.detach() for p in objective.model.parameters()]


def test_too_few_pairs_are_refused(segments, store):
    short = Segments.cut(store.train[:0], wordpiece.load(store.folder), 32)
    with pytest.raises(
        DataError, match="at least 4 documents of two segments to train on and 1 held out, got 0 and 24"
    ):
        modelling((short, segments[1]), "sop")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": "sbo"}, "objective none, nsp, sop, got 'sbo'"),
        ({"batch_tokens": 96}, "batch_tokens of at least 4 rows of 32, got 96"),
        ({"heads": 3}, "hidden to be a multiple of heads"),
    ],
)
def test_impossible_recipes_are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        replace(RECIPE, **change)
