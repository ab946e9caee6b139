"""What the page on scale makes of benchmark files: tables, targets, sentences true whatever the numbers are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smallbert import storage
from smallbert.studies import benchmarks, benchmarks_growth, benchmarks_pairs, benchmarks_words

CPU = {"processor": "A CPU", "cores": 2, "device": "cpu"}


PEER = (1.0, 2.0, 4.0)
"""Seconds of the first line in three rounds."""


def row(variant, ratio, *, form="fp32", rate=None, share=0.5, away=(1.0, 0.9, 1.1), **more):
    """A variant so many times as fast as the first line; ``away``: times that in each round."""
    seconds = [a / (ratio * b) for a, b in zip(PEER, away, strict=True)]
    found = {"variant": variant, "form": form, "rate": rate or 100.0 * ratio, "ratio": ratio}
    ends = {"ratio low": min(away) * ratio, "ratio high": max(away) * ratio, "all seconds": seconds}
    return found | ends | {"of limit": share, **more}


def comparison(name, *rows, disturbed=False):
    first = row("peer", 1.0, away=(1.0, 1.0, 1.0))
    return {"comparison": name, "unit": "tokens", "disturbed": disturbed, "rows": [first, *rows]}


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
    assert found["ratio high"].tolist() == pytest.approx([1.0, 2.2, 3.3, 1.0, 1.21])
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
    assert "1 of 1 measured targets, set against" in benchmarks_words.targets(
        benchmarks.targets(benchmarks.comparisons([record(one)]))
    )


def test_shortfalls_are_said_with_both_numbers():
    said = benchmarks_words.targets(benchmarks.targets(benchmarks.comparisons([record(extraction(1.4, 4.4, 0.7))])))
    assert said.startswith("0 of 2 measured targets, set against the peer at its default, are reached.")
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
    assert benchmarks_words.peers(nothing) == "No peer has been measured in a number format of ours."
    assert benchmarks_words.spread([]) == "How far rounds lie apart has not been measured."
    assert "has not been measured" in benchmarks_words.parts(benchmarks.parts([]))
    assert "No benchmark" in benchmarks_words.machines([], CPU)
    assert "has not been measured" in benchmarks_growth.sentence(
        benchmarks_growth.exponents(benchmarks_growth.growth([]))
    )


def test_ours_stands_beside_each_peer_in_its_number_format_round_by_round():
    even = (1.0, 1.0, 1.0)
    one = extraction(1.4, 4.4)  # 1.0, 0.9 and 1.1 times that in the three rounds
    one["rows"] += [
        row("OpenVINO", 1.54, away=even),
        row("OpenVINO bf16", 4.0, form="bf16", away=(1.0, 0.9, 1.1)),
        row("ORT int8", 9.0, form="int8"),
    ]
    found = benchmarks.comparisons([record(one)]).set_index("variant")
    beside = found[list(benchmarks.BESIDE)]
    assert beside.loc["peer"].tolist() == pytest.approx([1.4, 0.9 * 1.4, 1.1 * 1.4])
    assert beside.loc["OpenVINO"].tolist() == pytest.approx([1.4 / 1.54, 0.9 * 1.4 / 1.54, 1.1 * 1.4 / 1.54])
    assert beside.loc["OpenVINO bf16"].tolist() == pytest.approx([1.1, 1.1, 1.1])  # both drift alike: no spread
    assert beside.loc[["smallbert fp32", "smallbert bf16", "ORT int8"]].isna().all(axis=None)
    said = benchmarks_words.speed(found.reset_index())
    assert (
        "Extraction, MiniLM in fp32 0.91 [0.82, 1.00] (OpenVINO); Extraction, MiniLM in bf16 1.10 [1.10, 1.10]" in said
    )
    assert "No peer has been measured" not in said and "4.40" not in said


def test_a_format_without_a_peer_is_named_and_never_counted_as_faster():
    found = benchmarks.comparisons([record(extraction(2, 8))])
    said = benchmarks_words.speed(found)
    assert said.startswith("Times as fast as the fastest other library in the same number format, with the slowest and")
    assert "Extraction, MiniLM in fp32 2.00 [1.80, 2.20] (peer)." in said
    assert said.endswith(
        "No peer has been measured in the same number format for: Extraction, MiniLM in bf16 (8.00 times as fast as "
        "peer in fp32)."
    )


def test_plain_loops_are_no_libraries():
    one = extraction(2, 8)
    one["rows"].append(row("plain loop, no dropout", 4.0, form="bf16", away=(1.0, 0.9, 1.1)))
    found = benchmarks.comparisons([record(one)])
    said = benchmarks_words.brief(found, benchmarks.targets(found), pd.DataFrame())
    assert said.startswith(
        "Benchmarks: in the same number format ours is faster than the fastest other library in every round of 1 of 1 "
        "pairs of task and format (2.00 to 2.00 times as fast); than a plain PyTorch loop in every round of 1 of 1 "
        "pairs of task and format (2.00 to 2.00 times as fast); 2 of 2 measured targets, set against the peer at its"
    )


def test_pairs_are_counted_as_a_page_wrote_them(tmp_path):
    one = extraction(1.4, 4.4)
    one["rows"].append(row("plain loop", 0.5, away=(1.0, 0.9, 1.1)))
    pca = comparison("PCA", row("smallbert, one pass", 0.7, away=(1.0, 1.0, 1.0)))
    benchmarks.comparisons([record(one, pca)]).to_csv(tmp_path / "benchmarks.csv", index=False)
    written = pd.read_csv(tmp_path / "benchmarks.csv")
    libraries, loops = benchmarks_pairs.ahead(written)
    assert (libraries.loop, libraries.pairs, libraries.ahead) == (False, 2, 1)
    # What ours is behind in is no part of how many times as fast it is.
    assert (libraries.least, libraries.most) == pytest.approx((1.4, 1.4))
    assert libraries.behind == {"PCA in fp32": pytest.approx(0.7)}
    assert (loops.loop, loops.pairs, loops.ahead, loops.behind) == (True, 1, 1, {}) and loops.least == pytest.approx(
        2.8
    )
    assert benchmarks_pairs.alone(written).task.tolist() == ["Extraction, MiniLM in bf16"]
    assert benchmarks_pairs.ahead(written.drop(columns=list(benchmarks.BESIDE))) == []  # a page of an earlier form
    assert benchmarks_pairs.ahead(benchmarks.comparisons([])) == []


def test_a_peer_that_is_faster_in_the_same_format_is_named_and_no_other():
    one = extraction(1.4, 4.4)
    one["rows"] += [row("OpenVINO", 1.54), row("OpenVINO bf16", 4.0, form="bf16"), row("ORT int8", 9.0, form="int8")]
    found = benchmarks.comparisons([record(one)])
    assert benchmarks_words.peers(found).endswith("Extraction, MiniLM: OpenVINO (1.10 times ours).")
    assert benchmarks_words.peers(found[found.variant != "OpenVINO"]) == (
        "No peer is faster than ours in the same number format."
    )


def test_how_far_rounds_lie_apart_is_computed():
    records = [record(comparison("PCA", row("smallbert, one pass", 2.0, away=(1.0, 2.0, 1.5))))]
    found = benchmarks.rounds(records).set_index("variant")
    assert found.seconds.tolist() == pytest.approx([3.0, 8 / 3 - 1])  # 1, 2, 4; and 1/2, 1/2, 4/3
    assert np.isnan(found.ratio["peer"]) and found.ratio["smallbert, one pass"] == pytest.approx(1.0)
    assert benchmarks_words.spread(records) == (
        "The slowest and the fastest round of a variant differ in seconds by 233% in the median variant of 2 and by "
        "300% at most (PCA, peer), in ratios to the first line by 100% in the median variant of 1 and by 100% at most "
        "(PCA, smallbert, one pass)."
    )
    for one in records[0]["comparisons"][0]["rows"]:
        one["all seconds"] = one["all seconds"][:1]
    assert benchmarks.rounds(records).empty


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
        "Where the time goes: Extraction, MiniLM in fp32 70% into matrix products (at 85% of one core's limit), 20% "
        "into attention, 10% into tokenisation."
    )
    several = benchmarks.parts([record(parts=[*rows, {**rows[0], "task": "PCA"}])])
    assert several.task.unique().tolist() == [benchmarks.MINILM, "PCA"]
    assert "; PCA in fp32 70% into matrix products" in benchmarks_words.parts(several)


def test_parts_of_two_machines_are_told_apart_and_the_first_file_counts():
    rows = [{"form": "fp32", "part": "matrix products", "seconds": 1.0, "share": 1.0}]
    other = [{**rows[0], "seconds": 9.0}, {**rows[0], "task": "PCA", "seconds": 2.0}]
    found = benchmarks.parts([record(parts=rows), record(parts=other, machine=CPU | {"processor": "Older"})])
    assert found[["task", "seconds", "processor"]].values.tolist() == [
        [benchmarks.MINILM, 1.0, "A CPU"],
        ["PCA", 2.0, "Older"],
    ]
    said = benchmarks_words.parts(found)
    assert said.startswith("Where the time goes on A CPU: Extraction") and "on Older: PCA in fp32 100%" in said


def test_what_was_tried_is_told_of_missed_targets_alone():
    pca = comparison("PCA", row("smallbert, one pass", 0.7))
    table = benchmarks.targets(benchmarks.comparisons([record(extraction(2, 3), pca)]))
    [told] = benchmarks_words.tried(table)
    assert told.startswith("Tried for PCA, smallbert, one pass: ") and told.endswith(".")
    slow = benchmarks.targets(benchmarks.comparisons([record(extraction(2, 3, share=0.5))]))
    [told] = benchmarks_words.tried(slow)
    assert told.startswith("Tried for Extraction, MiniLM, smallbert fp32 and Extraction, MiniLM, smallbert bf16: ")


def test_all_benchmarks_fit_into_one_sentence():
    pca = comparison("PCA", row("smallbert, one pass", 1.05))  # its slowest round is slower than the peer
    sizes = {
        "size": [1_000, 10_000],
        "seconds": [0.1, 0.1 * 10**1.05],
        "before mib": [5.0, 5.0],
        "peak mib": [9.0, 9.5],
    }
    runs = pd.DataFrame(sizes).to_dict("records")
    grown = {"what": benchmarks_growth.EMBEDDING, "against": "rows", "runs": runs}
    records = [record(extraction(1.4, 4.4), pca, growth=[grown])]
    compared = benchmarks.comparisons(records)
    exponents = benchmarks_growth.exponents(benchmarks_growth.growth(records))
    said = benchmarks_words.brief(compared, benchmarks.targets(compared), exponents)
    assert (
        "than the fastest other library in every round of 1 of 2 pairs of task and format (1.40 to 1.40 times as fast)"
        ", ahead but not in every round in PCA in fp32 (1.05); without a peer in their number format: 1 of 1 tasks in "
        "bf16; " in said
    )
    assert "are reached; the time of embedding grows with rows^1.05; memory of embedding" in said
    nothing = benchmarks.comparisons([])
    none = benchmarks_words.brief(nothing, benchmarks.targets(nothing), exponents[:0])
    assert none.startswith("Not measured: speed beside other libraries") and "Benchmarks" not in none


def test_what_ours_is_behind_in_is_named_apart():
    slow = [comparison("PCA", row("smallbert, one pass", 0.7)), comparison("Grid", row("smallbert", 1.05))]
    found = benchmarks.comparisons([record(extraction(1.4, 4.4), *slow)])
    said = benchmarks_words.brief(found, benchmarks.targets(found), pd.DataFrame())
    assert (
        "in every round of 1 of 3 pairs of task and format (1.40 to 1.40 times as fast), ahead but not in every round "
        "in Grid in fp32 (1.05), behind in PCA in fp32 (0.70);" in said
    )
    behind = benchmarks.comparisons([record(slow[0])])
    [none] = benchmarks_pairs.ahead(behind)
    assert (none.ahead, none.least, none.most) == (0, pytest.approx(0.7), pytest.approx(0.7))


def test_targets_are_numbers_or_not_a_number():
    table = benchmarks.targets(benchmarks.comparisons([]))
    assert pd.api.types.is_float_dtype(table["target ratio"]) and pd.api.types.is_float_dtype(table["target share"])
    assert not np.isnan(table[["target ratio", "target share"]]).all(axis=1).any()
