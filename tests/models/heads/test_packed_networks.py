"""Packed task models against transformers' own, padded: outputs, losses, gradients, and the sizes of the heads."""

import numpy as np
import pytest
import scipy.stats
import torch
import transformers

from smallbert.corpus.tasks.examples import Answer, Choice, Pair, Question, ScoredPair, Tagged, Text
from smallbert.errors import UsageError
from smallbert.models.heads import network, packing
from smallbert.models.heads.choice import MultipleChoice
from smallbert.models.heads.classification import Classification, Similarity
from smallbert.models.heads.forward import TOKENS_PER_BATCH, all_outputs, batches
from smallbert.models.heads.objective import FineTuning, Part
from smallbert.models.heads.recipe import FineTuneRecipe, Run
from smallbert.models.heads.sequences import Reader
from smallbert.models.heads.spans import SpanExtraction
from smallbert.models.heads.tagging import Tagging
from smallbert.models.packed import plan
from smallbert.runtime import device

FAMILIES = ("bert", "bert-bare", "xlm-roberta", "roberta", "distilbert", "albert")
HIDDEN = 16
CPU = device("cpu")


def build(folder, task, labels=(), seed=3):
    outputs = task.outputs(labels)
    return network.build(folder, task.head, outputs, seed=seed, device=CPU, dtype=torch.float32)


def classify(sentence, rng):
    examples = [Text(str(i), sentence(n), str(i % 3)) for i, n in enumerate((3, 17, 3, 40, 8))]
    return Classification(), examples, ("0", "1", "2")


def entail(sentence, rng):
    return (
        Classification(),
        [Pair(str(i), sentence(5 + i), sentence(2 * i + 1), "01"[i % 2]) for i in range(6)],
        ("0", "1"),
    )


def compare(sentence, rng):
    return Similarity(), [ScoredPair(str(i), sentence(5 + i), sentence(2 * i + 1), 0.7 * i) for i in range(6)], ()


def tag(sentence, rng):
    words = [tuple(sentence(n).split()) for n in (4, 12, 4, 30)]
    examples = [Tagged(str(i), w, tuple(rng.choice(["A", "B", "C"], len(w)))) for i, w in enumerate(words)]
    return Tagging(), examples, ("A", "B", "C")


def choose(sentence, rng):
    endings = [tuple(sentence(int(n)) for n in rng.integers(1, 20, 4)) for _ in range(5)]
    return MultipleChoice(), [Choice(str(i), sentence(6), "so", e, i % 4) for i, e in enumerate(endings)], ()


def ask(sentence, rng):
    examples = []
    for i, n in enumerate((10, 25, 10, 90)):
        words = sentence(n).split()
        first = n // 3
        start = sum(len(word) + 1 for word in words[:first])
        answers = () if i == 2 else (Answer(" ".join(words[first : first + 3]), start),)
        examples.append(Question(str(i), "t", " ".join(words), sentence(4), answers))
    return SpanExtraction(overlap=8), examples, ()


TASKS = {"classify": classify, "entail": entail, "compare": compare, "tag": tag, "choose": choose, "ask": ask}


def theirs(model, tokenizer, inputs, targets, task):
    """Loss of transformers' model on the padded batch with its mask."""
    rows, types, marks = (np.split(part, inputs.starts[1:-1]) for part in (inputs.ids, inputs.types, targets))
    if isinstance(task, SpanExtraction):  # transformers' softmax over tokens counts padding in: one window at a time
        return torch.stack([one_window(model, *window) for window in zip(rows, types, marks, strict=True)]).mean()
    batch = dict(tokenizer.pad({"input_ids": [row.tolist() for row in rows]}, return_tensors="pt"))
    width = batch["input_ids"].shape[1]
    if typed(model):
        batch["token_type_ids"] = torch.tensor([np.pad(part, (0, width - len(part))).tolist() for part in types])
    labels = torch.from_numpy(targets)
    if isinstance(task, Tagging):
        labels = torch.tensor([np.pad(m, (0, width - len(m)), constant_values=-100).tolist() for m in marks])
    elif isinstance(task, MultipleChoice):
        batch = {name: part.view(-1, 4, width) for name, part in batch.items()}
        labels = labels.view(-1, 4).argmax(1)
    return model(**batch, labels=labels).loss


