"""Soft-target losses against gradients in closed form, numpy, and what the papers derive."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch.nn import functional as F

from smallbert.compress.distill import soft_targets as losses

TEMPERATURES = (0.5, 1.0, 2.0, 8.0, 64.0)


@pytest.fixture
def pair(rng):
    """Student and teacher logits, (6, 11), double."""
    return [torch.from_numpy(rng.normal(0, 2, (6, 11))) for _ in range(2)]


def gradient(loss, logits, *arguments):
    logits = logits.clone().requires_grad_()
    return torch.autograd.grad(loss(logits, *arguments), logits)[0]


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_gradient_of_the_soft_part_is_q_minus_p_over_t(pair, temperature):
    student, teacher = pair
    q, p = (softmax(one.numpy() / temperature, axis=1) for one in pair)
    found = gradient(losses.soft_cross_entropy, student, teacher, temperature) / temperature**2 * len(student)
    np.testing.assert_allclose(found, (q - p) / temperature, atol=1e-12)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_values_equal_numpy(pair, temperature):
    z, v = (one.numpy() / temperature for one in pair)
    p = softmax(v, axis=1)
    cross_entropy = -(p * log_softmax(z, axis=1)).sum(1).mean()
    entropy = -(p * log_softmax(v, axis=1)).sum(1).mean()
    soft = losses.soft_cross_entropy(*pair, temperature).item()
    assert soft == pytest.approx(temperature**2 * cross_entropy, rel=1e-12)
    divergence = losses.divergence(*pair, temperature).item()
    assert divergence == pytest.approx(temperature**2 * (cross_entropy - entropy), rel=1e-9)


def test_divergence_equals_the_code_of_distilbert(pair):
    student, teacher = pair
    criterion = torch.nn.KLDivLoss(reduction="batchmean")
    expected = criterion(F.log_softmax(student / 2.0, dim=-1), F.softmax(teacher / 2.0, dim=-1)) * 2.0**2
    assert losses.divergence(student, teacher, 2.0).item() == pytest.approx(expected.item(), rel=1e-12)


def test_divergence_is_zero_for_equal_logits_and_its_gradient_that_of_the_cross_entropy(pair):
    student, teacher = pair
    assert losses.divergence(teacher, teacher, 2.0).item() == 0
    one, other = (gradient(loss, student, teacher, 3.0) for loss in (losses.divergence, losses.soft_cross_entropy))
    torch.testing.assert_close(one, other, atol=1e-14, rtol=1e-12)


def test_with_the_square_the_gradient_keeps_its_size(rng):
    """From T = 16 to 64, where it falls to a sixteenth without the square, it changes by a few per cent."""
    student, teacher = (torch.from_numpy(rng.normal(0, 1, (1, 50))) for _ in range(2))
    sizes = [gradient(losses.soft_cross_entropy, student, teacher, float(t)).norm().item() for t in (16, 32, 64)]
    assert max(sizes) / min(sizes) < 1.05
    assert sizes[0] / 16**2 > 15 * sizes[2] / 64**2


@pytest.mark.parametrize("size", [10, 100, 1000])
def test_high_temperature_is_matching_of_logits(rng, size):
    """Hinton's eq. 4: with logits of mean zero, T^2 times the gradient tends to (z - v) / V as 1 / T."""
    z, v = (torch.from_numpy(rng.normal(0, 1, size)) for _ in range(2))
    z, v = z - z.mean(), v - v.mean()
    errors = [losses.high_temperature_ratio(z, v, t) - 1 for t in (64.0, 1e3, 2e3, 1e5)]
    assert abs(errors[0]) < 0.01 and abs(errors[3]) < 1e-5
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.05)
    full = gradient(losses.soft_cross_entropy, z[None], v[None], 8.0).norm() / ((z - v).norm() / size)
    assert losses.high_temperature_ratio(z, v, 8.0) == pytest.approx(full.item(), rel=1e-9)


