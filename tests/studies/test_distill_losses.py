"""Soft gradients in closed form and in their limit, and what is lost with the logits that are not stored."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax

from smallbert.studies.distill_losses import gradient_sentence, gradient_table, gradients, kept, kept_sentence


@pytest.fixture(scope="module")
def found():
    return gradients(0)


@pytest.fixture(scope="module")
def batch():
    """Logits over 40 classes: a student near its teacher and one that knows nothing."""
    generator = torch.Generator().manual_seed(2)
    teacher = 2 * torch.randn(30, 40, generator=generator)
    near = teacher + 0.3 * torch.randn(30, 40, generator=generator)
    fresh = 0.1 * torch.randn(30, 40, generator=generator)
    return SimpleNamespace(teacher_logits=teacher, student_logits=near, narrow_logits=fresh)


def test_the_gradient_is_q_minus_p_over_t_and_tends_to_its_limit(found):
    assert found.error.max() < 1e-8
    assert len(found) == 2 * 20 * 7
    table = gradient_table(found).set_index(["classes", "temperature"])
    for classes in (10, 1000):
        distance = (table.loc[classes].limit - 1).abs()
        assert distance[64] < 0.01 and distance[1] > 3 * distance[64]


def test_with_the_square_the_proportion_of_hard_and_soft_stays(found):
    """N7: constant within 5 % from T = 16 on, draw by draw; without the factor it grows as T^2."""
    high = found[found.temperature >= 16].groupby(["classes", "draw"])
    assert (high["with"].max() / high["with"].min()).max() < 1.05
    grows = high["without"].last() / high["without"].first()
    assert grows.between(16 / 1.05, 16 * 1.05).all()
    assert np.allclose(found["without"], found["with"] * found.temperature**2)


def test_the_gradient_sentence_reads_the_table(found):
    table = gradient_table(found).set_index(["classes", "temperature"])
    said = gradient_sentence(found)
    first, last = (max(abs(table.limit[classes, t] - 1) for classes in (10, 1000)) for t in (1, 64))
    stated = [float(share) / 100 for share in re.findall(r"within ([\d.]+)%", said)]
    assert len(stated) == 2 and all(true <= one <= 1.1 * true for one, true in zip(stated, (first, last), strict=True))
    error = float(re.search(r"to within (\S+?)\. ", said)[1])
    assert table.error.max() <= error <= 1.1 * table.error.max()
    table = table.reset_index()
    wide = table[table.temperature >= 16].pivot(index="temperature", columns="classes", values="with")
    steady = float(re.search(r"changes by ([\d.]+)% at most", said)[1]) / 100
    true = (wide.max() / wide.min() - 1).max()
    assert true <= steady <= 1.1 * true
    assert "From T = 16 to 64 the hard gradient grows 16.0-fold against the soft one without T^2" in said


def test_what_is_stored_is_a_coarser_distribution(batch):
    table = kept(batch, temperatures=(2.0,), most=8).set_index(["student", "k"])
    assert table.index.get_level_values("k").unique().tolist() == [1, 8, 16, 40]
    p = softmax(batch.teacher_logits.double().numpy() / 2, axis=1)
    order = np.argsort(-p, axis=1)[:, :8]
    for name, logits in (("like its teacher", batch.student_logits), ("fresh", batch.narrow_logits)):
        q = softmax(logits.double().numpy() / 2, axis=1)
        coarse = []
        for one in (p, q):
            top = np.take_along_axis(one, order, axis=1)
            coarse.append(np.hstack([top, 1 - top.sum(1, keepdims=True)]))
        row = table.loc[name, 8]
        assert row["mass kept"] == pytest.approx(coarse[0][:, :8].sum(1).mean(), abs=1e-3)
        assert row["divergence"] == pytest.approx(rel_entr(p, q).sum(1).mean(), rel=1e-4)
        assert row["divergence seen"] == pytest.approx(rel_entr(*coarse).sum(1).mean(), rel=1e-2)
        own = table.loc[name]
        assert (own["divergence seen"] <= own["divergence"] * 1.001).all()
        assert own["gradient error"].is_monotonic_decreasing
        # Classes of the rest get the coarse error shared as the student shares its own probability of them.
        rest = np.ones_like(p, dtype=bool)
        np.put_along_axis(rest, order, False, axis=1)
        inside = np.where(rest, q * (1 - p_rest(p, rest) / p_rest(q, rest)), q - p)
        error = np.linalg.norm(inside - (q - p)) / np.linalg.norm(q - p)
        assert row["gradient error"] == pytest.approx(error, rel=2e-2)
    assert table.loc[("fresh", 40), "gradient error"] < 2e-3 and table.loc[("fresh", 40), "gradient cosine"] > 0.9999


def p_rest(p, rest):
    return (p * rest).sum(1, keepdims=True)


def test_the_sentence_tells_of_the_k_that_is_stored(batch):
    table = kept(batch, temperatures=(1.0, 2.0), most=8)
    said = kept_sentence(table, most=8)
    rows = table[(table.k == 8) & (table.temperature == 2)]
    assert len(rows) == 2 and said.startswith(
        "With the 8 largest of 40 logits and the probability of the rest together"
    )
    assert f", {rows['gradient error'].max():.1%} at T = 2 (they hold {rows['mass kept'].iloc[0]:.0%} of" in said
    assert f"cosine {rows['gradient cosine'].min():.3f})" in said
    small = kept(batch, temperatures=(1.0,))  # a vocabulary below the k of a store is stored whole
    assert small.k.max() == 40 and kept_sentence(small).startswith("With the 40 largest of 40")
