"""Fingerprints against the sets they stand for."""

import unicodedata

import numpy as np
import pytest

from smallbert.corpus.fingerprints import BINS, SHINGLE, SHORTEST, fingerprint, similarity


def letters(text: str) -> str:
    """What is compared, written the slow way."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(c for c in folded if unicodedata.category(c)[0] not in "PZC")


def jaccard(one: str, other: str) -> float:
    sets = [{s[i : i + SHINGLE] for i in range(len(s) - SHINGLE + 1)} for s in map(letters, (one, other))]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Storm hits\nthe coast.", "STORM hits the coast"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("Straße", "STRASSE"),
        ("각 1", unicodedata.normalize("NFD", "각 1")),
        ("“Quoted” — text", '"quoted" - text'),
    ],
)
def test_layout_case_and_width_make_no_difference(one, other):
    exact, _ = fingerprint([one, other])
    assert exact[0] == exact[1] and letters(one) == letters(other)


@pytest.mark.parametrize(("one", "other"), [("มา", "ม่า"), ("a1", "a2"), ("ab", "ba"), ("5€", "5$"), ("", "a")])
def test_letters_marks_digits_and_symbols_do(one, other):
    exact, _ = fingerprint([one, other])
    assert exact[0] != exact[1]


def test_does_not_depend_on_neighbours(rng):
    texts = ["".join(map(chr, rng.integers(0x41, 0x7A, rng.integers(0, 3000)))) for _ in range(900)]
    together = fingerprint(texts)  # more than one piece
    alone = [fingerprint([text]) for text in texts]
    np.testing.assert_array_equal(together.exact, np.concatenate([one.exact for one in alone]))
    np.testing.assert_array_equal(together.near, np.concatenate([one.near for one in alone]))


def test_short_texts_have_no_near_fingerprint():
    below, above = "x" * (SHORTEST - 1), "." * 50 + "x" * SHORTEST
    _, near = fingerprint([below, above, ""])
    assert near.any(axis=1).tolist() == [False, True, False]
    assert not fingerprint([above], near=False).near.any()


def test_no_text_at_all():
    exact, near = fingerprint([])
    assert exact.shape == (0,) and near.shape == (0, BINS)


@pytest.mark.parametrize("first", [0x61, 0xAC00, 0x0E01, 0x4E00], ids=["latin", "hangul", "thai", "han"])
def test_similarity_is_unbiased_with_the_stated_deviation(rng, first):
    """300 pairs in which a share of the characters is changed, against the sets' own Jaccard similarity."""
    alphabet = [chr(first + i) for i in range(26)]
    pairs = []
    for _ in range(300):
        text = rng.choice(alphabet, 600)
        other = text.copy()
        changed = rng.integers(600, size=rng.integers(1, 60))
        other[changed] = rng.choice(alphabet, len(changed))
        pairs.append(("".join(text), "".join(other)))
    true = np.array([jaccard(*pair) for pair in pairs])
    near = [fingerprint([pair[side] for pair in pairs]).near for side in (0, 1)]
    error = similarity(*near) - true
    sigma = np.sqrt(true * (1 - true) / BINS)
    assert abs(error.mean()) < 4 * np.sqrt((sigma**2).sum()) / 300
    assert 0.75 < (error / sigma).std() < 1.15  # at most as stated; bins are dependent, in our favour


def test_similarity_of_equal_and_of_unrelated_texts(rng):
    texts = ["".join(map(chr, rng.integers(0x4E00, 0x9FFF, 400))) for _ in range(200)]
    near = fingerprint(texts).near
    np.testing.assert_allclose(similarity(near, near), 1, atol=1e-6)
    assert similarity(near[:100], near[100:]).max() < 0.1
