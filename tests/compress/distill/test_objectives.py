"""Every term of every method against the papers' formulas, computed text by text in transformers."""

import io
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from scipy.special import rel_entr
from scipy.stats import spearmanr
from torch.nn import functional as F

from smallbert.compress.distill import objectives, students
from smallbert.compress.distill.inputs import MaskedHeldOut, MaskedSteps, UnmaskedTexts
from smallbert.compress.distill.methods import Method
from smallbert.compress.distill.objectives import Distillation, similarity_agreement
from smallbert.compress.distill.projections import Student
from smallbert.compress.distill.recording import record
from smallbert.models.mlm import MaskedLanguageModelling
from smallbert.models.packing import PackedRows
from smallbert.models.tokenizer import CLS, PAD

CPU = torch.device("cpu")
TOLERANCE = {"rel": 3e-3, "abs": 1e-6}  # the teacher's vectors are kept in fp16


@pytest.fixture
def make(tmp_path, teacher, store):
    """An objective with its teacher's outputs, all logits kept."""

    def make(recipe, method, start=students.FRESH, stirred=None):
        wanted = method.wanted(recipe.layers, teacher.layers)
        if method.masked:
            inputs = MaskedSteps(store.train, recipe, store.vocabulary_size, method.places)
            held_out, measured = MaskedHeldOut(store.held_out, recipe, store.vocabulary_size), {"top"}
        else:
            inputs, held_out = UnmaskedTexts(store.train, recipe), UnmaskedTexts(store.held_out, recipe, "held out")
            measured = wanted | {"pooled"}
        given, given_held_out = (
            record(teacher, rows, names, tmp_path, data=str(number), top=1000, progress=io.StringIO())
            if names
            else None
            for number, (rows, names) in enumerate(((inputs, wanted), (held_out, measured)))
        )
        encoder = students.build(recipe, teacher, start, CPU)
        if stirred:
            stirred(encoder, 0.1)
        model = Student(encoder, method, teacher.width, recipe.seed)
        return Distillation(
            model, inputs, held_out, given, given_held_out, method,
            teacher_layers=teacher.layers, teacher_heads=4, dtype=torch.float32,
        )  # fmt: skip

    return make


class ByText:
    """Student and teacher in transformers on each text of a step alone; tokens of all texts one after the other."""

    def __init__(self, objective, teacher, folder, step=0):
        self.seen, _rows = objective.inputs.step(step)
        theirs = transformers.AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager").eval()
        ours = objective.model.encoder.eval()
        self.student, self.teacher, self.place, self.text = [], [], [], []
        number = torch.from_numpy(teacher.vocabulary.theirs)
        for row, (ids, read) in enumerate(zip(self.seen.ids, self.seen.read, strict=True)):
            stop = len(ids) if (ids != PAD).all() else int(np.argmax(ids == PAD))
            bounds = sorted({0, *np.flatnonzero(ids[:stop] == CLS), stop})
            for start, end in itertools.pairwise(bounds):
                piece = torch.from_numpy(read[start:end])[None]
                wanted = {"output_hidden_states": True, "output_attentions": True}
                with torch.no_grad():
                    self.student.append(ours(piece, **wanted))
                    self.teacher.append(theirs(number[piece], **wanted))
                self.teacher[-1].logits = self.teacher[-1].logits[..., number]
                self.place += range(row * len(ids) + start, row * len(ids) + end)
                self.text.append(ids[start] == CLS)

    def hidden(self, side, layer):
        return torch.cat([one.hidden_states[layer][0] for one in getattr(self, side)])

    def first(self, side, layer):
        pairs = zip(getattr(self, side), self.text, strict=True)
        return torch.stack([one.hidden_states[layer][0, 0] for one, is_text in pairs if is_text])

    def pooled(self, side):
        pairs = zip(getattr(self, side), self.text, strict=True)
        return torch.stack([one.hidden_states[-1][0].mean(0) for one, is_text in pairs if is_text])

    def logits(self, side, places):
        everything = torch.cat([one.logits[0] for one in getattr(self, side)])
        return everything[torch.from_numpy(np.searchsorted(self.place, places))]

    def mean_over_texts(self, value):
        """Weighted by the number of entries, for a function of student and teacher outputs of one text."""
        found = [value(*pair) for pair in zip(self.student, self.teacher, strict=True)]
        return np.concatenate([np.asarray(one).reshape(-1) for one in found]).mean()


