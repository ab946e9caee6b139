"""A page numbers its figures and tables, keeps them as files, and lets no text of a corpus become markup."""

import base64
import re
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smallbert.errors import UsageError
from smallbert.figures.page import Chart, Page
from smallbert.figures.tables import html_table
from smallbert.paths import Edition

HOSTILE = '<script>alert("x")</script>'


def chart(name: str = "line", alt: str = "A line that rises.", caption: str = "Read it so.") -> Chart:
    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1])
    return Chart(name, figure, pd.DataFrame({"x": [0, 1], "y": [0, 1]}), alt, caption)


@pytest.fixture
def page(tmp_path) -> Page:
    return Page(Edition("tiny", tmp_path), "02_tiny")


def test_figures_are_numbered_in_order_and_keep_their_number(page):
    assert "<b>Figure 2.1.</b>" in page.figure(chart("first")).data
    assert "<b>Figure 2.2.</b>" in page.figure(chart("second")).data
    assert "<b>Figure 2.1.</b>" in page.figure(chart("first")).data
    assert "Table 2.1. " in page.table("table", pd.DataFrame({"a": [1]}), "Caption.").data


def test_every_figure_is_written_three_times(page):
    page.figure(chart())
    written = {path.name: path for path in page.edition.figures.iterdir()}
    assert sorted(written) == ["02_tiny__line.csv", "02_tiny__line.png", "02_tiny__line.svg"]
    assert "A line that rises." in written["02_tiny__line.svg"].read_text()
    assert written["02_tiny__line.png"].read_bytes().startswith(b"\x89PNG")
    assert pd.read_csv(written["02_tiny__line.csv"]).y.tolist() == [0, 1]
    assert plt.get_fignums() == []


def test_the_same_data_give_the_same_bytes(page):
    def written() -> dict[str, bytes]:
        page.figure(chart())
        return {path.name: path.read_bytes() for path in page.edition.figures.iterdir()}

    assert written() == written()


def test_the_page_shows_the_drawing_that_was_written(page):
    shown = page.figure(chart()).data
    source = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', shown)[1]
    assert base64.b64decode(source) == (page.edition.figures / "02_tiny__line.svg").read_bytes()


def test_labels_have_the_room_that_the_vector_file_needs(page, tmp_path):
    def drawing():
        figure, axes = plt.subplots(figsize=(4, 2))
        axes.barh([f"student distilled, width {width}, of a long name" for width in (20, 48)], [1, 2])
        return figure, axes

    alone, wanted = drawing()
    alone.savefig(tmp_path / "alone.svg")
    figure, axes = drawing()
    page.figure(Chart("bars", figure, pd.DataFrame({"x": [1]}), "Two bars.", "Bars."))
    assert axes.get_position().bounds == wanted.get_position().bounds
    picture, coarse = drawing()
    picture.draw_without_rendering()
    assert coarse.get_position().x0 != axes.get_position().x0  # hinted letters have other widths
    plt.close("all")


def test_a_figure_without_alt_text_is_refused(page):
    with pytest.raises(UsageError, match="line has no alt text"):
        page.figure(chart(alt=" "))


def tags_of(text: str) -> list[str]:
    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            found.append(tag)

    found: list[str] = []
    Tags().feed(text)
    return found


def test_hostile_text_stays_text(page):
    for shown in (
        page.figure(chart(alt=HOSTILE, caption=HOSTILE)).data,
        page.table("t", pd.DataFrame({HOSTILE: [HOSTILE, "b"], "n": [1, 2]}), HOSTILE).data,
    ):
        tags = tags_of(shown)
        assert "caption" in tags or "figcaption" in tags
        assert "script" not in tags


def test_tables_have_a_caption_scopes_and_readable_numbers():
    frame = pd.DataFrame(
        {"method": ["PCA", "none"], "test FVU": [0.123456, float("nan")], "rows": [1234567, 2], "real": [True, False]}
    )
    text = html_table(frame, "What it is.", {"test_FVU": ".3f"})
    assert "<caption>What it is.</caption>" in text
    assert text.count('<th scope="col">') == 4
    assert text.count('<th scope="row">') == 2
    assert '<td class="number">0.123</td>' in text
    assert '<td class="number">–</td>' in text
    assert '<td class="number">1,234,567</td>' in text
    assert "<td>yes</td>" in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(14373.4, "14,373"), (999.96, "1000"), (3.0, "3"), (-2500.5, "-2,500"), (0.000123456, "0.0001235")],
)
def test_large_numbers_are_written_out(value, shown):
    text = html_table(pd.DataFrame({"of": ["a"], "value": [value]}), "Numbers.")
    assert f">{shown}<" in text


@pytest.mark.parametrize(
    ("p", "shown"),
    [(0.0501, "0.0501"), (0.04996, "0.04996"), (0.05, "0.0500"), (0.0004, "&lt;0.001"), (1.0, "1.00"), (np.nan, "–")],
)
def test_p_values_stay_on_their_side_of_what_is_told(p, shown):
    text = html_table(pd.DataFrame({"of": ["a"], "p_holm": [p]}), "Comparisons.", {"p_holm": ".3f"})
    assert f">{shown}<" in text and ">p, Holm<" in text


def test_a_table_cannot_overwrite_the_data_of_a_figure(page):
    page.figure(chart("quality"))
    with pytest.raises(UsageError, match="both called quality"):
        page.table("quality", pd.DataFrame({"a": [1]}), "Caption.")


def test_tables_are_results_too(page):
    page.table("floor", pd.DataFrame({"k": [1, 2], "fvu": [0.5, 0.25]}), "Floor.")
    assert page.results.table("floor").fvu.tolist() == [0.5, 0.25]


def test_the_answer_and_the_stamp(page):
    page.answer("It is so.")
    assert page.results.values()["answer"] == "It is so."
    stamp = page.stamp().data
    assert "torch" in stamp
    assert "processor" in stamp


def test_points_stand_one_under_the_other_and_start_with_a_capital(page):
    shown = page.points("all shared: 4%.", "", "E 16: 0.2 nats.")
    assert shown.data.splitlines() == ["- All shared: 4%.", "- E 16: 0.2 nats."]
