"""What the page on scale makes of benchmark files: tables, targets, sentences true whatever the numbers are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smallbert import storage
from smallbert.studies import benchmarks, benchmarks_growth, benchmarks_words

CPU = {"processor": "A CPU", "cores": 2, "device": "cpu"}


def row(variant, ratio, *, form="fp32", rate=100.0, share=0.5, **more):
    found = {"variant": variant, "form": form, "rate": rate, "ratio": ratio, "ratio low": 0.9 * ratio}
    return found | {"ratio high": 1.1 * ratio, "of limit": share, **more}


def comparison(name, *rows, disturbed=False):
    return {"comparison": name, "unit": "tokens", "disturbed": disturbed, "rows": [row("peer", 1.0), *rows]}


def record(*comparisons, machine=CPU, measured="2026-11-21T10:00:00+00:00", **more):
    limits = {"fp32_gflops": 400.0, "bf16_gflops": 2000.0, "int8_gflops": 3000.0, "copy_gb_s": 30.0}
    found = {"measured": measured, "machine": machine, "limits": limits, "name": "extract"}
    return found | {"comparisons": list(comparisons), **more}


def extraction(fp32, bf16, share=0.95, **more):
    rows = (row("smallbert fp32", fp32, share=share), row("smallbert bf16", bf16, form="bf16", rate=250.0, share=share))
    return comparison(benchmarks.MINILM, *rows, **more)


def test_reads_what_is_in_form_and_leaves_the_rest(tmp_path):
    storage.write_json(tmp_path / "extract.json", record(extraction(2, 3)))
    storage.write_json(tmp_path / "old.json", {"benchmark": "old", "results": {}})
    storage.write_json(tmp_path / "list.json", [1])
    assert [one["name"] for one in benchmarks.read(tmp_path)] == ["extract"]
    assert benchmarks.read(tmp_path / "nowhere") == []


def test_every_variant_stands_beside_its_peer():
    found = benchmarks.comparisons([record(extraction(2, 3), comparison("PCA", row("smallbert, one pass", 1.1)))])
    assert found.variant.tolist() == ["peer", "smallbert fp32", "smallbert bf16", "peer", "smallbert, one pass"]
    assert set(found.peer) == {"peer"}
    assert found["ratio high"].tolist() == pytest.approx([1.1, 2.2, 3.3, 1.1, 1.21])
    assert benchmarks.comparisons([]).empty


def test_a_variant_without_a_peer_has_a_rate_and_no_ratio():
    alone = {"variant": "smallbert bf16", "form": "bf16", "rate": 9.0, "of limit": 0.5}
    one = {"comparison": "Grid, on a GPU", "unit": "rows", "disturbed": False, "rows": [alone]}
    found = benchmarks.comparisons([record(one)])
    assert found["a second"].tolist() == [9.0] and found.ratio.isna().all()
    assert "has not been measured" in benchmarks_words.speed(found)


@pytest.mark.parametrize(
    ("fp32", "share", "reached"), [(1.7, 0.95, "yes"), (1.5, 0.95, "no"), (1.7, 0.8, "no"), (1.6, 0.9, "yes")]
)
def test_a_target_needs_both_its_ratio_and_its_share(fp32, share, reached):
    table = benchmarks.targets(benchmarks.comparisons([record(extraction(fp32, 3, share))])).set_index("variant")
    assert table.loc["smallbert fp32", "reached"].iloc[0] == reached
    assert table.loc["smallbert int8", "reached"] == "not measured"


def test_a_target_is_missed_where_vectors_are_too_far_from_the_peers():
    one = comparison(benchmarks.MINILM, row("smallbert int8", 5.0, form="int8", **{"1 - cosine, worst": 0.02}))
    table = benchmarks.targets(benchmarks.comparisons([record(one)]))
    assert table.set_index("variant").reached["smallbert int8"] == "no"
    assert "smallbert int8: a worst cosine of 0.980 where 0.99 is asked" in benchmarks_words.targets(table)
    one["rows"][1]["1 - cosine, worst"] = 0.009
    assert "1 of 1 measured targets" in benchmarks_words.targets(
        benchmarks.targets(benchmarks.comparisons([record(one)]))
    )


def test_shortfalls_are_said_with_both_numbers():
    said = benchmarks_words.targets(benchmarks.targets(benchmarks.comparisons([record(extraction(1.4, 4.4, 0.7))])))
    assert said.startswith("0 of 2 measured targets are reached.")
    told = (
        "smallbert fp32: 1.40 times as fast as the peer where 1.6 is asked and 70% of the machine's limit where 90% is"
    )
    assert told in said
    assert "smallbert bf16: 70% of the machine's limit where 75% is asked" in said
    assert "Not measured: Extraction, MiniLM, smallbert int8; " in said


def test_nothing_measured_has_words():
    nothing = benchmarks.comparisons([])
    assert "`make bench`" in benchmarks_words.targets(benchmarks.targets(nothing))
    assert "has not been measured" in benchmarks_words.speed(nothing)
    assert benchmarks_words.peers(nothing) == "No comparison has been measured."
    assert "has not been measured" in benchmarks_words.parts(benchmarks.parts([]))
    assert "No benchmark" in benchmarks_words.machines([], CPU)
    assert "has not been measured" in benchmarks_growth.sentence(
        benchmarks_growth.exponents(benchmarks_growth.growth([]))
    )


def test_a_peer_that_is_faster_in_the_same_format_is_named_and_no_other():
    one = extraction(1.4, 4.4)
    one["rows"] += [row("OpenVINO", 1.54), row("OpenVINO bf16", 4.0, form="bf16"), row("ORT int8", 9.0, form="int8")]
    found = benchmarks.comparisons([record(one)])
    assert benchmarks_words.peers(found).endswith("Extraction, MiniLM: OpenVINO (1.10 times ours).")
    assert benchmarks_words.peers(found[found.variant != "OpenVINO"]) == (
        "No peer is faster than ours in the same number format."
    )
    assert "Extraction, MiniLM 4.40 (in bf16, against peer)" in benchmarks_words.speed(found)


def test_the_machines_are_told_apart():
    records = [record(extraction(2, 3), measured="2026-11-20T09:00:00+00:00"), record(extraction(2, 3, disturbed=True))]
    assert benchmarks.machines(records).quiet.tolist() == [True, False]
    same = benchmarks_words.machines(records, CPU)
    assert "A CPU with 2 cores (2026-11-20 to 2026-11-21)" in same and "of the same description" in same
    assert "Other processes ran beside extract." in same
    other = benchmarks_words.machines(records, {"processor": "Another", "cores": 8})
    assert "made on Another with 8 cores" in other


def test_the_fastest_rate_is_that_of_a_cpu_unless_a_gpu_is_asked_for():
    gpu = record(extraction(2, 3), machine=CPU | {"device": "A GPU"})
    assert benchmarks.rate([record(extraction(2, 3))], gpu=True) is None
    found = benchmarks.rate([record(extraction(2, 3)), gpu])
    assert (found["variant"], found["a second"], found["machine"]) == ("smallbert bf16", 250.0, "A CPU, 2 cores")
    assert benchmarks.rate([gpu], gpu=True)["machine"] == "A GPU"
    assert benchmarks.rate([record(comparison("PCA", row("smallbert, one pass", 1.0)))]) is None


def test_parts_name_the_largest_and_its_share_of_the_limit():
    shares = {"matrix products": 0.7, "attention": 0.2, "tokenisation": 0.1}
    rows = [{"form": "fp32", "part": part, "seconds": one, "share": one} for part, one in shares.items()]
    rows[0] |= {"gflops": 100.0, "of limit": 0.85}
    found = benchmarks.parts([record(parts=rows)])
    assert benchmarks_words.parts(found) == (
        "Of the time of one core go in fp32 70% into matrix products (at 85% of one core's limit), 20% into attention, "
        "10% into tokenisation."
    )


def growing(power, memory, what="reading", sizes=(1_000, 10_000, 100_000)):
    runs = [
        {"size": size, "seconds": 1e-4 * size**power, "before mib": 100.0, "peak mib": 100.0 + used}
        for size, used in zip(sizes, memory, strict=True)
    ]
    return record(growth=[{"what": what, "against": "rows", "runs": runs}])


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


def test_all_benchmarks_fit_into_one_sentence():
    pca = comparison("PCA", row("smallbert, one pass", 1.05))  # its slowest round is slower than the peer
    grown = growing(1.05, (20, 98, 97), benchmarks_growth.EMBEDDING)
    records = [record(extraction(1.4, 4.4), pca), grown | {"comparisons": []}]
    compared = benchmarks.comparisons(records)
    exponents = benchmarks_growth.exponents(benchmarks_growth.growth(records))
    said = benchmarks_words.brief(compared, benchmarks.targets(compared), exponents)
    assert "is faster in every round of 1 of 2 comparisons (1.05 to 4.40 times as fast)" in said
    assert "of 3 measured targets are reached; the time of embedding grows with rows^1.05; memory of embedding" in said
    nothing = benchmarks.comparisons([])
    none = benchmarks_words.brief(nothing, benchmarks.targets(nothing), exponents[:0])
    assert none.startswith("Not measured: speed beside other libraries") and "Benchmarks" not in none


def test_targets_are_numbers_or_not_a_number():
    table = benchmarks.targets(benchmarks.comparisons([]))
    assert pd.api.types.is_float_dtype(table["target ratio"]) and pd.api.types.is_float_dtype(table["target share"])
    assert not np.isnan(table[["target ratio", "target share"]]).all(axis=1).any()
