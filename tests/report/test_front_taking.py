"""What to take, in words: what may do too is never dropped, and what could not be judged by is named."""

from __future__ import annotations

import re
import shutil

import pandas as pd
import pytest

from smallbert import paths
from smallbert.report.front import names_ko, taking, taking_ko
from smallbert.report.front.answers import Frontier, Need, Worthless
from smallbert.report.front.planned import Plan, Planned
from smallbert.report.front.reasons import NOTHING, Kept, Reason
from smallbert.report.front.summary_ko import summary
from smallbert.results import Results
from smallbert.studies import frontier_needs

ROOT = paths.root()
RESULTS = ROOT / "data" / "results"
QUALITY = "101.9% [94.8%, 110.4%] of topic accuracy over 141 articles, too few to be sure of 95%"
TIME = "its time [43%, 166%] is not told to be shorter"
ALONE = "68% of fp32's time for one text read alone (39% for many)"
ALONE_KO = "글 하나를 따로 읽을 때 fp32 시간의 68% (여럿을 함께 읽으면 39%)"
TOO = f"whole encoder, int8 weights, 5.71 MB, may do too: {QUALITY}"
KEPT = Kept("101.9% [94.8%, 110.4%]", "topic accuracy", "141", "articles", "95%")


def need(why: str, *, take: str = "trim, coverage 1", cost: str = "21.7 MB") -> Need:
    return Need("The smallest download", take, cost, 1.0, "neighbours kept", "05_distillation", "build", why)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TOO, Reason("whole encoder, int8 weights", "5.71 MB", True, True, None, KEPT)),
        (f"whole encoder, int8 weights (5.71 MB of weights) comes nearest, with {QUALITY}",
         Reason("whole encoder, int8 weights", "5.71 MB of weights", False, False, None, KEPT)),
        (f"whole encoder, bf16 products, {ALONE}, may do: {TIME}; {QUALITY}",
         Reason("whole encoder, bf16 products", ALONE, True, False, ("43%", "166%"), KEPT)),
        (f"A, {ALONE}, may do: its time [43%, no upper limit] is not told to be shorter",
         Reason("A", ALONE, True, False, ("43%", "no upper limit"), None)),
        (f"A, {ALONE}, may do: its time is not told to be shorter", Reason("A", ALONE, True, False, (), None)),
        ("PCA, int8, 32 bytes may do too: 96.0% [94.0%, 98.0%] of title finds its article, nDCG@10 over 20 queries, "
         "too few to be sure of 95%",
         Reason("PCA, int8, 32 bytes", "", True, True, None,
                Kept("96.0% [94.0%, 98.0%]", "title finds its article, nDCG@10", "20", "queries", "95%"))),
        (f"trimmed, coverage 0.99, fp16 ({ALONE}) comes nearest, with 90.9% (no interval) of neighbours",
         Reason("trimmed, coverage 0.99, fp16", ALONE, False, False, None, Kept("90.9% (no interval)", "neighbours"))),
        (NOTHING, None),
        ("something else", None),
    ],
)  # fmt: skip
def test_reasons_are_read_as_they_were_written(text, reason):
    assert Reason.of(text) == reason


@pytest.mark.parametrize(
    ("why", "said", "told"),
    [
        (TOO, "whole encoder, int8 weights (5.71 MB) may do too, measured on too few articles to be sure",
         "전체 인코더, int8 가중치(5.71 MB)도 될 수 있으나, 잰 글의 수가 적어 확실하지 않습니다"),
        (f"A, {ALONE}, may do too: {TIME}", f"A ({ALONE}) may do too, its time not told to be shorter",
         f"A({ALONE_KO})도 될 수 있으나, 시간이 더 짧은지 가릴 수 없어 확실하지 않습니다"),
        (f"A, {ALONE}, may do too: {TIME}; {QUALITY}",
         f"A ({ALONE}) may do too, its time not told to be shorter, and measured on too few articles to be sure",
         f"A({ALONE_KO})도 될 수 있으나, 시간이 더 짧은지 가릴 수 없고 잰 글의 수가 적어 확실하지 않습니다"),
    ],
)  # fmt: skip
def test_what_may_do_too_follows_the_answer(why, said, told):
    found = Frontier("95%", (need(why),), {})
    assert taking.take(found).endswith(f"The smallest download: trim, coverage 1, 21.7 MB; {said}.")
    assert taking_ko.take(found).endswith(f"가장 작은 내려받기 파일: 솎아 낸 어휘, 포함률 1(21.7 MB); {told}.")


def test_where_nothing_is_sure_what_may_do_or_comes_nearest_is_named():
    whole = "keep the whole encoder in fp32"
    may = need(f"A, {ALONE}, may do: {TIME}", take=whole, cost="")
    near = need(f"A ({ALONE}) comes nearest, with 90.9% (no interval) of neighbours", take=whole, cost="")
    said, told = taking.take(Frontier("95%", (may,), {})), taking_ko.take(Frontier("95%", (may,), {}))
    assert said.endswith(f": {whole}; A ({ALONE}) may do, its time not told to be shorter.")
    assert told.endswith(f": 인코더 전체를 fp32로 둡니다; A({ALONE_KO})도 될 수 있으나, 시간이 더 짧은지 가릴 수 없어 "
                         "확실하지 않습니다.")  # fmt: skip
    assert taking.take(Frontier("95%", (near,), {})).endswith(f": {whole}; {near.why}.")
    assert taking_ko.take(Frontier("95%", (near,), {})).endswith(f"둡니다; {taking_ko.why(near.why)}.")


