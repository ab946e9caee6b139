import numpy as np
import pytest
import torch
from torch.nn import functional as F

from smallbert.compress.distill import hidden
from smallbert.errors import UsageError


@pytest.fixture
def pair(rng):
    return [torch.from_numpy(rng.normal(0, 1, (7, 5))) for _ in range(2)]


def test_cosine_equals_the_loss_distilbert_uses(pair):
    expected = F.cosine_embedding_loss(*pair, torch.ones(7, dtype=torch.float64))
    assert hidden.cosine(*pair).item() == pytest.approx(expected.item(), rel=1e-9)


def test_cosine_is_zero_for_parallel_vectors_only(pair):
    student, _ = pair
    assert hidden.cosine(student, 3.5 * student).item() == pytest.approx(0, abs=1e-12)
    assert hidden.cosine(student, -student).item() == pytest.approx(2)
    turned = student.clone()
    turned[3] = turned[3].roll(1)
    assert hidden.cosine(student, turned).item() > 1e-3


def test_projected_equals_numpy_and_is_zero_for_itself(pair, rng):
    student, teacher = pair
    wide = torch.from_numpy(rng.normal(0, 1, (7, 8)))
    projection = torch.from_numpy(rng.normal(0, 1, (5, 8)))
    expected = np.mean((student.numpy() @ projection.numpy() - wide.numpy()) ** 2)
    assert hidden.projected(student, wide, projection).item() == pytest.approx(expected, rel=1e-12)
    assert hidden.projected(teacher, teacher, torch.eye(5, dtype=torch.float64)).item() == 0
    assert hidden.projected(teacher, teacher).item() == 0


def test_the_teacher_is_never_shrunk(pair, rng):
    """W maps the student up; used the other way round it is refused."""
    narrow, wide = pair[0], torch.from_numpy(rng.normal(0, 1, (7, 8)))
    with pytest.raises(UsageError, match=r"Expected W of shape \(5, 8\), .*, got \(8, 5\)") as caught:
        hidden.projected(narrow, wide, torch.zeros(8, 5, dtype=torch.float64))
    assert "the teacher stays as it is" in caught.value.hint
    with pytest.raises(UsageError, match="one width for the hidden loss without W, got 5 and 8"):
        hidden.projected(narrow, wide)


def test_patient_is_twice_the_cosine_and_does_not_see_lengths(pair):
    student, teacher = pair
    a, b = (one.numpy() / np.linalg.norm(one.numpy(), axis=1, keepdims=True) for one in pair)
    assert hidden.patient(student, teacher).item() == pytest.approx(((a - b) ** 2).sum(1).mean(), rel=1e-12)
    assert hidden.patient(student, teacher).item() == pytest.approx(
        2 * hidden.cosine(student, teacher).item(), rel=1e-6
    )
    assert hidden.patient(student, 7 * student).item() == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("loss", [hidden.cosine, hidden.patient])
def test_directions_of_different_width_are_refused(loss, pair):
    with pytest.raises(UsageError, match="got 4 and 5"):
        loss(pair[0][:, :4], pair[1])


def test_mean_pooled_equals_numpy(pair):
    text = torch.tensor([0, 0, 1, 2, 2, 2, 2])
    expected = [pair[0][text == one].numpy().mean(0) for one in range(3)]
    np.testing.assert_allclose(hidden.mean_pooled(pair[0], text, 3), expected, rtol=1e-12)


def test_rows_in_which_no_text_begins_teach_nothing():
    """Packed rows cut long documents, so a step may have no [CLS] at all."""
    for loss_of in (hidden.patient, hidden.cosine):
        student = torch.zeros(0, 5, requires_grad=True)
        loss = loss_of(student, torch.zeros(0, 5))
        loss.backward()
        assert loss.item() == 0 and student.grad.shape == (0, 5)
