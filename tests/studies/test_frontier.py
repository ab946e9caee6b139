"""The frontier shows what its pages measured, to the digit, and its answers are true of the points."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.paths import Edition
from smallbert.results import Results
from smallbert.storage import write_text
from smallbert.studies import frontier, frontier_needs, points, reading, searches, weights
from smallbert.studies.frontier_points import (
    ALBERT,
    CORPUS,
    DEPTH,
    DISTIL,
    NEIGHBOURS,
    OTHERS,
    TASKS,
    TEACHER,
    TRANSFER,
)

STEPS = {
    "whole": (1000, (1.0, 1.0, 1.0), 0.5, (0.0, 0.0, 0.0)),
    "trim, coverage 0.9": (800, (0.9, 0.88, 0.93), 0.45, (-0.05, -0.1, 0.0)),
    "trim, coverage 1": (900, (1.0, 1.0, 1.0), 0.5, (0.0, 0.0, 0.0)),
    "student, 2 x 8": (200, (0.98, 0.97, 0.99), 0.49, (-0.01, -0.02, 0.0)),
}
STUDENT = {"kind": "distilled", "method": "tinybert", "hidden": 8, "layers": 2, "seed": 0}


def figure(edition, stage, name, frame):
    write_text(edition.figures / f"{stage}__{name}.csv", frame.to_csv(index=False))


@pytest.fixture
def results(tmp_path):
    """Pages 2, 5 and 6 of an edition; pages 4 and 8 have not run."""
    edition = Edition("mine", tmp_path)
    one, two, five, six = (Results(edition, stage) for stage in (CORPUS, DEPTH, DISTIL, TRANSFER))
    one.write_table("probes", pd.DataFrame({"label": ["language", "topic"], "commonest class": [0.9, 0.3]}))
    widths = {"method": ["whole embedding", "PCA"], "bytes a vector": [256.0, 32.0], "articles": 300}
    two.write_table("measures", pd.DataFrame(widths))
    two.record(seeds=[0, 1])
    rows = [("whole embedding", searches.OVERLAP, 1.0, np.nan), ("PCA", searches.OVERLAP, 0.7, np.nan)]
    rows += [("whole embedding", searches.TOPIC, 0.8, np.nan), ("PCA", searches.TOPIC, 0.6, 0.04)]
    figure(edition, DEPTH, "quality", pd.DataFrame(rows, columns=["method", "metric", "mean", "half"]))

    rows = []
    for step, (size, kept, accuracy, change) in STEPS.items():
        for measure, values in (("neighbours kept", kept), ("accuracy", [accuracy] * 3), ("change", change)):
            rows.append((step, size, measure, *values, "topic", 150, 0.3))
    columns = ["step", "parameters", "measure", "estimate", "low", "high", "label", "n", "commonest"]
    figure(edition, DISTIL, "reductions", pd.DataFrame(rows, columns=columns))
    rows = [("teacher", "one text", 1.0, 1.0, 1.0), ("student, 2 x 8", "one text", 0.5, 0.4, 0.6)]
    rows += [("teacher", "many texts", 1.0, 1.0, 1.0), ("student, 2 x 8", "many texts", 0.3, 0.2, 0.4)]
    rows += [("teacher", "operations", 1.0, 1.0, 1.0), ("student, 2 x 8", "operations", 0.1, 0.1, 0.1)]
    figure(edition, DISTIL, "student_costs", pd.DataFrame(rows, columns=["model", "measure", "ratio", "low", "high"]))
    five.write_table("students", pd.DataFrame({"megabytes": [4.0], "operations": [10.0], "loss": [5.0]}))
    five.record(students=[STUDENT], floor=5.6)
    cells = pd.DataFrame(
        {
            "arm": ["tinybert (soft), 2 x 8"] * 3, "method": "tinybert", "layers": 2, "hidden": 8, "seed": [0, 1, 2],
            "megabytes": 0.8, "operations": 1.0, "loss": [5.5, 5.6, 5.8],
        }
    )  # fmt: skip
    for name in ("methods", "starts", "sizes"):
        figure(edition, DISTIL, name, cells)

    shelf = pd.DataFrame(
        {
            "model": ["whole encoder", "vocabulary trimmed", "student distilled (tinybert), width 4"],
            "origin": ["", "the tokens that cover 0.99 of the texts", "page 5"],
            "layers": [3, 3, 2],
            "width": [16, 16, 4],
            "megabytes": [4.0, 3.5, 0.8],
            "operations": [2.0, 2.0, 0.5],
        }
    )
    six.write_table("shelf", shelf)
    six.record(seeds=[0, 1, 2])
    rows = [
        ("topics", shelf.model[1], "frozen", 0.97, 0.96, 0.99),
        ("all learnt", shelf.model[1], "frozen", 0.98, 0.97, 0.99),
        ("all learnt", shelf.model[2], "frozen", 0.5, 0.2, 0.8),
        ("topics", "fresh weights", "frozen", 0.1, 0.0, 0.2),
        ("endings", shelf.model[1], "frozen", np.nan, np.nan, np.nan),
    ]
    columns = ["task", "model", "mode", "retained", "retained low", "retained high"]
    figure(edition, TRANSFER, "retained", pd.DataFrame(rows, columns=columns))
    return Results(edition, "08_frontier")


def codes():
    rows = [("whole vector", "whole", 256, 1.0, 1.0, 1.0), ("PCA, int8", "formats", 32, 0.97, 0.96, 0.98)]
    rows += [("PCA", "maps", 32, 0.8, 0.7, 0.9)]
    frame = pd.DataFrame(rows, columns=["method", "group", "bytes", "kept", "kept low", "kept high"])
    return frame.assign(mean=frame.kept / 2, measure=searches.OVERLAP, seeds=1, queries=300, floor=np.nan)


def quantised():
    rows = [("whole", "fp32", 4e6, 1.0, 1.0), ("whole", "int8 weights", 1.1e6, 0.99, 0.98)]
    rows += [("trimmed, coverage 0.99", "int8 weights", 9e5, 0.95, 0.97)]
    frame = pd.DataFrame(rows, columns=["encoder", "form", weights.EMBEDDING, weights.KEPT, weights.TOPIC_KEPT])
    frame["bytes"] = frame[weights.EMBEDDING] + 1e5  # a file has a header and what makes no vector
    for name, half in ((weights.KEPT, 0.01), (weights.TOPIC_KEPT, 0.04)):
        frame = frame.assign(**{f"{name} low": frame[name] - half, f"{name} high": frame[name] + half})
    counts = {weights.ASKED: 180, weights.FITTED: 360, weights.COMMONEST: 0.2, weights.TOPIC: 0.4}
    return frame.assign(articles=150, **counts)


def one(found, page, name, measure):
    [row] = found[(found.page == page) & (found["name"] == name) & (found.measure == measure)].to_dict("records")
    return row


def test_numbers_equal_those_of_the_tables_they_come_from(results):
    found, missing = frontier.collect(results, codes=codes(), quantised=quantised())
    assert missing == ["04_albert"]
    for step, (size, kept, accuracy, change) in STEPS.items():
        name = "whole encoder" if step == "whole" else step
        row = one(found, DISTIL, name, NEIGHBOURS)
        assert (row["kept"], row["low"], row["high"]) == kept
        assert row["megabytes"] == pytest.approx(4 * size / 1e6)
        row = one(found, DISTIL, name, "topic accuracy kept")
        assert row["kept"] == pytest.approx(accuracy / 0.5)
        assert (row["low"], row["high"]) == pytest.approx(tuple((0.5 + value) / 0.5 for value in change[1:]))
    row = one(found, DISTIL, "student, 2 x 8", NEIGHBOURS)
    assert (row["time"], row["time low"], row["time high"], row["operations"]) == (0.5, 0.4, 0.6, 0.1)
    assert (row["time many"], row["n"]) == (0.3, 150)
    row = one(found, TRANSFER, "vocabulary trimmed", f"{TASKS}, frozen")
    assert (row["kept"], row["low"], row["high"], row["megabytes"], row["n"]) == (0.98, 0.97, 0.99, 3.5, 3)
    row = one(found, DEPTH, "PCA, 32 bytes", searches.TOPIC)
    assert (row["kept"], row["low"], row["high"]) == pytest.approx((0.75, 0.7, 0.8))
    row = one(found, "08_frontier", "PCA, int8, 32 bytes", searches.OVERLAP)
    assert (row["kept"], row["low"], row["high"], row["bytes"], row["n"]) == (0.97, 0.96, 0.98, 32, 300)
    row = one(found, "08_frontier", "whole encoder, int8 weights", NEIGHBOURS)
    assert (row["kept"], row["low"], row["high"]) == pytest.approx((0.99, 0.98, 1.0))
    assert (row["megabytes"], row["n"], row["over"]) == (1.1, 150, "articles")
    row = one(found, "08_frontier", "trimmed, coverage 0.99, int8 weights", weights.TOPIC_KEPT)
    assert (row["kept"], row["low"], row["high"], row["n"]) == pytest.approx((0.97, 0.93, 1.01, 180))
    assert row["floor"] == 0.2 / 0.4


def test_a_page_that_lacks_a_figure_gives_the_points_it_has(results):
    """A teacher whose layers cannot be copied has no students that start from them; all others are points."""
    whole, _ = frontier.collect(results)
    figure(results.edition, DISTIL, "starts", pd.DataFrame({"absent": ["This teacher's layers do not fit."]}))
    found, missing = frontier.collect(results)
    pd.testing.assert_frame_equal(found, whole)
    assert missing[0] == "04_albert" and DISTIL not in missing
    # A page that has run and has nothing to tell is not one that is missing.
    figure(results.edition, TRANSFER, "retained", pd.DataFrame({"absent": ["Nothing learnt."]}))
    found, missing = frontier.collect(results)
    assert TRANSFER not in missing and TRANSFER not in set(found.page)
    nothing = "Of this edition, but without a point to compare: "
    assert frontier.missing_sentence(found, ["04_albert"]) == f"Not in this edition: 04_albert. {nothing}06_transfer."
    assert frontier.missing_sentence(whole, []) == f"{nothing}04_albert."
    every = pd.concat([whole, whole[:1].assign(page="04_albert")])
    assert frontier.missing_sentence(every, []) == "Every page has given its points."


def test_losses_become_ratios_of_perplexities_with_their_interval(results):
    found, _ = frontier.collect(results)
    row = one(found, DISTIL, "tinybert (soft), 2 x 8", TEACHER)
    losses = np.array([5.5, 5.6, 5.8])
    low, high = stats.t.interval(0.95, 2, losses.mean(), stats.sem(losses))
    assert (row["kept"], row["low"], row["high"]) == pytest.approx(
        (np.exp(5 - losses.mean()), np.exp(5 - high), np.exp(5 - low))
    )
    assert row["floor"] == pytest.approx(np.exp(5 - 5.6))
    # Word frequencies alone keep more than this student: it is on no front, however small.
    own = frontier.against(found, "megabytes").query("measure == @TEACHER").set_index("name")
    assert own.front.to_dict() == {"tinybert (soft), 2 x 8": False, "the teacher": True}


def test_neighbours_among_few_and_among_many_are_two_measures(results):
    """And each is beside what others drawn blindly would keep."""
    found, _ = frontier.collect(results, codes=codes(), quantised=quantised())
    assert found[found.measure == NEIGHBOURS].floor.unique() == pytest.approx([10 / 149])
    near = found[found.measure.str.startswith("neighbour")]
    assert set(near.measure) == {NEIGHBOURS, searches.OVERLAP} and near.among.notna().all()
    assert found[~found.measure.str.startswith("neighbour")].among.isna().all()

    codes_of = codes().assign(queries=1000)
    apart, _ = frontier.collect(results, codes=codes_of, quantised=quantised().assign(articles=1400))
    measures = apart.groupby("page").measure.agg(set)
    assert f"{NEIGHBOURS} among 150 articles" in measures[DISTIL]
    assert {f"{NEIGHBOURS} among 1,400 articles", f"{searches.OVERLAP} among 1,000 articles"} <= measures["08_frontier"]
    assert f"{searches.OVERLAP} among 300 articles" in measures[DEPTH]
    pd.testing.assert_series_equal(apart.kept, found.kept)


def test_points_have_the_names_that_build_them(results):
    found, _ = frontier.collect(results, codes=codes(), quantised=quantised())
    names = found.set_index(["page", "name"]).point
    assert names[DISTIL, "trim, coverage 0.9"].unique().tolist() == ["trim-0.9"]
    assert names[TRANSFER, "vocabulary trimmed"].unique().tolist() == ["trim-0.99"]
    assert names[DEPTH, "PCA, 32 bytes"].unique().tolist() == ["pca-8-fp32"]
    assert names["08_frontier", "PCA, int8, 32 bytes"] == "pca-32-int8"
    assert names["08_frontier", "PCA, 32 bytes"] == "pca-16-fp16"
    assert set(names["08_frontier", "trimmed, coverage 0.99, int8 weights"]) == {"trim-0.99+int8"}
    built = found[found.command.str.startswith("smallbert build")]
    assert built.command.str.contains(" --edition mine ").all()  # a command must not find another edition
    students = built.point.str.contains("student|tinybert")
    assert set(built[~students].point) == {
        "pca-8-fp32", "trim-0.9", "trim-1", "trim-0.99", "pca-32-int8", "pca-16-fp16", "int8", "trim-0.99+int8"
    }  # fmt: skip
    assert built[~students].point.map(points.buildable).all()
    assert "student-2-x-8" in set(built[students].point) and not built[students].point.map(points.buildable).any()


def test_nothing_of_an_edition_without_pages(tmp_path):
    found, missing = frontier.collect(Results(Edition("none", tmp_path), "08_frontier"))
    assert found.empty and len(missing) == 6
    assert "04_albert" in frontier.missing_sentence(found, missing)
    assert frontier.against(found, "megabytes").empty
    assert frontier_needs.sentence(found).count("nothing was measured that is told to need less") == 3
    assert frontier_needs.table(found).answer.tolist()[0] == "keep the whole vector in fp32"


def test_the_front_is_what_nothing_beats(results):
    found = frontier.against(frontier.collect(results)[0], "megabytes")
    own = found[found.measure == NEIGHBOURS]
    best = own[own.front]["name"].tolist()
    assert best == ["student, 2 x 8", "trim, coverage 1"]  # the whole keeps as much and is larger, 0.9 keeps less
    told = frontier.fronts(found, "megabytes")
    told = told[told.measure == NEIGHBOURS].set_index("point")
    assert told.index.tolist() == best and told.page.tolist() == [5, 5]
    assert told.loc["student, 2 x 8", ["cost", "kept"]].tolist() == ["0.0008 MB", "98% [97%, 99%]"]
    assert told.command["trim, coverage 1"].startswith("smallbert build trim-1 ")


def test_a_point_that_keeps_just_the_floor_is_on_no_front(results):
    """A share and its floor of as many articles come from other sums, and may differ in the last bit."""
    found, _ = frontier.collect(results)
    own = found[(found.page == DISTIL) & (found.measure == NEIGHBOURS)]
    small = own.kept.where(own["name"] != "student, 2 x 8", 0.1 + 0.2)
    front = frontier.against(own.assign(kept=small, floor=0.3), "megabytes").set_index("name").front
    assert 0.1 + 0.2 > 0.3 and not front["student, 2 x 8"] and front["trim, coverage 1"]


def test_needs_ask_for_every_measure_by_its_lower_limit(results):
    found, _ = frontier.collect(results, codes=codes(), quantised=quantised())
    told = frontier_needs.table(found, 0.95).set_index("need")
    assert told.answer["The smallest index"] == "PCA, int8, 32 bytes"
    assert told.answer["The smallest download"] == "student, 2 x 8"
    assert told.answer["The fastest service on a CPU"] == "student, 2 x 8"
    assert told["least kept"]["The smallest download"] == pytest.approx(0.48 / 0.5)
    assert told["not measured by"]["The smallest download"] == "task scores kept"
    said = frontier_needs.sentence(found, 0.95)
    measured = "by neighbours kept, topic accuracy kept on page 5; not by task scores kept"
    assert f"The smallest download: student, 2 x 8, 0.0008 MB of weights ({measured})." in said
    time = "student, 2 x 8, 50% of the whole encoder's time for one text read alone (30% for many)"
    assert f"The fastest service on a CPU: {time} (by neighbours kept, topic accuracy kept on page 5)." in said
    assert said.endswith("Neighbours were sought among 150 and 300 articles: of more, the nearest are harder to keep.")
    strict = frontier_needs.table(found, 0.965).set_index("need")
    index = strict.loc["The smallest index"]
    assert index.answer == "keep the whole vector in fp32" and pd.isna(index.cost)
    assert strict.answer["The smallest download"] == "trim, coverage 1"
    kept = "97.0% [96.0%, 98.0%] of neighbour overlap@10"
    said = frontier_needs.sentence(found, 0.965)
    assert f"PCA, int8, 32 bytes may do: {kept} over 300 queries, too few to be sure of 96%." in said
    told_badly = "98.0% [96.0%, 100.0%] of topic accuracy over 150 articles, too few"
    smaller = f"; student, 2 x 8, 0.0008 MB of weights, may do too: {told_badly}"
    answer = "The smallest download: trim, coverage 1, 0.0036 MB of weights (by neighbours kept"
    assert answer in said and smaller in said
    assert f"PCA, int8, 32 bytes comes nearest, with {kept}." in frontier_needs.sentence(found, 0.98)


@pytest.mark.parametrize(("commonest", "told"), [(0.3, True), (0.5, False)])
def test_topics_that_the_reference_does_not_tell_are_no_measure(results, commonest, told):
    path = results.edition.figures / f"{DISTIL}__reductions.csv"
    figure(results.edition, DISTIL, "reductions", pd.read_csv(path).assign(commonest=commonest))
    probes = pd.DataFrame({"label": ["topic"], "commonest class": [0.3 if told else 0.8]})
    results.of(CORPUS).write_table("probes", probes)
    found, _ = frontier.collect(results)
    assert ("topic accuracy kept" in set(found.measure)) == told
    assert (searches.TOPIC in set(found.measure)) == told
    assert {NEIGHBOURS, searches.OVERLAP} <= set(found.measure)


def test_a_time_that_is_not_told_from_the_references_is_no_answer(results):
    found, _ = frontier.collect(results)
    slow = found.assign(**{"time high": found["time high"].where(found["time high"] == 1, 1.1)})
    assert frontier_needs.sure(slow, "time").empty and not frontier_needs.sure(found, "time").empty
    said = frontier_needs.sentence(slow)
    kept = "The fastest service on a CPU: keep the whole encoder in fp32; student, 2 x 8, 50% of the whole encoder's"
    assert kept in said and "110%] is not told to be shorter." in said


def test_other_references_answer_no_need(results):
    found, _ = frontier.collect(results)
    perfect = found.assign(low=found.low.where(found.measure != TEACHER, 1.0))
    assert not frontier_needs.sure(perfect, "megabytes").measures.str.contains(OTHERS).any()


def test_page_4s_arms_are_paired_by_seed(results):
    edition = results.edition
    rows = [
        (f"{mode}, E {width}, 2 layers", mode, width, 2, seed, 0.4, 1.0, loss + seed)
        for mode, width, loss in (("nothing shared", 32, 6.0), ("all shared", 32, 6.1))
        for seed in range(3)
    ]
    columns = ["arm", "sharing", "embedding", "layers", "seed", "megabytes", "operations", "loss"]
    cells = pd.DataFrame(rows, columns=columns)
    for name in ("sharing", "embedding_sweep", "depth_sweep"):
        figure(edition, "04_albert", name, cells)
    speed = pd.DataFrame([("all shared, E 32", "one text", 0.9, 0.8, 1.0)])
    figure(edition, "04_albert", "speed", speed.set_axis(["arm", "measure", "ratio", "low", "high"], axis=1))
    results.of(ALBERT).record(floor=6.9)
    found, missing = frontier.collect(results)
    assert "04_albert" not in missing
    row = one(found, "04_albert", "all shared, E 32, 2 layers", f"{OTHERS}nothing shared, E 32, 2 layers")
    # Seeds differ by whole nats, which pairing takes out: the interval closes on the ratio.
    assert (row["kept"], row["low"], row["high"]) == pytest.approx((np.exp(-0.1),) * 3)
    assert (row["time"], row["n"]) == (0.9, 3)
    assert row["floor"] == pytest.approx(np.exp(7 - 6.9))
    # Frequencies alone are worth more than any of them: there is no front, and the figure has a panel without one.
    assert not frontier.against(found, "megabytes").query("page == '04_albert'").front.any()


def test_one_layer_is_one_layer_and_its_point_keeps_its_name(results):
    rows = [
        (f"{mode}, E 32, 1 layers", mode, seed, 6.0) for mode in ("nothing shared", "all shared") for seed in (0, 1)
    ]
    cells = pd.DataFrame(rows, columns=["arm", "sharing", "seed", "loss"])
    cells = cells.assign(embedding=32, layers=1, megabytes=0.4, operations=1.0)
    for name in ("sharing", "embedding_sweep", "depth_sweep"):
        figure(results.edition, "04_albert", name, cells)
    speed = pd.DataFrame(columns=["arm", "measure", "ratio", "low", "high"])
    figure(results.edition, "04_albert", "speed", speed)
    results.of(ALBERT).record(floor=6.9)
    own = frontier.collect(results)[0].query("page == '04_albert'").set_index("name")
    assert own.index.tolist() == ["nothing shared, E 32, 1 layer", "all shared, E 32, 1 layer"]
    assert own.point.tolist() == ["nothing-shared-e-32-1-layers", "all-shared-e-32-1-layers"]
    assert set(own.measure) == {f"{OTHERS}nothing shared, E 32, 1 layer"}


def test_the_command_of_a_number_format_embeds_with_what_has_it(results):
    forms = [("whole", "bf16"), ("whole", "int8"), ("trimmed, coverage 0.99", "int8"), ("student, 1 x 8", "int8")]
    rows = [quantised().iloc[:1]] + [
        quantised().iloc[1:2].assign(encoder=name, form=f"{form} products") for name, form in forms
    ]
    found, _ = frontier.collect(results, quantised=pd.concat(rows, ignore_index=True))
    told = found[(found.page == "08_frontier") & (found.measure == NEIGHBOURS)].set_index("point").command
    embed = "smallbert embed CORPUS --encoder {} --precision {} --out {}"
    assert told["bf16-products"] == embed.format("ENCODER", "bf16", "FOLDER")
    assert told["int8-products"] == embed.format("ENCODER", "int8", "FOLDER")
    trimmed = "smallbert build trim-0.99 --edition mine --encoder ENCODER --corpus CORPUS --out FOLDER"
    assert told["trim-0.99+int8-products"] == f"{trimmed} && {embed.format('FOLDER', 'int8', 'VECTORS')}"
    assert told["student-1-x-8+int8-products"].endswith("--only 08")  # no command makes that student


def test_a_time_is_what_a_speed_is_the_inverse_of(results):
    rows = [("whole", "fp32", 1.0, 1.0, 1.0), ("whole", "int8 products", 2.0, 1.6, 2.5)]
    rows += [("whole", "bf16 products", 4.0, 3.2, 5.0)]
    rows += [("trimmed, coverage 0.99", "fp32", 1.25, 1.0, 2.0)]
    columns = ["encoder", "form", "speed", "speed low", "speed high"]
    timed = pd.DataFrame(rows, columns=columns).assign(measure=reading.ALONE)
    products = [quantised().iloc[1:2].assign(form=form) for form in ("int8 products", "bf16 products")]
    frame = pd.concat([quantised(), *products], ignore_index=True)
    found, _ = frontier.collect(results, quantised=frame, timed=timed)
    row = one(found, "08_frontier", "whole encoder, int8 products", NEIGHBOURS)
    assert (row["time"], row["time low"], row["time high"]) == pytest.approx((0.5, 0.4, 0.625))
    row = one(found, "08_frontier", "whole encoder, bf16 products", NEIGHBOURS)
    assert row["time"] == pytest.approx(0.25)
    assert "whole encoder, bf16 products" in set(frontier_needs.sure(found, "time", 0.9)["name"])
    # Few rounds on a busy machine: an interval of speeds that reaches far below 1 tells of no shorter time.
    unsure = timed.assign(**{"speed low": timed["speed low"].where(timed.form == "fp32", 0.02)})
    again, _ = frontier.collect(results, quantised=frame, timed=unsure)
    row = one(again, "08_frontier", "whole encoder, bf16 products", NEIGHBOURS)
    assert (row["time"], row["time high"]) == pytest.approx((0.25, 50))
    assert set(frontier_needs.sure(again, "time", 0.9)["name"]) == {"student, 2 x 8"}
    # Weights that are only stored in fewer bits run in the time of the full ones.
    row = one(found, "08_frontier", "trimmed, coverage 0.99, int8 weights", NEIGHBOURS)
    assert (row["time"], row["point"], row["method"]) == (0.8, "trim-0.99+int8", "stacked")
    assert one(found, "08_frontier", "whole encoder, int8 weights", NEIGHBOURS)["time"] == 1
