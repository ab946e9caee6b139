"""Plans against arithmetic done by hand."""

from __future__ import annotations

import math

import pytest

from smallbert.errors import UsageError
from smallbert.measure.planning import FORMULAS, Article, Machine, Rate, machines_needed, plan

ARTICLE = Article(tokens=120, text_bytes=700, vector_bytes=1536)
CPU = Machine("one CPU", Rate(40_000, 500e6, "measured"), price=0.5)


def test_a_million_articles_on_one_machine():
    found = plan(1_000_000, ARTICLE, CPU)
    assert found.seconds == 3000  # 1e6 * 120 / 40,000
    assert found.machine_hours == pytest.approx(3000 / 3600)
    assert found.money == pytest.approx(0.5 * 3000 / 3600)
    assert (found.text_bytes, found.vector_bytes, found.disk_bytes) == (700e6, 1536e6, 2236e6)
    assert found.peak_memory == 500e6


def test_an_encoder_with_vectors_of_its_own_takes_its_own_disk():
    other = Machine("one CPU, MiniLM", Rate(40_000, vector_bytes=400))
    found = plan(1_000_000, ARTICLE, other)
    assert (found.text_bytes, found.vector_bytes, found.disk_bytes) == (700e6, 400e6, 1100e6)
    assert plan(1_000_000, ARTICLE, Machine("none kept", Rate(1, vector_bytes=0))).vector_bytes == 0


def test_a_cluster_is_faster_and_dearer_by_its_efficiency():
    alone = plan(10**9, ARTICLE, CPU)
    shared = plan(10**9, ARTICLE, Machine("100 CPUs", CPU.rate, price=0.5, count=100, efficiency=0.8))
    assert shared.seconds == pytest.approx(alone.seconds / 80)
    assert shared.money == pytest.approx(alone.money / 0.8)
    assert shared.peak_memory == alone.peak_memory and shared.disk_bytes == alone.disk_bytes


def test_time_and_disk_are_linear_in_articles_and_memory_does_not_grow():
    some, more = plan(1_000, ARTICLE, CPU), plan(100_000, ARTICLE, CPU)
    assert more.seconds == pytest.approx(100 * some.seconds)
    assert more.disk_bytes == 100 * some.disk_bytes
    assert more.peak_memory == some.peak_memory


def test_what_is_not_measured_stays_unknown():
    found = plan(10, ARTICLE, Machine("one GPU", Rate(None), price=3.0))
    assert (found.seconds, found.machine_hours, found.money, found.peak_memory) == (None, None, None, None)
    assert found.disk_bytes == 10 * (700 + 1536)
    assert machines_needed(10, ARTICLE, Machine("one GPU", Rate(None)), 60) is None


def test_without_a_price_there_is_time_but_no_money():
    found = plan(10, ARTICLE, Machine("own", Rate(100)))
    assert found.seconds == 12 and found.money is None


def test_machines_needed_meet_the_time_and_one_fewer_do_not():
    kind = Machine("CPU", Rate(40_000), efficiency=0.9)
    needed = machines_needed(10**8, ARTICLE, kind, 24 * 3600)
    assert needed == 4  # 300,000 s of one machine, / 0.9, in 86,400 s
    for count, within in ((needed, True), (needed - 1, False)):
        shared = Machine("CPUs", kind.rate, count=count, efficiency=0.9)
        assert (plan(10**8, ARTICLE, shared).seconds <= 24 * 3600) is within
    assert machines_needed(0, ARTICLE, kind, 1) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Article(0, 1, 1), "tokens above 0"),
        (lambda: Article(1, -1, 1), "text_bytes of 0 or more"),
        (lambda: Article(1, 1, math.nan), "vector_bytes of 0 or more"),
        (lambda: Rate(0), "tokens_per_second above 0"),
        (lambda: Rate(1, math.inf), "peak_memory above 0"),
        (lambda: Rate(1, vector_bytes=-1), "vector_bytes of 0 or more"),
        (lambda: Machine("m", Rate(1), count=0), "at least 1 machine, got 0"),
        (lambda: Machine("m", Rate(1), efficiency=1.5), "efficiency above 0 and of at most 1, got 1.5"),
        (lambda: Machine("m", Rate(1), price=-1), "price of 0 or more"),
        (lambda: plan(-1, ARTICLE, CPU), "articles of 0 or more"),
        (lambda: machines_needed(1, ARTICLE, CPU, 0), "seconds above 0"),
    ],
)
def test_impossible_inputs_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_every_part_of_a_plan_has_its_formula():
    assert set(FORMULAS) == {"time", "memory", "disk", "machine hours", "money"}
