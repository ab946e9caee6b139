"""The study finds nothing where there is nothing, what was planted where it was, and says what it found."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.errors import UsageError
from smallbert.studies import decoder_best, decoder_curvature, decoder_gains
from smallbert.studies import decoder_curvature_sentences as sentences
from smallbert.studies.decoder_curvature import EMBEDDINGS, LEAST_SQUARES, RIDGE, WITHIN

SETTINGS = {"rows": [64, 300], "codes": [2], "curvatures": [0.0, 0.4], "hidden": [4], "seeds": 3, "jobs": 1}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("decoders")


@pytest.fixture(scope="module")
def cells(vectors, store):
    return decoder_curvature.run(vectors, store, **SETTINGS)


@pytest.fixture(scope="module")
def table(cells):
    return decoder_gains.gains(cells)


def test_every_cloud_and_the_embeddings_have_every_decoder(cells):
    assert list(dict.fromkeys(cells.cloud)) == ["flat", "40% curved", EMBEDDINGS, WITHIN]
    assert len(cells) == 4 * 2 * 3 * 3  # clouds, rows, decoders, seeds
    assert set(cells.decoder) == {LEAST_SQUARES, RIDGE, "hidden 4"}
    assert cells.finite.all()


def test_finished_blocks_are_found_again_and_a_damaged_one_is_done_anew(vectors, store, cells, monkeypatch):
    files = sorted(store.glob("*.json"))
    assert len(files) == 8
    before = files[0].read_bytes()
    files[0].write_text("{")
    fitted = []
    real = decoder_curvature._fit
    monkeypatch.setattr(decoder_curvature, "_fit", lambda *block, **known: fitted.append(1) or real(*block, **known))
    pd.testing.assert_frame_equal(decoder_curvature.run(vectors, store, **SETTINGS), cells)
    assert len(fitted) == 1 and files[0].read_bytes() == before


def test_pca_is_the_floors_own(vectors, cells):
    """The embeddings' PCA error of a seed equals scikit-learn's on the same rows."""
    from sklearn.decomposition import PCA

    block = decoder_curvature.Block(EMBEDDINGS, None, 2, 64, (4,), 3)
    train, test = block.split(1, vectors)
    pca = PCA(2, svd_solver="full").fit(train)
    left = test - pca.inverse_transform(pca.transform(test))
    expected = (left**2).sum() / ((test - test.mean(axis=0)) ** 2).sum()
    own = cells[(cells.cloud == EMBEDDINGS) & (cells.rows == 64) & (cells.seed == 1)]
    np.testing.assert_allclose(own.pca, expected, rtol=1e-9)


def test_nothing_is_gained_where_nothing_is_curved(table):
    flat = table[table.cloud == "flat"]
    assert not (flat.verdict == decoder_gains.HELPS).any() and not flat.smallest.any()
    assert (flat.reachable == 0).all()


def test_a_planted_bend_is_found_and_no_decoder_beats_the_best_possible(table):
    bent = table[(table.curvature == 0.4) & (table.rows == 300)].set_index("decoder")
    assert bent.verdict[LEAST_SQUARES] == bent.verdict[RIDGE] == decoder_gains.HELPS
    assert bent.relative[LEAST_SQUARES] == pytest.approx(bent.expected[LEAST_SQUARES], abs=0.03)
    assert (bent.relative > bent.reachable - 0.03).all()
    assert bent.smallest.sum() == 1


def test_verdicts_follow_holms_p_over_all_fields_of_a_code_width(cells, table):
    keys = ["cloud", "rows", "decoder"]
    p = cells.groupby(["k", *keys], dropna=False).apply(lambda own: stats.ttest_rel(own.fvu, own.pca).pvalue)
    for k, own in table.groupby("k"):
        raw = p[k].fillna(1.0).sort_values()  # no difference in any seed, of which scipy says nothing
        steps = np.maximum.accumulate(raw.to_numpy() * np.arange(len(raw), 0, -1)).clip(max=1)
        found = own.set_index(keys).p_holm.loc[raw.index]
        np.testing.assert_allclose(found, steps, rtol=1e-6)
    told = table.verdict != decoder_gains.UNTOLD
    assert (table.p_holm[told] < 0.05).all() and ((table.low > 0) | (table.high < 0))[told].all()


def test_intervals_are_students_of_the_paired_differences(cells, table):
    row = table[(table.cloud == EMBEDDINGS) & (table.rows == 300) & (table.decoder == RIDGE)].iloc[0]
    own = cells[(cells.cloud == EMBEDDINGS) & (cells.rows == 300) & (cells.decoder == RIDGE)]
    difference = own.fvu - own.pca
    low, high = stats.t.interval(0.95, 2, difference.mean(), stats.sem(difference))
    assert (row.difference, row.low, row.high) == pytest.approx((difference.mean(), low, high))
    assert row.relative == pytest.approx(difference.mean() / own.pca.mean())


def test_the_embeddings_share_is_that_of_a_cloud_with_the_same_gain(vectors, store):
    """Clouds in the place of embeddings: the estimate is the share that was planted."""
    cells = decoder_curvature.run(vectors, store, **(SETTINGS | {"rows": [300], "seeds": 8}))
    planted = cells[cells.curvature == 0.4].assign(curvature=np.nan, cloud=EMBEDDINGS)
    found = decoder_gains.embedded(planted).iloc[0]
    reachable = decoder_curvature.population(2, 0.4).reachable
    assert found.low - 0.01 < reachable < found.high + 0.01
    assert found.break_even == pytest.approx(2 + 2 + 3 / found.share)


def test_taking_languages_off_leaves_every_one_centred(vectors):
    within = vectors.within_languages()
    for lang in ("en", "ko"):
        np.testing.assert_allclose(within.train[within.rows["train"].lang == lang].mean(axis=0), 0, atol=1e-5)
    assert within.key != vectors.key
    alone = {split: frame.assign(lang="ko") for split, frame in vectors.rows.items()}
    one = type(vectors)(vectors.train, vectors.validation, vectors.test, alone, "one")
    assert one.within_languages() is None


def test_embeddings_of_too_few_rows_are_left_out_and_too_few_for_the_code_refused(vectors, store):
    cells = decoder_curvature.run(vectors, store, **(SETTINGS | {"rows": [64, 301], "curvatures": [0.0]}))
    assert set(cells[cells.cloud == EMBEDDINGS].rows) == {64} and set(cells[cells.cloud == "flat"].rows) == {64, 301}
    with pytest.raises(UsageError, match="at least 4 rows for codes of 2, got 3"):
        decoder_curvature.run(vectors, store, **(SETTINGS | {"rows": [3]}))


def test_a_decoder_that_diverged_is_no_verdict(cells):
    broken = cells.assign(finite=cells.finite & (cells.decoder != "hidden 4"))
    found = decoder_gains.gains(broken)
    assert set(found[found.decoder == "hidden 4"].verdict) == {decoder_gains.UNTOLD}


def test_the_summary_names_the_smallest_and_what_hurts(table):
    row = decoder_gains.summary(table).set_index(["cloud", "rows"]).loc[("40% curved", 300)]
    first = table[(table.cloud == "40% curved") & (table.rows == 300) & table.smallest].iloc[0]
    assert row["smallest that helps"] == first.decoder and row["its gain"] == first.relative
    flat = decoder_gains.summary(table).set_index(["cloud", "rows"]).loc[("flat", 64)]
    assert flat["smallest that helps"] == "none" and np.isnan(flat["its gain"])


def made_up(verdict, relative=0.1, cloud="flat", curvature=0.0):
    """A table of one field with one verdict for both quadratic decoders."""
    rows = [
        {
            "k": 4, "cloud": cloud, "curvature": curvature, "rows": 100, "decoder": decoder, "parameters": 9,
            "difference": relative / 4, "low": 0.0, "high": 0.0, "relative": relative, "reachable": -curvature,
            "expected": -0.05, "verdict": verdict, "smallest": verdict == "helps" and decoder == LEAST_SQUARES,
        }
        for decoder in (LEAST_SQUARES, RIDGE)
    ]  # fmt: skip
    return pd.DataFrame(rows)


NOTHING = pd.DataFrame(columns=["cloud", "k", "rows", "share", "low", "high", "break_even"])


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("helps", "the 2 comparisons say: 2 helps, 0 hurts, 0 cannot be told; 2 of them are errors of the method."),
        ("hurts", "0 helps, 2 hurts, 0 cannot be told; none is claimed that is not there."),
        ("cannot be told", "0 helps, 0 hurts, 2 cannot be told; none is claimed"),
    ],
)
def test_what_is_said_of_flat_clouds(verdict, words):
    assert words in sentences.clouds(made_up(verdict))


def test_what_is_said_of_the_law_of_the_smallest_and_of_harm():
    helps = sentences.clouds(made_up("helps", -0.07, "30% curved", 0.3))
    assert "a verdict is told on 1, on 1 of them with the sign expected; the gains lie 2.0% of PCA's error" in helps
    assert "the smallest decoder that helps is quadratic in 1 of 1 fields (least curved: 30%, at 100 rows)" in helps
    assert "No decoder is shown to hurt anywhere." in helps
    hurts = sentences.clouds(made_up("hurts", 0.5, "30% curved", 0.3))
    assert "a verdict is told on 1, on 0 of them with the sign expected" in hurts
    assert "no decoder is shown to help on any of the 1" in hurts
    assert "2 of 2 at 100 rows; most with codes of 4 and 100 rows, where quadratic errs 50% more than PCA" in hurts


@pytest.mark.parametrize(
    ("verdict", "limits", "words"),
    [
        ("helps", (0.1, 0.3), "should pay from 56 rows; with 100 rows the smallest that helps is quadratic, -7.0%."),
        ("hurts", (-0.3, -0.1), "less than nothing: the correction for the rows' number goes too far here; with"),
        ("hurts", (-0.1, 0.1), "which may be nothing; with 100 rows every one hurts."),
        ("cannot be told", (-0.1, 0.1), "which may be nothing; with 100 rows none is shown to help."),
    ],
)
def test_what_is_said_of_the_embeddings(verdict, limits, words):
    table = made_up(verdict, -0.07 if verdict == "helps" else 0.1, EMBEDDINGS, np.nan)
    embedded = pd.DataFrame([(EMBEDDINGS, 4, 100, sum(limits) / 2, *limits, 56.0)], columns=NOTHING.columns)
    assert words in sentences.embeddings(table, embedded)


def test_the_answer_names_the_best_decoder_at_the_most_rows():
    few, none = made_up("helps", -0.5, EMBEDDINGS, np.nan), made_up("hurts", 0.2, WITHIN, np.nan).assign(rows=900)
    many = few.assign(rows=900, relative=[-0.1, -0.3])
    [best] = decoder_best.on_embeddings(pd.concat([few, many, none]))
    assert best == decoder_best.Best(4, 900, RIDGE, 0.3, 0.0)
    said = sentences.answer(pd.concat([few, many, none]))
    assert "with codes of 4 and 900 rows quadratic by ridge takes 30.0% off PCA's error (0.0% with each" in said
    assert "rows none is shown to take anything." in sentences.answer(made_up("hurts", 0.2, EMBEDDINGS, np.nan))
    assert sentences.answer(made_up("helps", -0.5)) == ""


def test_the_study_itself_has_words(cells, table):
    said = sentences.clouds(table) + sentences.embeddings(table, decoder_gains.embedded(cells))
    assert "nan" not in said and "inf " not in said
    assert "too few vectors" in sentences.embeddings(table, NOTHING)
    assert said.count("is quadratic in the code") == 2 and "each language's mean taken off" in said