def one_window(model, ids, types, marks):
    start, end = torch.from_numpy(marks).int().argmax(0)
    more = {"token_type_ids": torch.from_numpy(types).long()[None]} if typed(model) else {}
    ids = torch.from_numpy(ids).long()[None]
    return model(input_ids=ids, start_positions=start[None], end_positions=end[None], **more).loss


def typed(model):
    return getattr(model.config, "type_vocab_size", 1) > 1


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", TASKS)
def test_loss_and_gradients_equal_transformers(encoders, sentence, rng, family, name):
    task, examples, labels = TASKS[name](sentence, rng)
    ours = build(encoders / family, task, labels)
    inputs = task.read(examples, Reader(ours.tokenizer, 64))
    part = Part(inputs, task.targets(examples, inputs, labels))
    run = Run(FineTuneRecipe(), len(inputs) // task.per_example, len(inputs.ids))
    rows = (rng.permutation(run.examples)[:, None] * task.per_example + np.arange(task.per_example)).ravel()
    loss = FineTuning(ours, task, part, run).loss_of(rows)
    loss.backward()
    gradients = {key: parameter.grad.clone() for key, parameter in ours.model.named_parameters()}
    ours.model.zero_grad()
    ours.model.set_attn_implementation("eager")
    expected = theirs(ours.model, ours.tokenizer, inputs, part.targets, task)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for key, parameter in ours.model.named_parameters():
        torch.testing.assert_close(gradients[key], parameter.grad, atol=2e-5, rtol=1e-4, msg=key)


def test_every_way_to_attend_gives_the_same_and_the_same_gradient(rng):
    layout = packing.Layout([(9, 2), (4, 1), (1, 3)], CPU)
    drawn = torch.from_numpy(rng.standard_normal((4, 25, 2, 8))).float()
    found = []
    for attend in (packing.attend_groups, packing.attend_small, packing.attend_padded):
        parts = drawn[:3].clone().requires_grad_()
        attended = attend(*parts.unbind(), layout)
        attended.mul(drawn[3]).sum().backward()
        found.append((attended, parts.grad))
    for attended, gradient in found[1:]:
        torch.testing.assert_close(attended, found[0][0], atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(gradient, found[0][1], atol=1e-5, rtol=1e-4)


def test_attention_in_bf16_is_near_fp32_in_short_runs_and_long(rng):
    layout = packing.Layout([(64, 17), (9, 2)], CPU)
    exact = torch.from_numpy(rng.standard_normal((3, 64 * 17 + 18, 2, 8))).float()
    rounded = exact.bfloat16()
    expected = packing.attend_groups(*rounded.float().unbind(), layout)
    with torch.autocast("cpu", torch.bfloat16):
        found = packing.attend_groups(*rounded.unbind(), layout)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found[-18:], expected[-18:].bfloat16(), atol=0, rtol=0)  # fp32, rounded once
    torch.testing.assert_close(found.float(), expected, atol=0.03, rtol=0.02)


@pytest.mark.parametrize(
    ("task", "labels", "size"),
    [
        (Classification(), ("a", "b", "c"), 3 * (HIDDEN + 1)),
        (Similarity(), (), HIDDEN + 1),
        (Tagging(), ("a", "b", "c"), 3 * (HIDDEN + 1)),
        (SpanExtraction(), (), 2 * HIDDEN),  # S and E
        (MultipleChoice(), (), HIDDEN),  # one vector
    ],
    ids=lambda value: type(value).__name__,
)
def test_new_parameters_are_those_of_the_paper(encoders, task, labels, size):
    for family in ("bert", "albert"):
        assert build(encoders / family, task, labels).new_parameters == size
    pooler = HIDDEN * (HIDDEN + 1) if task.head in network.POOLED else 0
    assert build(encoders / "bert-bare", task, labels).new_parameters == size + pooler
    assert build(encoders / "roberta", task, labels).new_parameters in (size, size + pooler)  # its head brings a layer


def test_a_fresh_head_depends_on_its_seed_alone(encoders):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, same, other = (build(encoders / "bert-bare", Classification(), ("a", "b"), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    for name in one.new:
        weights = [dict(each.model.named_parameters())[name] for each in (one, same, other)]
        assert torch.equal(weights[0], weights[1])
        assert name.endswith("bias") or not torch.equal(weights[0], weights[2])


def test_the_pretrained_pooler_is_kept(encoders):
    ours = build(encoders / "bert", Classification(), ("a", "b"))
    pooler = transformers.AutoModel.from_pretrained(encoders / "bert").pooler.dense.weight
    torch.testing.assert_close(ours.model.bert.pooler.dense.weight, pooler, atol=0, rtol=0)


def test_other_families_are_refused(encoders):
    with pytest.raises(UsageError, match=r"Expected an encoder of the family bert, roberta, .*, got electra"):
        build(encoders / "electra", Classification(), ("a", "b"))


def test_permuting_the_candidates_permutes_their_scores(encoders, sentence, rng):
    task, examples, _ = choose(sentence, rng)
    ours = build(encoders / "bert", task)
    order = [2, 0, 3, 1]
    moved = [Choice(e.id, e.context, e.start, tuple(e.endings[k] for k in order), 0) for e in examples]
    reader = Reader(ours.tokenizer, 64)
    scores, permuted = (all_outputs(ours, task.read(part, reader)).numpy().reshape(-1, 4) for part in (examples, moved))
    np.testing.assert_allclose(permuted, scores[:, order], atol=1e-6)
    found = task.predict(scores.reshape(-1, 1), None, ())
    np.testing.assert_allclose(found.probabilities.sum(1), 1, rtol=1e-6)
    assert found.best.tolist() == scores.argmax(1).tolist()


def test_a_fresh_head_is_at_chance(encoders, sentence, rng):
    """Random texts with random answers: right answers lie within the central 99.9 % of the binomial."""
    count, task = 400, MultipleChoice()
    right = rng.integers(4, size=count).tolist()
    examples = [Choice(str(i), sentence(4), "", tuple(sentence(3) for _ in range(4)), k) for i, k in enumerate(right)]
    ours = build(encoders / "bert", task)
    outputs = all_outputs(ours, task.read(examples, Reader(ours.tokenizer, 64))).numpy()
    low, high = scipy.stats.binom.interval(0.999, count, 1 / 4)
    assert low <= (task.predict(outputs, None, ()).best == right).sum() <= high

    labels, task = ("a", "b", "c"), Classification()
    texts = [Text(str(i), sentence(6), labels[int(rng.integers(3))]) for i in range(count)]
    ours = build(encoders / "bert", task, labels)
    inputs = task.read(texts, Reader(ours.tokenizer, 64))
    found = task.predict(all_outputs(ours, inputs).numpy(), inputs, labels)
    np.testing.assert_allclose(found.probabilities.sum(1), 1, rtol=1e-6)
    low, high = scipy.stats.binom.interval(0.999, count, 1 / 3)
    assert low <= sum(a == b.label for a, b in zip(found.labels, texts, strict=True)) <= high


def test_a_gpus_batches_bound_what_padding_makes_of_them(rng):
    """One window of 512 tokens beside 20,000 short texts: padded to it, a batch would have fifty times its tokens."""
    lengths = np.concatenate([[512], rng.integers(4, 16, 20_000)])
    made = batches(lengths, "cuda")
    assert sorted(np.concatenate([batch.rows for batch in made]).tolist()) == list(range(len(lengths)))
    padded = [len(batch.rows) * lengths[batch.rows].max() for batch in made]
    assert max(padded) <= TOKENS_PER_BATCH["cuda"] and len(made) <= 6
    on_cpu = [batch.rows.tolist() for batch in batches(lengths, "cpu")]
    assert on_cpu == [batch.rows.tolist() for batch in plan(lengths, TOKENS_PER_BATCH["cpu"])]
