"""What page 4 shows beside its own results: models, published rows, encoders to look into, and its answer."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from smallbert.models.parameters import count
from smallbert.published import published
from smallbert.studies import albert, parameters, sharing
from smallbert.studies.sharing import MODES

PARAMS = SimpleNamespace(
    layers=2, hidden=16, heads=2, vocabulary=300, embedding=4, sequence=32, batch=128, tokens=512, pair_tokens=256,
    device="cpu", jobs=0,
)  # fmt: skip


def test_multilingual_bert_stands_beside_each_of_its_reductions():
    names = list(albert.models())
    totals = {name: count(sizes).total for name, sizes in albert.models().items()}
    assert totals["multilingual BERT"] == 177_853_440
    # What transformers' AlbertModel has with multilingual BERT's vocabulary, E = 128 and one group.
    assert round(totals[names[3]] / 1e6, 1) == 23.1
    assert all(totals[name] < totals["multilingual BERT"] for name in names[1:4])


def test_printed_rows_are_those_of_tables_3_and_11():
    three = albert.printed_embedding().set_index(["sharing", "embedding"]).average
    assert three["all shared", 128] == published("albert.table3.all_shared_128.average").value
    assert len(three) == 8 and set(three.index.get_level_values(0)) == {MODES["none"], MODES["all"]}
    eleven = albert.printed_depth().set_index("layers").average
    assert eleven[48] == published("albert.table11.average").value[-1]


@pytest.mark.parametrize(
    ("encoder", "peer", "expected"),
    [
        ("pretrain", "minilm", ["a small BERT", "all-MiniLM-L6-v2"]),
        ("minilm", "minilm", ["a small BERT"]),
        ("minilm", "owner/name", ["a small BERT", "owner/name"]),
    ],
)
def test_encoders_are_the_report_s_own_and_a_peer_once(encoder, peer, expected):
    first = {"encoder": {"name": "a small BERT"}, "pretrained": "encoders/bert-1"}
    found = albert.encoders(first, encoder, peer)
    assert list(found) == expected
    assert found["a small BERT"].endswith("encoders/bert-1" if encoder == "pretrain" else encoder)


def test_a_folder_as_peer_is_named_by_its_last_part(tmp_path):
    (tmp_path / "mine").mkdir()
    found = albert.encoders({"encoder": {"name": "x"}, "pretrained": ""}, "minilm", str(tmp_path / "mine"))
    assert list(found) == ["x", "mine"]


def test_pair_arms_are_the_all_shared_encoder_at_its_own_rate():
    arms = sharing.arms(albert.plain(PARAMS), embedding=4, embeddings=[8], depths=[1, 4])
    tuned = [replace(arm, recipe=replace(arm.recipe, learning_rate=0.01 * i)) for i, arm in enumerate(arms, start=1)]
    recipe = albert.pairs(tuned, PARAMS)
    [own] = [arm for arm in tuned if (arm.recipe.sharing, arm.recipe.embedding, arm.recipe.layers) == ("all", 4, 2)]
    assert recipe.learning_rate == own.recipe.learning_rate
    assert (recipe.tokens, recipe.sharing, recipe.embedding) == (256, "all", 4)


def test_both_deepest_encoders_are_looked_into_trained_and_fresh_for_every_seed():
    cells = pd.DataFrame(
        [
            ("plain 2", "nothing shared", 2, 0),
            ("plain 4", "nothing shared", 4, 0),
            ("plain 4", "nothing shared", 4, 1),
            ("all 4", "all shared", 4, 0),
            ("all 4", "all shared", 4, 1),
        ],
        columns=["arm", "sharing", "layers", "seed"],
    )
    trained = SimpleNamespace(cells=cells, folders={(row.arm, row.seed): row.arm for row in cells.itertuples()})
    found = albert.subjects(trained, "minilm", fresh_seeds=2)
    assert albert.deepest(trained) == ("all shared, 4 layers", "nothing shared, 4 layers")
    told = {(one.label, one.source, one.seed, one.state) for one in found}
    assert len(told) == len(found) == 2 * 2 * 2 + 1 + 2
    assert ("nothing shared, 4 layers", "plain 4", 1, "fresh") in told
    assert not any(source == "plain 2" for _, source, _, _ in told)


def test_answer_gives_savings_costs_and_what_the_layers_do():
    costs = parameters.costs(albert.models())
    contrasts = pd.DataFrame(
        [
            (8, "all shared", 0.25, 0.2, 0.3, "higher", True),
            (8, "attention shared", 0.0, -0.01, 0.01, "equivalent", True),
            (4, "attention shared", 0.04, 0.03, 0.05, "no difference shown", True),
            (4, "all shared", 0.5, 0.3, 0.7, "higher", False),
        ],
        columns=["embedding", "sharing", "difference", "low", "high", "verdict", "learnt"],
    )
    courses = pd.DataFrame(
        {"label": ["all shared, 4 layers"] * 2, "state": ["trained"] * 2, "verdict": ["neither", "oscillates"]}
    )
    smoother = pd.DataFrame(columns=["curve", "all shared, 4 layers", "nothing shared, 4 layers"])
    said = albert.answer(costs, contrasts, courses, smoother, "Some arms have learnt context.")
    assert "177,853,440" in said and "57%" in said and "100%" in said
    assert "all shared +0.250 [+0.200, +0.300], higher" in said
    assert f"equivalent within {sharing.MARGIN} nats" in said
    assert "neither in 1" in said and "oscillates in 1" in said
    assert "attention shared +0.040 [+0.030, +0.050], not told after correction" in said
    assert "+0.500" not in said and "Of 1 more pairs nothing is said" in said

    said = albert.answer(costs, contrasts.assign(learnt=False), courses, smoother, "None has learnt context.")
    assert "None has learnt context. So what sharing costs cannot be told here" in said
    assert "equivalent" not in said and "+0.250" not in said
