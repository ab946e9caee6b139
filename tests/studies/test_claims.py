"""The claims audit: verdicts follow from tables, or say that a source decides them."""

import pandas as pd
import pytest

from smallbert import paths
from smallbert.errors import DataError
from smallbert.paths import Edition
from smallbert.results import Results
from smallbert.storage import write_text
from smallbert.studies import claims, twins_facts
from smallbert.studies.claims_checks import FAILS, HOLDS, OPEN, UNMEASURED, judge
from smallbert.studies.law_sentences import BENT, law_sentence


@pytest.fixture
def results(tmp_path):
    return Results(Edition("mine", tmp_path), "08_frontier")


def verdicts(results):
    found = claims.audit(results)
    return dict(zip([claim.id for claim in claims.load()], found.verdict, strict=True))


def test_an_edition_without_pages_has_measured_nothing(results):
    found = claims.audit(results)
    told = verdicts(results)
    decided = {name for name, verdict in told.items() if verdict != UNMEASURED}
    assert decided == {"venue", "two-steps", "only-soft-targets", "shrunk-teacher"} and (found.link == "").all()
    assert claims.sentence(found) == (
        f"Of {len(found)} claims of the original write-ups: 4 do not hold (4 of these by a source, not by a "
        f"measurement), {len(found) - 4} were not measured in this edition."
    )
    assert claims.caption(found).endswith(
        "Verdicts follow from this edition's results, except 4 that follow from a source or a definition in it."
    )
    measured = found[found.verdict == UNMEASURED]
    assert claims.sentence(measured).endswith(f": {len(measured)} were not measured in this edition.")
    assert claims.sentence(measured[:1]).endswith(": 1 was not measured in this edition.")
    one = measured.assign(verdict="holds")[:1]
    assert claims.sentence(one).endswith(": 1 holds.") and "2 hold." in claims.sentence(pd.concat([one, one]))
    assert claims.caption(measured).endswith("Verdicts follow from this edition's results.")
    assert (measured.basis == "").all()


def test_what_a_source_decides_is_told_apart_from_measurements(results):
    found = claims.audit(results).query("verdict == @FAILS")
    assert (found.basis == "source").all() and len(found) == 4
    [row] = found[found.claim.str.contains("NeurIPS")].to_dict("records")
    assert row["evidence"] == f"Not a measurement but its source: {row['its source']}" and "EMC2" in row["its source"]


def test_the_basis_and_not_the_words_of_the_evidence_is_counted(results):
    results.of("06_transfer").write_table("twin_slips", twins_facts.slips())
    results.of("02_autoencoder_depth").write_table("ranks", ranks(0, 6))
    found = claims.audit(results)
    assert found.groupby(["verdict", "basis"]).size().to_dict() == {
        (FAILS, "measurement"): 1, (FAILS, "source"): 5, (UNMEASURED, ""): len(found) - 6
    }  # fmt: skip
    assert "6 do not hold (5 of these by a source" in claims.sentence(found.assign(evidence=""))


def test_every_check_has_its_claim():
    known = {claim.id for claim in claims.load()}
    assert set(claims.CHECKS) | claims.BY_SOURCE == known
    assert all(claim.source for claim in claims.load() if claim.id in claims.BY_SOURCE)


@pytest.mark.parametrize(
    ("cosine", "words", "start", "said"),
    [
        ("higher", "equivalent", "equivalent", "Of 2 losses other than soft targets 1 is shown to help."),
        ("higher", "higher", "equivalent", "Of 2 losses other than soft targets 2 are shown to help."),
        ("equivalent", "lower", "higher", "Of 2 losses other than soft targets none is shown to help."),
    ],
)
def test_the_papers_three_losses_decide_and_an_edition_adds_which_helped(results, cosine, words, start, said):
    verdict = ["higher", cosine, words, start]
    labels = ["without soft targets", "without cosine", "without masked words", "fresh start"]
    frame = pd.DataFrame({"label": labels, "verdict": verdict})
    frame = frame.assign(printed=-1.0, difference=0.1, low=0.05, high=0.15)
    write_text(results.edition.figures / "05_distillation__removed.csv", frame.to_csv(index=False))
    [row] = claims.audit(results).query("link == '05_distillation.html#removed'").to_dict("records")
    assert (row["verdict"], row["basis"]) == (FAILS, "source") and row["evidence"].endswith(said)
    assert "fresh start" not in row["evidence"]


