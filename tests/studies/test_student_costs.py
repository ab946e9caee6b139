"""Times become ratios round by round; what is counted is what transformers builds."""

import numpy as np
import pandas as pd
import pytest
import transformers
from scipy import stats

from smallbert.errors import DataError
from smallbert.models.throughput import Inference
from smallbert.studies import reading, student_costs
from smallbert.studies.reading import ALONE, TOGETHER


@pytest.fixture
def measured():
    """Two models over three rounds on a machine that slows down: the second takes a third of the time."""
    rows = [
        (model, measure, i, factor * drift * base)
        for measure, base in ((ALONE, 3000.0), (TOGETHER, 300.0))
        for model, factor in (("teacher", 1.0), ("student", 1 / 3))
        for i, drift in enumerate((1.0, 2.0, 4.0))
    ]
    return pd.DataFrame(rows, columns=["model", "measure", "round", "microseconds"])


@pytest.fixture
def sized():
    columns = ["model", "layers", "hidden", "parameters", "megabytes", "operations"]
    return pd.DataFrame([("teacher", 4, 8, 400, 1.6, 10.0), ("student", 2, 8, 100, 0.4, 5.0)], columns=columns)


def test_a_drift_of_the_machine_cancels_in_ratios(sized, measured):
    found = student_costs.ratios(sized, measured).set_index(["model", "measure"])
    assert found.ratio["student", "parameters"] == 0.25 and found.ratio["student", "operations"] == 0.5
    for measure in (ALONE, TOGETHER):
        assert found.loc["student", measure].tolist() == pytest.approx([1 / 3] * 3)
        assert found.ratio["teacher", measure] == 1
    said = student_costs.sentence(found.reset_index())
    assert said.startswith("Against teacher: student: 25% of the parameters and 50% of the operations, 33% [33%, 33%]")


def test_the_summary_has_latency_and_throughput_with_intervals(sized, measured):
    table = student_costs.summary(sized, measured).set_index("model")
    assert table.latency["teacher"] == pytest.approx(6.0)  # 3, 6 and 12 ms
    half = stats.t.ppf(0.975, 2) * np.log(2) / np.sqrt(3)
    assert table.throughput["student"] == pytest.approx(1e6 / 200)
    assert table["throughput low"]["student"] == pytest.approx(1e6 / 200 * np.exp(-half))


def test_a_ratio_of_times_has_limits_above_zero(sized, measured):
    """1/4, 1 and 4 times as long: as long on average, whichever is divided by which."""
    slow = measured[measured.model == "student"].assign(model="slow")
    slow = slow.assign(microseconds=slow.microseconds * slow["round"].map({0: 0.25, 1: 1.0, 2: 4.0}))
    found = reading.ratios(pd.concat([measured, slow]), "student").set_index(["model", "measure"])
    low, high = found.low["slow", ALONE], found.high["slow", ALONE]
    half = stats.t.ppf(0.975, 2) * np.log(4) / np.sqrt(3)
    assert found.ratio["slow", ALONE] == pytest.approx(1.0)
    assert (low, high) == pytest.approx((np.exp(-half), np.exp(half)))
    turned = reading.ratios(pd.concat([measured, slow]), "slow").set_index(["model", "measure"]).loc["student", ALONE]
    assert (turned.low, turned.high) == pytest.approx((1 / high, 1 / low))
    with pytest.raises(DataError, match="above zero, got 0"):
        reading.geometric_interval([1.0, 0.0])


def test_counted_is_what_embeds(predicting_teacher):
    table = student_costs.counted({"teacher": predicting_teacher}, 16)
    model = transformers.AutoModel.from_pretrained(predicting_teacher, add_pooling_layer=False)
    assert table.parameters.tolist() == [sum(one.numel() for one in model.parameters())]
    layer = 2 * 16 * (4 * 32 * 32 + 2 * 32 * 64) + 2 * 2 * 16 * 16 * 32
    assert table.operations.tolist() == [4 * layer / 1e6]


def test_every_model_reads_its_own_tokens(predicting_teacher, syllables, monkeypatch):
    seen = {}

    def inference(loaded, ids, *, rounds):
        seen.update(ids)
        return {name: Inference(latency=[0.002] * rounds, throughput=[1000.0] * rounds) for name in loaded}

    monkeypatch.setattr(reading, "inference", inference)
    found = reading.timings({"a": predicting_teacher}, syllables, rounds=2, max_tokens=16, device="cpu")
    assert found.measure.tolist() == [ALONE, ALONE, TOGETHER, TOGETHER] and found["round"].tolist() == [0, 1, 0, 1]
    tokens = sum(map(len, seen["a"])) / len(syllables)
    assert found.microseconds.tolist() == pytest.approx([2000, 2000, 1000 * tokens, 1000 * tokens])