@pytest.mark.parametrize(
    ("take", "form"),
    [("whole encoder, bf16 products", "bf16"), ("trimmed, coverage 0.99, int8 products", "int8"), ("int8 weights", "")],
)
def test_what_a_processor_must_have_is_said(take, form):
    one = need("", take=take, cost="41% of fp32's time")
    said, told = taking.take(Frontier("95%", (one,), {})), taking_ko.take(Frontier("95%", (one,), {}))
    assert one.arithmetic == form
    assert said.endswith(f"time, where the processor has {form} arithmetic." if form else "time.")
    assert told.endswith(f", 단 프로세서에 {form} 연산이 있을 때.") == bool(form)


def test_without_anything_cheaper_the_answer_stands_alone():
    found = Frontier("95%", (need(""),), {})
    assert taking.take(found).endswith("The smallest download: trim, coverage 1, 21.7 MB.")
    assert taking_ko.take(found).endswith("솎아 낸 어휘, 포함률 1(21.7 MB).")


@pytest.mark.parametrize(
    ("why", "told"),
    [
        (NOTHING, "덜 드는 것이 확실한 것을 재지 못했습니다"),
        (f"trimmed, coverage 0.99, fp16 ({ALONE}) comes nearest, with 90.9% (no interval) of neighbours",
         f"가장 가까운 것은 솎아 낸 어휘, 포함률 0.99, fp16({ALONE_KO})입니다: 이웃 90.9% (구간 없음)"),
        (f"A, {ALONE}, may do: its time [43%, no upper limit] is not told to be shorter",
         f"A({ALONE_KO})도 될 수 있으나 확실하지 않습니다: 시간 [43%, 위 끝 없음]이 더 짧은지 가릴 수 없습니다"),
        (TOO, "전체 인코더, int8 가중치(5.71 MB)도 될 수 있으나 확실하지 않습니다: 주제 정확도 101.9% [94.8%, 110.4%], "
         "글 141편으로는 95%를 확신할 수 없습니다"),
    ],
)  # fmt: skip
def test_reasons_in_korean_have_every_number(why, told):
    assert taking_ko.why(why) == told


def test_what_the_reference_is_worth_nothing_in_is_named():
    single = Need("The smallest index", "int8, 256 bytes", "256 bytes a vector", 0.99, "overlap", "08", alone=True)
    lost = (
        Worthless("topic accuracy", "index", 0.3195, 0.429),
        Worthless("title, nDCG@10", "index", 0.008, float("nan")),
    )
    found = Frontier("95%", (single, need("")), {}, {}, lost)
    assert taking.unjudged(found) == (
        "Left out, because the reference itself is worth too little there to keep a share of: topic accuracy of the "
        "index (0.320, no better for sure than always the commonest, 0.429); title, nDCG@10 of the index (0.008). On "
        "one measure alone rest: the smallest index (overlap)."
    )
    told = taking_ko.unjudged(found)
    assert (
        "주제 정확도(색인: 0.320, 늘 가장 흔한 답을 하는 것의 0.429보다" in told and "가장 작은 색인(overlap)." in told
    )
    assert taking.unjudged(Frontier("95%", (single,), {})) == taking_ko.unjudged(Frontier("95%", (single,), {})) == ""