def values(objective, step=0):
    return {term: loss.item() for term, loss in objective.losses(step).items()}


@pytest.mark.parametrize("places", ["masked", "all"])
def test_distilberts_triple_loss(make, recipe, teacher, predicting, toy, places):
    method = Method("distilbert", temperature=3.0, places=places)
    objective = make(recipe, method, stirred=toy.stir)
    one = ByText(objective, teacher, predicting)
    q = one.logits("student", one.seen.places) / 3
    p = (one.logits("teacher", one.seen.places) / 3).softmax(1)
    soft = 9 * -(p * q.log_softmax(1)).sum(1).mean()
    hard = F.cross_entropy(one.logits("student", one.seen.masked), torch.from_numpy(one.seen.targets))
    cosine = 1 - F.cosine_similarity(one.hidden("student", -1), one.hidden("teacher", -1)).mean()
    found = values(objective)
    assert len(q) > 5 * len(one.seen.masked) if places == "all" else len(q) == len(one.seen.masked)
    assert found["soft"] == pytest.approx(soft.item(), **TOLERANCE)
    assert found["hard"] == pytest.approx(hard.item(), rel=1e-5)
    assert found["cosine"] == pytest.approx(cosine.item(), **TOLERANCE)
    assert objective.loss(0).item() == pytest.approx((5 * soft + 2 * hard + cosine).item(), **TOLERANCE)


def test_patient_distillation_reads_the_first_tokens_below_the_last_layer(make, recipe, teacher, predicting, toy):
    objective = make(replace(recipe, layers=4), Method("pkd"), stirred=toy.stir)
    one = ByText(objective, teacher, predicting)
    expected = sum(
        (F.normalize(one.first("student", m)) - F.normalize(one.first("teacher", m))).square().sum(1).mean()
        for m in (1, 2, 3)
    )
    assert values(objective)["patient"] == pytest.approx(expected.item(), **TOLERANCE)


@pytest.mark.parametrize("shared", [False, True])
def test_tinyberts_losses_of_a_narrower_student(make, recipe, teacher, predicting, toy, shared):
    method = Method("tinybert", shared_projection=shared)
    objective = make(replace(recipe, hidden=16, intermediate=32), method, stirred=toy.stir)
    toy.stir(objective.model.projections, 0.1)
    one = ByText(objective, teacher, predicting)
    maps = {name: dict(linear.named_parameters()) for name, linear in objective.model.projections.items()}
    assert set(maps) == ({"shared"} if shared else {"embedding", "hidden-1", "hidden-2"})

    def error(place, own, given):
        linear = maps["shared" if shared else place]
        lifted = one.hidden("student", own) @ linear["weight"].T + linear.get("bias", 0)
        return (lifted - one.hidden("teacher", given)).square().mean().item()

    found = values(objective)
    assert found["embedding"] == pytest.approx(error("embedding", 0, 0), **TOLERANCE)
    hidden = error("hidden-1", 1, 2) + error("hidden-2", 2, 4)
    assert found["hidden"] == pytest.approx(hidden, **TOLERANCE)
    p, q = (one.logits(side, one.seen.places) for side in ("teacher", "student"))
    assert found["prediction"] == pytest.approx(-(p.softmax(1) * q.log_softmax(1)).sum(1).mean().item(), **TOLERANCE)


