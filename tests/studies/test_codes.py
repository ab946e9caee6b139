"""The study at equal bytes: what is measured, found again, compared and said."""

import copy
import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.compress.codes import catalogue, preprocessing
from smallbert.compress.moments import Moments
from smallbert.figures.tables import html_table
from smallbert.studies import code_autoencoders, code_languages, code_preprocessing, code_words, codes, searches
from smallbert.studies.code_outcomes import Cell, Measured
from smallbert.studies.codes import REFERENCE, WHOLE
from smallbert.studies.searches import OVERLAP, TITLES, TOPIC, TRANSLATIONS, Collection, Searches

BUDGETS = [2, 4, 8]


@pytest.fixture(scope="module")
def collection(vectors):
    rng = np.random.default_rng(3)
    titles = vectors.test[:60] + 0.3 * rng.standard_normal((60, 12)).astype(np.float32)
    return Collection(vectors, titles, np.arange(60), "k")


@pytest.fixture(scope="module")
def asked(collection):
    usual = preprocessing.fit(preprocessing.USUAL, Moments.of(collection.matrices.train))
    return Searches(collection, usual, seed=0)


@pytest.fixture(scope="module")
def measured(asked, tmp_path_factory):
    training = catalogue.Training(asked.train, BUDGETS, epochs=1)
    store = tmp_path_factory.mktemp("codes")
    trained = code_autoencoders.cells(
        asked, [8], store / "grid", rates=[0.01, 0.03], epochs=2, seeds=2, device="cpu", jobs=1
    )
    return codes.measure(asked, [*codes.cells(training, seeds=2), *trained], store, epochs=1), store, training


@pytest.fixture(scope="module")
def points(measured):
    return codes.summary(measured[0])


def test_every_code_has_every_measure_with_its_interval(points):
    assert (points.groupby(["method", "bytes"]).size() == 4).all()
    assert ((points.low <= points["mean"] + 1e-12) & (points["mean"] <= points.high + 1e-12)).all()
    seeds = points.groupby("method").seeds.first()
    assert seeds["PCA"] == seeds[WHOLE] == 1 and seeds["product"] == seeds["autoencoder"] == 2
    whole = points[(points.method == WHOLE) & (points.measure == OVERLAP)]
    assert whole["mean"].item() == 1 and whole.bytes.item() == 48
    assert points.set_index(["method", "bytes", "measure"])["mean"]["PCA", 8, OVERLAP] > 0.5


def test_the_reference_alone_is_measured_between_the_budgets_and_a_byte_a_number(points):
    between = points[points.bytes == 9]  # three quarters of 12 numbers
    assert set(between.method) == {REFERENCE} and len(between) == 4
    assert (points[points.method == "int8"].bytes == 12).all()


def test_what_is_kept_is_a_ratio_on_the_same_resampled_queries(points, measured):
    own = points.set_index(["method", "measure", "bytes"])
    assert (own.loc[WHOLE][["kept", "kept low", "kept high"]].dropna() == 1).all(axis=None)
    row, found = own.loc[REFERENCE, TOPIC, 4], measured[0]
    ours, whole = (found.values(*point, TOPIC).mean(axis=0) for point in ((REFERENCE, 4), (WHOLE, 48)))
    assert row.kept == pytest.approx(ours.mean() / whole.mean())
    drawn = np.random.default_rng(5).integers(len(ours), size=(4000, len(ours)))
    limits = np.quantile(ours[drawn].mean(axis=1) / whole[drawn].mean(axis=1), [0.025, 0.975])
    assert (row["kept low"], row["kept high"]) == pytest.approx(limits, abs=0.01)
    # Paired, the ratio is told better than by the interval of the mean alone.
    assert row["kept high"] - row["kept low"] < (row.high - row.low) / whole.mean()


