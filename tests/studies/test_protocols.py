"""Both protocols: what they choose, what they report, and that seeds are paired."""

import numpy as np
import pytest
import torch

from smallbert.errors import UsageError
from smallbert.studies import depth, protocols, schedules
from smallbert.studies.floor import Floor, check_bound


def test_errors_are_those_of_the_stored_model(bench, vectors):
    arms = depth.depth_arms(12, [3], [2])
    choice = protocols.Choice("relu", "adam", 1e-2)
    cells = protocols.original(bench, arms, choice, epochs=(2, 4), seeds=2, keep_weights=True)
    assert cells.epoch.tolist() == [2, 4, 2, 4]
    last = cells.iloc[-1]
    with torch.inference_mode():
        x_hat = bench.model("original", last.cell)(torch.from_numpy(vectors.test)).double().numpy()
    test = vectors.test.astype(np.float64)
    sst = ((test - test.mean(axis=0)) ** 2).sum()
    assert last.test_mse == pytest.approx(((test - x_hat) ** 2).mean(), rel=1e-5)
    assert last.test_fvu == pytest.approx(((test - x_hat) ** 2).sum() / sst, rel=1e-5)
    assert last.gap_test == pytest.approx(last.test_fvu - Floor.of(vectors).transfer["test"][3], abs=1e-9)


def test_the_original_chooses_the_best_of_its_grid_on_validation(bench):
    arms = depth.depth_arms(12, [3], [2])
    choice, table = protocols.tune_once(
        bench, arms[0], activations=["relu", "tanh"], optimizers=["adam", "sgd"], rates=[1e-3, 1e-2], epochs=2
    )
    best = table.loc[table.validation_fvu.idxmin()]
    assert len(table) == 8
    assert (choice.activation, choice.optimizer, choice.rate) == (best.activation, best.optimizer, best.rate)


@pytest.mark.parametrize("rates", [[1e-5, 2e-5], [0.3, 0.6]], ids=["too low", "too high"])
def test_a_grid_with_its_best_at_the_edge_is_widened(bench, rates):
    arms = depth.depth_arms(12, [3], [2])
    table = protocols.tune_each(bench, arms, rates=rates, epochs=3)
    assert len(table) == len(rates) + protocols.WIDENINGS or table.interior.all()
    assert len(table) > len(rates)
    chosen = table[table.chosen].iloc[0]
    assert chosen.validation_fvu == table.validation_fvu.min()


def test_an_optimum_inside_the_grid_stays_and_is_called_interior(bench):
    arms = depth.depth_arms(12, [3], [1])
    table = protocols.tune_each(bench, arms, rates=[1e-5, 0.1, 1e3], epochs=4)
    assert table.rate.tolist() == [1e-5, 0.1, 1e3]
    assert table.interior.all()
    assert table[table.chosen].rate.tolist() == [0.1]


def test_no_published_seed_is_the_tuning_seed(bench):
    arms = depth.depth_arms(12, [3], [1])
    tuning = protocols.tune_each(bench, arms, rates=[1e-4, 1e-2, 1.0], epochs=4)
    cells = protocols.fair(bench, arms, tuning, epochs=4, seeds=3, evaluate=(1, 2, 99))
    assert sorted(cells.seed.unique()) == [0, 1, 2]
    assert set(tuning.seed) == {protocols.TUNING_SEED}
    assert sorted(cells.epoch.unique()) == [1, 2, 4]
    assert protocols.last_epoch(cells).epoch.tolist() == [4, 4, 4]


def test_cells_shared_by_two_tables_count_once(bench):
    arms = depth.depth_arms(12, [3], [1])
    choice = protocols.Choice("relu", "adam", 1e-2)
    cells = protocols.original(bench, arms, choice, epochs=(2,), seeds=2)
    assert len(protocols.together(cells, cells)) == 2


def test_a_second_call_trains_nothing(bench, monkeypatch):
    arms = depth.depth_arms(12, [3], [2])
    choice = protocols.Choice("relu", "adam", 1e-2)
    first = protocols.original(bench, arms, choice, epochs=(3,), seeds=2)

    def refuse(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("smallbert.compress.grid.train_stack", refuse)
    again = protocols.original(bench, arms, choice, epochs=(3,), seeds=2)
    assert again.test_fvu.tolist() == first.test_fvu.tolist()


def test_fewer_rows_mean_a_higher_floor_for_train_fitted_pca(bench):
    arms = depth.depth_arms(12, [3], [2])
    choice = protocols.Choice("relu", "adam", 1e-2)
    grown = depth.by_rows(bench, arms, choice, shares=[0.05, 1.0], epochs=(1, 2), seeds=2)
    assert sorted(grown.train_rows.unique()) == [30, 600]
    assert check_bound(grown)["cells checked"][0] == 4  # equal keys on other rows are other cells
    pca = grown.groupby("train_rows").pca_test.mean()
    assert pca[30] > pca[600]


def test_the_original_tunes_on_the_smallest_uniform_net_with_a_hidden_layer():
    arms = schedules.schedule_arms(64, 8, [2, 3], ["uniform", "bottleneck-heavy-3"], "bottleneck-heavy-3")
    arms += depth.depth_arms(64, [8], [1])
    chosen = depth.smallest(arms)
    assert (chosen.schedule, chosen.architecture.depth) == ("uniform", 2)


def test_a_linear_autoencoder_finds_the_principal_subspace(bench):
    arm = next(one for one in depth.other_arms(12, 3, 2) if one.name == "linear encoder")
    tuning = protocols.tune_each(bench, [arm], rates=[1e-3, 1e-2, 1e-1], epochs=40)
    angles = depth.subspace(bench, arm, tuning, epochs=40, seeds=2)
    assert angles.seed.tolist() == [0, 1]
    assert (angles.largest < 5).all()
    assert (angles["median"] <= angles.largest).all()
    assert (angles.gap_train.abs() < 5e-3).all()


def test_baselines_are_drawn_once_a_seed_and_predict_the_mean_at_worst(bench, vectors):
    table = depth.baselines(bench.floor, [3], seeds=4)
    assert table.method.value_counts()["random projection, gaussian"] == 4
    mean = table.set_index("method").loc["mean"]
    assert mean.train_fvu == pytest.approx(1)
    test = vectors.test.astype(np.float64)
    expected = ((test - vectors.train.astype(np.float64).mean(axis=0)) ** 2).sum() / (
        (test - test.mean(axis=0)) ** 2
    ).sum()
    assert mean.test_fvu == pytest.approx(expected)


def test_a_grid_on_which_all_diverge_is_refused(bench):
    arms = depth.depth_arms(12, [3], [2])
    with pytest.raises(UsageError, match="all 1 diverged: rates 1e\\+30 with sgd") as caught:
        protocols.tune_once(bench, arms[0], activations=["relu"], optimizers=["sgd"], rates=[1e30], epochs=2)
    assert "original_rates" in caught.value.hint