def test_attention_scores_text_by_text(make, recipe, teacher, toy):
    """From queries and keys of both sides, not centred: a constant a row counts here."""
    objective = make(recipe, Method("tinybert-general"), stirred=toy.stir)
    seen, _rows = objective.inputs.step(0)
    squares = {1: [], 2: []}
    for ids in seen.ids:
        bounds = [*np.flatnonzero(ids == CLS), (ids != PAD).sum()]
        for start, stop in itertools.pairwise(bounds):
            piece = torch.from_numpy(ids[start:stop])
            wanted = {f"{name}-{layer}" for name in ("queries", "keys") for layer in (2, 4)}
            given = teacher.trace(piece, [(len(piece), 1)], wanted, torch.zeros(0, dtype=torch.long), 0)
            states = objective.model.encoder.bert(piece[None], output_hidden_states=True).hidden_states
            for m, layer in ((1, 2), (2, 4)):
                attention = objective.model.encoder.bert.encoder.layer[m - 1].attention.self
                own = attention.query(states[m - 1])[0], attention.key(states[m - 1])[0]
                for heads in zip(
                    *(part.split(8, 1) for part in (*own, given[f"queries-{layer}"], given[f"keys-{layer}"])),
                    strict=True,
                ):
                    q, k, their_q, their_k = (part.detach() for part in heads)
                    squares[m].append(((q @ k.T - their_q @ their_k.T) / 8**0.5).square().numpy().reshape(-1))
    expected = sum(np.concatenate(one).mean() for one in squares.values())
    assert values(objective)["scores"] == pytest.approx(expected, **TOLERANCE)


def test_minilm_compares_the_last_attention_of_any_width(make, recipe, teacher, predicting, toy):
    objective = make(replace(recipe, hidden=16, intermediate=32), Method("minilm"), stirred=toy.stir)
    one = ByText(objective, teacher, predicting)

    def divergence(student, teacher):
        pair = (model.attentions[-1][0].numpy().astype(float) for model in (teacher, student))
        return rel_entr(*pair).sum(-1)

    assert values(objective)["attention"] == pytest.approx(one.mean_over_texts(divergence), **TOLERANCE)
    other = make(replace(recipe, heads=2), Method("minilm", relation_heads=8), stirred=toy.stir)
    assert all(np.isfinite(loss) and loss > 0 for loss in values(other).values())


def test_sentence_losses(make, recipe, teacher, predicting, toy):
    objective = make(recipe, Method("sentence"), stirred=toy.stir)
    one = ByText(objective, teacher, predicting)
    pooled = 1 - F.cosine_similarity(one.pooled("student"), one.pooled("teacher")).mean()
    assert values(objective)["pooled"] == pytest.approx(pooled.item(), **TOLERANCE)


@pytest.mark.parametrize("name", ["distilbert", "pkd", "tinybert", "minilm", "sentence"])
def test_a_student_that_is_its_teacher_loses_nothing(make, recipe, teacher, name):
    """All layers copied and W the identity; soft losses keep the teacher's entropy, where their gradient vanishes."""
    objective = make(replace(recipe, layers=4), Method(name), start="top")
    found = values(objective)
    for term in set(found) - {"hard", "soft", "prediction"}:
        assert found[term] < 1e-5, term
    if term := {"soft", "prediction"} & set(found):
        loss = objective.losses(0)[term.pop()]
        gradient = torch.autograd.grad(loss, objective.model.encoder.cls.predictions.bias)[0]
        assert gradient.abs().max() < 1e-4 < loss.item()
    assert objective.evaluate()["agreement"] == pytest.approx(1, abs=1e-4)


def test_pooled_on_masked_rows_leaves_out_what_precedes_a_text(make, recipe, teacher, predicting, toy):
    objective = make(recipe, Method("alone", {"pooled": 1.0}), stirred=toy.stir)
    one = ByText(objective, teacher, predicting)
    assert not all(one.text)
    pooled = 1 - F.cosine_similarity(one.pooled("student"), one.pooled("teacher")).mean()
    assert values(objective)["pooled"] == pytest.approx(pooled.item(), **TOLERANCE)


