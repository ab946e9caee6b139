"""Planted copies are found, what is no copy stays, and leaks leave the later split."""

import numpy as np
import pytest

from smallbert.corpus.duplicates import REASONS, judge, near_pairs
from smallbert.corpus.fingerprints import BINS, Fingerprints, fingerprint

TRAIN, VALIDATION, TEST = 0, 1, 2


def articles_of(rng, n, count, alphabet):
    """n articles of Zipf-distributed words, so that unrelated ones share the common words as real ones do."""
    lexicon = np.array(["".join(alphabet[i] for i in rng.integers(26, size=rng.integers(2, 9))) for _ in range(3000)])
    return lexicon[np.minimum(rng.zipf(1.3, (n, count)), 3000) - 1].tolist()


def reasons(prints, split):
    return [REASONS[i] for i in judge(prints, np.array(split)).reason]


def distinct_rows(rng, n):
    """Near fingerprints that agree nowhere but by chance."""
    return rng.integers(1, 256, (n, BINS)).astype(np.uint8)


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ([TRAIN, TRAIN, TRAIN], ["kept", "exact_within_split", "exact_within_split"]),
        ([TEST, TRAIN, TEST], ["exact_across_splits", "kept", "exact_across_splits"]),
        ([TEST, VALIDATION, VALIDATION], ["exact_across_splits", "kept", "exact_within_split"]),
        ([TEST, TEST, TEST], ["kept", "exact_within_split", "exact_within_split"]),
    ],
)
def test_exact_copies(split, expected):
    prints = Fingerprints(np.full(3, 7, np.uint64), np.zeros((3, BINS), np.uint8))
    assert reasons(prints, split) == expected


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ([TRAIN, TRAIN], ["kept", "kept"]),
        ([TEST, TRAIN], ["near_across_splits", "kept"]),
        ([TRAIN, VALIDATION], ["kept", "near_across_splits"]),
        ([TEST, VALIDATION], ["near_across_splits", "kept"]),
    ],
)
def test_near_copies(rng, split, expected):
    near = np.repeat(distinct_rows(rng, 1), 2, axis=0)
    near[1, :5] = 1 + near[1, :5] % 255
    verdict = judge(Fingerprints(np.arange(2, dtype=np.uint64), near), np.array(split))
    assert [REASONS[i] for i in verdict.reason] == expected
    assert verdict.near_kept == (2 if expected == ["kept", "kept"] else 0)


def test_what_has_left_validation_pushes_nothing_out_of_test(rng):
    """A chain: train ~ validation ~ test, but train and test are not near."""
    base = distinct_rows(rng, 1)[0]
    near = np.stack([base, base, base])
    near[1, :14] = 1 + near[1, :14] % 255  # 0.85 like the first
    near[2, :28] = 1 + near[2, :28] % 255  # 0.85 like the second, 0.71 like the first
    near[2, :14] = near[1, :14]
    prints = Fingerprints(np.arange(3, dtype=np.uint64), near)
    assert reasons(prints, [TRAIN, VALIDATION, TEST]) == ["kept", "near_across_splits", "kept"]


def test_short_texts_are_only_compared_exactly():
    texts = ["정말 재미있는 영화", "정말 재미있는 영화!", "정말 재미있는 영화네"]
    assert reasons(fingerprint(texts), [TRAIN, TEST, TEST]) == ["kept", "exact_across_splits", "kept"]


@pytest.mark.parametrize("first", [0x61, 0x0E01, 0x4E00], ids=["latin", "thai", "han"])
def test_planted_copies_are_found_and_nothing_else(rng, first):
    """1,000 articles and 200 syndicated copies with a new lead and some words changed: pairs of
    similarity 0.9 and more are found (99.9 % expected), and none below 0.65 is (0.01 % of them expected)."""
    alphabet = [chr(first + i) for i in range(26)]
    joint = "" if first != 0x61 else " "
    articles = articles_of(rng, 1000, 200, alphabet)
    copies = []
    for article in articles[:200]:
        copy = list(article)
        for i in rng.integers(200, size=rng.integers(0, 16)):
            copy[i] = alphabet[i % 26] * 5
        copies.append(["".join(alphabet[:8]), *copy])
    texts = [joint.join(text) for text in articles + copies]

    def shingles(text):
        kept = text.replace(" ", "")
        return {kept[i : i + 5] for i in range(len(kept) - 4)}

    sets = [shingles(text) for text in texts]
    true = {(i, j): len(sets[i] & sets[j]) / len(sets[i] | sets[j]) for i, j in ((i, 1000 + i) for i in range(200))}
    found = {tuple(pair) for pair in near_pairs(fingerprint(texts).near)}
    above = {pair for pair, value in true.items() if value >= 0.9}
    assert len(above) > 30
    recall = len(found & above) / len(above)
    assert recall >= 0.99
    assert all(true.get(pair, 0) >= 0.65 for pair in found)


def test_templates_do_not_cost_the_square_of_their_number(rng):
    """5,000 rows of one template: every one is near the first, and the work stays linear."""
    near = np.repeat(distinct_rows(rng, 1), 5_000, axis=0)
    pairs = near_pairs(near)
    assert len(pairs) < 5_000 * 20
    assert set(pairs[pairs[:, 0] == 0][:, 1]) == set(range(1, 5_000))


def test_no_rows():
    none = Fingerprints(np.zeros(0, np.uint64), np.zeros((0, BINS), np.uint8))
    assert judge(none, np.zeros(0, int)).reason.shape == (0,)