def test_low_temperature_is_the_hard_label(pair):
    """At T -> 0 the teacher says its argmax, and the soft part is T times that logit's gap to the student's best."""
    student, teacher = pair
    best = teacher.argmax(1)
    soft = losses.soft_cross_entropy(student, teacher, 1e-3) / 1e-3
    gap = (student.max(1).values - student.gather(1, best[:, None])[:, 0]).mean()
    assert soft.item() == pytest.approx(gap.item(), abs=1e-2)
    p = softmax(teacher.numpy() / 1e-3, axis=1)
    np.testing.assert_allclose(p.max(1), 1.0)


def test_hinton_adds_soft_and_hard_parts(pair):
    labels = torch.tensor([0, 3, 3, 10, 7, 1])
    expected = 0.9 * losses.soft_cross_entropy(*pair, 4.0) + 0.1 * F.cross_entropy(pair[0], labels)
    found = losses.hinton(*pair, labels, temperature=4.0, soft=0.9, hard=0.1)
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)


def kept(teacher, k, temperature):
    """The k largest logits with a constant added, and the probability of the others."""
    top = teacher.topk(k)
    p = (teacher / temperature).softmax(1)
    return top.indices, top.values - 7.0, 1 - p.gather(1, top.indices).sum(1)


def test_kept_logits_equal_all_logits_where_all_are_kept(pair):
    student, teacher = pair
    found = losses.kept_cross_entropy(student, *kept(teacher, 11, 2.0), 2.0)
    assert found.item() == pytest.approx(losses.soft_cross_entropy(student, teacher, 2.0).item(), rel=1e-9)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_few_kept_logits_are_classes_beside_the_others_as_one(pair, k):
    student, teacher = pair
    q, p = (softmax(one.numpy() / 2, axis=1) for one in pair)
    order = np.argsort(-p, axis=1)[:, :k]
    together = []
    for one in (p, q):
        known = np.take_along_axis(one, order, axis=1)
        together.append(np.hstack([known, 1 - known.sum(1, keepdims=True)]))
    expected = -4 * (together[0] * np.log(together[1])).sum(1).mean()
    found = losses.kept_cross_entropy(student, *kept(teacher, k, 2.0), 2.0)
    assert found.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("k", [1, 3, 11])
def test_the_gradient_of_kept_logits_vanishes_at_the_teacher(pair, k):
    """Also where the others share their part differently; a renormalised p would pull towards the kept ones."""
    _, teacher = pair
    indices, logits, rest = kept(teacher, k, 2.0)
    at_teacher = gradient(losses.kept_cross_entropy, teacher, indices, logits, rest, 2.0)
    assert at_teacher.abs().max() < 1e-12
    if k == 3:
        renormalised = gradient(losses.kept_cross_entropy, teacher, indices, logits, 0 * rest, 2.0)
        assert renormalised.abs().max() > 1e-2


def test_a_student_as_sure_as_can_be_has_a_finite_loss_and_gradient(pair):
    teacher = pair[1].float()
    sure = 1e3 * F.one_hot(teacher.argmax(1), 11).float()
    indices, logits, rest = kept(teacher, 3, 1.0)
    assert torch.isfinite(losses.kept_cross_entropy(sure, indices, logits, rest, 1.0))
    assert torch.isfinite(gradient(losses.kept_cross_entropy, sure, indices, logits, rest, 1.0)).all()


def test_tinyberts_prediction_loss_and_its_official_form(pair):
    """task_distill.py: ``(-softmax(targets) * log_softmax(predicts)).mean()``, the paper's form divided by C."""
    student, teacher = pair
    paper = losses.prediction(student, teacher)
    assert paper.item() == pytest.approx(losses.soft_cross_entropy(student, teacher, 1.0).item())
    official = (-F.softmax(teacher, -1) * F.log_softmax(student, -1)).mean()
    assert losses.prediction(student, teacher, official=True).item() == pytest.approx(official.item(), rel=1e-12)
    assert paper.item() / official.item() == pytest.approx(11)
    cold, soft = losses.prediction(student, teacher, 3.0), losses.soft_cross_entropy(student, teacher, 3.0)
    assert soft.item() == pytest.approx(9 * cold.item())
