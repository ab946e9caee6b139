"""Plans of an edition: the machines it plans for, its table, its words."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from smallbert.measure.planning import Article, Rate
from smallbert.studies import scale

OWN = Rate(10_000, 500e6, "here", "measured on 128 articles")
ARTICLE = Article(100, 600, 400)


def params(**changes):
    given = {"device": "cpu", "cluster": 10, "efficiency": 0.5, "cpu_price": 0.2, "gpu_price": 3.0, "gpu_rate": 0.0}
    return SimpleNamespace(**given | changes)


def benchmarked(device="cpu", rate=40_000.0):
    row = {"variant": "smallbert bf16", "rate": rate}
    machine = {"processor": "A CPU", "cores": 2, "device": device}
    row["all seconds"] = [1.0, 2.0, 3.0]
    comparison = {"comparison": "Extraction, MiniLM", "rows": [row], "disturbed": False, "texts": 50, "amount": 5600.0}
    return {"machine": machine, "measured": "2026-11-21T00:00:00", "comparisons": [comparison]}


def test_a_gpu_that_nobody_measured_is_planned_for_without_a_rate():
    found = scale.machines(OWN, [], params())
    assert [one.name for one in found] == ["one CPU, this edition's encoder", "10 such machines", "one GPU"]
    assert found[-1].rate.tokens_per_second is None and found[1].efficiency == 0.5


@pytest.mark.parametrize(
    ("records", "typed", "name", "rate"),
    [
        ([benchmarked(), benchmarked("A GPU", 9e5)], 0.0, "one GPU, MiniLM as benchmarked", 9e5),
        ([benchmarked(), benchmarked("A GPU", 9e5)], 5e5, "one GPU, rate typed in", 5e5),
    ],
)
def test_a_gpu_is_planned_for_by_its_measured_rate_unless_one_is_typed_in(records, typed, name, rate):
    found = scale.machines(OWN, records, params(gpu_rate=typed))
    assert [one.name for one in found][2:] == ["one CPU, MiniLM as benchmarked", name]
    assert [one.rate.tokens_per_second for one in found][2:] == [40_000, rate]
    assert [one.price for one in found] == [0.2, 0.2, 0.2, 3.0]


def test_the_table_says_what_is_not_measured():
    plans = scale.plans([10**6, 10**9], ARTICLE, scale.machines(OWN, [], params()))
    table = scale.table(plans)
    assert table.time.tolist() == ["2.78 h", "116 days", "33.3 min", "23.1 days", "not measured", "not measured"]
    assert table.disk.tolist() == ["1 GB", "1 TB"] * 3 and table.vectors.tolist() == ["400 MB", "400 GB"] * 3
    assert table["rate from"][0] == "here, measured on 128 articles"
    assert table.money[:4].tolist() == pytest.approx([10_000 / 3600 * 0.2 * x for x in (1, 1000, 2, 2000)])
    assert table.money[4:].isna().all() and table.memory.tolist() == ["500 MB"] * 4 + ["not measured"] * 2
    numbers = scale.numbers(plans)
    assert numbers.hours[:2].tolist() == pytest.approx([10_000 / 3600, 1e7 / 3600]) and numbers.hours[4:].isna().all()


def test_the_sentence_is_about_this_editions_encoder():
    said = scale.sentence(scale.plans([10**6], ARTICLE, scale.machines(OWN, [], params())), "small [one]")
    assert said.startswith(
        "With small &#91;one&#93; on one CPU it would take, if its rate (10,000 tokens a second, measured on 128 "
        "articles) held, 2.78 h and 1 GB of disk (400 MB of it vectors) for 1 million articles. A vector has "
        "400 bytes as page 1 stores it;"
    )
    assert said.endswith("Not measured, and so not told: one GPU; a rate can be typed in.")
    own = Rate(10_000, origin="here")
    known = scale.sentence(scale.plans([12_000], ARTICLE, scale.machines(own, [], params(gpu_rate=1e6))), "small")
    assert known == (
        "With small on one CPU it would take, if its rate (10,000 tokens a second) held, 2 min and 12 MB of disk "
        "(4.8 MB of it vectors) for 12,000 articles. A vector has 400 bytes as page 1 stores it; page 8 says what "
        "codes of fewer bytes keep, of a collection as small as it searches."
    )


def test_minilm_keeps_its_own_vectors_beside_another_encoder():
    plans = scale.plans([10**6], ARTICLE, scale.machines(OWN, [benchmarked()], params()))
    table = scale.table(plans).set_index("machine")
    assert table.vectors["one CPU, MiniLM as benchmarked"] == "1.54 GB"  # 384 numbers of 4 bytes
    assert table.disk["one CPU, MiniLM as benchmarked"] == "2.14 GB"  # 600 bytes of text beside
    assert table.vectors["one GPU"] == table.vectors["10 such machines"] == "400 MB"
    assert table["rate from"]["one CPU, MiniLM as benchmarked"] == (
        "smallbert bf16, MiniLM, A CPU, 2 cores, benchmarked alone on its machine on 50 texts of 112 tokens on "
        "average, median of 3 rounds"
    )
    assert "MiniLM's (1,536 bytes an article)" in scale.assumptions(params())


def test_an_encoder_with_a_benchmark_is_told_with_both_rates():
    plans = scale.plans([10**6, 10**9], ARTICLE, scale.machines(OWN, [benchmarked()], params()))
    told = scale.sentence(plans, "all-MiniLM-L6-v2")
    assert (
        " As benchmarked, it reads 40,000 tokens a second, not 10,000 (smallbert bf16, MiniLM, A CPU, 2 cores, " in told
    )
    assert told.count("As benchmarked") == 1 and "rounds): 41.7 min for 1 million articles." in told  # 1e8 / 40,000 s
    assert scale.sentence(plans, "sentence-transformers/all-MiniLM-L6-v2").count("As benchmarked") == 1
    assert "As benchmarked" not in scale.sentence(plans, "small")
    on_gpu = scale.machines(OWN, [benchmarked("A GPU", 9e5)], params())
    assert "As benchmarked" not in scale.sentence(scale.plans([10**6], ARTICLE, on_gpu), "all-MiniLM-L6-v2")


@pytest.mark.parametrize(("texts", "rounds", "busy"), [(2, 3, 0.5), (2, 1, 2.0)])
def test_the_rate_is_that_of_the_median_round_and_tells_its_share_of_the_cores(monkeypatch, texts, rounds, busy):
    walls = iter(np.cumsum([0, 9, 0, 4, 0, 2, 0, 8][: 2 * rounds + 2]))  # seconds of each round, the first not counted
    used = iter(np.cumsum([0, 9, 0, 4 * busy, 0, 2 * busy, 0, 8][: 2 * rounds + 2]))
    clocks = SimpleNamespace(perf_counter=lambda: next(walls), process_time=lambda: next(used))
    monkeypatch.setattr(scale, "time", clocks)
    reader = SimpleNamespace(tokenize=lambda read: [np.zeros(50)] * len(read), encode=lambda ids: None)
    reader.device = SimpleNamespace(type="cpu")
    monkeypatch.setattr(scale.encoders, "load", lambda *given, **named: reader)
    monkeypatch.setattr(scale, "draw", lambda *given: (None, ["a", "b"]))
    monkeypatch.setattr(scale.provenance, "machine", lambda: {"processor": "A CPU", "cores": 2})
    first = {"encoder": {"pooling": "mean", "layer": 1, "max_tokens": 8}, "pretrained": ""}
    found = scale.rate("minilm", first, None, texts=texts, rounds=rounds, seed=0, device="cpu")
    middle, share, told = (4, 25, "median of 3 rounds") if rounds == 3 else (4, 100, "once")
    assert found.tokens_per_second == 100 / middle and found.origin == "this edition's encoder, A CPU, 2 cores"
    assert found.how == f"measured within page 9 on 2 articles, {told}, with {share}% of the time of 2 cores"


def test_without_a_rate_or_articles_nothing_is_planned():
    unknown = scale.machines(Rate(None), [], params())[:1]
    said = scale.sentence(scale.plans([0], ARTICLE, unknown), "small")
    assert said.startswith("With small on one CPU no rate has been measured. Not measured, and so not told: one CPU")


def test_assumptions_are_called_so():
    said = scale.assumptions(params())
    assert said.startswith("Assumed, to be replaced by your own: 0.2 for an hour of a CPU machine, 3 for one of a GPU")
    assert "cluster of 10 keeps 50%" in said
    assert "taken to hold for all" in said and "taken as the same for any number of articles" in said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(5, "5 s"), (61, "1.02 min"), (7200, "2 h"), (86400, "24 h"), (5 * 86400, "5 days"), (3.2e8, "10.1 years")],
)
def test_durations(seconds, said):
    assert scale.duration(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"), [(12, "12 bytes"), (1536, "1.54 kB"), (2.5e9, "2.5 GB"), (7.68e11, "768 GB"), (2e12, "2 TB")]
)
def test_sizes(count, said):
    assert scale.size(count) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(10**6, "1 million"), (10**8, "100 million"), (10**9, "1 billion"), (1_500_000_000, "1.5 billion"), (999, "999")],
)
def test_numbers_of_articles(count, said):
    assert scale.words(count) == said


def test_every_formula_is_shown():
    assert scale.formulas().what.tolist() == ["time", "memory", "disk", "machine hours", "money"]
    said = scale.formulas("assumed; growth not measured").set_index("what").formula
    assert said["memory"].endswith(" (assumed; growth not measured)") and "assumed" not in said["time"]
