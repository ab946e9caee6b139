"""The layer study: every encoder on the same texts, words tallied over seeds, and the figure that shows them."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
import transformers

from smallbert.errors import DataError, UsageError
from smallbert.figures import layers as figures
from smallbert.figures import style
from smallbert.measure.convergence import course
from smallbert.measure.stats import mean_interval, paired_interval
from smallbert.measure.transitions import MEASURES, transitions
from smallbert.models import hidden_states
from smallbert.studies import layers
from smallbert.studies.layers import Subject
from smallbert.studies.sharing import MODES

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(40))]
SIZE = {"vocab_size": len(WORDS), "hidden_size": 32, "num_hidden_layers": 5, "num_attention_heads": 4}
TEXTS = ["w1 w2 w3", "w4 w5 w6 w7", "w8 w9", "w1 w3 w5"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("encoders")
    configs = {
        "bert": transformers.BertConfig(**SIZE, intermediate_size=64),
        "albert": transformers.AlbertConfig(**SIZE, intermediate_size=64, embedding_size=16),
    }
    for family, config in configs.items():
        with torch.random.fork_rng():
            torch.manual_seed(9)
            transformers.AutoModel.from_config(config).save_pretrained(base / family)
        transformers.BertTokenizerFast(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(base / family)
    return base


@pytest.fixture(scope="module")
def rows(folders):
    subjects = [
        Subject(label, str(folders / label), seed, state)
        for label in ("bert", "albert")
        for state, seeds in (("trained", 1), ("fresh", 3))
        for seed in range(seeds)
    ]
    return layers.curves(subjects, TEXTS, max_tokens=16, device="cpu")


def planted(curves: dict[tuple[str, int], list[float]]) -> pd.DataFrame:
    """Trained BERT-like encoders with given curves: (label, seed) to values over layers."""
    return pd.DataFrame(
        [
            {"label": label, "kind": "BERT-like", "state": "trained", "seed": seed, "layer": layer + 1}
            | dict.fromkeys(MEASURES, value)
            | dict.fromkeys([f"{name}_sem" for name in MEASURES], 0.0)
            for (label, seed), values in curves.items()
            for layer, value in enumerate(values)
        ]
    )


def test_one_row_a_layer_with_the_measures_of_each_encoder(folders, rows):
    assert len(rows) == 2 * 4 * 5
    assert rows.groupby("label").kind.unique().map(list).to_dict() == {"bert": ["BERT-like"], "albert": ["ALBERT-like"]}
    assert (rows.texts == 4).all()
    assert (rows.tokens == 12 + 8).all()  # words, [CLS] and [SEP]
    stack = hidden_states.load(str(folders / "albert"), max_tokens=16, fresh=2, device="cpu")
    expected = transitions(stack.states(stack.tokenize(TEXTS)))
    own = rows[(rows.label == "albert") & (rows.state == "fresh") & (rows.seed == 2)]
    assert own.layer.tolist() == [1, 2, 3, 4, 5]
    for name in MEASURES:
        np.testing.assert_array_equal(own[name], getattr(expected, name))
        np.testing.assert_array_equal(own[f"{name}_sem"], expected.sem[name])


def test_a_fresh_seed_differs_and_a_trained_encoder_is_its_own(rows):
    wide = rows.pivot(index="layer", columns=["label", "state", "seed"], values="l2")
    assert wide.T.drop_duplicates().shape == wide.T.shape


def test_what_cannot_be_compared_is_told(folders):
    twice = [Subject("a", str(folders / "bert"))] * 2
    for subjects, texts in ((twice, TEXTS), ([], TEXTS), (twice[:1], [])):
        with pytest.raises(UsageError, match="texts and encoders that differ in label, state or seed"):
            layers.curves(subjects, texts, max_tokens=16)
    with pytest.raises(DataError, match=r"no config\.json"):
        layers.curves([Subject("a", str(folders))], TEXTS, max_tokens=16)


def test_verdicts_are_those_of_each_curve(rows):
    found = layers.verdicts(rows)
    assert len(found) == 2 * 4 * 3
    one = rows[(rows.label == "bert") & (rows.state == "trained")]
    row = found[(found.label == "bert") & (found.state == "trained") & (found.curve == "angle_mean")].iloc[0]
    expected = course(one.angle_mean, one.angle_mean_sem)
    assert (row.verdict, row.level, row.turns) == (expected.verdict, expected.level, expected.turns)
    assert row.roughness == expected.roughness
    later = found[(found.label == "bert") & (found.state == "trained") & (found.curve == "l2_later")].iloc[0]
    assert later.layers == 4
    assert later.roughness == course(one.l2[1:], one.l2_sem[1:]).roughness


def test_a_first_step_unlike_the_others_is_left_out_of_the_later_curve():
    """One large change of length, then a straight fall: rough with the first layer, smooth without it."""
    found = layers.verdicts(planted({("a", 0): [20.0, 2.0, 1.9, 1.8, 1.7, 1.6]})).set_index("curve")
    assert found.roughness["l2"] > 0.5
    assert found.roughness["l2_later"] == pytest.approx(0, abs=1e-12)
    assert layers.verdicts(planted({("a", 0): [2.0, 1.0]})).curve.tolist() == ["l2", "angle_mean"]
    assert layers.verdicts(planted({("a", 0): [2.0]})).empty


def _said(found):
    [sentence] = layers.verdict_sentences(found)
    return sentence


def test_the_sentence_tallies_seeds():
    falling, waving = [16, 8, 4, 2, 1, 0.5], [9, 2, 9, 2, 9, 2]
    said = _said(layers.verdicts(planted({("a", 0): falling, ("a", 1): falling, ("a", 2): waving})))
    assert said.startswith("a, trained, 6 layers: L2 distance converges (2 of 3 seeds) and oscillates (1 of 3 seeds)")
    assert "mean angle converges (2 of 3 seeds)" in said
    assert "1.3 of 4 possible turns (mean of 3 seeds); mean angle converges" in said
    assert "oscillates (all 2 seeds)" in _said(layers.verdicts(planted({("a", 0): waving, ("a", 1): waving})))
    assert (
        "L2 distance neither converges nor oscillates: a factor of 1.00 a layer, last third at 1.00 of the first"
        in (_said(layers.verdicts(planted({("b", 0): [3.0, 3, 3, 3]}))))
    )
    assert _said(layers.verdicts(planted({("b", 0): [3.0, 1]}))) == (
        "b, trained, 2 layers: L2 distance has too few layers to tell; mean angle has too few layers to tell."
    )


def test_smoothness_is_paired_by_seed():
    curves = {("smooth", seed): [4.0, 3, 2.5 + 0.01 * seed, 2] for seed in range(3)}
    curves |= {("rough", seed): [4.0, 1, 4 + 0.1 * seed, 1] for seed in range(4)}
    found = layers.verdicts(planted(curves))
    compared = layers.smoothness(found, "smooth", "rough")
    by_hand = {name: [course(curves[name, seed]).roughness for seed in range(3)] for name in ("smooth", "rough")}
    expected = paired_interval(by_hand["smooth"], by_hand["rough"])
    row = compared.iloc[0]
    assert (row.difference, row.low, row.high) == pytest.approx((expected.estimate, expected.low, expected.high))
    assert (row.seeds, row.verdict) == (3, "lower")
    said = layers.smoothness_sentence(compared)
    assert said.startswith("Roughness of smooth against rough, 3 seeds: L2 distance 0.")
    assert "smoother" in said
    turned = layers.smoothness(found, "rough", "smooth")
    assert "rougher" in layers.smoothness_sentence(turned)


def test_one_seed_shows_no_difference():
    found = layers.verdicts(planted({("a", 0): [4.0, 3, 2, 1], ("b", 0): [4.0, 1, 4, 1]}))
    compared = layers.smoothness(found, "a", "b")
    assert compared.verdict.tolist() == ["no difference shown"] * 3
    assert compared.low.isna().all()
    assert "1 seed: " in layers.smoothness_sentence(compared)
    with pytest.raises(UsageError, match=r"encoders 'a' and 'c' with a seed in common, got labels \['a', 'b'\]"):
        layers.smoothness(found, "a", "c")


def test_bands_are_over_seeds_where_there_are_several_else_over_texts(rows):
    found = layers.bands(rows).set_index(["label", "state", "measure", "layer"])
    values = rows[(rows.label == "bert") & (rows.state == "fresh") & (rows.layer == 2)].l2
    interval, row = mean_interval(values), found.loc["bert", "fresh", "l2", 2]
    assert (row["mean"], row.low, row.high, row.seeds) == (interval.estimate, interval.low, interval.high, 3)
    one = rows[(rows.label == "bert") & (rows.state == "trained") & (rows.layer == 2)].iloc[0]
    row = found.loc["bert", "trained", "l2", 2]
    assert (row["mean"], row.seeds) == (one.l2, 1)
    assert row.high - row.low == pytest.approx(2 * 1.96 * one.l2_sem)


def test_the_figure_shows_every_encoder_in_the_column_of_its_kind(rows):
    style.use_theme()
    chart = figures.transitions(layers.bands(rows))
    panels = np.reshape(chart.figure.axes, (3, 2))
    assert [axes.get_title(loc="left") for axes in panels[0]] == ["BERT-like", "ALBERT-like"]
    for axes in panels.flat:
        solid, dashed = axes.get_lines()
        assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
    assert len(chart.figure.legends[0].get_texts()) == 4
    drawn = panels[0, 0].get_lines()[0].get_ydata()
    np.testing.assert_array_equal(drawn, rows[(rows.label == "bert") & (rows.state == "trained")].l2)
    assert f"bert, trained: {drawn[0]:.2f} to {drawn[-1]:.2f}" in chart.alt
    assert "seeds where there are several" in chart.caption
    chart.figure.canvas.draw()
    plt.close("all")


def test_a_peer_has_no_colour_of_a_way_to_share():
    labels = {"all shared, 2 layers": "ALBERT-like", "nothing shared, 2 layers": "BERT-like", "a peer": "BERT-like"}
    bands = pd.DataFrame(
        [
            {"label": label, "kind": kind, "state": "trained", "layer": layer, "measure": measure, "seeds": 1}
            | {"mean": 1.0, "low": 0.9, "high": 1.1}
            for label, kind in labels.items()
            for layer in (1, 2)
            for measure in figures.ROWS
        ]
    )
    chart = figures.transitions(bands)
    drawn = {line.get_label(): line.get_color() for line in chart.figure.axes[0].get_lines()}
    assert drawn["nothing shared, 2 layers, trained"] == style.LOOKS["nothing shared"].color
    assert drawn["a peer, trained"] not in {style.LOOKS[name].color for name in MODES.values()}
    plt.close("all")
