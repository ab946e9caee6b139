"""The arms of the size ablation: what each varies, what is counted, and how they are compared."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbert.errors import UsageError
from smallbert.models import interchange
from smallbert.models.tokens import TokenStore
from smallbert.studies import model_size
from smallbert.studies.sharing import Trained

BASE = replace(
    model_size.base(layers=2, hidden=16, heads=4, vocabulary=100, sequence=16, batch=64, tokens=64 * 3),
    precision="fp32",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rng = np.random.default_rng(6)
    texts = [" ".join(rng.choice(["judge", "court", "ball", "goal", "rain"], 12)) for _ in range(200)]
    return TokenStore.build(texts, 100, tmp_path_factory.mktemp("tokens"))


@pytest.fixture(scope="module")
def arms():
    return model_size.arms(BASE, depths=[1, 3], widths=[4, 32], heads=[1, 8])


@pytest.fixture(scope="module")
def trained(arms, store, tmp_path_factory):
    return model_size.train(arms, store, tmp_path_factory.mktemp("encoders"), seeds=2, device="cpu", workers=1)


def test_heads_are_as_wide_as_berts_or_four_and_divide_the_width():
    assert [model_size.heads(width) for width in (16, 32, 64, 256, 512, 768)] == [4, 4, 4, 4, 8, 12]
    assert [model_size.heads(width) for width in (388, 20)] == [4, 4] and model_size.heads(18) == 3
    assert model_size.heads(32, 2) == 2 and model_size.heads(9, 2) == 1


def test_the_middle_is_what_the_parameters_say():
    names = {"layers": 3, "hidden": 128, "vocabulary": 500, "sequence": 32, "batch": 256, "tokens": 2560}
    made = model_size.middle(SimpleNamespace(**names))
    assert made == model_size.base(heads=4, **names)
    shallow = replace(made, layers=1, hidden=32)
    assert model_size.rate_factor(made, shallow) == pytest.approx((3 * 128 / 32) ** 0.5)


def test_arms_vary_one_thing(arms):
    found = {(arm.recipe.layers, arm.recipe.hidden, arm.recipe.heads): arm.panels for arm in arms}
    assert arms[0].recipe == BASE and len(found) == len(arms) == 7
    in_panel = {panel: {key for key, panels in found.items() if panel in panels} for panel in ("depth", "width")}
    assert in_panel["depth"] == {(1, 16, 4), (2, 16, 4), (3, 16, 4)}
    assert in_panel["width"] == {(2, 4, 1), (2, 16, 4), (2, 32, 8)}  # a head stays 4 wide
    assert {key for key, panels in found.items() if "heads" in panels} == {(2, 16, 1), (2, 16, 4), (2, 16, 8)}
    only_heads = {key for key, panels in found.items() if "size" not in panels}
    assert only_heads == {(2, 16, 1), (2, 16, 8)}
    assert {arm.recipe.intermediate // arm.recipe.hidden for arm in arms} == {4}
    assert len({arm.name for arm in arms}) == len(arms)


def test_sizes_of_the_base_are_not_trained_twice():
    found = model_size.arms(BASE, depths=[2], widths=[16, 32], heads=[4])
    assert [(arm.recipe.hidden, arm.panels) for arm in found] == [
        (16, ("heads", "depth", "size", "width")),
        (32, ("width", "size")),
    ]


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(UsageError, match="multiple of heads"):
        model_size.arms(BASE, depths=[], widths=[], heads=[3])


def test_cells_count_what_the_saved_encoder_has(trained):
    for arm in trained.arms:
        cell = trained.cells[(trained.cells.arm == arm.name) & (trained.cells.seed == 1)].iloc[0]
        model = interchange.load(trained.folders[arm.name, 1], device="cpu")
        embeddings = sum(p.numel() for p in model.embeddings.parameters())
        assert cell.parameters == sum(p.numel() for p in model.parameters())
        assert cell["without embeddings"] == cell.parameters - embeddings
        assert cell.heads == arm.recipe.heads


def test_heads_change_neither_parameters_nor_operations_and_width_changes_both_most(trained):
    heads = trained.panel("heads")
    assert set(heads.heads) == {1, 4, 8}
    for measure in model_size.MEASURES:
        assert heads[measure].nunique() == 1
        by_size = trained.panel("size").sort_values(measure)
        assert (by_size.iloc[0].layers, by_size.iloc[0].hidden) == (2, 4)
        assert (by_size.iloc[-1].layers, by_size.iloc[-1].hidden) == (2, 32)


def test_rates_are_tried_scaled_to_the_size_and_a_single_one_without_training(arms, store, tmp_path):
    tuned, table = model_size.tune(arms, [0.002], None, tmp_path / "nowhere")
    assert [arm.name for arm in tuned] == [arm.name for arm in arms]
    for arm in tuned:
        narrower, shallower = 16 / arm.recipe.hidden, 2 / arm.recipe.layers
        assert arm.recipe.learning_rate == pytest.approx(0.002 * np.sqrt(narrower * shallower))
    assert tuned[0].recipe.learning_rate == 0.002
    assert len(table) == len(arms) and not (tmp_path / "nowhere").exists()
    few = [arm for arm in arms if "width" in arm.panels]
    tuned, table = model_size.tune(few, [1e-5, 1e-2], store, tmp_path, device="cpu", workers=1)
    assert table.groupby("arm").chosen.sum().eq(1).all()
    for arm in tuned:
        own = table[table.arm == arm.name]
        assert (
            arm.recipe.learning_rate
            == own.rate[own.loss.idxmin()]
            == pytest.approx(0.01 * (16 / arm.recipe.hidden) ** 0.5)
        )


def test_panels_repeat_an_arm_in_every_panel_it_is_of(trained):
    cells = model_size.panels(trained)
    assert cells.groupby("panel").varied.unique().map(sorted).to_dict() == {
        "depth": [1, 2, 3],
        "heads": [1, 4, 8],
        "width": [4, 16, 32],
    }
    assert len(cells) == 9 * 2


def test_summary_is_ordered_by_size(trained):
    table = model_size.summary(trained.cells)
    assert len(table) == 7 and table.parameters.is_monotonic_increasing
    first = trained.cells[trained.cells.arm == table.arm[0]]
    assert (table.loss[0], table["sd of loss"][0]) == (
        pytest.approx(first.loss.mean()),
        pytest.approx(first.loss.std(ddof=1)),
    )


def planted(arms, losses, seeds=4):
    """Cells of given mean losses by (layers, hidden, heads), shifted by seed, which pairing removes."""
    rng = np.random.default_rng(2)
    rows = []
    for arm in arms:
        recipe = arm.recipe
        key = (recipe.layers, recipe.hidden, recipe.heads)
        for seed in range(seeds):
            rows.append(
                {
                    "arm": arm.name,
                    "layers": recipe.layers,
                    "hidden": recipe.hidden,
                    "heads": recipe.heads,
                    "seed": seed,
                    "parameters": recipe.layers * recipe.hidden**2,
                    "loss": losses(*key) + seed + 0.001 * rng.standard_normal(),
                    "panels": arm.panels,
                }
            )
    return Trained(tuple(arms), pd.DataFrame(rows), {})


def test_contrasts_go_up_each_panel_and_compare_the_two_largest(arms):
    found = model_size.contrasts(
        planted(arms, lambda layers, hidden, heads: 7 - 0.5 * layers - 0.02 * heads - 0.01 * hidden)
    )
    assert found.groupby("panel", sort=False).size().to_dict() == {"depth": 2, "width": 2, "heads": 2, "size": 1}
    assert (found.verdict[found.panel == "depth"] == "lower").all()
    last = found.iloc[-1]
    assert last.arm.startswith("2 layers, width 32") and last.against.startswith("3 layers, width 16")
    assert last.difference == pytest.approx(0.5 - 0.08 - 0.16, abs=0.01) and last.pairs == 4
    width = found[found.panel == "width"].iloc[0]
    assert width.arm.startswith("2 layers, width 16") and width.against.startswith("2 layers, width 4")
    assert width.difference == pytest.approx(-0.06 - 0.12, abs=0.01)  # it has 4 heads for 1


def test_a_contrast_is_the_paired_t_interval(arms):
    cells = planted(arms, lambda layers, hidden, heads: 5.0)
    row = model_size.contrasts(cells).iloc[0]
    wide = cells.panel("depth").pivot(index="seed", columns="arm", values="loss")
    difference = wide[row.arm] - wide[row.against]
    assert (row.low, row.high) == pytest.approx(stats.t.interval(0.95, 3, difference.mean(), stats.sem(difference)))
    assert row.verdict == "equivalent"
