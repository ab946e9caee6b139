"""Layer curves against a token-by-token loop over transformers' padded batches, and against geometry."""

import math

import numpy as np
import pytest
import torch
import transformers

from smallbert.errors import DataError
from smallbert.measure.transitions import MEASURES, angles, transitions

SIZE = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 64}
LENGTHS = (5, 9, 9, 3, 9, 12, 3)


def model(family):
    """A tiny random encoder whose weights are far from their initial values."""
    config = {
        "bert": transformers.BertConfig(**SIZE),
        "albert": transformers.AlbertConfig(**SIZE, embedding_size=16),
    }[family]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        encoder = transformers.AutoModel.from_config(config).eval()
        for parameter in encoder.parameters():
            parameter.data += 0.1 * torch.randn(parameter.shape)
    return encoder


def texts(seed=1):
    rng = np.random.default_rng(seed)
    return [rng.integers(5, 50, length) for length in LENGTHS]


def equal_lengths(encoder, ids):
    for length in sorted({len(text) for text in ids}):
        rows = np.array([row for row, text in enumerate(ids) if len(text) == length])
        with torch.inference_mode():
            read = torch.tensor(np.stack([ids[row] for row in rows]))
            yield rows, torch.stack(encoder(input_ids=read, output_hidden_states=True).hidden_states)


def naive(encoder, ids):
    """One padded batch with a mask, then a loop over layers, texts and tokens: text -> layer -> token pairs."""
    width = max(map(len, ids))
    padded = torch.tensor([[*text, *[0] * (width - len(text))] for text in ids])
    mask = torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in ids])
    with torch.inference_mode():
        states = encoder(input_ids=padded, attention_mask=mask, output_hidden_states=True).hidden_states
    states = [state.double().numpy() for state in states]
    assert len(states) == SIZE["num_hidden_layers"] + 1
    return [
        [
            [(states[layer][row, t], states[layer + 1][row, t]) for t in range(len(text))]
            for layer in range(len(states) - 1)
        ]
        for row, text in enumerate(ids)
    ]


def degrees(a, b):
    return math.degrees(math.acos(a @ b / math.sqrt((a @ a) * (b @ b))))


def by_hand(pairs, layer):
    """All measures of one layer over all tokens of some texts."""
    tokens = [pair for text in pairs for pair in text[layer]]
    before, after = (np.array(side) for side in zip(*tokens, strict=True))
    l2 = np.mean([np.linalg.norm(b - a) for a, b in tokens])
    return {
        "l2": l2,
        "relative_l2": l2 / np.mean([np.linalg.norm(a) for a, _ in tokens]),
        "angle_mean": np.mean([degrees(a, b) for a, b in tokens]),
        "angle_of_means": degrees(before.mean(axis=0), after.mean(axis=0)),
    }


@pytest.mark.parametrize("family", ["bert", "albert"])
def test_equals_a_loop_over_tokens_of_a_padded_batch(family):
    encoder, ids = model(family), texts()
    found = transitions(equal_lengths(encoder, ids))
    pairs = naive(encoder, ids)
    assert (found.texts, found.tokens) == (len(LENGTHS), sum(LENGTHS))
    for layer in range(4):
        expected = by_hand(pairs, layer)
        for name in MEASURES:
            assert getattr(found, name)[layer] == pytest.approx(expected[name], rel=2e-5), name


def test_standard_errors_are_the_jackknife_over_texts():
    encoder, ids = model("bert"), texts()
    found, pairs = transitions(equal_lengths(encoder, ids)), naive(model("bert"), ids)
    n = len(ids)
    for layer in (0, 3):
        without = [by_hand(pairs[:row] + pairs[row + 1 :], layer) for row in range(n)]
        for name in MEASURES:
            values = np.array([one[name] for one in without])
            expected = math.sqrt((n - 1) / n * ((values - values.mean()) ** 2).sum())
            assert found.sem[name][layer] == pytest.approx(expected, rel=1e-3), name