@pytest.mark.parametrize("worth", [0.0, 0.04, 0.06])
def test_where_the_whole_vector_is_worth_hardly_anything_nothing_is_kept(worth):
    made = Measured({
        Cell(WHOLE, "whole", 8, 0, None): searches.Outcome({TITLES: np.full(3, worth)}, 1.0),
        Cell("PCA", "maps", 2, 0, None): searches.Outcome({TITLES: np.array([0.0, 1.0, 0.0])}, 1.0),
    })  # fmt: skip
    found = codes.summary(made)
    assert found.kept.isna().all() == (worth < 0.05) and found["mean"].tolist() == pytest.approx([worth, 1 / 3])
    said = code_words.smallest_sentence(found)
    little = f"the whole vector has {worth:.3f} [{worth:.3f}, {worth:.3f}] to keep, less than 0.05 by its lower limit"
    assert (little in said) == (worth < 0.05)


@pytest.mark.parametrize(("floor", "told"), [(0.2, True), (0.45, False), (np.nan, True)])
def test_topics_that_the_whole_vector_tells_no_better_than_the_commonest_are_not_kept(floor, told):
    right = (np.arange(100) < 50).astype(float)  # 0.5, its 95% interval about 0.1 to each side
    made = Measured({
        Cell(WHOLE, "whole", 8, 0, None): searches.Outcome({TOPIC: right, OVERLAP: np.ones(100)}, 1.0),
        Cell("PCA", "maps", 2, 0, None): searches.Outcome({TOPIC: 1 - right, OVERLAP: np.ones(100)}, 1.0),
    })  # fmt: skip
    found = codes.summary(made, floor)
    assert found.kept[found.measure == TOPIC].notna().all() == told and found.kept[found.measure == OVERLAP].eq(1).all()
    nothing = f"nothing to keep, the whole vector (0.500) is no better for sure than always the commonest ({floor:.3f})"
    assert (nothing in code_words.smallest_sentence(found)) == (not told)


def made(values, groups=None):
    """Outcomes by (method, bytes): per seed a dict of per-query values."""
    cells = {}
    for (method, nbytes), seeds in values.items():
        group = "whole" if method == WHOLE else "formats"
        for seed, queries in enumerate(seeds):
            cells[Cell(method, group, nbytes, seed, None)] = searches.Outcome(queries, 1.0)
    return Measured(cells, groups)


@pytest.fixture
def seeded():
    """A code of three seeds that differ much, beside the reference; the whole vector is worth 0.8 to every query."""
    noise = 0.01 * np.random.default_rng(8).standard_normal(60)
    own = [{TITLES: shift + noise} for shift in (0.3, 0.6, 0.9)]
    return made({(WHOLE, 48): [{TITLES: np.full(60, 0.8)}], ("k", 4): own, (REFERENCE, 4): [{TITLES: 0.2 + noise}]})


def test_few_seeds_that_differ_have_students_t(seeded):
    means = seeded.known("k", 4, TITLES).mean(axis=1)
    low, high = stats.t.interval(0.95, 2, means.mean(), stats.sem(means))
    row = codes.summary(seeded).set_index("method").loc["k"]
    assert low < 0 < 1 < high and (row.low, row.high) == (0, 1)
    kept = stats.t.interval(0.95, 2, means.mean() / 0.8, stats.sem(means / 0.8))
    assert row["kept low"] == 0 and row["kept high"] == pytest.approx(kept[1]) and kept[1] > 1
    assert row.kept == pytest.approx(means.mean() / 0.8)


def test_contrasts_of_few_seeds_have_to_hold_over_seeds(seeded):
    [row] = codes.contrasts(seeded, TITLES).to_dict("records")
    less = (seeded.known("k", 4, TITLES) - seeded.known(REFERENCE, 4, TITLES)).mean(axis=1)
    assert row["p_holm"] == pytest.approx(stats.ttest_1samp(less, 0).pvalue) and row["p_holm"] > 0.05
    limits = stats.t.interval(0.95, 2, less.mean(), stats.sem(less))
    assert row["low"] == pytest.approx(limits[0]) and limits[1] > 1 == row["high"]
    assert row["verdict"] == "no difference shown" and row["pairs"] == 60
    # The bootstrap alone would tell it.
    assert np.quantile(seeded.resampled("k", 4, TITLES) - seeded.resampled(REFERENCE, 4, TITLES), 0.025) > 0


