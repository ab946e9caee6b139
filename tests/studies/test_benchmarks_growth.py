"""Growth of time and memory as benchmark files give it: exponents of known laws, memory that is flat or is not."""

from __future__ import annotations

import pytest

from smallbert.studies import benchmarks_growth


def growing(power, memory, what="reading", sizes=(1_000, 10_000, 100_000)):
    runs = [
        {"size": size, "seconds": 1e-4 * size**power, "before mib": 100.0, "peak mib": 100.0 + used}
        for size, used in zip(sizes, memory, strict=True)
    ]
    return {"growth": [{"what": what, "against": "rows", "runs": runs}]}


@pytest.mark.parametrize("power", [0.5, 1.0, 1.3])
def test_the_exponent_of_a_power_law_is_found(power):
    table = benchmarks_growth.exponents(benchmarks_growth.growth([growing(power, (20, 40, 41))]))
    assert table.exponent.tolist() == pytest.approx([power], abs=1e-6)
    assert table["a unit"].tolist() == pytest.approx([1e6 * 1e-4 * 100_000 ** (power - 1)])
    assert f"reading with rows^{power:.2f}" in benchmarks_growth.sentence(table)


@pytest.mark.parametrize(("memory", "flat"), [((20, 40, 45), True), ((20, 40, 400), False)])
def test_memory_is_flat_once_a_block_is_full(memory, flat):
    said = benchmarks_growth.sentence(benchmarks_growth.exponents(benchmarks_growth.growth([growing(1.0, memory)])))
    assert f"flat in rows for {int(flat)} of 1" in said
    assert ("reading (40 to 400 MiB at 100,000 rows)" in said) is not flat


@pytest.mark.parametrize(
    ("memory", "sizes", "said"),
    [
        ((20, 98, 97), (1_000, 10_000, 100_000), "measured flat up to 100,000 rows: 98 and 97 MiB beyond its start"),
        ((20, 98, 900), (1_000, 10_000, 100_000), "measured to grow up to 100,000 rows: 98 and 900 MiB"),
        ((98,), (1_000,), "measured at 1,000 rows alone"),
    ],
)
def test_the_memory_of_embedding_is_measured_or_assumed(memory, sizes, said):
    record = growing(1.0, memory, benchmarks_growth.EMBEDDING, sizes)
    found = benchmarks_growth.exponents(benchmarks_growth.growth([record]))
    assert benchmarks_growth.embedding_memory(found).startswith(said)
    other = benchmarks_growth.exponents(benchmarks_growth.growth([growing(1.0, (1, 2, 3))]))
    assert benchmarks_growth.embedding_memory(other) == "assumed; growth not measured"


def test_runs_whose_memory_cannot_be_measured_count_as_none_and_are_told():
    grown = growing(1.5, (-0.125, -0.125, 12.0), "a forward")
    both = [grown, growing(1.0, (20, 40, 41))]
    table = benchmarks_growth.exponents(benchmarks_growth.growth(both)).set_index("what")
    assert table.loc["a forward", ["memory before", "memory at most"]].tolist() == [0, 12.0]
    assert table["without memory"].tolist() == [2, 0] and table.runs.tolist() == [3, 3]
    assert table.exponent.tolist() == pytest.approx([1.5, 1.0], abs=1e-6)  # of the seconds of all runs
    said = benchmarks_growth.sentence(table.reset_index())
    assert "In 2 of 6 runs (a forward 2 of 3) memory beyond the start was below what can be measured" in said
    none = growing(1.0, (0, 0, 0))
    flat = benchmarks_growth.sentence(benchmarks_growth.exponents(benchmarks_growth.growth([none])))
    assert "flat in rows for 1 of 1. In 3 of 3 runs" in flat


def test_one_size_alone_has_no_exponent():
    table = benchmarks_growth.exponents(benchmarks_growth.growth([growing(1.0, (5,), sizes=(1_000,))]))
    assert table.exponent.isna().all()
    assert benchmarks_growth.sentence(table).startswith("How time grows needs runs of several sizes. Memory is flat")
