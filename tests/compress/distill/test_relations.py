import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax

from smallbert.compress.distill.relations import log_relation, relation_loss

TEXTS = ((0, 0, 4), (0, 4, 6), (1, 0, 5))  # row, start, stop; the last token of row 1 is padding


@pytest.fixture
def vectors(rng):
    """Values of a student of width 8 and a teacher of width 12, 4 heads both."""
    return [torch.from_numpy(rng.normal(0, 1, (2, 6, width))) for width in (8, 12)]


@pytest.fixture
def inside():
    mask = torch.zeros(2, 1, 6, 6, dtype=torch.bool)
    for row, start, stop in TEXTS:
        mask[row, 0, start:stop, start:stop] = True
    return mask


def by_hand(student, teacher, heads):
    """Text by text, head by head, token by token."""
    divergences = []
    for row, start, stop in TEXTS:
        relations = []
        for vectors in (student.numpy(), teacher.numpy()):
            parts = np.split(vectors[row, start:stop], heads, axis=1)
            relations.append([softmax(one @ one.T / np.sqrt(one.shape[1]), axis=1) for one in parts])
        divergences += [rel_entr(t, s).sum(1) for s, t in zip(*relations, strict=True)]
    return np.concatenate(divergences).mean()


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_value_relations_of_different_widths(vectors, inside, heads):
    student, teacher = (log_relation(one, one, heads, inside) for one in vectors)
    assert student.shape == teacher.shape == (2, heads, 6, 6)
    found = relation_loss(student, teacher, inside).item()
    assert found == pytest.approx(by_hand(*vectors, heads), rel=1e-9)


def test_without_a_mask_all_tokens_are_one_text(vectors):
    relations = [log_relation(one, one, 2) for one in vectors]
    everywhere = torch.ones(2, 1, 6, 6, dtype=torch.bool)
    assert relation_loss(*relations).item() == pytest.approx(relation_loss(*relations, everywhere).item(), rel=1e-12)


def test_zero_for_itself_and_a_finite_gradient_under_a_mask(vectors, inside):
    student = vectors[0].requires_grad_()
    relation = log_relation(student, student, 4, inside)
    assert relation_loss(relation, relation.detach(), inside).item() == 0
    teacher = log_relation(vectors[1], vectors[1], 4, inside)
    (gradient,) = torch.autograd.grad(relation_loss(relation, teacher, inside), student)
    assert torch.isfinite(gradient).all() and gradient[0].abs().sum() > 0
    assert (gradient[1, 5] == 0).all()  # padding
