"""The calculator shows what the live model has, and says why where sizes make no encoder."""

from smallbert.explore.calculator import CHANGED, NUMBERS, Calculator, table
from smallbert.models.parameters import count
from smallbert.models.presets import PRESETS


def test_every_preset_is_shown_with_its_published_total():
    calculator = Calculator()
    for name, sizes in PRESETS.items():
        calculator._preset.value = name
        assert f"{count(sizes).total:,}" in calculator.shown
        assert calculator.sizes() == sizes


def test_multilingual_bert_factorised_by_hand():
    calculator = Calculator()
    calculator._preset.value = "google-bert/bert-base-multilingual-cased"
    assert "177,853,440" in calculator.shown
    calculator.controls["embedding"].value = 128
    # 119,547 x 128 words, 512 positions and 2 types of 128, a norm, a map of 128 x 768 with bias, and the rest as was.
    expected = 177_853_440 - (119_547 + 512 + 2 + 2) * (768 - 128) + 128 * 768 + 768
    assert f"{expected:,}" in calculator.shown
    assert calculator._preset.value == CHANGED


def test_impossible_sizes_are_explained_and_mended():
    calculator = Calculator()
    calculator.controls["heads"].value = 7
    assert "multiple of heads" in calculator.shown
    assert "<table" not in calculator.shown
    calculator.controls["heads"].value = 12
    assert "<table" in calculator.shown


def test_a_control_stands_for_every_size_that_a_reader_would_change():
    assert set(NUMBERS) | {"share"} == set(Calculator().controls)


def test_table_leaves_out_what_an_encoder_lacks():
    shown = table(PRESETS["distilbert/distilbert-base-uncased"]).what.tolist()
    assert "pooler" not in shown and "factor map" not in shown
