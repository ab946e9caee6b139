"""The claims audit: verdicts follow from tables, and from nothing else."""

import pandas as pd
import pytest

from smallbert import paths
from smallbert.errors import DataError
from smallbert.paths import Edition
from smallbert.results import Results
from smallbert.storage import write_text
from smallbert.studies import claims
from smallbert.studies.claims_checks import FAILS, HOLDS, OPEN, UNMEASURED, judge


@pytest.fixture
def results(tmp_path):
    return Results(Edition("mine", tmp_path), "08_frontier")


def verdicts(results):
    found = claims.audit(results)
    return dict(zip([claim.id for claim in claims.load()], found.verdict, strict=True))


def test_an_edition_without_pages_has_measured_nothing(results):
    found = claims.audit(results)
    assert set(found.verdict) == {UNMEASURED} and (found.link == "").all()
    assert claims.sentence(found).endswith(f"not measured in this edition {len(found)}.")


def test_every_check_has_its_claim():
    known = {claim.id for claim in claims.load()}
    assert set(claims.CHECKS) <= known and known - set(claims.CHECKS) == {"venue"}


def test_one_sure_exception_refutes_and_doubt_decides_nothing():
    words = {"support": {"lower"}, "against": {"higher", "equivalent"}}
    assert judge(["lower", "lower"], **words) == HOLDS
    assert judge(["lower", "no difference shown"], **words) == OPEN
    assert judge(["lower", "no difference shown", "equivalent"], **words) == FAILS
    assert judge([], **words) == OPEN


@pytest.mark.parametrize(
    ("attention", "forward", "expected"),
    [
        ("equivalent", "higher", HOLDS),
        ("higher", "higher", FAILS),
        ("equivalent", "equivalent", FAILS),
        ("no difference shown", "higher", OPEN),
    ],
)
def test_what_sharing_costs(results, attention, forward, expected):
    rows = [("attention shared", attention), ("feed-forward shared", forward), ("all shared", "higher")]
    frame = pd.DataFrame(rows, columns=["sharing", "verdict"])
    frame = frame.assign(embedding=64, difference=0.1, low=0.0, high=0.2)
    results.of("04_albert").write_table("contrasts", frame)
    assert verdicts(results)["what-sharing-costs"] == expected
    row = claims.audit(results).set_index("verdict").loc[expected]
    assert row.link == "04_albert.html#sharing" and "attention shared, E 64: +0.100 [+0.000, +0.200]" in row.evidence


@pytest.mark.parametrize(("ratio", "expected"), [(0.5, HOLDS), (0.97, FAILS), (1 / 1.7, OPEN)])
def test_the_speed_of_factorising(results, ratio, expected):
    rows = [("nothing shared, E 64", 1.0), ("nothing shared, E 16", ratio)]
    frame = pd.DataFrame(rows, columns=["arm", "ratio"]).assign(sharing="nothing shared", measure="training")
    frame = frame.assign(low=frame.ratio - 0.03, high=frame.ratio + 0.03)
    write_text(results.edition.figures / "04_albert__speed.csv", frame.to_csv(index=False))
    assert verdicts(results)["factorised-speed"] == expected


def ranks(ours, low):
    row = {"protocol": "fair", "k": 32, "ours": ours, "published": "3 > 2 > 5 > 4", "seeds_tau": 0.5, "low": low}
    return pd.DataFrame([row | {"high": 1.0, "published_tau": 0.0, "p": 1.0}])


@pytest.mark.parametrize(
    ("ours", "low", "expected"),
    [("3 > 2 > 5 > 4", 0.2, HOLDS), ("5 > 4 > 3 > 2", 0.2, FAILS), ("5 > 4 > 3 > 2", -0.2, OPEN)],
)
def test_the_order_of_depths(results, ours, low, expected):
    results.of("02_autoencoder_depth").write_table("ranks", ranks(ours, low))
    assert verdicts(results)["depth-order"] == expected


def test_a_graph_has_to_help_with_every_kind_of_question(results):
    rows = [("tool", "appended", "higher"), ("tool", "tree", "equivalent"), ("birthplace", "appended", "higher")]
    frame = pd.DataFrame(rows, columns=["kind", "arm", "verdict"])
    frame = frame.assign(given="right", against="wrong", difference=0.5, low=0.4, high=0.6)
    page = results.of("07_knowledge")
    page.write_table("contrasts", frame)
    assert verdicts(results)["knowledge-graph"] == HOLDS
    page.write_table("contrasts", frame.assign(verdict=["higher", "equivalent", "no difference shown"]))
    assert verdicts(results)["knowledge-graph"] == OPEN
    page.write_table("contrasts", frame.assign(verdict="equivalent"))
    assert verdicts(results)["knowledge-graph"] == FAILS


def test_links_lead_to_figures_that_the_published_edition_has():
    results = Results(Edition("default", paths.root()), "08_frontier")
    found = claims.audit(results)
    for link in found.link[found.link.str.contains("#")]:
        page, name = link.split(".html#")
        assert (results.edition.figures / f"{page}__{name}.csv").exists(), link
    assert "](04_albert.html#speed) **" in claims.linked(found)


def test_a_claim_without_a_field_is_named(tmp_path):
    path = tmp_path / "claims.toml"
    path.write_text('[[claim]]\nid = "a"\n')
    with pytest.raises(DataError, match="claim 1: expected the fields"):
        claims.load(path)
    with pytest.raises(DataError, match="Expected claims"):
        claims.load(tmp_path / "none.toml")


def test_a_figure_that_could_not_be_drawn_measures_nothing(results):
    path = results.edition.figures / "05_distillation__removed.csv"
    write_text(path, "absent\nThis teacher predicts no words.\n")
    assert verdicts(results)["only-soft-targets"] == UNMEASURED
