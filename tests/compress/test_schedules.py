"""Width schedules against their closed forms, and partners of equal size."""

import numpy as np
import pytest

from smallbert.compress.schedules import (
    SCHEDULES,
    encoder_parameters,
    hidden_widths,
    match_parameters,
    matched_partner,
)
from smallbert.errors import UsageError


def test_uniform_is_the_original_studys_example():
    assert hidden_widths("uniform", 768, 128, 4) == (608, 448, 288)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_geometric_is_numpys_geomspace(depth):
    expected = np.geomspace(768, 64, depth + 1)[1:-1].round().astype(int)
    assert hidden_widths("geometric", 768, 64, depth) == tuple(expected)


def test_bottleneck_heavy_meets_the_original_studys_list():
    # science.md B3.4: (256, 192, 160) between 768 and 128; degree 2 comes within 6 % of every width.
    widths = np.array(hidden_widths("bottleneck-heavy-2", 768, 128, 4))
    assert np.abs(widths / np.array([256, 192, 160]) - 1).max() < 0.06


def test_degrees_narrow_ever_earlier_and_mirrors_ever_later():
    first = [hidden_widths(name, 768, 64, 4)[0] for name in ("uniform", "geometric")]
    heavy = [hidden_widths(f"bottleneck-heavy-{n}", 768, 64, 4)[0] for n in (1, 2, 3)]
    wide = [hidden_widths(f"wide-heavy-{n}", 768, 64, 4)[-1] for n in (1, 2, 3)]
    assert [*first, *heavy] == sorted([*first, *heavy], reverse=True)
    assert wide == sorted(wide)


@pytest.mark.parametrize(
    ("name", "partner"),
    [
        ("geometric", "reverse-geometric"),
        ("bottleneck-heavy-2", "wide-heavy-2"),
        ("uniform", "uniform"),
    ],
)
def test_reverse_partners_are_point_reflections(name, partner):
    widths = np.array(hidden_widths(name, 768, 128, 6))
    reflected = np.array(hidden_widths(partner, 768, 128, 6))[::-1]
    assert np.abs(widths + reflected - (768 + 128)).max() <= 1  # each side is rounded


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(("d", "k", "depth"), [(768, 64, 6), (256, 256, 3), (32, 1, 4)])
def test_every_schedule_falls_from_input_to_bottleneck(name, d, k, depth):
    widths = (d, *hidden_widths(name, d, k, depth), k)
    assert len(widths) == depth + 1
    assert list(widths) == sorted(widths, reverse=True)


@pytest.mark.parametrize("name", [*SCHEDULES])
@pytest.mark.parametrize("partner", ["uniform", "bottleneck-heavy-3"])
@pytest.mark.parametrize(("d", "k", "depth"), [(768, 128, 4), (256, 32, 2), (384, 48, 6)])
def test_matched_partners_have_equal_size_within_one_percent(name, partner, d, k, depth):
    target = encoder_parameters(d, hidden_widths(partner, d, k, depth), k)
    matched = matched_partner(name, partner, d, k, depth)
    assert encoder_parameters(d, matched, k) == pytest.approx(target, rel=0.01)
    assert min(matched) >= k


def test_widths_that_all_round_to_the_bottleneck_cannot_be_scaled():
    assert hidden_widths("bottleneck-heavy-3", 384, 383, 2) == (383,)
    assert matched_partner("bottleneck-heavy-3", "uniform", 384, 383, 2) == (384,)
    with pytest.raises(UsageError, match=r"with 1,000 parameters \(within 1 %\)"):
        match_parameters("bottleneck-heavy-3", 384, 383, 2, 1_000)


def test_a_schedule_matched_to_itself_is_itself():
    assert matched_partner("geometric", "geometric", 768, 64, 5) == hidden_widths("geometric", 768, 64, 5)


@pytest.mark.parametrize(("hidden", "weights"), [((608, 448, 288), 905_216), ((256, 192, 160), 296_960)])
def test_parameters_are_the_weights_counted_by_hand_and_the_biases(hidden, weights):
    # science.md B3.4 prints the weights of the original study's two arms.
    assert encoder_parameters(768, hidden, 128) == weights + sum(hidden) + 128


def test_wrong_requests_say_what_was_expected():
    with pytest.raises(UsageError, match=r"width schedule out of bottleneck-heavy-1, .*got 'linear'"):
        hidden_widths("linear", 768, 64, 2)
    with pytest.raises(UsageError, match="1 <= bottleneck <= input width; got depth 2, bottleneck 900"):
        hidden_widths("uniform", 768, 900, 2)
    with pytest.raises(UsageError, match=r"with 10,000 parameters \(within 1 %\); the nearest"):
        match_parameters("uniform", 768, 64, 3, 10_000)
    with pytest.raises(UsageError, match="depth 1 with"):
        match_parameters("uniform", 768, 64, 1, 10_000)
