"""What to take: every measure of every page binds a point, and what is only told too badly is named."""

import numpy as np
import pandas as pd
import pytest

from smallbert.studies import frontier_needs
from smallbert.studies.frontier_points import COLUMNS, OTHERS

NEAR, TOPIC, TASKS = "neighbours kept", "topic accuracy kept", "task scores kept, frozen"


def points(*rows):
    """Encoders by hand: point, name, page, measure, megabytes, kept and half of its interval."""
    columns = ["point", "name", "page", "measure", "megabytes", "kept", "half"]
    frame = pd.DataFrame(rows, columns=columns).reindex(columns=dict.fromkeys([*columns, *COLUMNS]))
    frame = frame.assign(low=frame.kept - frame.half, high=frame.kept + frame.half, kind="encoder", detail=False)
    return frame.assign(n=200, over="articles", command="build")


TRIMMED = [
    ("trim-0.99", "trim, coverage 0.99", "05_distillation", NEAR, 15.5, 0.91, 0.01),
    ("trim-0.99", "vocabulary trimmed", "06_transfer", TASKS, 15.4, 1.0, 0.01),
]
HALF = [("fp16", "whole encoder, fp16", "08_frontier", one, 9.0, 1.0, 0.01) for one in (NEAR, TOPIC)]
INT8 = [
    ("int8", "whole encoder, int8 weights", "08_frontier", NEAR, 4.6, 0.99, 0.01),
    ("int8", "whole encoder, int8 weights", "08_frontier", TOPIC, 4.6, 1.02, 0.08),
]


def test_what_one_page_measured_binds_a_point_on_every_page():
    found = frontier_needs.sure(points(*TRIMMED, *HALF), "megabytes", 0.95)
    assert found.point.tolist() == ["fp16"]  # trimmed keeps all task scores, and 91% of the neighbours
    assert found.loc[0, ["measures", "lacks", "pages"]].tolist() == [f"{NEAR}, {TOPIC}", "task scores kept", [8]]
    loose = frontier_needs.sure(points(*TRIMMED, *HALF), "megabytes", 0.9)
    row = loose.set_index("point").loc["trim-0.99"]
    # Named, and its cost taken, as the last page tells it.
    assert row[["name", "megabytes", "measures"]].tolist() == ["vocabulary trimmed", 15.4, f"{NEAR}, {TASKS}"]
    assert row.pages == [5, 6] and row.lacks == TOPIC


def test_what_is_smaller_and_only_told_too_badly_is_named():
    said = frontier_needs.sentence(points(*INT8, *HALF), 0.95)
    told = "102.0% [94.0%, 110.0%] of topic accuracy over 200 articles, too few to be sure of 95%"
    assert said.endswith(
        f"The smallest download: whole encoder, fp16, 9 MB of weights (by {NEAR}, {TOPIC} on page 8); whole encoder, "
        f"int8 weights, 4.6 MB of weights, may do too: {told}."
    )
    told_well = [*INT8[:1], (*INT8[1][:-1], 0.01)]
    assert "int8 weights, 4.6 MB of weights (by" in frontier_needs.sentence(points(*told_well, *HALF), 0.95)
    worse = [*INT8[:1], (*INT8[1][:-2], 0.94, 0.05)]
    assert "may do too" not in frontier_needs.sentence(points(*worse, *HALF), 0.95)


def test_of_equal_sizes_the_one_nearer_to_sure_is_named():
    products = [("int8-products", "whole encoder, int8 products", "08_frontier", TOPIC, 4.6, 1.0, 0.07)]
    assert "int8 weights, 4.6 MB of weights, may" in frontier_needs.sentence(points(*products, *INT8, *HALF), 0.95)


@pytest.mark.parametrize(
    ("kept", "form", "why"),
    [
        (1.0, ", 4.6 MB of weights, may do: ", " over 200 articles, too few to be sure of 95%."),
        (0.94, " (4.6 MB of weights) comes nearest, with ", "."),
    ],
)
def test_where_nothing_is_sure_the_whole_is_kept(kept, form, why):
    only = [("int8", "whole encoder, int8 weights", "08_frontier", TOPIC, 4.6, kept, 0.08)]
    table = frontier_needs.table(points(*only), 0.95).set_index("need").loc["The smallest download"]
    assert table.answer == "keep the whole encoder in fp32" and np.isnan(table.cost)
    interval = f"{kept:.1%} [{kept - 0.08:.1%}, {kept + 0.08:.1%}] of topic accuracy"
    assert frontier_needs.sentence(points(*only), 0.95).endswith(f"{table.answer}; {table.why}.")
    assert f"{table.why}." == f"whole encoder, int8 weights{form}{interval}{why}"


