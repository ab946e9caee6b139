"""Findings come from an edition's tables, and words in both languages from the findings: no number differs."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from smallbert import paths
from smallbert.measure.stats import Interval
from smallbert.paths import Edition
from smallbert.report.front import english, korean, names_ko, phrases, phrases_ko
from smallbert.report.front.answers import Frontier, Need, Triples
from smallbert.report.front.encoders import Copied, Judged, Narrowed, Sharing, Students
from smallbert.report.front.findings import FINDINGS, collect
from smallbert.report.front.narrowing import Articles, Floor, Schedules, _always
from smallbert.report.front.planned import Plan, Planned
from smallbert.report.front.reference import Reference
from smallbert.report.front.tally import Tally
from smallbert.report.front.tasks import Kept, Tasks
from smallbert.results import Results
from smallbert.storage import read_json, write_json, write_text
from smallbert.studies.benchmarks_pairs import Ahead
from smallbert.studies.claims_checks import VERDICTS
from smallbert.studies.decoder_best import Best
from smallbert.studies.depth_training import TrainingEffect
from smallbert.studies.layer_effect import LayerEffect

ROOT = paths.root()
RESULTS = ROOT / "data" / "results"
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?%?")


def numbers(text: str) -> set[str]:
    """Every number as it is written; commas of thousands stay, those of lists do not."""
    return {found.rstrip(",") for found in NUMBER.findall(text)}


EVERY = Tally(better=7, worse=11, equivalent=13, open=17, failed=19, uncorrected=23)
NEED = Need("The smallest index", "PCA, int8", "31 bytes a vector", 0.97, "topic accuracy", "02_autoencoder_depth", "x")
FEW = "whole encoder, bf16 products, 64% of fp32's time for one text read alone (71% for many), may do: its time [48%, "
FEW += "110%] is not told to be shorter; 98.0% [94.0%, 101.0%] of topic accuracy over 200 articles, too few to be sure "
FEW += "of 95%"
WHOLE = Need("The fastest service on a CPU", "keep the whole encoder in fp32", why=FEW)
EFFECT = TrainingEffect(
    1, (2, 4), 10, 30, *[Interval(one, one - 0.01, one + 0.01, 5, 0.95) for one in (0.2, 0.1, -0.1)]
)
BESIDE = Ahead(False, 11, 10, 1.2, 8.6, {"PCA in fp32": 0.7}), Ahead(True, 3, 0, 0.4, 0.9, {})
KEPT = Kept("trimmed", 0.92, 0.89, 0.88, 0.9, 0), Kept("tiny", 0.004, 0.05, -0.3, 0.4, 3)
NARROWED = Narrowed(Tally(worse=3), 16, 64, "all shared", (0.34, 0.21, 0.47))
FLAT = LayerEffect(8, 1, (0.014, -0.02, 0.05), "no difference shown")
COPIED = Copied(
    (-2.4, -2.42, -2.37),
    Tally(better=1),
    (-0.3, -0.32, -0.27),
    Tally(better=1),
    (-0.01, -0.02, 0.03),
    Tally(uncorrected=1),
)
ENDLESS = Kept("random weights", 1.0, 0.6, float("-inf"), float("inf"), 0)
SOME = [
    Articles(12_345, 6, 678, 9),
    Articles(12_345, 6, 678, 9, (0.93, 61), (0.73, 0.31)),
    Floor(1_306, 0.0065, 2, EVERY, ("two-layer decoder", "mirrored, residual"), 30, EFFECT),
    Floor(306, 2.4e-5, 1, Tally(worse=5), (), 15, replace(EFFECT, before=EFFECT.change)),
    Articles(12, 1, 6, 2, None, (0.4, 0.41), 0.423),
    Floor(306, 0.0, 1, Tally(worse=5), (), 15),
    Floor(
        306, 0.0, 1, Tally(worse=5), (), 15, None, (Best(4, 512, "hidden 8", 0.77, 0.011), Best(16, 512, "", 0.0, 0.0))
    ),
    Floor(306, 0.0, 1, Tally(worse=5), (), 15, None, (Best(8, 512, "quadratic", 0.004, None),)),
    Schedules("bottleneck-heavy-2", EVERY, -0.0123),
    Sharing(177_853_440, "E = 128, all shared", 0.13, 1.0, EVERY, 3, 13),
    Sharing(177_853_440, "E = 128, all shared", 0.13, 0.75, EVERY, 13, 13),
    Sharing(177_853_440, "E = 128, all shared", 0.13, 0.75, EVERY, 13, 13, NARROWED),
    Sharing(177_853_440, "E = 128, all shared", 0.13, 0.75, EVERY, 13, 13, NARROWED, FLAT),
    Sharing(177_853_440, "E = 128, all shared", 0.13, 1.0, Tally(), 0, 13),
    Sharing(177_853_440, "E = 128, all shared", 0.13, 1.0, Tally(), 2, 13),
    Students(True, EVERY, "TinyBERT", (-0.6, -0.7, -0.5), (-0.08, -0.2, 0.04), Tally(open=1), (1, 5), 7.441),
    Students(True, EVERY, "Hinton", (-0.6, -0.7, -0.5), (-0.08, -0.2, 0.04), Tally(open=1), (0, 5), 7.441),
    Students(
        True,
        EVERY,
        "Hinton",
        (-0.6, -0.7, -0.5),
        (-0.08, -0.2, 0.04),
        Tally(open=1),
        (0, 5),
        7.441,
        COPIED,
        Judged(True, 8, "", 1_200),
    ),
    Students(
        False,
        Tally(open=3),
        "MiniLM",
        (0.04, -0.03, 0.12),
        (0.06, 0.03, 0.09),
        Tally(better=1),
        judged=Judged(False, 1, "en", 100),
    ),
    Tasks(6, (), 0, None, None, None, 0, 0, 1_000, (24, 80), None),
    Tasks(6, ("one", "two"), 1, *KEPT, Kept("random", 1.0, 0.57, 0.54, 0.6, 0), 7, 4, 1_000, (24, 80), KEPT[1]),
    Tasks(6, ("one",), 0, KEPT[0], KEPT[0], ENDLESS, 7, 1, 1_000, (1_200, 1_200), ENDLESS),
    Tasks(6, ("one",), 0, *KEPT, None, 7, 0, 1_000, (24, 80), KEPT[1]),
    Tasks(6, ("one",), 0, *KEPT, None, 7, 0, 1_000, (24, 80), KEPT[1], 2),
    Triples(Tally(better=1, open=1), EVERY, Tally(uncorrected=2)),
    Frontier(
        "95%", (NEED, WHOLE, Need("The smallest download", "nothing measured keeps 95% for sure")), {"a": "holds"}
    ),
    Frontier("", (), {str(place): verdict for place, verdict in enumerate(VERDICTS)}, {"does not hold": 1}),
    Planned("one CPU", (Plan(1_000_000, "44.7 min", "926 MB"), Plan(10**9, "31 days", "9.1 TB")), BESIDE, 8, 13),
    Planned("one GPU", (), (), 0, 2),
    Planned("one CPU", (), (), 0, 0),
]


@pytest.mark.parametrize("found", SOME, ids=lambda one: type(one).__name__)
def test_both_languages_say_the_same_numbers(found):
    ours, theirs = english.sentence(found), korean.sentence(found)
    assert numbers(ours) == numbers(theirs), (ours, theirs)
    assert theirs.endswith(".")
    assert re.search("[가-힣]", theirs)
    assert not re.search("[가-힣]", ours)


def test_few_components_are_not_told_as_all_that_a_vector_says():
    said = english.sentence(Articles(12_345, 6, 678, 9, (0.93, 61), (0.73, 0.31)))
    assert said.endswith(
        "9 principal components hold 95% of their variance; 93% of it lies between languages, and within them 95% "
        "takes 61. From the first 9 alone a linear probe reads 31% of topics, from the whole vector 73%."
    )


def test_topics_that_no_probe_reads_are_not_told_as_read(tmp_path):
    found = Articles(12, 1, 6, 2, None, (0.4, 0.41), 0.423)
    assert english.sentence(found).endswith(
        "from the whole vector 40%, which is not told from always answering the commonest (42%): no topic is read."
    )
    for low, expected in ((0.388, 0.423), (0.43, None)):
        probes = pd.DataFrame({"read from": ["whole embedding", "first 2 components"], "accuracy": 0.45})
        assert _always(probes.assign(low=low, **{"commonest class": 0.423})) == expected
    assert _always(pd.DataFrame(columns=["read from", "low", "commonest class"])) is None


def test_decoders_of_pcas_own_code_are_told_beside_those_trained_with_an_encoder():
    found = Floor(
        3, 0.0, 1, Tally(worse=5), (), 12, None, (Best(4, 512, "h8", 0.77, 0.011), Best(16, 512, "", 0.0, 0.0))
    )
    assert english.sentence(found).endswith(
        "Freed decoders trained with their encoder that get below PCA on held-out articles for sure: none. Fitted to "
        "PCA's own code instead, the best decoder takes off PCA's error: 77% with codes of 4 (1% with each language's "
        "mean taken off); nothing for sure with codes of 16 (nothing for sure with each language's mean taken off)."
    )


def test_what_has_learnt_nothing_says_nothing_of_what_sharing_costs():
    said = english.sentence(Sharing(1_000, "all shared", 0.13, 1.0, Tally(equivalent=6), 0, 13))
    assert "saves 87% of its 1,000 parameters and none of its operations" in said
    assert "None of the 13 small encoders that page 4 trains from scratch is shown to have learnt more" in said
    assert "equivalent" not in said
    all_learnt = english.sentence(Sharing(1_000, "all shared", 0.13, 0.75, Tally(equivalent=6), 13, 13))
    assert "and 25% of its operations. All 13 small encoders that page 4 trains" in all_learnt
    assert "equivalent in all 6" in all_learnt and "one set of weights" not in all_learnt
    flat = Sharing(1_000, "all shared", 0.13, 0.75, Tally(equivalent=6), 13, 13, layers=FLAT)
    assert "equivalent in all 6. But 8 layers of one set of weights are not told to be better than 1 (that raises" in (
        english.sentence(flat)
    )
    steep = replace(flat, layers=replace(FLAT, verdict="lower"))
    assert english.sentence(steep) == all_learnt and korean.sentence(steep) != korean.sentence(flat)


def test_a_factorised_embedding_is_told_of_pairs_that_have_learnt():
    found = pd.DataFrame(
        {
            "sharing": "all shared",
            "embedding": [8, 16],
            "against": 64,
            "difference": [0.5, 0.3],
            "low": [0.4, 0.2],
            "high": [0.6, 0.4],
            "verdict": "higher",
            "learnt": [False, True],
        }
    )
    own = Narrowed.of(found)
    assert own == Narrowed(Tally(worse=1), 16, 64, "all shared", (0.3, 0.2, 0.4))
    assert Narrowed.of(found.assign(learnt=False)) is None
    sizes = Sharing(1_000, "all shared", 0.13, 0.75, Tally(open=1), 13, 13, own)
    assert english.sentence(sizes).endswith(
        "twins of width 64: worse in 1 of 1 (E = 16, all shared, raises the loss by 0.300 [0.200, 0.400])."
    )
    none = english.sentence(replace(sizes, narrowed=None))
    assert none.endswith("What factorising costs cannot be told: no two that differ in that alone have.")


@pytest.mark.parametrize("edition", sorted(one.parent.name for one in RESULTS.glob("*/05_distillation")))
def test_published_students_tell_of_copied_layers_and_of_what_they_were_judged_by(edition):
    found = Students.of(Results(paths.Edition(edition, ROOT), "05_distillation"))
    measure = "loss" if found.by_loss else "similarity"
    cells = pd.read_csv(ROOT / "figures" / edition / "05_distillation__starts.csv")
    means = cells.groupby("label")[measure].mean()
    fresh, released = means["alone, fresh start"], means["alone, released"]
    assert found.copied.start[0] == pytest.approx(released - fresh)
    assert found.copied.against_fresh == Tally(better=1)
    assert found.copied.layers[0] == pytest.approx(released - means["alone, embeddings"])
    said = english.sentence(found)
    assert f"by {abs(released - fresh):.3f} [" in said and said.endswith(" test articles.")
    assert ("generated text" in said) == (edition == "default") and ("one language (en)" in said) == (
        "english" in edition
    )


def test_a_reference_that_has_learnt_no_task_is_told_so(tmp_path):
    edition = Edition("mine", tmp_path)
    page = Results(edition, "06_transfer")
    page.write_table("tasks", pd.DataFrame({"task": ["topics"], "train": [40], "source": ["the generated world"]}))
    page.write_table("shelf", pd.DataFrame({"model": ["whole encoder"], "parameters": [1_000], "of reference": [1.0]}))
    page.write_table("task_contrasts", pd.DataFrame(columns=["mode", "model", "verdict"]))
    scores = {"model": ["whole encoder"], "mode": ["frozen"], "task": ["topics"], "learnt": [False], "low": [0.1]}
    drawn = {
        "scores": pd.DataFrame(scores | {"words": [0.2]}),
        "retained": pd.DataFrame({"absent": ["Nothing learnt."]}),
    }
    for name, frame in drawn.items():
        write_text(edition.figures / f"06_transfer__{name}.csv", frame.to_csv(index=False))
    found = Tasks.of(page)
    assert (found.tasks, found.learnt, found.best, found.reference) == (1, (), None, 1_000)
    assert "beats a constant answer on none of 1 task" in english.sentence(found)
    assert english.sentence(found).endswith("from 40 examples (all tasks: generated English).")
    assert "과제는 모두 생성한 영어 글입니다." in korean.sentence(found)


def test_few_examples_stand_beside_the_least_certain_share():
    rest = 7, 0, 1_000, (24, 80)
    said = english.sentence(Tasks(6, ("one",), 0, *KEPT, None, *rest, KEPT[1]))
    assert said.endswith(
        "Each task is learnt from 24 to 80 examples: the least certain share, that of tiny, lies anywhere from -30% "
        "to 40%."
    )
    endless = english.sentence(Tasks(6, ("one",), 0, *KEPT, None, *rest, ENDLESS))
    assert endless.endswith("the least certain share, that of random weights, has no limits.")
    none = english.sentence(Tasks(6, (), 0, None, None, None, 0, 0, 1_000, (80, 80), None))
    assert none.endswith("can be told. Each task is learnt from 80 examples.")


def test_gains_of_students_stand_beside_word_frequencies_and_longer_training():
    limits = (-0.4, -0.45, -0.34), (-0.13, -0.19, -0.06)
    said = english.sentence(Students(True, Tally(better=5), "TinyBERT", *limits, Tally(better=1), (1, 5), 7.441))
    assert "TinyBERT, which lowers the loss by 0.400 [0.340, 0.450]" in said
    assert "as many operations: better (it lowers the loss by 0.130 [0.060, 0.190])" in said
    assert "(it lowers the loss by 0.130 [0.060, 0.190]). Shown to have learnt more than word frequencies" in said
    assert said.endswith(" alone (7.441 nats): 1 of the 5 small students that page 5 teaches.")


@pytest.mark.parametrize(
    ("before", "after", "change", "outcome", "said", "told"),
    [
        (-0.1, 0.0, 0.1, "none", "no loss is shown that training could remove", "드러나지 않았습니다"),
        (-0.1, 0.1, 0.2, "appears", "a loss is shown only after more training", "학습한 뒤에야"),
        (0.2, -0.1, -0.3, "reversed", "more training turns the loss into a gain", "오히려 낫습니다"),
        (0.2, 0.0, -0.2, "removed", "more training removes what depth costs.", "잃는 것이 없어집니다"),
        (0.2, 0.1, -0.1, "partly", "removes part of what depth costs, not all.", "다 없어지지는 않습니다"),
        (0.2, 0.002, -0.198, "untold rest", "of the rest nothing can be told", "남은 것이 있는지는"),
        (0.1, 0.2, 0.1, "grows", "more training does not remove what depth costs", "없어지지 않습니다"),
        (0.1, 0.1, 0.0, "untold", "whether more training removes what depth costs", "없어지는지 가릴 수 없습니다"),
    ],
)
def test_what_training_removes_is_said_as_page_2_found_it(before, after, change, outcome, said, told):
    half = 0.0005 if outcome == "removed" else 0.005
    found = TrainingEffect(
        1, (2, 3), 4, 12, *[Interval(one, one - half, one + half, 5, 0.95) for one in (before, after, change)]
    )
    assert found.outcome == outcome
    floor = Floor(3, 0.0, 1, Tally(worse=5), (), 12, found)
    ours, theirs = english.sentence(floor), korean.sentence(floor)
    first, last = (f"{'gain' if one < 0 else 'lose'} {abs(one):.4f}" for one in (before, after))
    assert f"{first} of the variance after 4 epochs and {last} after 12: " in ours
    assert (theirs.count("덜 잃"), theirs.count("더 잃")) == (
        sum(one < 0 for one in (before, after)),
        sum(one >= 0 for one in (before, after)),
    )
    assert said in ours and told in theirs and numbers(ours) == numbers(theirs)
    assert "epochs and" not in english.sentence(replace(floor, training=None))
    falling = replace(floor, training=replace(found, falling=(2, 3)))
    ours, theirs = english.sentence(falling), korean.sentence(falling)
    assert ("though 2 of 3 depths still come nearer to PCA." in ours) == (
        outcome not in ("none", "removed", "reversed")
    )
    assert ("가까워지는 중" in theirs) == ("still come nearer" in ours) and numbers(ours) == numbers(theirs)


@pytest.mark.parametrize(("share", "said"), [(0.00652, "0.0065"), (2.4e-5, "2e-05"), (9.9e-5, "0.0001"), (0.0, "0")])
def test_a_small_distance_is_not_nothing(share, said):
    assert phrases.distance(share) == said


def test_claims_by_a_source_are_counted_apart():
    claims = {"a": "does not hold", "b": "does not hold", "c": "holds"}
    found = Frontier("95%", (), claims, {"does not hold": 1})
    assert english.sentence(found).endswith("holds 1, does not hold 2 (1 of these by a source, not by a measurement).")
    assert korean.sentence(found).endswith("맞음 1개, 맞지 않음 2개(그 가운데 1개는 측정이 아니라 출처로 가림).")
    assert "source" not in english.sentence(replace(found, by_source={}))


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_both_languages_say_on_what_it_was_measured(own, known):
    sizes = (4_434_688, 58_417, 177_853_440) if known else (0, 0, 0)
    found = Reference("a small BERT (3 layers)", own, *sizes, "film reviews")
    ours, theirs = english.measured(found), korean.measured(found)
    assert numbers(ours) == numbers(theirs)
    assert ours.startswith("Measured with a small BERT (3 layers)") and ",," not in ours and "  " not in ours
    assert ("not with released multilingual BERT" in ours) == own == ("다국어 BERT" in theirs)
    assert ("177,853,440" in ours) == (own and known)


def test_why_the_whole_is_kept_is_said_in_both_languages():
    found = Frontier("95%", (WHOLE,), {})
    assert (
        "인코더 전체를 fp32로 둡니다; 전체 인코더, bf16 행렬곱(글 하나를 따로 읽을 때 fp32 시간의 64%"
        in korean.sentence(found)
    )
    assert "keep the whole encoder in fp32; whole encoder, bf16 products (64% of fp32's time" in english.take(found)


@pytest.mark.parametrize("words", [english, korean])
def test_words_ask_for_a_finding(words):
    with pytest.raises(TypeError, match="Expected a finding, got 3"):
        words.sentence(3)


@pytest.mark.parametrize(
    ("tally", "said", "told"),
    [
        (Tally(worse=5), "worse in all 5", "5건 모두 더 나빴습니다"),
        (Tally(open=2), "no difference shown in both", "둘 다 차이가 드러나지 않았습니다"),
        (Tally(better=1), "better in 1 of 1", "1건 중 1건은 더 좋았습니다"),
        (Tally(better=2, open=1), "better in 2 and no difference shown in 1 of 3",
         "3건 중 2건은 더 좋았고, 1건은 차이가 드러나지 않았습니다"),
        (Tally(equivalent=1, failed=1), "equivalent in 1 and not comparable in 1 of 2",
         "2건 중 1건은 동등했고, 1건은 견줄 수 없었습니다"),
        (Tally(open=1, uncorrected=1), "no difference shown in 1 and not told after correction in 1 of 2",
         "2건 중 1건은 차이가 드러나지 않았고, 1건은 보정한 뒤에는 가릴 수 없었습니다"),
        (Tally(), "not compared", "견준 것이 없습니다"),
    ],
)  # fmt: skip
def test_tallies_in_words(tally, said, told):
    assert phrases.told(tally) == said
    assert phrases_ko.told(tally) == told


def test_less_and_more_change_places_where_more_is_better():
    words = ["lower", "higher", "higher", "equivalent", "no difference shown", "diverged", "no difference shown"]
    limits = {"low": [-2, 1, 1, -0.1, -1, np.nan, 0.1], "high": [-1, 2, 2, 0.1, 1, np.nan, 0.2]}
    rows = pd.DataFrame({"verdict": words} | limits)
    assert Tally.of(rows) == Tally(better=1, worse=2, equivalent=1, open=1, failed=1, uncorrected=1)
    more = Tally(better=2, worse=1, equivalent=1, open=1, failed=1, uncorrected=1)
    assert Tally.of(rows, lower_is_better=False) == more and more.total == len(rows)
    assert Tally(1, 2, 3, 4, 5, 6) + Tally(1, 1, 1, 1, 1, 1) == Tally(2, 3, 4, 5, 6, 7)


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        ("32 bytes a vector", "벡터당 32바이트"),
        ("55% of the reference's time", "기준 시간의 55%"),
        ("80% of fp32's time for one text read alone (70% for many)",
         "글 하나를 따로 읽을 때 fp32 시간의 80% (여럿을 함께 읽으면 70%)"),
        ("80% of the whole encoder's time for one text read alone", "글 하나를 따로 읽을 때 전체 인코더 시간의 80%"),
        ("7.99 MB", "7.99 MB"),
        ("7.99 MB of weights", "가중치 7.99 MB"),
    ],
)  # fmt: skip
def test_costs_in_korean(cost, told):
    assert names_ko.cost(cost) == told


def test_every_verdict_on_a_claim_has_words_in_both_languages():
    assert tuple(english.CLAIMS) == tuple(korean.CLAIMS) == VERDICTS
    assert set(korean.QUESTIONS) == set(FINDINGS)


def test_pages_that_have_not_run_are_left_out(tmp_path):
    assert collect(paths.Edition("none", tmp_path), [*FINDINGS, "77_unknown"]) == {}


def test_a_page_that_another_version_ran_is_left_out(tmp_path):
    page = tmp_path / "data" / "results" / "old" / "04_albert"
    shutil.copytree(RESULTS / "default" / "04_albert", page)
    shutil.copytree(ROOT / "figures" / "default", tmp_path / "figures" / "old")
    values = read_json(page / "values.json")
    del values["learnt"]
    write_json(page / "values.json", values)
    assert collect(paths.Edition("old", tmp_path), ["04_albert"]) == {}
    write_json(page / "values.json", values | {"learnt": [0, 1]})
    contrasts = pd.read_csv(page / "contrasts.csv")
    contrasts.drop(columns="learnt").to_csv(page / "contrasts.csv", index=False)
    assert collect(paths.Edition("old", tmp_path), ["04_albert"]) == {}
