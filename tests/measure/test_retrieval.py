import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score
from sklearn.metrics.pairwise import cosine_similarity

from smallbert.errors import DataError
from smallbert.measure import retrieval as module
from smallbert.measure.retrieval import retrieval


def angles(*degrees):
    turn = np.radians(degrees)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def test_a_hand_built_case():
    # en: event a at 0, event b at 90. ko: a at 10, b at 50, something untranslated at 80 degrees.
    x = angles(0, 90, 10, 50, 80)
    found = retrieval(x, ["en", "en", "ko", "ko", "ko"], ["a", "b", "a", "b", ""], seed=0)
    pairs = found.pairs.set_index(["query", "candidate"])
    there, back = pairs.loc[("en", "ko")], pairs.loc[("ko", "en")]
    # a (0) finds a (10) first; b (90) meets the untranslated row (80) before b (50).
    assert there.to_dict() == {"queries": 2, "candidates": 3, "precision_at_1": 0.5, "mrr": 0.75, "chance": 1 / 3}
    # a (10) finds a (0); b (50) finds b (90, 40 away) before a (0, 50 away).
    assert back.to_dict() == {"queries": 2, "candidates": 2, "precision_at_1": 1, "mrr": 1, "chance": 0.5}
    assert found.precision_at_1 == 0.75


def test_equals_a_brute_force_over_all_candidates(rng, monkeypatch):
    monkeypatch.setattr(module, "QUERY_BLOCK", 7)
    events, languages = 30, ["en", "ko", "ru"]
    meaning = rng.standard_normal((events, 6))
    x = np.concatenate([meaning + 0.8 * rng.standard_normal(meaning.shape) for _ in languages])
    names = np.repeat(languages, events)
    groups = np.tile([f"e{i}" for i in range(events)], 3)
    groups[rng.choice(90, 20, replace=False)] = ""
    found = retrieval(x, names, groups, seed=0)
    assert len(found.pairs) == 6
    for row in found.pairs.itertuples():
        rows, pool = np.flatnonzero(names == row.query), np.flatnonzero(names == row.candidate)
        rows = [i for i in rows if groups[i] and groups[i] in groups[pool]]
        scores = cosine_similarity(x[rows], x[pool])
        right = groups[rows][:, None] == groups[pool]
        assert row.queries == len(rows) and row.candidates == events
        assert row.precision_at_1 == pytest.approx(right[np.arange(len(rows)), scores.argmax(axis=1)].mean())
        # With one relevant candidate each, average precision is the reciprocal rank.
        assert row.mrr == pytest.approx(label_ranking_average_precision_score(right, scores))
        assert row.chance == pytest.approx(1 / events)


def test_several_translations_count_by_the_best_placed():
    x = angles(0, 170, 5, 2)
    found = retrieval(x, ["en", "ko", "ko", "ko"], ["a", "a", "a", ""], seed=0).pairs.iloc[0]
    assert (found["mrr"], found["precision_at_1"], found["chance"]) == (0.5, 0, 2 / 3)


@pytest.mark.parametrize("value", [0, 0.1, 1])
@pytest.mark.parametrize("centred", [False, True])
def test_collapsed_codes_get_nothing(value, centred):
    codes = np.full((600, 33), value, np.float32)
    names, events = ["en"] * 300 + ["ko"] * 300, [f"e{i}" for i in range(300)] * 2
    found = retrieval(codes, names, events, seed=0, centre_languages=centred)
    assert found.precision_at_1 == 0 and found.pairs.mrr.to_list() == pytest.approx([1 / 300] * 2)


def test_centring_removes_an_offset_that_tells_the_language(rng):
    meaning = rng.standard_normal((50, 8))
    x = np.concatenate([meaning + 30 * np.eye(8)[0], meaning + rng.standard_normal(8) * 30])
    arguments = (x, ["en"] * 50 + ["ko"] * 50, [f"e{i}" for i in range(50)] * 2)
    assert retrieval(*arguments, seed=0).precision_at_1 < 0.7
    assert retrieval(*arguments, seed=0, centre_languages=True).precision_at_1 == 1


def test_random_codes_stay_at_chance(rng):
    n = 400
    found = retrieval(rng.standard_normal((2 * n, 8)), ["en"] * n + ["ko"] * n, [f"e{i}" for i in range(n)] * 2, seed=0)
    assert found.precision_at_1 < 5 / n and found.pairs.chance.to_list() == pytest.approx([1 / n] * 2)


def test_queries_are_capped_by_seed_and_candidates_are_not(rng):
    x, languages = rng.standard_normal((100, 4)), ["en"] * 50 + ["ko"] * 50
    groups = [f"e{i}" for i in range(50)] * 2
    found = retrieval(x, languages, groups, seed=1, max_queries=10)
    assert set(found.pairs["queries"]) == {10} and set(found.pairs["candidates"]) == {50}
    assert found.pairs.equals(retrieval(x, languages, groups, seed=1, max_queries=10).pairs)


def test_errors(rng):
    x = rng.standard_normal((4, 2))
    with pytest.raises(DataError, match="two languages that share a group, found none"):
        retrieval(x, ["en", "en", "ko", "ko"], ["a", "a", "b", ""], seed=0)
    with pytest.raises(DataError, match="vectors 4, languages 4, groups 3"):
        retrieval(x, ["en"] * 4, ["a"] * 3, seed=0)
    x[1, 0] = np.inf
    with pytest.raises(DataError, match="inf in row 1, dimension 0"):
        retrieval(x, ["en", "en", "ko", "ko"], ["a", "b", "a", "b"], seed=0)