def test_held_out_measures_equal_those_of_pretraining(make, recipe, teacher, store, toy):
    objective = make(recipe, Method("hinton"), stirred=toy.stir)
    rows = (PackedRows(store.train, 32, recipe.seed), PackedRows(store.held_out, 32))
    plain = MaskedLanguageModelling(objective.model.encoder, *rows, recipe, torch.float32)
    found, expected = objective.evaluate(), plain.evaluate()
    assert found["held_out_loss"] == pytest.approx(expected["held_out_loss"], rel=1e-6)
    assert found["held_out_accuracy"] == expected["held_out_accuracy"]
    assert 0 <= found["agreement"] < 1
    alone = make(recipe, Method("alone"), stirred=toy.stir)
    assert alone.loss(3).item() == pytest.approx(plain.loss(3).item(), rel=1e-6)


@pytest.mark.parametrize("name", ["sentence", "minilm", "tinybert-general"])
def test_held_out_losses_of_whole_texts_do_not_depend_on_how_texts_are_batched(make, recipe, name, toy):
    """Eight rows at a time, three, and one: as many tokens, texts and pairs of tokens in all."""
    found = [
        make(replace(recipe, batch_tokens=32 * rows, tokens=32 * rows * 6), Method(name), stirred=toy.stir).evaluate()
        for rows in (8, 3, 1)
    ]
    for one in found[1:]:
        assert one["held_out_loss"] == pytest.approx(found[0]["held_out_loss"], rel=1e-6)
        assert one["agreement"] == pytest.approx(found[0]["agreement"], abs=1e-6)


def test_a_loss_is_a_function_of_the_step(make, recipe):
    for name in ("distilbert", "sentence"):
        objective = make(recipe, Method(name))
        first = objective.loss(2).item()
        objective.loss(5)
        assert objective.loss(2).item() == first != objective.loss(5).item()


def test_what_no_loss_reaches_is_not_trained(make, recipe):
    """MiniLM's last layer above its attention, and the head; all else learns."""
    objective = make(recipe, Method("minilm"))
    learning = {name for name, _parameter in objective.model.named_parameters()}
    everything = {f"encoder.{name}" for name, _parameter in objective.model.encoder.named_parameters()}
    left = everything - learning
    last = "encoder.bert.encoder.layer.1."
    assert all(name.startswith((last, "encoder.cls.")) for name in left)
    assert {name for name in left if ".self." in name} == set()
    assert f"{last}attention.output.dense.weight" in left and f"{last}attention.self.value.weight" in learning
    assert sum(1 for _ in objective.model.parameters()) == len(learning)


@pytest.mark.parametrize(("shared", "expected"), [(True, 240_384), (False, 5 * 312 * 768)])
def test_projections_of_tinybert(shared, expected):
    """One W with a bias in the code, one a place without in the paper: 312 -> 768, embedding layer and 4 layers."""
    config = transformers.BertConfig(
        vocab_size=10, hidden_size=312, num_hidden_layers=4, num_attention_heads=12, intermediate_size=8
    )
    student = Student(transformers.BertForMaskedLM(config), Method("tinybert", shared_projection=shared), 768, 0)
    assert sum(one.numel() for one in student.projections.parameters()) == expected
    weight = next(student.projections.parameters())
    torch.testing.assert_close(weight.T @ weight, torch.eye(312), atol=1e-5, rtol=0)


def test_similarity_agreement_is_a_rank_correlation_of_all_pairs(rng):
    ours, theirs = (torch.from_numpy(rng.normal(0, 1, (12, width))) for width in (5, 9))
    pairs = [(i, j) for i in range(12) for j in range(i + 1, 12)]
    cosines = [[F.cosine_similarity(one[i], one[j], dim=0).item() for i, j in pairs] for one in (ours, theirs)]
    assert similarity_agreement(ours, theirs) == pytest.approx(spearmanr(*cosines).statistic)
    assert similarity_agreement(ours, 3 * ours) == pytest.approx(1)
    assert np.isnan(similarity_agreement(ours[:2], theirs[:2]))


def test_of_many_texts_some_are_compared(rng, monkeypatch):
    ours, theirs = (torch.from_numpy(rng.normal(0, 1, (9, width))) for width in (5, 9))
    monkeypatch.setattr(objectives, "COMPARED_TEXTS", 5)
    evenly = [0, 2, 4, 6, 8]
    assert similarity_agreement(ours, theirs) == similarity_agreement(ours[evenly], theirs[evenly])
