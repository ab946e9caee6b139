"""Every bar against models that transformers builds, the places of a step against all orders, Geotrend's counts."""

from itertools import pairwise, permutations

import pytest
import torch
import transformers

from smallbert.errors import SmallbertError, UsageError
from smallbert.models.sizes import Sizes
from smallbert.published import Published
from smallbert.studies import waterfall
from smallbert.studies.waterfall import Step, every_order, geotrend, sentence, steps

TRIMMED = 33407


def built(config, kind=transformers.AutoModel):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in kind.from_config(config).parameters())


def albert(vocabulary, **others):
    sizes = {"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072, "num_hidden_layers": 12}
    return built(transformers.AlbertConfig(vocab_size=vocabulary, embedding_size=128, **sizes | others))


def test_every_bar_ends_where_transformers_builds_the_model():
    bars = waterfall.waterfall(steps(TRIMMED))
    expected = [
        built(transformers.BertConfig(vocab_size=119547)),
        built(transformers.BertConfig(vocab_size=TRIMMED)),
        albert(TRIMMED, num_hidden_groups=12),
        albert(TRIMMED),
        albert(TRIMMED, num_hidden_layers=6),
    ]
    assert bars.parameters.tolist() == expected
    assert bars.parameters[0] == 177_853_440
    assert bars.saved.tolist() == [0, *(a - b for a, b in pairwise(expected))]
    assert bars.fp32.tolist() == [4 * one for one in expected] and bars.int8.tolist() == expected
    assert bars["share"].sum() == pytest.approx(1 - expected[-1] / expected[0])
    last = waterfall.waterfall(steps(TRIMMED, body="TinyBERT")).parameters.iloc[-1]
    tiny = {"hidden_size": 312, "intermediate_size": 1200, "num_hidden_layers": 4}
    assert last == albert(TRIMMED, **tiny)


def test_factorising_first_leaves_the_multilingual_albert_without_sharing():
    order = [step.name for step in steps(TRIMMED)]
    bars = waterfall.waterfall(steps(TRIMMED), [order[1], order[0], *order[2:]])
    assert bars.parameters[1] == albert(119547, num_hidden_groups=12)


@pytest.mark.parametrize("body", ["6 layers", "TinyBERT"])
def test_first_last_and_mean_cover_all_orders(body):
    chain = steps(TRIMMED, body=body)
    table = every_order(chain).set_index("step")
    names = [step.name for step in chain]
    found = {name: [] for name in names}
    for order in permutations(names):
        bars = waterfall.waterfall(chain, order)
        for row in bars[1:].itertuples():
            found[row.step].append(row.saved)
        assert bars.parameters.iloc[-1] == waterfall.waterfall(chain).parameters.iloc[-1]
    for name, saved in found.items():
        assert (table["first"][name], table["last"][name]) == (max(saved), min(saved))
        assert table["mean"][name] == pytest.approx(sum(saved) / len(saved), rel=1e-12)
    assert table["mean"].sum() == pytest.approx(waterfall.waterfall(chain).saved.sum(), rel=1e-12)


def test_leaving_out_layers_that_share_saves_nothing():
    table = every_order(steps(TRIMMED)).set_index("step")
    assert table["last"]["distil the body"] == 0
    assert table["first"]["distil the body"] == 6 * 7_087_872


def test_sentence_names_the_ends():
    chain = steps(TRIMMED)
    told = sentence(waterfall.waterfall(chain), every_order(chain))
    assert told.startswith("multilingual BERT has 177,853,440 parameters, what is left has 12,119,680 (6.8%).")
    assert "most with trim the vocabulary, 66.2 million as the first step and 11.0 as the last." in told
    assert told.endswith("share all layers saves most (56.7 million).")


def test_a_bar_that_is_not_its_formula_stops():
    chain = [*steps(TRIMMED)[:3], Step("drop the pooler", "H^2 + H", {"pooler": False, "vocabulary": 100})]
    with pytest.raises(SmallbertError, match="Expected 'drop the pooler' to save 4,263,296 parameters by its formula"):
        waterfall.waterfall(chain)


@pytest.mark.parametrize("order", [["share all layers"], ["a", "b", "c", "d"]])
def test_an_order_of_other_steps_is_refused(order):
    with pytest.raises(UsageError, match="Expected an order of trim the vocabulary, factorise"):
        waterfall.waterfall(steps(TRIMMED), order)


def test_other_starts_and_bodies_are_refused():
    shared = Sizes(vocabulary=100, hidden=8, layers=2, heads=1, intermediate=8, share="all")
    with pytest.raises(UsageError, match="start without sharing, factorisation and head"):
        waterfall.waterfall(steps(50), start=shared)
    with pytest.raises(UsageError, match="body out of 6 layers, TinyBERT; got '5 layers'"):
        steps(50, body="5 layers")


def entry(id, value):
    return Published(id, value, "", "printed", "a source", "", "")


def test_geotrend_is_compared_with_the_closed_form():
    head = built(transformers.BertConfig(vocab_size=500), transformers.AutoModelForMaskedLM)
    numbers = {"geotrend.a.tokens": 500, "geotrend.a.parameters": head, "geotrend.a.million": 88}
    numbers |= {"geotrend.b.tokens": 500, "geotrend.b.parameters": head + 1}
    table = geotrend({id: entry(id, value) for id, value in numbers.items()}).set_index("model")
    assert table.agrees.tolist() == [True, False] and table.computed.tolist() == [head, head]
    assert table.rounds["a"] is False and table.rounds["b"] is None  # 87.0
    assert table.encoder["a"] == built(transformers.BertConfig(vocab_size=500))


def test_geotrend_s_published_counts_follow_from_their_vocabularies():
    table = geotrend()
    assert len(table) == 5 and table.agrees.all()
    assert table.million.dropna().tolist() == [178, 141, 112] and table.rounds.dropna().all()


def test_the_sentence_on_geotrend_counts_what_agrees():
    table = geotrend()
    table.loc[0, "agrees"] = False
    said = waterfall.geotrend_sentence(table)
    assert said.startswith("Of 5 released multilingual BERTs, 4 have the parameters")
    assert said.endswith("3 of the 3 counts printed in millions (178, 141, 112) are these, rounded.")