def test_one_sure_exception_refutes_and_doubt_decides_nothing():
    words = {"support": {"lower"}, "against": {"higher", "equivalent"}}
    assert judge(["lower", "lower"], **words) == HOLDS
    assert judge(["lower", "no difference shown"], **words) == OPEN
    assert judge(["lower", "no difference shown", "equivalent"], **words) == FAILS
    assert judge([], **words) == OPEN


def depths(results, gain):
    """Page 4's encoders of one set of weights: four layers are better than one by ``gain`` nats."""
    rows = [(layers, seed, 5 + 0.01 * seed - gain * (layers > 1)) for layers in (1, 4) for seed in range(3)]
    frame = pd.DataFrame(rows, columns=["layers", "seed", "loss"])
    frame.loc[0, "loss"] += 1e-3  # differences that agree to the bit have no spread
    write_text(results.edition.figures / "04_albert__depth_sweep.csv", frame.to_csv(index=False))


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
    frame = frame.assign(embedding=64, difference=0.1, low=0.0, high=0.2, learnt=True)
    results.of("04_albert").write_table("contrasts", frame)
    depths(results, 0.3)
    assert verdicts(results)["what-sharing-costs"] == expected
    [row] = claims.audit(results).query("link == '04_albert.html#sharing'").to_dict("records")
    assert row["verdict"] == expected and "attention shared, E 64: +0.100 [+0.000, +0.200]" in row["evidence"]


def test_arms_that_have_learnt_nothing_say_nothing_of_sharing(results):
    frame = pd.DataFrame({"sharing": ["attention shared", "feed-forward shared"], "verdict": ["equivalent", "higher"]})
    frame = frame.assign(embedding=64, difference=0.1, low=0.0, high=0.2, learnt=True)
    page = results.of("04_albert")
    depths(results, 0.3)
    page.write_table("contrasts", frame)
    assert verdicts(results)["what-sharing-costs"] == HOLDS
    page.write_table("contrasts", frame.assign(learnt=False))
    assert verdicts(results)["what-sharing-costs"] == OPEN
    # One pair that has learnt cannot establish the claim, but refute it.
    page.write_table("contrasts", frame.assign(learnt=[False, True]))
    assert verdicts(results)["what-sharing-costs"] == OPEN
    page.write_table("contrasts", frame.assign(learnt=[False, True], verdict="equivalent"))
    assert verdicts(results)["what-sharing-costs"] == FAILS
    # Where more layers are no better, there was nothing that sharing them could cost.
    depths(results, 0.0)
    assert verdicts(results)["what-sharing-costs"] == OPEN
    [row] = claims.audit(results).query("link == '04_albert.html#sharing'").to_dict("records")
    assert "That layers add anything is not told: 4 layers of one set of weights against 1" in row["evidence"]
    page.write_table("contrasts", frame.assign(verdict="lower"))
    assert verdicts(results)["what-sharing-costs"] == FAILS


