"""Papers' forms and released code side by side: the ratios in closed form, and values by hand."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from smallbert.published import load
from smallbert.studies import distill_forms as forms
from smallbert.studies.same_batch import SameBatch

RELEASED = [0, 2, 4, 7, 9, 11]


@pytest.fixture(scope="module")
def batch(predicting_teacher, syllables):
    return SameBatch(str(predicting_teacher), syllables, max_tokens=24, seed=3, device="cpu")


@pytest.fixture(scope="module")
def table(batch):
    return forms.tinybert_forms(batch).set_index("loss")


def test_every_form_that_has_a_closed_ratio_has_it(table):
    exact = table[table.expected.notna()]
    assert len(exact) == 3
    assert np.allclose(exact.ratio, exact.expected, rtol=1e-5)
    assert table.expected["prediction"] == 1 / 65 and table.expected["prediction at T = 2"] == 1 / 4
    assert 0.1 < table.expected["attention scores"] < 1


def test_values_are_those_of_the_released_code(table, batch):
    """task_distill.py, line by line."""
    inside = batch.inside
    added = (1.0 - inside.float()) * -10_000.0
    pair = [one.masked_fill(~inside, 0) + added for one in (batch.narrow_scores, batch.teacher_scores)]
    student, teacher = (torch.where(one <= -1e2, torch.zeros_like(one), one) for one in pair)
    assert table.code["attention scores"] == pytest.approx(F.mse_loss(student, teacher).item(), rel=1e-5)
    z, v = batch.narrow_logits, batch.teacher_logits
    soft = -(F.softmax(v, -1) * F.log_softmax(z, -1)).mean()
    assert table.code["prediction"] == pytest.approx(soft.item(), rel=1e-5)


def test_the_papers_two_projections_against_the_codes_one(table, batch):
    row = table.loc["hidden states and embeddings"]
    own, theirs = ([one.double().numpy() for one in states] for states in (batch.narrow, batch.teacher_states))
    layers = np.linalg.pinv(np.concatenate(own[1:])) @ np.concatenate(theirs[1:])
    lifts = [np.linalg.pinv(own[0]) @ theirs[0], *[layers] * (len(own) - 1)]
    both = sum(((s @ w - t) ** 2).mean() for s, w, t in zip(own, lifts, theirs, strict=True))
    ones = [np.column_stack([s, np.ones(len(s))]) for s in own]
    shared = np.linalg.pinv(np.concatenate(ones)) @ np.concatenate(theirs)
    one = sum(((s @ shared - t) ** 2).mean() for s, t in zip(ones, theirs, strict=True))
    assert (row.paper, row.code) == pytest.approx((both, one), rel=1e-6)
    assert row.code > row.paper and row.ratio == row.code / row.paper


def test_projections_of_tinyberts_sizes():
    sizes = forms.projections().set_index("matrices").parameters
    assert sizes.to_dict() == {1: 240_384, 2: 479_232, 5: 1_198_080}


def test_distilberts_loss_at_masked_and_at_all_places(batch):
    places = forms.distilbert_places(batch, temperature=3.0).set_index("places")
    z, v = batch.student_logits.double(), batch.teacher_logits.double()
    kl = F.kl_div((z / 3).log_softmax(-1), (v / 3).softmax(-1), reduction="batchmean") * 9
    entropy = torch.special.entr(v.softmax(-1)).sum(1).mean()
    masked = places.loc["masked"]
    assert masked.divergence == pytest.approx(kl.item(), rel=1e-4)
    assert masked["teacher's entropy"] == pytest.approx(entropy.item(), rel=1e-4)
    right = (v.argmax(1).numpy() == batch.seen.targets).mean()
    assert masked["teacher right"] == pytest.approx(right)
    every, others = places.loc["all attended"], places.loc["attended, not masked"]
    assert every.tokens == masked.tokens + others.tokens
    both = masked.divergence * masked.tokens + others.divergence * others.tokens
    assert every.divergence * every.tokens == pytest.approx(both, rel=1e-4)


def test_one_map_gives_the_released_layers():
    maps = forms.copies(RELEASED).set_index("map")
    assert maps.index[maps.released].tolist() == ["released"]
    assert maps.layers["released"] == "0, 2, 4, 7, 9, 11" and maps.layers["even"] == "0, 2, 4, 6, 8, 10"


def test_multilingual_distilbert_is_what_is_left():
    counts = forms.multilingual_counts().set_index("what")
    assert counts.left.iloc[0] == 177_853_440 and counts.left.iloc[-1] == 134_734_080
    assert counts.saved.tolist() == [0, 768 * 769, 2 * 768, 6 * 7_087_872]
    printed = load()
    assert counts.left.iloc[-1] // 10**6 == printed["distilmbert.parameters"].value
    assert counts.left.iloc[0] // 10**6 == printed["distilmbert.teacher_parameters"].value


def test_the_sentences_read_their_tables(batch, table):
    said = forms.tinybert_sentence(table.reset_index(), forms.projections())
    assert f"weighs the attention scores {table.ratio['attention scores']:.2f}-fold" in said
    assert "240,384 parameters against 479,232" in said
    places, counts = forms.distilbert_places(batch), forms.multilingual_counts()
    said = forms.distilbert_sentence(places, forms.copies(RELEASED), counts)
    assert "134,734,080 parameters of 177,853,440, 24.2% fewer." in said
    assert "The map that gives the released layers: released." in said
    none = forms.distilbert_sentence(places, forms.copies([5, 4, 3, 2, 1, 0]), counts)
    assert "gives the released layers: none." in none
