"""Where the teacher predicts, the losses are those of their studies; where not, the reason stands in their place."""

import pandas as pd
import pytest
import transformers

from smallbert.compress.distill import teacher as teachers
from smallbert.figures import distill_losses as figures
from smallbert.studies import distill_exact, distill_forms, distill_losses
from smallbert.studies.same_batch import SameBatch

OPTIONS = {"max_tokens": 24, "seed": 3, "device": "cpu"}


def test_a_teacher_that_predicts_shows_all_three(predicting_teacher, syllables):
    folder = str(predicting_teacher)
    found = distill_exact.compare(folder, teachers.load(folder, device="cpu"), syllables, **OPTIONS)
    batch = SameBatch(folder, syllables, **OPTIONS)
    pd.testing.assert_frame_equal(found.forms, distill_forms.tinybert_forms(batch))
    pd.testing.assert_frame_equal(found.places, distill_forms.distilbert_places(batch))
    pd.testing.assert_frame_equal(found.kept, distill_losses.kept(batch))
    assert not found.absent
    assert distill_exact.kept_sentence(found) == distill_losses.kept_sentence(found.kept)


def test_a_teacher_without_predictions_says_so(predicting_teacher, syllables, tmp_path):
    model = transformers.AutoModel.from_pretrained(predicting_teacher, add_pooling_layer=False)
    model.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(predicting_teacher).save_pretrained(tmp_path)
    given = teachers.load(str(tmp_path), device="cpu")
    found = distill_exact.compare(str(tmp_path), given, syllables, **OPTIONS)
    assert "predicts no tokens" in found.absent
    assert [frame.absent[0] for frame in (found.forms, found.places, found.kept)] == [found.absent] * 3
    assert distill_exact.kept_sentence(found) == distill_exact.tinybert_sentence(found, None) == found.absent
    assert distill_exact.distilbert_sentence(found, None, None) == found.absent
    chart = figures.stored_logits(found.kept, found.absent)
    assert chart.name == "stored_logits" and chart.alt == found.absent


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_all_logits_keep_all_of_the_probability(predicting_teacher, syllables, temperature):
    kept = distill_losses.kept(SameBatch(str(predicting_teacher), syllables, **OPTIONS))
    whole = kept[(kept.k == kept.k.max()) & (kept.temperature == temperature)]
    assert whole["mass kept"].to_numpy() == pytest.approx(1.0)