@pytest.mark.parametrize(
    ("words", "expected", "said"),
    [
        (["converges"] * 6, HOLDS, "Converges in 2 of 2 trained encoders, by 3 readings of the layers of each."),
        (["neither"] * 6, FAILS, "Converges in 0 of 2 trained encoders, by 3 readings of the layers of each."),
        (["converges"] * 3 + ["neither"] * 3, OPEN, "Converges in 1 of 2 trained encoders, by 3 readings"),
        (["neither"] * 5 + ["converges"], OPEN, "of each and by some readings in 1 more."),
        (["converges"] * 3, OPEN, "Converges in 1 of 1 trained encoders"),
    ],
)
def test_readings_of_one_encoder_are_no_repetitions(results, words, expected, said):
    frame = pd.DataFrame({"verdict": words, "curve": (["l2", "l2_later", "angle_mean"] * 2)[: len(words)]})
    frame = frame.assign(label="all shared, 8 layers", state="trained", seed=frame.index // 3)
    other = frame.assign(state="untrained", verdict="oscillates")
    results.of("04_albert").write_table("courses", pd.concat([frame, other]))
    assert verdicts(results)["converges"] == expected
    [row] = claims.audit(results).query("link == '04_albert.html#transitions'").to_dict("records")
    assert said in row["evidence"]


@pytest.mark.parametrize(("found", "alone"), [(0.0, True), (0.001, True), (0.3, False)])
def test_the_definition_decides_whatever_is_answered(results, found, alone):
    rows = [("whole encoder", "frozen", 0.5, 0.0, 1.0), ("student", "fine-tuned", 0.4, found, 0.75)]
    columns = ["model", "mode", "F1", "answerable F1", "unanswerable"]
    results.of("06_transfer").write_table("answering", pd.DataFrame(rows, columns=columns))
    [row] = claims.audit(results).query("link == '06_transfer.html#null_threshold'").to_dict("records")
    assert (row["verdict"], row["basis"]) == (FAILS, "source")
    assert row["evidence"].startswith("Not a measurement but its source: by the paper's definition one comparison")
    assert (": no answer to speak of," in row["evidence"]) == alone
    if found == 0.3:
        told = "F1 0.30 on questions that have an answer, 75% of the others left without (student, fine-tuned)."
        assert told in row["evidence"]


def test_what_the_appendix_says_stands_beside_what_its_sources_give(results):
    results.of("06_transfer").write_table("twin_slips", twins_facts.slips())
    [row] = claims.audit(results).query("link == '06_transfer.html'").to_dict("records")
    assert "GPT-1's batch: 32,000 words said, 32,768 tokens by Radford et al. (2018)" in row["evidence"]
    assert (
        "1,000,000 steps said, at least 2.4 million steps by Radford et al. (2018), section 4.1: 100 epochs"
        in (row["evidence"])
    )


@pytest.mark.parametrize(("ratio", "expected"), [(0.5, HOLDS), (0.97, FAILS), (1 / 1.7, OPEN)])
def test_the_speed_of_factorising(results, ratio, expected):
    rows = [("nothing shared, E 64", 1.0), ("nothing shared, E 16", ratio)]
    frame = pd.DataFrame(rows, columns=["arm", "ratio"]).assign(sharing="nothing shared", measure="training")
    frame = frame.assign(low=frame.ratio - 0.03, high=frame.ratio + 0.03)
    write_text(results.edition.figures / "04_albert__speed.csv", frame.to_csv(index=False))
    assert verdicts(results)["factorised-speed"] == expected


@pytest.mark.parametrize(("ratio", "expected"), [(0.8, OPEN), (1.01, OPEN), (1.04, FAILS)])
def test_only_a_sure_loss_of_time_refutes_that_sharing_trains_faster(results, ratio, expected):
    losses = pd.DataFrame({"sharing": ["nothing shared", "all shared"], "loss at equal time": [5.0, 5.25]})
    results.of("04_albert").write_table("equal_time", losses)
    frame = pd.DataFrame({"arm": ["all shared, E 64"], "sharing": "all shared", "measure": "training", "ratio": ratio})
    frame = frame.assign(low=frame.ratio - 0.03, high=frame.ratio + 0.03)
    write_text(results.edition.figures / "04_albert__speed.csv", frame.to_csv(index=False))
    assert verdicts(results)["shorter-and-better"] == expected
    [told] = claims.audit(results).query("link == '04_albert.html#speed'").evidence
    assert f"takes {ratio:.0%} [{ratio - 0.03:.0%}, {ratio + 0.03:.0%}] of the time" in told
    assert "0.250 nats above by mean" in told


@pytest.mark.parametrize(
    ("last", "law", "expected"),
    [
        ("lower", "power law", HOLDS),
        ("lower", BENT, FAILS),
        ("equivalent", "constant", FAILS),
        ("no difference shown", "constant", OPEN),
        ("not told after correction", "power law", OPEN),
    ],
)
def test_growth_without_end_is_told_with_page_6s_own_sentence_on_laws(results, last, law, expected):
    step = {"panel": "size", "arm": "large", "against": "small", "difference": -0.1, "low": -0.3, "high": 0.1}
    steps = pd.DataFrame([step | {"verdict": last}])
    laws = pd.DataFrame({"measure": "parameters", "law": ["constant", "power law", BENT], "left out": [0.3, 0.2, 0.25]})
    page = results.of("06_transfer")
    page.write_table("size_steps", steps)
    page.write_table("size_laws", laws.assign(preferred=laws.law == law))
    page.record(sizes_learnt=0)
    assert verdicts(results)["bigger-is-better"] == OPEN
    page.record(sizes_learnt=3)
    assert verdicts(results)["bigger-is-better"] == expected
    [row] = claims.audit(results).query("link == '06_transfer.html#against_size'").to_dict("records")
    assert law_sentence(steps, laws.assign(preferred=laws.law == law)) in row["evidence"]
    assert "(errors" in row["evidence"] and "constant 0.300, power law 0.200" in row["evidence"]
    assert ("no law is told from the constant" in row["evidence"]) == (last != "lower")


def ranks(told, against):
    row = {"protocol": "fair", "k": 32, "ours": "5 > 4 > 3 > 2", "published": "3 > 2 > 5 > 4", "seeds_tau": 0.5}
    row |= {"low": 0.2, "high": 1.0, "published_tau": 0.0, "p": 1.0}
    return pd.DataFrame([row | {"pairs": 6, "told": told, "reversed": against}])


@pytest.mark.parametrize(
    ("told", "against", "expected"), [(6, 0, HOLDS), (5, 0, OPEN), (0, 0, OPEN), (5, 1, FAILS), (0, 6, FAILS)]
)
def test_the_order_of_depths(results, told, against, expected):
    results.of("02_autoencoder_depth").write_table("ranks", ranks(told, against))
    assert verdicts(results)["depth-order"] == expected


def test_a_graph_has_to_help_with_every_kind_of_question(results):
    rows = [("tool", "appended", "higher"), ("tool", "tree", "equivalent"), ("birthplace", "appended", "higher")]
    frame = pd.DataFrame(rows, columns=["kind", "arm", "verdict"])
    frame = frame.assign(given="right", against="wrong", pairs=3, difference=0.5, low=0.4, high=0.6)
    page = results.of("07_knowledge")
    page.write_table("contrasts", frame)
    assert verdicts(results)["knowledge-graph"] == HOLDS
    page.write_table("contrasts", frame.assign(verdict=["higher", "equivalent", "no difference shown"]))
    assert verdicts(results)["knowledge-graph"] == OPEN
    page.write_table("contrasts", frame.assign(verdict="equivalent"))
    assert verdicts(results)["knowledge-graph"] == FAILS


def test_differences_of_accuracies_stay_on_their_scale(results):
    rows = [("appended", 0.7, -0.657, 2.032, "no difference shown"), ("tree", 0.906, 0.568, 1.2, "no difference shown")]
    rows += [("open", 1.0, 1.0, 1.0, "higher")]
    frame = pd.DataFrame(rows, columns=["arm", "difference", "low", "high", "verdict"])
    results.of("07_knowledge").write_table(
        "contrasts", frame.assign(kind="tool", given="right", against="wrong", pairs=3)
    )
    [row] = (
        claims.audit(results).query("link == '07_knowledge.html#answers' and verdict != @UNMEASURED").to_dict("records")
    )
    told = row["evidence"]
    assert "tool, appended: +0.700 [-0.657, +1.000], no difference shown" in told
    assert "tool, tree: +0.906 [+0.568, +1.000], not told after correction" in told
    assert "tool, open: +1.000, the same in all 3 seeds." in told


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


def test_a_source_decides_where_a_figure_could_not_be_drawn(results):
    path = results.edition.figures / "05_distillation__removed.csv"
    write_text(path, "absent\nThis teacher predicts no words.\n")
    found = claims.audit(results).set_index("claim").loc["DistilBERT learns from soft targets only."]
    assert (found.verdict, found.basis) == (FAILS, "source") and "a sum of three losses" in found.evidence
