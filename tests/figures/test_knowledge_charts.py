"""The charts of page 7 draw what their tables hold, and say what is in them."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smallbert.figures import knowledge


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def asked(seeds=3):
    rows = [
        ("tool", "closed book", "of training", "nothing", 0, 1.0),
        ("tool", "closed book", "held out", "nothing", 0, 0.5),
        ("tool", "with text", "held out", "text", 0, 0.9),
        ("tool", "triples appended", "held out", "right", 0, 0.95),
        ("tool", "triples appended", "held out", "right", 3, 0.6),
        ("tool", "entities embedded", "held out", "right", 0, 0.8),
        ("birthplace", "closed book", "held out", "nothing", 0, 0.25),
        ("birthplace", "triples appended", "held out", "right", 0, 0.7),
        ("birthplace", "triples appended", "held out", "right", 3, 0.3),
    ]
    found = pd.DataFrame(rows, columns=["kind", "arm", "entities", "given", "others", "mean"])
    found = found.assign(low=found["mean"] - 0.1, high=found["mean"] + 0.05, seeds=seeds, questions=32 * seeds)
    return found.assign(chance=found.kind.map({"tool": 0.5, "birthplace": 0.25}))


def test_answers_stand_in_their_rows_beside_chance():
    chart = knowledge.answers(asked())
    tool, birthplace = chart.figure.axes
    assert [label.get_text() for label in tool.get_yticklabels()] == [
        "entities embedded: right",
        "triples appended: right",
        "with text",
        "closed book",
    ]
    points = {tuple(np.round(c.lines[0].get_xydata()[0], 2)) for c in tool.containers if len(c.lines[0].get_xydata())}
    assert (1.0, 3.14) in points and (0.5, 2.86) in points
    for axes, chance in ((tool, 0.5), (birthplace, 0.25)):
        assert any(np.allclose(line.get_xdata(), chance) and line.get_linestyle() == ":" for line in axes.lines)
    assert "which tool? triples appended: right (0.95, chance 0.50)" in chart.alt
    assert "born where? triples appended: right (0.70, chance 0.25)" in chart.alt
    assert chart.caption.endswith(
        "Student's t over 3 seeds and Wilson's over the 96 different subjects of their questions."
    )
    assert len(chart.data) == len(asked())
    assert knowledge.answers(asked(seeds=1)).caption.endswith(
        "Wilson's over 32 different subjects of questions; one seed."
    )


def test_distractors_are_drawn_for_arms_that_have_them():
    chart = knowledge.distractors(asked())
    for axes, values in zip(chart.figure.axes, ([0.95, 0.6], [0.7, 0.3]), strict=True):
        [container] = axes.containers
        assert container.lines[0].get_xydata().round(2).tolist() == [[1, values[0]], [4, values[1]]]
    assert "which tool? triples appended 0.95 to 0.60" in chart.alt and "with one triple and with 4" in chart.alt
    assert set(chart.data.arm) == {"triples appended"}


def test_arms_without_distractors_have_no_such_chart():
    found = asked()
    chart = knowledge.distractors(found[found.others == 0])
    assert chart.name == "distractors" and chart.alt.startswith("No arm was given other triples")


def ranks():
    rows = [
        (form, part, relation, 40 if relation == "all" else 15, mrr, mrr - 0.1, mrr + 0.1)
        for form, mrr in (("TransE", 0.5), ("ComplEx", 0.6))
        for part in ("given", "held out")
        for relation in ("all", "born in")
    ]
    return pd.DataFrame(rows, columns=["form", "part", "relation", "triples", "mrr", "low", "high"])


def test_ranks_stand_by_relation_beside_what_papers_report():
    reported = pd.DataFrame({"form": ["TransE"], "mrr": [0.23]})
    chart = knowledge.ranking(ranks(), reported)
    transe, complex_ = chart.figure.axes
    assert [label.get_text() for label in transe.get_yticklabels()] == ["born in", "all"]
    assert [line.get_xydata().tolist() for line in transe.lines if line.get_marker() == "D"] == [[[0.23, 1]]]
    assert all(len(line.get_xydata()) == 0 for line in complex_.lines if line.get_marker() == "D")
    assert "n = 40 triples over all relations" in chart.caption
    assert "TransE 0.50 and 0.50" in chart.alt and "Open diamonds" in chart.caption
    assert set(chart.data.part) == {"given", "held out", "reported"}
    plain = knowledge.ranking(ranks(), reported[:0])
    assert "Open diamonds" not in plain.caption and len(plain.data) == len(ranks())


def test_a_colour_means_one_thing_on_the_page():
    def colours(chart):
        return {one.get_label(): one.lines[0].get_color() for one in chart.figure.axes[0].containers}

    asked_of, ranked = colours(knowledge.answers(asked())), colours(knowledge.ranking(ranks(), ranks()[:0]))
    assert asked_of["held out"] == ranked["held out"] and asked_of["of training"] == ranked["given"]
    assert not set(colours(knowledge.distractors(asked())).values()) & {*asked_of.values(), *ranked.values()}


def test_words_are_drawn_by_relation():
    rows = [
        ("born in", "names", 0.5, 40),
        ("based in", "names", 0.9, 120),
        ("based in", "names and glosses", 0.95, 120),
    ]
    found = pd.DataFrame(rows, columns=["relation", "words", "accuracy", "n"])
    chart = knowledge.by_text(found.assign(low=found.accuracy - 0.1, high=found.accuracy + 0.1))
    [axes] = chart.figure.axes
    names, glosses = (container.lines[0].get_xydata().round(2).tolist() for container in axes.containers)
    assert names == [[0.5, 1.12], [0.9, 0.12]] and glosses == [[0.95, -0.12]]
    assert chart.alt == "Best told from names and glosses: based in (0.95); worst, from names: born in (0.50)."
    assert chart.caption.endswith("95% Wilson interval over 40 to 120 triples asked of a relation.")
    empty = knowledge.by_text(found[:0].assign(low=0.0, high=0.0))
    assert empty.alt == "No relation has triples enough." and not empty.figure.axes[0].containers