def timed(*rows):
    """Encoders by hand: point, kept of its topics with half of its interval, and its time with limits."""
    frame = points(*[(one, one.upper(), "08_frontier", TOPIC, 9.0, kept, half) for one, kept, half, *_ in rows])
    times = [dict(zip(("time", "time low", "time high"), row[3:], strict=True)) for row in rows]
    return frame.drop(columns=["time", "time low", "time high"]).join(pd.DataFrame(times)).astype({"time many": float})


ALONE = "of fp32's time for one text read alone"
TOLD, WIDE = (0.6, 0.5, 0.7), (0.5, 0.4, 1.6)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        # Enough by its mean and the faster: named before what is nearer to sure, with all that is not sure of it.
        ([("slow", 1.0, 0.06, *TOLD), ("fast", 1.0, 0.07, *WIDE), ("poor", 0.9, 0.01, 0.3, 0.2, 0.4)],
         f"FAST, 50% {ALONE}, may do: its time [40%, 160%] is not told to be shorter; 100.0% [93.0%, 107.0%] of topic "
         "accuracy over 200 articles, too few to be sure of 95%"),
        ([("wide", 1.0, 0.01, *WIDE)], f"WIDE, 50% {ALONE}, may do: its time [40%, 160%] is not told to be shorter"),
        ([("open", 1.0, 0.01, 0.5, 0.4, np.inf)],
         f"OPEN, 50% {ALONE}, may do: its time [40%, no upper limit] is not told to be shorter"),
        ([("once", 1.0, 0.01, 0.5, np.nan, np.nan)], f"ONCE, 50% {ALONE}, may do: its time is not told to be shorter"),
        ([("few", 1.0, 0.06, *TOLD)],
         f"FEW, 60% {ALONE}, may do: 100.0% [94.0%, 106.0%] of topic accuracy over 200 articles, too few to be sure of "
         "95%"),
        # None is enough by its mean: of the nearest in quality the faster.
        ([("stored", 0.909, 0.01, 0.9, 0.8, 0.95), ("products", 0.909, 0.02, 0.45, 0.3, 0.9),
          ("rest", 0.8, 0.01, 0.2, 0.1, 0.3)],
         f"PRODUCTS (45% {ALONE}) comes nearest, with 90.9% [88.9%, 92.9%] of topic accuracy"),
        ([("slower", 1.0, 0.01, 1.2, 1.1, 1.3)], "nothing was measured that is told to need less"),
        ([("wide", 0.9, 0.01, *WIDE)], "nothing was measured that is told to need less"),
    ],
)  # fmt: skip
def test_where_no_time_is_sure_the_fastest_that_may_do_is_named(rows, why):
    table = frontier_needs.table(timed(*rows), 0.95).set_index("need").loc["The fastest service on a CPU"]
    assert table.answer == "keep the whole encoder in fp32"
    assert table.why == why


def test_every_answer_says_why_and_names_a_page_by_its_number():
    table = frontier_needs.table(points(*INT8, *HALF, *TRIMMED), 0.95).set_index("need")
    download = table.loc["The smallest download"]
    assert download.page == "8" and download.why.startswith("whole encoder, int8 weights, 4.6 MB of weights, may do")
    alone = frontier_needs.table(points(*HALF), 0.95).set_index("need").loc["The smallest download"]
    assert alone.why == frontier_needs.CHEAPEST and pd.isna(alone["not measured by"])
    assert alone.cost == "9 MB of weights"


def test_what_is_faster_by_its_mean_and_not_for_sure_stands_beside_the_answer():
    rows = [("sure", 1.0, 0.01, *TOLD), ("wide", 1.0, 0.01, *WIDE)]
    table = frontier_needs.table(timed(*rows), 0.95).set_index("need").loc["The fastest service on a CPU"]
    assert table.answer == "SURE"
    assert table.why == f"WIDE, 50% {ALONE}, may do too: its time [40%, 160%] is not told to be shorter"


def test_other_references_bind_nothing_and_the_whole_is_no_answer():
    other = [("fp16", "whole encoder, fp16", "05_distillation", f"{OTHERS}the teacher", 9.0, 0.5, 0.01)]
    whole = [("whole", "whole encoder", "08_frontier", NEAR, 1.0, 1.0, 0.0)]
    found = frontier_needs.sure(points(*other, *whole, *HALF), "megabytes", 0.95)
    assert found.point.tolist() == ["fp16"] and found.measures[0] == f"{NEAR}, {TOPIC}"
