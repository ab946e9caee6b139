"""The planner tells what the closed formulas give, and what it cannot tell."""

import pytest

from smallbert.explore.planner import TYPED, Planner, rates
from smallbert.measure.planning import FORMULAS
from smallbert.storage import write_json

MINUTES = 125


@pytest.fixture
def measured(home):
    """A benchmark of MiniLM on a CPU and one on a GPU."""
    place = {"processor": "two <cores>", "cores": 2, "device": "cpu"}
    for name, machine, rate in (("cpu", place, 1000.0), ("gpu", {**place, "device": "a card"}, 50_000.0)):
        row = {"variant": "smallbert bf16", "rate": rate, "form": "bf16", "ratio": 2.0}
        comparison = {"comparison": "Extraction, MiniLM", "unit": "tokens", "disturbed": False, "rows": [row]}
        record = {"limits": {}, "machine": machine, "measured": "2026-11-21T00:00:00", "comparisons": [comparison]}
        write_json(home / "data" / "results" / "benchmarks" / f"extract-{name}.json", record)


def test_measured_rates_are_offered_with_their_origin(measured):
    found = rates()
    assert [rate.tokens_per_second for rate in found.values()] == [1000.0, 50_000.0]
    assert next(iter(found)) == "one CPU: smallbert bf16, MiniLM, two <cores>, 2 cores, 2026-11-21"
    planner = Planner()
    assert planner.controls["rate"].value == 1000.0
    assert "two &lt;cores&gt;" in planner.shown and "<cores>" not in planner.shown
    planner.machine.value = list(found)[1]
    assert planner.controls["rate"].value == 50_000.0 and planner.plan.machine.name == "one GPU"


def test_a_plan_by_hand(measured):
    planner = Planner()
    # 60 x 125 seconds of 1,000 tokens each on one machine; three at 0.5 take two thirds of it.
    values = {"articles": 75_000, "tokens": 100, "text_bytes": 1000, "width": 256, "number_bytes": 2}
    for name, value in (values | {"count": 3, "efficiency": 0.5, "price": 0.6, "hours": 1}).items():
        planner.controls[name].value = value
    assert planner.plan.seconds == pytest.approx(60 * MINUTES / 1.5)
    assert planner.plan.machine_hours == pytest.approx(MINUTES / 60 * 2)
    assert planner.plan.money == pytest.approx(MINUTES / 60 * 2 * 0.6)
    for shown in ("1.39 h", "75 MB", "38.4 MB", "4.17", "2.50", ">5<", "not measured", *FORMULAS.values()):
        assert shown in planner.shown, shown  # five machines at 0.5 do it within the hour


def test_a_rate_typed_over_a_measured_one_is_said_to_be_typed(measured):
    planner = Planner()
    assert "measured: smallbert bf16" in planner.shown
    planner.controls["rate"].value = 999
    assert "typed in" in planner.shown and "measured: smallbert" not in planner.shown


def test_without_a_rate_disk_is_still_told(home):
    planner = Planner()
    assert planner.machine.options == (TYPED,)
    assert planner.plan.seconds is None and planner.plan.money is None
    assert "not known: no rate" in planner.shown and "2 GB" in planner.shown and "1.54 GB" in planner.shown
    planner.controls["rate"].value = 1000
    assert planner.plan.seconds == pytest.approx(1e6 * 128 / 1000)


@pytest.mark.parametrize(("name", "value"), [("articles", -1), ("count", 0), ("efficiency", 1.5), ("hours", 0)])
def test_what_makes_no_plan_is_explained_and_mended(home, name, value):
    planner = Planner()
    before, good = planner.shown, planner.controls[name].value
    planner.controls[name].value = value
    assert 'role="alert"' in planner.shown and planner.plan is None
    planner.controls[name].value = good
    assert planner.shown == before
