"""One batch as teacher and students see it, against transformers' own forwards."""

import numpy as np
import pytest
import torch
import transformers

from smallbert.errors import UsageError
from smallbert.models.tokenizer import PAD, SEP
from smallbert.studies.same_batch import SameBatch

LENGTH = 24


@pytest.fixture(scope="module")
def batch(predicting_teacher, syllables):
    return SameBatch(str(predicting_teacher), syllables, max_tokens=LENGTH, seed=3, device="cpu")


@pytest.fixture(scope="module")
def expected(batch, predicting_teacher):
    """The teacher's outputs of the padded rows."""
    model = transformers.AutoModelForMaskedLM.from_pretrained(predicting_teacher, attn_implementation="eager").eval()
    ids, read = (torch.from_numpy(one) for one in (batch.seen.ids, batch.seen.read))
    with torch.no_grad():
        return model(read, attention_mask=(ids != PAD).long(), output_hidden_states=True, output_attentions=True)


def test_a_row_is_a_text_cut_and_padded(batch, syllables, predicting_teacher):
    tokenizer = transformers.AutoTokenizer.from_pretrained(predicting_teacher)
    ids = batch.seen.ids
    for row, text in zip(ids, syllables, strict=True):
        own = tokenizer(text)["input_ids"]
        assert row[row != PAD].tolist() == (own if len(own) <= LENGTH else [*own[: LENGTH - 1], SEP])
    assert (ids == PAD).any() and (ids != PAD).all(1).any()
    assert np.isin(batch.masked, batch.attended).all() and len(batch.attended) == (ids != PAD).sum()


def test_the_teacher_says_what_transformers_says(batch, expected):
    at = torch.from_numpy(batch.masked)
    torch.testing.assert_close(batch.teacher_logits, expected.logits.flatten(0, 1)[at], atol=1e-4, rtol=1e-4)
    real = torch.from_numpy(batch.seen.ids != PAD)
    for states, layer in zip(batch.teacher_states, (0, 2, 4), strict=True):
        torch.testing.assert_close(states, expected.hidden_states[layer][real], atol=1e-4, rtol=1e-4)
    attended = batch.teacher_scores.masked_fill(~batch.inside, -1e9).softmax(-1)
    rows = real[:, None, :, None].expand_as(attended)
    torch.testing.assert_close(attended[rows], expected.attentions[-1][rows], atol=1e-4, rtol=1e-4)


def test_one_student_has_the_teachers_width_and_layers_the_other_half(batch, expected, predicting_teacher):
    teacher = transformers.AutoModelForMaskedLM.from_pretrained(predicting_teacher)
    for number, layer in zip((0, 3), batch.student.bert.encoder.layer, strict=True):
        for name, weight in teacher.bert.encoder.layer[number].named_parameters():
            assert torch.equal(layer.get_parameter(name), weight)
    assert batch.student_logits.shape == batch.teacher_logits.shape == batch.narrow_logits.shape
    assert [states.shape for states in batch.narrow] == [(len(batch.attended), 16)] * 3
    assert batch.narrow_scores.shape == batch.teacher_scores.shape == (24, 4, LENGTH, LENGTH)


def test_logits_come_in_parts_with_the_true_tokens(batch, monkeypatch):
    monkeypatch.setattr("smallbert.studies.same_batch.PLACES_AT_ONCE", 7)
    parts = list(batch.logits_at(batch.masked))
    assert len(parts) == -(-len(batch.masked) // 7)
    student, teacher, ids = (torch.cat(one) for one in zip(*parts, strict=True))
    torch.testing.assert_close(student, batch.student_logits)
    torch.testing.assert_close(teacher, batch.teacher_logits)
    assert ids.tolist() == batch.seen.targets.tolist()


def test_a_teacher_without_predictions_is_refused(predicting_teacher, tmp_path):
    transformers.AutoModel.from_pretrained(predicting_teacher, add_pooling_layer=False).save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(predicting_teacher).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="Expected a teacher with a masked-language-model head"):
        SameBatch(str(tmp_path), ["ba be"], max_tokens=LENGTH, seed=0, device="cpu")


def test_more_tokens_than_positions_are_refused(predicting_teacher):
    with pytest.raises(UsageError, match="at most the teacher's 40 positions, got 41"):
        SameBatch(str(predicting_teacher), ["ba be"], max_tokens=41, seed=0, device="cpu")
