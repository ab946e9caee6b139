"""Page 8 of every published edition says what its other pages found, to the digit, and its links lead somewhere."""

import re

import numpy as np
import pandas as pd
import pytest

from smallbert import paths
from smallbert.results import Results
from smallbert.studies import claims, frontier, frontier_needs, weights
from smallbert.studies.frontier_points import COLUMNS, FRONTIER, NEIGHBOURS, TRANSFER, is_page_command

EDITIONS = sorted(
    path.parent.name for path in (paths.data() / "results").glob("*/run.json") if path.parent.name != "smoke"
)
pytestmark = pytest.mark.parametrize("name", EDITIONS)


def page(name):
    return Results(paths.Edition(name, paths.root()), FRONTIER)


def figure(results, name):
    return pd.read_csv(results.edition.figures / f"{FRONTIER}__{name}.csv", keep_default_na=False, na_values=[""])


def test_points_of_other_pages_are_what_those_pages_wrote(name):
    results = page(name)
    shown = results.table("points")
    assert shown.columns.tolist() == COLUMNS
    again, missing = frontier.collect(results)
    assert all(one.startswith(FRONTIER) for one in missing)
    published = shown[shown.page != FRONTIER].reset_index(drop=True)
    again = again.assign(command=again.command.replace("", np.nan))
    newer = published.command.map(is_page_command, na_action="ignore").eq(True)  # the library may build more today
    assert again.command[newer].str.startswith(("smallbert build", "this edition's own command")).all()
    again = again.assign(command=again.command.mask(newer, published.command))
    told = published.floor.isna() & (published.page == TRANSFER)  # and know a floor that it did not
    again = again.assign(floor=again.floor.mask(told, published.floor))
    pd.testing.assert_frame_equal(published, again[COLUMNS], check_dtype=False, rtol=1e-12)
    assert set(published.page) >= {"02_autoencoder_depth", "04_albert", "05_distillation", "06_transfer"}


def test_points_of_the_index_are_the_codes_of_the_figures(name):
    results = page(name)
    shown = results.table("points")
    shown = shown[(shown.page == FRONTIER) & (shown.kind == "index")].set_index(["method", "bytes", "measure"])
    found = pd.concat([figure(results, one) for one in ("codes_maps", "codes_formats")])
    found = found.drop_duplicates(["method", "bytes", "measure"])
    whole = found[found.group == "whole"].set_index("measure")["mean"]
    assert len(found) == len(shown) > 50
    for row in found.to_dict("records"):
        point = shown.loc[(row["method"], row["bytes"], row["measure"])]
        assert point.n == row["queries"]
        if not np.isnan(point.kept):  # of a whole vector that is worth hardly anything no share is told
            assert point.kept == pytest.approx(row["mean"] / whole[row["measure"]], rel=1e-12)
            assert point.low <= point.kept + 1e-12 and point.kept <= point.high + 1e-12


def test_points_of_weights_are_those_of_their_table(name):
    results = page(name)
    shown = results.table("points")
    shown = shown[(shown.page == FRONTIER) & (shown.kind == "encoder")]
    table = figure(results, "weights")
    kept = shown[shown.measure == NEIGHBOURS]
    assert kept.kept.tolist() == table[weights.KEPT].tolist()
    assert kept.megabytes.tolist() == pytest.approx((table[weights.EMBEDDING] / 1e6).tolist())
    topics = shown[shown.measure == weights.TOPIC_KEPT]
    share = (table["topic accuracy"] / table["topic accuracy"].iloc[0])[table[weights.TOPIC_KEPT].notna()]
    assert topics.kept.tolist() == pytest.approx(share.tolist())


def test_one_encoder_has_one_size_on_every_page(name):
    points = page(name).table("points")
    whole = points[(points["name"] == "whole encoder") & points.megabytes.notna()]
    assert {"05_distillation", "06_transfer", FRONTIER} <= set(whole.page)
    assert whole.megabytes.tolist() == pytest.approx([whole.megabytes.iloc[0]] * len(whole))


def test_every_answer_is_a_point_and_no_better_one_was_left(name):
    results = page(name)
    points, needs = results.table("points"), results.table("needs")
    assert needs.need.tolist() == list(frontier_needs.NEEDS)
    for row in needs.dropna(subset="command").to_dict("records"):
        cost = frontier_needs.NEEDS[row["need"]]
        own = points[
            (points["name"] == row["answer"])
            & points.page.str.startswith(f"{int(row['page']):02}_")
            & points[cost].notna()
        ]
        assert not own.empty and set(own.command) == {row["command"]}
        assert frontier_needs.sure(points, cost)["name"].iloc[0] == row["answer"]


def test_the_audit_is_that_of_the_results_and_its_links_lead_to_figures(name):
    results = page(name)
    audited, shown = claims.audit(results), results.table("claims")
    assert shown.claim.tolist() == [claim.claim for claim in claims.load()]
    assert shown.verdict.tolist() == audited.verdict.tolist()
    assert shown.basis.fillna("").tolist() == audited.basis.tolist()
    html = (results.edition.report / f"{FRONTIER}.html").read_text(encoding="utf-8")
    links = set(re.findall(r'href="(\d\d_\w+\.html)#([^"]+)"', html))
    assert {f"{target}#{anchor}" for target, anchor in links} >= set(audited.link[audited.link.str.contains("#")])
    for target, anchor in links:
        assert f'id="{anchor}"' in (results.edition.report / target).read_text(encoding="utf-8"), (target, anchor)
