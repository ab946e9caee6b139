"""Tables of parameters, costs and savings against the counts they are made of."""

from dataclasses import replace

import pytest

from smallbert.models.parameters import count
from smallbert.models.presets import ALBERT_BASE, BERT_BASE, PRESETS
from smallbert.studies import parameters

MBERT = PRESETS["google-bert/bert-base-multilingual-cased"]


def test_groups_sum_to_every_encoders_total():
    table = parameters.by_group({"BERT": BERT_BASE, "mBERT": MBERT})
    assert table.groupby("model").parameters.sum().to_dict() == {"BERT": 109_482_240, "mBERT": 177_853_440}
    assert table.groupby("model").share.sum().to_list() == pytest.approx([1, 1])
    words = table[(table.model == "mBERT") & (table.group == "word embeddings")]
    assert words.share.item() == pytest.approx(0.516, abs=5e-4)


def test_albert_saves_storage_and_no_operations():
    table = parameters.costs({"BERT": BERT_BASE, "ALBERT": ALBERT_BASE}).set_index("model")
    assert table["parameters of first"].to_list() == [1, pytest.approx(11_683_584 / 109_482_240)]
    assert table.loc["ALBERT", "flops of first"] == pytest.approx(1, abs=0.01)
    assert table.loc["ALBERT", ["fp32", "bf16", "int8"]].to_list() == [46_734_336, 23_367_168, 11_683_584]


def test_the_worked_example_is_what_is_printed():
    table = parameters.worked_example().set_index("what")
    for name in ("plain", "factorised"):
        assert table.printed[name] == table.computed[name]
    assert table.computed["factorised, with the map's bias"] == 5_645_312
    assert table.computed["break-even E"] == pytest.approx(928.88, abs=0.01)


def test_savings_change_sign_at_the_break_even():
    table = parameters.savings({"example": 10_000, "mBERT": 119_547}, [768, 1024], [128, 900, 1000])
    assert len(table) == 2 * (1 + 3)  # E above H is left out
    narrow = table[(table.H == 1024) & (table.vocabulary == "example")].set_index("E")
    assert narrow.saved[900] > 0 > narrow.saved[1000]
    row = table[(table.vocabulary == "mBERT") & (table.H == 768)].iloc[0]
    assert row.saved == pytest.approx(0.832, abs=5e-4)
    assert row.factorised == count(replace(MBERT, embedding=128)).words + 129 * 768