def test_equally_long_texts_have_the_textbook_standard_error(rng):
    """With as many tokens in every text the jackknife is the standard error of the texts' means."""
    states = torch.from_numpy(rng.standard_normal((3, 20, 7, 5)))
    found = transitions([(np.arange(20), states)])
    means = (states[1:] - states[:-1]).norm(dim=-1).mean(dim=2).numpy()
    np.testing.assert_allclose(found.sem["l2"], means.std(axis=1, ddof=1) / math.sqrt(20))


def test_one_text_has_no_standard_error(rng):
    found = transitions([(np.arange(1), torch.from_numpy(rng.standard_normal((3, 1, 7, 5))))])
    assert all(np.isnan(found.sem[name]).all() for name in MEASURES)
    assert np.isfinite(found.angle_of_means).all()


def test_albert_starts_after_the_map_to_the_hidden_width():
    encoder = model("albert")
    ids = torch.arange(1, 9)[None]
    with torch.inference_mode():
        first = encoder(input_ids=ids, output_hidden_states=True).hidden_states[0]
        mapped = encoder.encoder.embedding_hidden_mapping_in(encoder.embeddings(ids))
    torch.testing.assert_close(first, mapped)


def test_layers_that_turn_scale_and_rest_are_measured_as_built(rng):
    """Layer 1 turns every token by 30 degrees in a plane, layer 2 doubles it, layer 3 does nothing."""
    start = torch.from_numpy(rng.standard_normal((6, 4, 2)))
    a = math.radians(30)
    turned = start @ torch.tensor([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]], dtype=torch.float64)
    found = transitions([(np.arange(6), torch.stack([start, turned, 2 * turned, 2 * turned]))])
    length = start.norm(dim=-1).mean().item()
    np.testing.assert_allclose(found.l2, [2 * math.sin(a / 2) * length, length, 0], atol=1e-12)
    np.testing.assert_allclose(found.relative_l2, [2 * math.sin(a / 2), 1, 0], atol=1e-12)
    np.testing.assert_allclose(found.angle_mean, [30, 0, 0], atol=1e-10)
    np.testing.assert_allclose(found.angle_of_means, [30, 0, 0], atol=1e-10)


def test_both_orders_of_averaging_differ_where_tokens_turn_apart():
    """Two tokens that turn 60 degrees in opposite directions: every angle is 60, their mean does not turn."""
    before = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    after = torch.tensor([[[0.5, 3**0.5 / 2], [0.5, -(3**0.5) / 2]]])
    found = transitions([(np.arange(1), torch.stack([before, after]))])
    assert found.angle_mean[0] == pytest.approx(60, abs=1e-5)
    assert found.angle_of_means[0] == pytest.approx(0, abs=1e-5)


def test_law_of_cosines_holds_on_a_models_states():
    for _rows, states in equal_lengths(model("bert"), texts()):
        a, b = states[:-1].double(), states[1:].double()
        turn = torch.deg2rad(angles(a, b))
        right = a.norm(dim=-1) ** 2 + b.norm(dim=-1) ** 2 - 2 * a.norm(dim=-1) * b.norm(dim=-1) * turn.cos()
        torch.testing.assert_close((a - b).norm(dim=-1) ** 2, right, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_angles_are_exact_where_the_arccosine_is_not(dtype):
    one = torch.tensor([1.0, 0.0], dtype=dtype)
    for angle in (0.0, 1e-5, 1e-3, 1.0, 90.0, 180 - 1e-3, 180.0):
        radians = math.radians(angle)
        other = torch.tensor([math.cos(radians), math.sin(radians)], dtype=dtype)
        relative = 1e-6 if dtype == torch.float32 else 1e-12
        assert angles(one, 3 * other).item() == pytest.approx(angle, rel=relative, abs=1e-14)
    vectors = torch.randn(50, 384, generator=torch.Generator().manual_seed(0), dtype=dtype)
    assert (angles(vectors, vectors) == 0).all()
    assert (angles(vectors, -vectors) == 180).all()
    assert not torch.isnan(angles(vectors, vectors * (1 + 1e-7))).any()
    assert angles(torch.zeros(3), torch.ones(3)) == 0


def test_no_texts_and_broken_weights_are_told():
    with pytest.raises(DataError, match="at least one text"):
        transitions([])
    with pytest.raises(DataError, match="finite hidden states"):
        transitions([(np.arange(1), torch.full((2, 1, 3, 4), torch.nan))])