def test_worthless_measures_and_sources_are_read_from_the_tables(tmp_path):
    results, figures = tmp_path / "data" / "results" / "mine", tmp_path / "figures" / "mine"
    page = results / "08_frontier"
    shutil.copytree(RESULTS / "default" / "08_frontier", page)
    figures.mkdir(parents=True)
    claims = pd.read_csv(page / "claims.csv", keep_default_na=False)
    claims["basis"] = ["source", "measurement"] * (len(claims) // 2)
    claims["verdict"] = ["does not hold", "does not hold"] * (len(claims) // 2)
    claims.to_csv(page / "claims.csv", index=False)
    codes = {"group": ["whole", "whole", "maps"], "measure": ["a", "topic accuracy", "topic accuracy"]}
    codes |= {"mean": [1.0, 0.4, 0.3], "kept": [1.0, None, None], "floor": [None, 0.5, 0.5]}
    pd.DataFrame(codes).to_csv(figures / "08_frontier__codes_maps.csv", index=False)
    forms = pd.DataFrame({"topic accuracy": [0.45, 0.4], "topic accuracy kept": [None, None], "commonest topic": 0.5})
    forms.to_csv(figures / "08_frontier__weights.csv", index=False)
    found = Frontier.of(results_of(tmp_path))
    assert found.worthless == (
        Worthless("topic accuracy", "index", 0.4, 0.5),
        Worthless("topic accuracy", "encoder", 0.45, 0.5),
    )
    assert found.by_source == {"does not hold": len(claims) // 2}
    for path in figures.glob("*.csv"):
        path.unlink()
    assert Frontier.of(results_of(tmp_path)).worthless == ()  # what was not drawn says nothing


def test_an_answer_names_its_page_and_gives_no_reason_where_nothing_is_cheaper(tmp_path):
    results = tmp_path / "data" / "results" / "mine" / "08_frontier"
    shutil.copytree(RESULTS / "default" / "08_frontier", results)
    row = {"need": "N", "answer": "int8", "cost": "9 MB", "least kept": 0.99, "measured by": "neighbours kept"}
    unsure = {"need": "M", "answer": "keep the whole encoder in fp32", "why": NOTHING}
    rows = [row | {"page": 8, "command": "build", "why": frontier_needs.CHEAPEST}, unsure]
    pd.DataFrame(rows).to_csv(results / "needs.csv", index=False)
    own, open_ = Frontier.of(results_of(tmp_path)).needs
    assert (own.page, own.why, open_.why) == ("08_frontier", "", NOTHING)


def results_of(base):
    """The last page of an edition in a folder of its own."""
    return Results(paths.Edition("mine", base), "08_frontier")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("all shared, E 16, 1 layers", "모두 공유, E 16, 1층"),
        ("student distilled (tinybert), width 64", "증류한 학생(tinybert), 너비 64"),
        ("trimmed, coverage 0.99, bf16 products", "솎아 낸 어휘, 포함률 0.99, bf16 행렬곱"),
        ("PCA, binary, rescored, 1,024 bytes", "PCA, 이진, 다시 매김, 1,024바이트"),
        ("drop layers, 2 of 3 kept", "층 덜어 내기, 3층 중 2층 남김"),
        ("another, unknown", "another, unknown"),
        ("", ""),
    ],
)  # fmt: skip
def test_generated_names_in_korean(name, told):
    assert names_ko.name(name) == told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a small multilingual BERT pretrained here (3 layers, width 192)",
         "여기서 사전학습한 작은 다국어 BERT(3층, 너비 192)"),
        ("the generated world", "생성한 세계"),
        ("questions, names", "questions, names"),
    ],
)  # fmt: skip
def test_corpora_and_encoders_of_ones_own_keep_their_names(name, told):
    assert names_ko.source(name) == told


@pytest.mark.parametrize(
    ("time", "told"), [("3.1 days", "3.1일"), ("2.17 h", "2.17시간"), ("not measured", "not measured")]
)
def test_durations_in_korean(time, told):
    assert names_ko.duration(time) == told


def test_plans_are_of_the_editions_own_encoder(tmp_path):
    results = results_of(tmp_path).of("09_scale")
    costs = pd.DataFrame({"machine": ["one CPU, this edition's encoder"] * 2 + ["one GPU"], "articles": [10, 20, 10]})
    costs = costs.assign(time=["1 h", "2 h", "1 s"], disk=["1 MB", "2 MB", "1 MB"])
    results.write_table("costs", costs.assign(**{"machine hours": [1.0, 2.0, 0.1]}))
    results.write_table("benchmarks", pd.DataFrame(columns=["comparison", "variant", "ratio"]))
    results.write_table("targets", pd.DataFrame({"reached": ["yes", "no", "not measured", "yes"]}))
    plans = (Plan(10, "1 h", "1 MB"), Plan(20, "2 h", "2 MB"))
    assert Planned.of(results) == Planned("one CPU", plans, (), 2, 3)
    results.write_table("costs", costs.assign(**{"machine hours": [None, None, 0.1]}))
    assert Planned.of(results).plans == ()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"reader": "minilm", "graph": "world"}, "모델은 minilm, 마지막 절의 지식 그래프는 생성한 세계의 것입니다."),
        ({"reader": "pretrain", "graph": "/home/me/kg"}, "모델은 이 판의 인코더, 마지막 절의 지식 그래프는 kg입니다."),
    ],
)
def test_limits_name_what_is_not_of_the_edition(asked, told):
    run = {"stages": {"07_knowledge": {"parameters": asked}, "09_scale": {"parameters": {}}}}
    [first, *_] = summary(paths.Edition("none", ROOT), {}, run, {}).limits
    assert told in first and "9쪽의 벤치마크는 이 판의 글이나 인코더로 잰 것이 아닙니다" in first
    [bare, *_] = summary(paths.Edition("none", ROOT), {}, {"stages": {}}, {}).limits
    assert "7쪽" not in bare and "9쪽" not in bare


def test_every_name_of_published_editions_is_known():
    """No English word is left of the tasks, codes and encoders that a summary may name."""
    points = pd.concat([pd.read_csv(path) for path in sorted(RESULTS.glob("*/08_frontier/points.csv"))])
    shown = points[(points.kind == "index") & (points.page == "08_frontier") | (points.page == "06_transfer")]
    parts = {part for name in shown.name for part in names_ko.name(name).split(", ")} - {"fp16", "int8"}
    left = {part for part in parts if part.isascii() and re.search("[a-z]{3}", part)}
    assert len(shown) > 100 and left == set()