@pytest.mark.parametrize(("name", "worth", "told"), [
    (TITLES, 0.0106, False), (TITLES, 0.06, True), (TOPIC, 0.45, False), (TOPIC, 0.6, True),
])  # fmt: skip
def test_where_the_whole_vector_has_nothing_to_keep_no_code_is_equivalent(name, worth, told):
    values = {(WHOLE, 48): worth, (REFERENCE, 4): worth - 0.001, ("int8", 4): worth + 0.001}
    floor = 0.5 if name == TOPIC else np.nan
    found = made({point: [{name: np.full(40, one), OVERLAP: np.ones(40)}] for point, one in values.items()})
    summary = codes.summary(found, floor)
    differences = {one: codes.contrasts(found, one, floor) for one in codes.measures(summary)}
    assert differences[name].verdict.tolist() == (["equivalent"] if told else [])
    table = code_words.contrast_table(differences)
    assert table.columns.tolist() == ["method", OVERLAP, name] if told else ["method", OVERLAP]
    caption = code_words.contrasts_caption(differences, summary, 2)
    assert (f"Left out: {name}, " in caption) == (not told) and (f"{name} 40" in caption) == told
    assert name == TOPIC or told or "nDCG@10, the whole vector has 0.011 [0.011, 0.011] to keep, less" in caption
    alone = {name: differences[name]}
    empty = html_table(code_words.contrast_table(alone), code_words.contrasts_caption(alone, summary, 2))
    assert ("<td" in empty) == told and "Against PCA, int8" in empty


def test_what_finds_its_translations_is_resampled_by_event(measured, points):
    found = measured[0]
    values = found.values(REFERENCE, 4, TRANSLATIONS)[0]
    sums = values.reshape(100, 2).sum(axis=1)  # two articles an event, side by side
    expected = np.sqrt(np.square(sums - sums.mean()).sum()) / 200
    assert found.resampled(REFERENCE, 4, TRANSLATIONS).std() == pytest.approx(expected, rel=0.05)
    assert points[points.measure == TRANSLATIONS].queries.eq(200).all()
    # Other measures have no groups.
    titles = found.values(REFERENCE, 4, TITLES)[0]
    assert found.resampled(REFERENCE, 4, TITLES).std() == pytest.approx(titles.std() / np.sqrt(60), rel=0.05)


def test_the_floor_is_the_share_of_the_commonest_topic_of_as_many_train_articles(asked, collection):
    rows = collection.matrices.rows
    first = rows["train"].topic[: len(rows["test"])]
    commonest = max(sorted(set(first)), key=list(first).count)
    assert codes.floor(asked) == pytest.approx(np.mean([one == commonest for one in rows["test"].topic]))


def test_more_bytes_of_pca_keep_more_neighbours(points):
    own = points[(points.method == REFERENCE) & (points.measure == OVERLAP)].sort_values("bytes")
    assert own["mean"].is_monotonic_increasing and own["mean"].iloc[-1] > 0.9


def test_measured_codes_are_found_again_and_what_lacks_is_measured(measured, asked):
    found, store, _ = measured
    cells = list(found.outcomes)
    forbidden = [dataclasses.replace(cell, fit=None) for cell in cells]
    again = codes.measure(asked, forbidden, store, epochs=1)
    assert [one.encode for one in again.outcomes.values()] == [one.encode for one in found.outcomes.values()]
    with pytest.raises(TypeError):  # another number of epochs is another study, so codes have to be fitted
        codes.measure(asked, forbidden, store, epochs=2)


def test_contrasts_are_paired_by_query(measured):
    found = measured[0]
    table = codes.contrasts(found, OVERLAP).set_index(["method", "bytes"])
    own, other = (found.values(name, 4, OVERLAP).mean() for name in ("truncation", REFERENCE))
    row = table.loc["truncation", 4]
    assert row.difference == pytest.approx(own - other) and row.low < row.difference < row.high
    assert row.verdict == "lower" and row.p_holm < 0.05
    assert REFERENCE not in table.index and WHOLE not in table.index


def test_the_front_is_what_nothing_dominates(points):
    best = codes.pareto(points, OVERLAP)
    assert best.bytes.is_monotonic_increasing and best["mean"].is_monotonic_increasing
    assert best.kept.iloc[-1] == 1
    rest = points[points.measure == OVERLAP]
    for row in best.to_dict("records"):
        assert not ((rest.bytes <= row["bytes"]) & (rest["mean"] > row["mean"])).any()


