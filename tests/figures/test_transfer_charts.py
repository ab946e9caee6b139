"""The figures of page 6, part one: scores and limits where they belong, and alternative texts that tell the finding."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from smallbert.figures import transfer
from smallbert.figures.style import use_theme

SAMPLES = "Examples: 80 and 100 (topic)."


@pytest.fixture(autouse=True)
def closed():
    use_theme()
    yield
    plt.close("all")


def found():
    rows = [
        # task, model, mode, metric, score, low, high, floor, words, retained, low, high
        ("topic", "whole", "frozen", "accuracy", 0.8, 0.7, 0.9, 0.2, 0.6, 1.0, 1.0, 1.0),
        ("topic", "small", "frozen", "accuracy", 0.5, 0.4, 0.6, 0.2, 0.6, 0.5, 0.3, 0.7),
        ("topic", "whole", "fine-tuned", "accuracy", 0.9, 0.85, 0.95, 0.2, 0.6, 1.0, 1.0, 1.0),
        ("topic", "small", "fine-tuned", "accuracy", 0.3, 0.1, 0.5, 0.2, 0.6, 0.14, -30.0, 40.0),
        ("names", "whole", "frozen", "entity F1", 0.1, 0.0, 0.2, 0.0, 0.3, np.nan, np.nan, np.nan),
        ("names", "small", "frozen", "entity F1", 0.2, 0.1, 0.3, 0.0, 0.3, np.nan, np.nan, np.nan),
    ]
    columns = ["task", "model", "mode", "metric", "score", "low", "high", "floor", "words"]
    return pd.DataFrame(rows, columns=[*columns, "retained", "retained low", "retained high"])


def totals():
    rows = [
        ("frozen", "whole", 1.0, 1.0, 1.0),
        ("frozen", "small", 0.5, 0.3, 0.7),
        ("fine-tuned", "small", 0.14, -30.0, 40.0),
    ]
    return pd.DataFrame(rows, columns=["mode", "model", "retained", "retained low", "retained high"])


def test_every_score_is_drawn_with_its_interval_and_both_controls():
    chart = transfer.scores(found(), SAMPLES)
    topic, names = chart.figure.axes
    frozen, tuned = topic.containers
    assert frozen.lines[0].get_xydata() == pytest.approx(np.array([[0.8, 1.14], [0.5, 0.14]]))
    assert tuned.lines[0].get_xydata() == pytest.approx(np.array([[0.9, 0.86], [0.3, -0.14]]))
    assert frozen.lines[2][0].get_segments()[0][:, 0] == pytest.approx([0.7, 0.9])
    lines = {line.get_linestyle(): line.get_xdata()[0] for line in topic.lines if len(set(line.get_xdata())) == 1}
    assert (lines[":"], lines["--"]) == (0.2, 0.6)
    assert [label.get_text() for label in topic.get_yticklabels()] == ["small", "whole"]
    assert (topic.get_xlabel(), names.get_xlabel()) == ("accuracy", "entity F1")
    assert "topic: whole, fine-tuned (0.90; bag of words 0.60, constant answer 0.20)" in chart.alt
    assert "names: small, frozen (0.20; bag of words 0.30" in chart.alt
    assert f"is not in them. {SAMPLES} Cut off" in chart.caption


def test_intervals_that_leave_a_panel_are_counted_and_else_not_spoken_of():
    assert transfer.scores(found(), SAMPLES).caption.endswith("Cut off: 1 of 6 intervals goes on beyond the panel.")
    wide = found().assign(high=[0.9, 0.99, 0.95, np.nan, 0.2, 0.9])
    assert transfer.scores(wide, SAMPLES).caption.endswith("Cut off: 3 of 5 intervals go on beyond the panel.")
    narrow = found().assign(low=lambda frame: frame.score - 0.01, high=lambda frame: frame.score + 0.01)
    assert "Cut off" not in transfer.scores(narrow, SAMPLES).caption


def test_what_is_retained_is_written_and_what_is_not_known_is_a_dash():
    chart = transfer.retained(found(), totals(), "whole", SAMPLES)
    frozen, tuned = chart.figure.axes
    written = {(text.get_position()[0], text.get_text()) for text in frozen.texts}
    assert {(0, "50"), (0, "30 to 70"), (1, "50"), (1, "30 to 70")} == written
    assert chart.caption.endswith(SAMPLES)
    assert {text.get_text() for text in tuned.texts} == {"14"}  # limits that say nothing are left out
    assert [label.get_text() for label in tuned.get_xticklabels()] == ["topic", "all learnt"]
    assert "has not learnt them: names." in chart.caption
    assert "whole" not in set(chart.data.model)
    assert "frozen: small 50%; fine-tuned: small 14%." in chart.alt


def contrast(colour, ground):
    """Contrast ratio of WCAG 2.2."""
    rgb = np.array([to_rgb(one) for one in (colour, ground)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return (high + 0.05) / (low + 0.05)


def test_what_is_written_on_a_shade_stands_out_from_it():
    white = np.arange(1.0, -0.01, -0.01)
    many = pd.concat([found()[:2].assign(task=f"{share:.2f}", retained=share) for share in white])
    [axes] = transfer.retained(many, totals()[:2], "whole", SAMPLES).figure.axes
    image = axes.images[0]
    shades = image.cmap(image.norm(image.get_array().filled()))[0]
    for text in axes.texts:
        assert contrast(text.get_color(), shades[round(text.get_position()[0])]) > 3.5, text.get_text()


def test_a_task_learnt_in_one_mode_alone_has_a_dash_in_the_other():
    other = found()[:2].assign(task="names", **{"mode": "fine-tuned"})
    chart = transfer.retained(pd.concat([found()[:4], other]), totals(), "whole", SAMPLES)
    assert "–" in {text.get_text() for text in chart.figure.axes[0].texts}


def test_a_mode_in_which_nothing_was_learnt_has_no_panel():
    none = found()
    none.loc[none["mode"] == "fine-tuned", ["retained", "retained low", "retained high"]] = np.nan
    chart = transfer.retained(none, totals()[:2], "whole", SAMPLES)
    assert [axes.get_title(loc="left") for axes in chart.figure.axes] == ["frozen"]
    assert "No panel for fine-tuned" in chart.caption


def test_where_no_task_was_learnt_it_says_so():
    chart = transfer.retained(found()[4:], totals()[:0], "whole", SAMPLES)
    assert "has learnt no task" in chart.alt and not chart.figure.axes


def test_the_curves_of_the_threshold():
    tau = np.array([-1.0, 0.0, 1.0])
    curve = {"tau": tau, "development": [0.2, 0.6, 0.5], "test": [0.3, 0.4, 0.55], "chosen": 0.0, "silent": 0.5}
    curves = pd.concat([pd.DataFrame({"task": "q", "mode": "frozen", "seed": seed, **curve}) for seed in (0, 1)])
    chart = transfer.null_threshold(curves)
    [axes] = chart.figure.axes
    chosen = [line.get_xydata().tolist() for line in axes.lines if line.get_marker() == "D"]
    assert chosen == [[[0.0, 0.4]]] * 2
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["development", "test", "chosen on development", "never an answer"]
    assert "mean test F1 is 0.400; the best thresholds of the test itself would give 0.550, never" in chart.alt
    assert chart.alt.startswith("q, frozen: ")


def test_without_unanswerable_questions_the_chart_says_so():
    chart = transfer.null_threshold(pd.DataFrame(columns=["task", "mode", "seed", "tau"]))
    assert chart.alt == chart.figure.texts[0].get_text() == "No task here has questions without an answer."
    assert not chart.figure.axes


@pytest.mark.parametrize("name", [r"cost $\price$ of", r"a \$ b", "one $ sign", "$x^2$"])
def test_names_of_the_users_own_are_drawn_letter_by_letter(name):
    renamed = found().replace({"task": {"topic": name}, "model": {"small": name}})
    every = totals().replace({"model": {"small": name}})
    for chart in (transfer.scores(renamed, SAMPLES), transfer.retained(renamed, every, "whole", SAMPLES)):
        chart.figure.canvas.draw()
        texts = [text for text in chart.figure.findobj(Text) if " ".join(text.get_text().split()) == name]
        assert texts and not any(text.get_parse_math() for text in texts if text.get_visible())
