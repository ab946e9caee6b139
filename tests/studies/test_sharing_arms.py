"""The arms of page 4: which there are, that they are paired and tuned fairly, and what is said of them."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from smallbert.corpus.prepare import prepare
from smallbert.corpus.rows import batch
from smallbert.models import interchange, parameters
from smallbert.models.shared_encoder import fresh
from smallbert.models.sharing import SharedRecipe
from smallbert.studies import embed, sharing, sharing_costs
from smallbert.studies.sharing import MODES, TUNING_SEED

PLAIN = SharedRecipe(
    layers=2,
    hidden=16,
    heads=2,
    intermediate=32,
    vocabulary_size=300,
    sequence_length=32,
    batch_tokens=128,
    tokens=128 * 4,
    evaluations=2,
    precision="fp32",
)
TOPICS = {"law": ["judge", "court", "trial"], "sport": ["ball", "goal", "match"]}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    rng = np.random.default_rng(4)
    topics = rng.choice(list(TOPICS), 400)
    contents = [" ".join(rng.choice(TOPICS[topic], 12)) + "." for topic in topics]
    rows = batch(
        {
            "id": [str(i) for i in range(400)],
            "lang": ["en"] * 400,
            "content": contents,
            "topic": topics.tolist(),
        }
    )
    out = tmp_path_factory.mktemp("corpus") / "c"
    return prepare([rows], out, test_fraction=0.3, validation_fraction=0.1, near_duplicates=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def store(prepared, place):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embed.paths, "cache", lambda: place)
        return embed.tokens(prepared, 300)


@pytest.fixture(scope="module")
def arms():
    return sharing.arms(PLAIN, embedding=4, embeddings=[8], depths=[1, 4])


@pytest.fixture(scope="module")
def trained(arms, store, place):
    return sharing.train(arms, store, place / "encoders", seeds=2, device="cpu", workers=1)


def test_arms_are_those_of_tables_3_4_and_11_each_once(arms):
    found = {(arm.recipe.sharing, arm.recipe.embedding, arm.recipe.layers): arm.panels for arm in arms}
    assert len(found) == len(arms) == 8 + 2 + 2 + 1
    assert arms[0].recipe == PLAIN
    four = {key for key, panels in found.items() if "sharing" in panels}
    assert four == {(mode, width, 2) for mode in MODES for width in (None, 4)}
    three = {key for key, panels in found.items() if "embedding" in panels}
    assert three == {(mode, width, 2) for mode in ("none", "all") for width in (4, 8, None)}
    eleven = {key for key, panels in found.items() if "depth" in panels}
    assert eleven == {("all", 4, depth) for depth in (1, 2, 4)}
    assert found["none", None, 4] == ("layers",)


def test_cells_count_what_the_saved_encoder_has(trained):
    for arm in trained.arms:
        cell = trained.cells[(trained.cells.arm == arm.name) & (trained.cells.seed == 1)].iloc[0]
        model = interchange.load(trained.folders[arm.name, 1], device="cpu")
        assert cell.parameters == sum(p.numel() for p in model.parameters())
        assert cell.megabytes == 4 * cell.parameters / 1e6


def test_depth_changes_operations_and_no_parameters(trained):
    depth = trained.panel("depth").drop_duplicates("layers").set_index("layers")
    assert depth.parameters.nunique() == 1
    layer = (depth.operations[4] - depth.operations[2]) / 2
    assert depth.operations[2] - depth.operations[1] == pytest.approx(layer)
    assert layer > 0


def test_sharing_saves_parameters_and_no_operations(trained):
    own = trained.panel("sharing").drop_duplicates(["sharing", "embedding"])
    for _, part in own.groupby("embedding"):
        assert part.operations.nunique() == 1
        size = part.set_index("sharing").parameters
        saved = size["nothing shared"] - size
        assert saved["all shared"] == saved["attention shared"] + saved["feed-forward shared"] > 0


def test_first_weights_of_one_seed_agree_across_modes_and_differ_across_seeds(store):
    seen = {}
    for mode in ("none", "all"):
        for seed in (0, 1):
            recipe = SharedRecipe(**vars(PLAIN) | {"sharing": mode, "seed": seed})
            model = fresh(recipe.sizes(store.vocabulary_size), seed, torch.device("cpu"))
            seen[mode, seed] = model.embeddings.words.weight
    assert (seen["none", 0] == seen["all", 0]).all()
    assert (seen["none", 0] != seen["none", 1]).any()


def test_every_arm_takes_the_rate_that_suits_it_at_a_seed_of_its_own(arms, store, place):
    few = arms[:2]
    tuned, table = sharing.tune(few, [1e-5, 3e-3], store, place / "encoders", device="cpu", workers=1)
    assert len(table) == 4 and table.chosen.sum() == 2
    for arm in tuned:
        own = table[table.arm == arm.name]
        assert arm.recipe.learning_rate == own.rate[own.loss.idxmin()] == 3e-3
        assert arm.recipe.seed != TUNING_SEED
        assert own[own.chosen].rate.item() == arm.recipe.learning_rate


def test_a_single_rate_is_taken_without_training(arms, place):
    tuned, table = sharing.tune(arms, [0.002], None, place / "nowhere")
    assert {arm.recipe.learning_rate for arm in tuned} == {0.002}
    assert table.chosen.all() and table.loss.isna().all()
    assert not (place / "nowhere").exists()


def test_probes_read_planted_topics_and_leave_out_what_cannot_be_told(trained, prepared):
    cells = sharing.probes(trained, prepared, max_tokens=32, rows=60, seed=0, device="cpu")
    assert set(cells.columns) >= {"topic", "language"}
    assert cells.language.isna().all()  # one language: nothing to tell
    assert cells.topic.min() > 0.9  # each topic has words of its own
    assert len(cells) == 8 * 2


def planted_cells():
    """Held-out losses that differ by known amounts in every seed: attention +0.001, ffn +0.2, all +0.2 +- noise."""
    rows = []
    for seed, noise in enumerate((0.0, 0.01, -0.01, 0.005, -0.005)):
        for name, extra in zip(MODES.values(), (0, 0.001, 0.2 + 1e-6 * noise, 0.2 + 5 * noise), strict=True):
            size = {"nothing shared": 100, "attention shared": 80, "feed-forward shared": 60, "all shared": 40}[name]
            rows.append({"sharing": name, "embedding": 8, "seed": seed, "loss": 5 + seed + extra, "parameters": size})
    return pd.DataFrame(rows)


def test_contrasts_are_paired_t_intervals_with_holm_s_correction():
    cells = planted_cells()
    found = sharing.contrasts(cells, 9.0).set_index("sharing")
    assert found.verdict["attention shared"] == "equivalent"
    assert found.verdict["feed-forward shared"] == "higher"
    assert found["parameters saved"].tolist() == pytest.approx([0.2, 0.4, 0.6])
    wide = cells.pivot(index="seed", columns="sharing", values="loss")
    difference = wide["all shared"] - wide["nothing shared"]
    interval = stats.t.interval(0.95, 4, difference.mean(), stats.sem(difference))
    assert (found.low["all shared"], found.high["all shared"]) == pytest.approx(interval)
    # All five losses of a mode lie one apart: 1.96 = 2.776 sqrt(2.5 / 5) is half of its interval.
    highs = {mode: wide[mode].mean() + 1.9632 for mode in wide}
    assert highs["feed-forward shared"] > highs["attention shared"] + 0.1
    floor = highs["attention shared"] + 0.1
    assert sharing.contrasts(cells, floor).learnt.tolist() == [True, False, False]
    assert sharing.contrasts(cells, 20.0).learnt.all()
    assert not sharing.contrasts(cells, highs["nothing shared"] - 0.01).learnt.any()


def test_summary_has_one_row_an_arm(trained):
    table = sharing.summary(trained.cells)
    assert len(table) == len(trained.arms)
    first = trained.cells[trained.cells.arm == trained.arms[0].name]
    assert table.iloc[0].loss == pytest.approx(first.loss.mean())
    assert table.iloc[0]["sd of loss"] == pytest.approx(first.loss.std(ddof=1))


@pytest.mark.slow
def test_timings_cover_every_arm_measure_and_round(trained, store):
    texts = ["the judge left the court"] * 5
    measured = sharing_costs.timings(trained, store, texts, rounds=2, max_tokens=32, device="cpu")
    assert len(measured) == 8 * 3 * 2
    assert (measured.microseconds > 0).all()
    table = sharing_costs.summary(measured)
    assert len(table) == 8 * 3 and (table.low <= table.microseconds).all()
    ratios = sharing_costs.ratios(trained, measured)
    assert len(ratios) == 8 * 5
    plain = ratios[ratios.arm == ratios.arm[0]]
    assert plain.ratio.tolist() == pytest.approx([1] * 5)
    counted = ratios[ratios.measure == "operations"].groupby("sharing").ratio.nunique()
    assert (counted <= 2).all()  # one value for each embedding width


def test_equal_time_gives_the_faster_more_tokens_and_the_slowest_its_own_result(trained, store, place):
    own = trained.panel("sharing")
    narrow = own[own.embedding == 4].drop_duplicates("arm")
    speed = {"nothing shared": 1.0, "attention shared": 0.8, "feed-forward shared": 0.81, "all shared": 0.5}
    rounds = [narrow.assign(measure="training", microseconds=narrow.sharing.map(speed), round=i) for i in (0, 1)]
    rounds.append(rounds[0].assign(round=2, microseconds=np.linspace(3, 90, len(narrow))))  # something else ran
    measured = pd.concat(rounds)
    table = sharing_costs.equal_time(
        trained, measured, store, place / "encoders", seeds=2, device="cpu", workers=1
    ).set_index("sharing")
    assert table.speed.to_dict() == {
        "nothing shared": 1.0,
        "attention shared": 1.25,
        "feed-forward shared": 1.25,
        "all shared": 2.0,
    }
    assert table.tokens["all shared"] == 2 * PLAIN.tokens
    assert table.gain["nothing shared"] == 0
    again = own[(own.embedding == 4) & (own.sharing == "nothing shared")].loss.mean()
    assert table["loss at equal time"]["nothing shared"] == pytest.approx(again)


def test_parameters_are_counted_with_the_head_and_without_a_pooler(trained, store):
    cell = trained.cells.iloc[0]
    sizes = PLAIN.sizes(store.vocabulary_size)
    assert not sizes.pooler and sizes.head == "mlm"
    assert cell.parameters == parameters.count(sizes).total


def test_an_arm_has_learnt_more_than_frequencies_only_where_its_interval_says_so():
    cells = pd.DataFrame({"arm": [*"aaabbb"], "loss": [4.9, 4.8, 4.7, 4.99, 4.97, 4.5]})
    high = stats.t.interval(0.95, 2, 4.8, stats.sem([4.9, 4.8, 4.7]))[1]
    assert sharing.learnt(cells, high + 1e-6) == (1, 2)  # b's mean is below too
    assert sharing.learnt(cells, high - 1e-6) == (0, 2)