def test_encoding_is_timed(measured):
    table = code_words.encoding(measured[0]).set_index("method")
    assert (
        table.columns.tolist() == ["2 bytes", "4 bytes", "8 bytes", "9 bytes", "12 bytes"] and WHOLE not in table.index
    )
    assert (table["8 bytes"].dropna() > 0).all() and np.isnan(table["8 bytes"]["int8"])
    fastest = min(one.encode for cell, one in measured[0].outcomes.items() if (cell.method, cell.nbytes) == ("PCA", 4))
    assert table["4 bytes"]["PCA"] in (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
    assert 10**-0.5 <= table["4 bytes"]["PCA"] / fastest <= 10**0.5
    assert f"the fastest of {searches.ENCODINGS} timings" in code_words.encoding_caption()
    near = {0.09952: 0.1, 0.3: 0.1, 0.4: 1.0, 3.1: 1.0, 6.311: 10.0, 48.06: 100.0}
    assert {value: code_words.magnitude(value) for value in near} == near


def point(method, nbytes, mean, group="formats", measure=OVERLAP):
    return {
        "method": method, "group": group, "bytes": nbytes, "measure": measure, "mean": mean, "low": mean - 0.01,
        "high": mean + 0.01, "kept": mean, "kept low": mean - 0.01, "kept high": mean + 0.01, "seeds": 1, "queries": 9,
        "floor": np.nan,
    }  # fmt: skip


def test_sentences_follow_the_numbers():
    whole = [point(WHOLE, 100, 1.0, "whole"), point(WHOLE, 100, 0.4, "whole", TITLES)]
    told = pd.DataFrame([*whole, point("a", 4, 0.97), point("b", 4, 0.98), point("a", 4, 0.5, measure=TITLES)])
    assert code_words.smallest(told, OVERLAP).method == "b"
    assert "4 bytes (b, keeps 98.0% [97.0%, 99.0%]), 25 times smaller" in code_words.smallest_sentence(told)
    poor = pd.DataFrame([whole[0], point("a", 4, 0.955)])
    assert code_words.smallest(poor, OVERLAP) is None  # its interval reaches below
    assert f", interval included: {OVERLAP}: no code tried" in code_words.smallest_sentence(poor)


def test_contrasts_are_told_by_their_verdicts(measured, points):
    found = codes.contrasts(measured[0], TITLES)
    told = code_words.contrast_table({TITLES: found})
    assert told.method.tolist() == found.method.unique().tolist() and told[TITLES].notna().all()
    made = pd.DataFrame({"method": ["x", "x", "y"], "verdict": ["higher", "equivalent", "lower"]})
    made["difference"] = [0.1, 0.0, -0.2]
    told = code_words.contrast_table({TITLES: made, TOPIC: made[:2]}).set_index("method")
    assert told[TITLES].tolist() == ["better 1, equivalent 1 (+0.000 to +0.100)", "worse 1 (-0.200)"]
    assert pd.isna(told[TOPIC]["y"])
    assert code_words.contrast_table({TITLES: made[:0]}).empty
    caption = code_words.contrasts_caption({TITLES: found, TOPIC: found[:0]}, points, 2)
    assert f"(n: {TITLES} 60), by bootstrap" in caption and "over 2 seeds" in caption and "within 0.01" in caption


@pytest.fixture(scope="module")
def fitted(asked):
    return code_languages.fits(asked, BUDGETS)


def test_a_languages_own_map_reconstructs_it_best_and_ends_search_across_languages(fitted):
    wide = fitted.languages.pivot_table(index=["bytes", "language"], columns="arm", values="train FVU")
    assert (wide.sub(wide[code_languages.EACH], axis=0) >= -1e-9).all().all()
    assert (wide[code_languages.ALL] >= wide[code_languages.CENTRED] - 1e-9).groupby("bytes").any().all()
    arms = list(dict.fromkeys(fitted.points.arm))
    assert arms[:3] == [code_languages.ALL, code_languages.CENTRED, code_languages.EACH] and "the map of" in arms[3]
    assert set(fitted.points.measure) == {OVERLAP, TRANSLATIONS}


def test_maps_are_counted(fitted):
    share = fitted.shares.set_index(["arm", "bytes"])["map megabytes"] * 1e6 / 4 / 12
    assert share[code_languages.ALL, 4] == pytest.approx(4 + 1)
    assert share[code_languages.CENTRED, 4] == pytest.approx(4 + 2)
    assert share[code_languages.EACH, 4] == pytest.approx(2 * (4 + 1))


def test_the_sentence_names_the_best_arm(fitted):
    own = fitted.points[(fitted.points.bytes == 4) & (fitted.points.measure == OVERLAP)]
    best = own.arm[own["mean"].idxmax()]
    said = code_languages.sentence(fitted, 4)
    assert said.startswith("At 4 bytes.") and f"{OVERLAP} by mean: {best}" in said
    assert all(one[0].isupper() for one in said.split(". "))
    for arm, told in ((best, True), (code_languages.ALL, True), ("the map of en", best == "the map of en")):
        [row] = own[own.arm == arm].to_dict("records")
        assert (f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" in said) == told, arm


def test_translations_between_languages_are_resampled_by_event(asked):
    once = np.random.default_rng(9).random(100)
    events = asked.groups[TRANSLATIONS]
    told = copy.copy(asked)
    told.translations = lambda scores: once[np.unique(events, return_inverse=True)[1]]  # sisters find the same
    points = code_languages.fits(told, BUDGETS).points
    row = points[points.measure == TRANSLATIONS].iloc[0]
    theirs = stats.bootstrap((once,), np.mean, method="percentile", n_resamples=9999, rng=np.random.default_rng(1))
    assert (row.low, row.high) == pytest.approx(theirs.confidence_interval, abs=0.004)
    assert row["mean"] == pytest.approx(once.mean()) and row.queries == 200


def test_one_language_is_nothing_to_compare(collection, asked):
    alone = {name: frame.assign(lang="en") for name, frame in collection.matrices.rows.items()}
    one = dataclasses.replace(collection, matrices=dataclasses.replace(collection.matrices, rows=alone))
    found = code_languages.fits(Searches(one, asked.prepare, seed=0), BUDGETS)
    assert found.points.empty and "nothing to compare" in code_languages.sentence(found, 4)


def test_preprocessings_are_compared_with_each_code(collection, tmp_path):
    names = ["raw", "centred, unit length", "centred, less top 1"]
    table = code_preprocessing.compare(collection, names, 4, tmp_path, seed=0)
    assert list(dict.fromkeys(table.preprocessing)) == names
    assert set(table.method) == {WHOLE, "PCA, int8"}  # 12 numbers are no whole number of bytes in bits
    shape = table.groupby("preprocessing").anisotropy.first()
    assert shape["raw"] > 0.9 and abs(shape["centred, unit length"]) < 0.1
    assert code_preprocessing.names(768)[-3:] == ["centred, less top 1", "centred, less top 3", "centred, less top 7"]


def test_preprocessings_are_told_by_paired_differences(collection, tmp_path):
    usual = preprocessing.USUAL
    table = code_preprocessing.compare(collection, [usual, "raw"], 4, tmp_path, seed=0)
    train = Moments.of(collection.matrices.train)
    whole = {
        name: Searches(collection, preprocessing.fit(name, train), seed=0).measure(catalogue.whole(12)).queries[TITLES]
        for name in (usual, "raw")
    }
    less = whole[usual] - whole["raw"]
    told = table.set_index(["preprocessing", "measure", "method"]).sort_index()
    row = told.loc[usual, TITLES, WHOLE]
    assert row.difference == pytest.approx(less.mean())
    theirs = stats.bootstrap((less,), np.mean, method="percentile", n_resamples=9999, rng=np.random.default_rng(2))
    limits = row["difference low"], row["difference high"]
    assert limits == pytest.approx(theirs.confidence_interval, abs=0.1 * np.ptp(theirs.confidence_interval))
    # Both are asked the same queries, so the difference is told better than by two intervals side by side.
    assert limits[1] - limits[0] < row.high - row.low
    columns = ["difference", "difference low", "difference high", "p_holm", "verdict"]
    assert told.loc["raw"][columns].isna().all(axis=None) and told.loc[usual, OVERLAP][columns].isna().all(axis=None)
    assert table[table.measure != OVERLAP].groupby("preprocessing").verdict.count().tolist() == [2, 0]  # of titles
    assert "4 pairs (article finds its translations, nDCG@10; topic accuracy)" in code_preprocessing.sentence(table)


@pytest.fixture
def preprocessed(monkeypatch, collection, tmp_path):
    """The table of preprocessings whose outcomes are made up: per-query values by preprocessing and measure."""

    def compare(outcomes):
        def measured(searches_, cells, store, *, epochs, label):
            return made({(cell.method, cell.nbytes): [outcomes[label]] for cell in cells if cell.method == WHOLE})

        monkeypatch.setattr(code_preprocessing, "measure", measured)
        return code_preprocessing.compare(collection, list(outcomes), 4, tmp_path, seed=0)

    return compare


def test_preprocessings_are_corrected_for_how_many_were_tried(preprocessed):
    rng = np.random.default_rng(12)
    raw = rng.uniform(0.3, 0.6, 200)
    gains = {"centred": 0.020, "centred, unit length": 0.0115, "layer norm": 0.0, "centred, less top 1": -0.03}
    spread = {name: 0.08 * rng.standard_normal(200) for name in gains}
    values = {name: raw + gain + spread[name] - spread[name].mean() for name, gain in gains.items()}
    table = preprocessed({"raw": {TITLES: raw}} | {name: {TITLES: one} for name, one in values.items()})
    own = table[table.verdict.notna()].set_index("preprocessing")
    p = {name: stats.ttest_rel(values[name], raw).pvalue for name in gains}
    ordered = sorted(p, key=p.get)
    holm = np.minimum(np.maximum.accumulate([(4 - place) * p[name] for place, name in enumerate(ordered)]), 1)
    assert own.p_holm[ordered].tolist() == pytest.approx(holm, rel=0.3, abs=1e-4)
    assert p["centred, unit length"] < 0.05 < own.p_holm["centred, unit length"]  # only for how many were tried
    assert own.verdict.to_dict() == {
        "centred": "higher", "centred, unit length": "not told after correction", "layer norm": "no difference shown",
        "centred, less top 1": "lower",
    }  # fmt: skip
    said = code_preprocessing.sentence(table)
    assert "Holm-corrected over all 4 pairs" in said
    best, worst = (own.loc[name] for name in ("centred", "centred, less top 1"))
    limits = f"[{best['difference low']:+.3f}, {best['difference high']:+.3f}]"
    assert f"Better: {TITLES}, {WHOLE}: centred (+0.020 {limits})." in said
    limits = f"[{worst['difference low']:+.3f}, {worst['difference high']:+.3f}]"
    assert f"Worse: {TITLES}, {WHOLE}: centred, less top 1 (-0.030 {limits})." in said
    assert said.endswith("better nor worse: 2 of 4 (not told after correction 1, no difference shown 1).")


def test_preprocessings_are_compared_where_either_whole_vector_is_worth_something(preprocessed):
    little, much = np.full(50, 0.01), np.full(50, 0.3)
    outcomes = {"raw": little, "centred": little + 0.001, "centred, unit length": much}
    table = preprocessed({name: {OVERLAP: np.ones(50), TITLES: own} for name, own in outcomes.items()})
    own = table[table.measure == TITLES].set_index("preprocessing").verdict
    assert own.isna().to_dict() == {"raw": True, "centred": True, "centred, unit length": False}
    said = code_preprocessing.sentence(table)
    assert (
        "over all 1 pairs" in said and f"anything to keep: 1 pairs ({TITLES})." in said and "neither better" not in said
    )
    nothing = preprocessed({name: {OVERLAP: np.ones(50), TITLES: little} for name in outcomes})
    assert code_preprocessing.sentence(nothing) == (
        f"Not compared, as neither whole vector has anything to keep: 2 pairs ({TITLES})."
    )
    bare = preprocessed({name: {OVERLAP: np.ones(50)} for name in outcomes})
    assert "No use but neighbours" in code_preprocessing.sentence(bare) and bare.verdict.isna().all()
