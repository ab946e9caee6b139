"""Sharing as what it is: one storage, one gradient that is a sum, one layer unrolled, and ALBERT's counts."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from smallbert.errors import UsageError
from smallbert.models import parameters, vocabulary_loss
from smallbert.models.packing import document_positions
from smallbert.models.recipe import PretrainRecipe
from smallbert.models.shared_encoder import SharedEncoder, fresh
from smallbert.models.sharing import SharedRecipe
from smallbert.models.sizes import Sizes

CPU = torch.device("cpu")
MODES = ("none", "attention", "ffn", "all")
RECIPE = SharedRecipe(
    layers=4, hidden=32, heads=2, intermediate=64, vocabulary_size=97, sequence_length=16, batch_tokens=64, embedding=8
)
HALVES = {"attention": ("attention",), "ffn": ("feed_forward",), "all": ("attention", "feed_forward"), "none": ()}


def encoder(seed=3, **changes):
    recipe = replace(RECIPE, **changes)
    model = fresh(recipe.sizes(97, pair_head=True), seed, CPU)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():  # larger weights than the first ones, so that differences show
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=random))
    return model


def batch(rng, rows=3, length=16):
    """Two documents a row; ids, positions, who sees whom, types."""
    ids = torch.from_numpy(rng.integers(5, 97, (rows, length)))
    ids[:, 0] = ids[:, length // 2] = 2
    return ids, *document_positions(ids), torch.from_numpy(rng.integers(0, 2, (rows, length)))


def untied(model):
    """The same encoder with weights of its own in every layer."""
    copy = SharedEncoder(replace(model.sizes, share="none", groups=1))
    copy.load_state_dict(model.state_dict(), strict=False)
    for layer in range(model.sizes.layers):
        for ours, theirs in zip(copy.block(layer), model.block(layer), strict=True):
            ours.load_state_dict(theirs.state_dict())
    return copy


@pytest.mark.parametrize(("mode", "groups"), [*((mode, 1) for mode in MODES), *((mode, 2) for mode in MODES[1:])])
def test_layers_of_a_group_share_their_storage(mode, groups):
    model = encoder(sharing=mode, groups=groups)
    for half, name in enumerate(("attention", "feed_forward")):
        places = [next(model.block(layer)[half].parameters()).data_ptr() for layer in range(4)]
        run = 4 // groups if name in HALVES[mode] else 1
        expected = [places[layer // run * run] for layer in range(4)]
        assert places == expected and len(set(places)) == 4 // run


@pytest.mark.parametrize(("mode", "groups"), [("attention", 1), ("ffn", 1), ("all", 1), ("all", 2), ("ffn", 2)])
def test_a_shared_weights_gradient_is_the_sum_over_untied_copies(rng, mode, groups):
    shared = encoder(sharing=mode, groups=groups).double()
    copies = untied(shared).double()
    ids, positions, inside, types = batch(rng)
    targets = torch.arange(5, 5 + ids.numel())
    for model in (shared, copies):
        hidden = model.encode(ids, positions, inside, types)
        F.cross_entropy(model.vocabulary_logits(hidden.flatten(0, 1)), targets).backward()
    for half in (0, 1):
        sums = {}
        for layer in range(4):
            for ours, theirs in zip(*(m.block(layer)[half].parameters() for m in (shared, copies)), strict=True):
                sums.setdefault(ours, []).append(theirs.grad)
        for ours, gradients in sums.items():
            torch.testing.assert_close(ours.grad, sum(gradients), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(
        shared.embeddings.words.weight.grad, copies.embeddings.words.weight.grad, atol=1e-6, rtol=1e-6
    )


def test_all_shared_is_one_layer_unrolled(rng):
    model = encoder(sharing="all")
    ids, positions, inside, _ = batch(rng)
    one = SharedEncoder(replace(model.sizes, layers=1))
    one.load_state_dict(model.state_dict())
    states = model.hidden_states(ids, positions, inside)
    assert len(states) == 5
    hidden = states[0]
    for state in states[1:]:
        one.embeddings.forward = lambda *_, hidden=hidden: hidden
        hidden = one.encode(ids, positions, inside)
        torch.testing.assert_close(hidden, state, atol=0, rtol=0)
    torch.testing.assert_close(model.encode(ids, positions, inside), hidden, atol=0, rtol=0)


@pytest.mark.parametrize("mode", MODES)
def test_the_layers_outputs_do_not_depend_on_how_weights_are_stored(rng, mode):
    model = encoder(sharing=mode)
    arguments = batch(rng)
    for ours, theirs in zip(model.hidden_states(*arguments), untied(model).hidden_states(*arguments), strict=True):
        torch.testing.assert_close(ours, theirs, atol=0, rtol=0)


BASE = Sizes(vocabulary=30000, hidden=768, layers=12, heads=12, intermediate=3072, head="pretraining")
ATTENTION, FEED_FORWARD = 2_363_904, 4_723_968
PRINTED = {
    (None, "all"): 31,
    (None, "attention"): 83,
    (None, "ffn"): 57,
    (None, "none"): 108,
    (128, "all"): 12,
    (128, "attention"): 64,
    (128, "ffn"): 38,
    (128, "none"): 89,
}


@pytest.mark.parametrize(("embedding", "mode"), PRINTED)
def test_alberts_eight_counts(embedding, mode):
    """Lan et al. 2020, Table 4; within 1M, the pooler counted (the not-shared rows fit better without)."""
    sizes = replace(BASE, embedding=embedding, share=mode)
    with torch.device("meta"):
        model = SharedEncoder(sizes)
    counts = {}
    for name, parameter in model.named_parameters():
        part = name.split(".")[0] if not name.startswith("pair_head.pooler") else "pooler"
        counts[part] = counts.get(part, 0) + parameter.numel()
    assert counts["attentions"] == ATTENTION * (1 if mode in ("attention", "all") else 12)
    assert counts["feed_forwards"] == FEED_FORWARD * (1 if mode in ("ffn", "all") else 12)
    assert sum(counts.values()) == parameters.count(sizes).total
    body = sum(counts[part] for part in ("embeddings", "attentions", "feed_forwards", "pooler"))
    assert body - (mode == "none") * counts["pooler"] == pytest.approx(PRINTED[embedding, mode] * 1e6, abs=1e6)


def test_groups_count_once_each():
    with torch.device("meta"):
        model = SharedEncoder(replace(BASE, embedding=128, share="all", groups=3))
    layers = [*model.attentions.parameters(), *model.feed_forwards.parameters()]
    assert sum(parameter.numel() for parameter in layers) == 3 * (ATTENTION + FEED_FORWARD)


@pytest.mark.parametrize("count", [0, 1, 31, 32, 40])
def test_the_fused_loss_is_the_cross_entropy(rng, count):
    model = encoder(sharing="all").double()
    hidden = torch.from_numpy(rng.standard_normal((count, 32))).requires_grad_()
    targets = torch.from_numpy(rng.integers(0, 97, count))
    weights = [hidden, *model.vocabulary_head.parameters(), model.embeddings.words.weight]
    ours = model.vocabulary_loss(hidden, targets)
    theirs = F.cross_entropy(model.vocabulary_logits(hidden), targets, reduction="sum")
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-9)
    for found, expected in zip(*(torch.autograd.grad(2 * loss, weights) for loss in (ours, theirs)), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-9)


def test_every_number_of_predictions_takes_one_of_few_kernels():
    assert {(rows + vocabulary_loss.filler(rows)) % vocabulary_loss.ROW_MULTIPLE for rows in range(200)} == {0}
    assert vocabulary_loss.filler(0) == 0 and vocabulary_loss.filler(33) == 31


def test_documents_in_a_row_do_not_see_each_other(rng):
    model = encoder()
    ids, positions, inside, types = batch(rng, rows=1)
    whole = model.encode(ids, positions, inside, types)
    halves = [
        model.encode(part, *document_positions(part), kind)
        for part, kind in zip(ids.split(8, 1), types.split(8, 1), strict=True)
    ]
    torch.testing.assert_close(whole, torch.cat(halves, 1), atol=1e-5, rtol=1e-5)


def test_the_fused_kernel_gives_the_same(rng, monkeypatch):
    """On a GPU attention gets the bool mask; here as there."""
    model, arguments = encoder(), batch(rng)
    expected = model.encode(*arguments)
    monkeypatch.setattr("smallbert.models.shared_encoder.attention_mask", lambda inside, heads, dtype: inside)
    torch.testing.assert_close(model.encode(*arguments), expected, atol=1e-5, rtol=1e-5)


def test_bf16_under_autocast_is_near_fp32(rng):
    model = encoder()
    ids, positions, inside, types = batch(rng)
    targets = torch.arange(5, 5 + ids.numel())
    losses = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            hidden = model.encode(ids, positions, inside, types).flatten(0, 1)
            losses.append(model.vocabulary_loss(hidden, targets) / len(targets))
    assert losses[1].dtype == torch.float32
    assert losses[0].item() != losses[1].item() == pytest.approx(losses[0].item(), rel=0.02)


def test_first_weights_are_transformers_and_leave_the_global_generator_alone():
    before = torch.random.get_rng_state()
    model = fresh(replace(RECIPE, embedding=16, hidden=256).sizes(2000), 0, CPU)
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            assert (parameter == float(name.endswith("norm.weight"))).all(), name
        else:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.2), name
            assert abs(parameter.mean().item()) < 0.005, name
    assert not model.embeddings.words.weight[0].any()


def test_arms_of_one_seed_start_from_the_same_draws():
    none, other = (dict(fresh(RECIPE.sizes(97), seed, CPU).named_parameters()) for seed in (1, 2))
    for mode in MODES[1:]:
        shared = dict(fresh(replace(RECIPE, sharing=mode).sizes(97, pair_head=True), 1, CPU).named_parameters())
        common = none.keys() & shared.keys()
        assert len(common) > 20 and all(torch.equal(none[name], shared[name]) for name in common)
    first, second = (none[f"attentions.{layer}.qkv.weight"] for layer in (0, 1))
    assert not torch.equal(first, second)
    assert not torch.equal(first, other["attentions.0.qkv.weight"])


def test_the_key_of_a_plain_recipe_is_what_it_was():
    """Published encoders are cached under it."""
    assert PretrainRecipe().key("data") == "4ca484a700475beb"
    assert SharedRecipe().key("data") != PretrainRecipe().key("data")
    keys = {replace(RECIPE, sharing=mode, groups=groups).key("data") for mode in MODES[1:] for groups in (1, 2, 4)}
    assert len(keys) == 9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": 30, "heads": 4}, "hidden to be a multiple of heads, got 30 and 4"),
        ({"embedding": 33}, "embedding of at most hidden, 32; got 33"),
        ({"embedding": 0}, "embedding as a whole number of at least 1, got 0"),
        ({"embedding": 8.0}, "embedding as a whole number of at least 1, got 8.0"),
        ({"sharing": "layers"}, "share out of none, attention, ffn, all; got 'layers'"),
        ({"sharing": "all", "groups": 3}, "groups to divide layers, got 3 groups of 4 layers"),
        ({"groups": 2}, "groups only where layers share; got 2 groups and share none"),
        ({"groups": 0}, "groups of at least 1, got 0"),
    ],
)
def test_impossible_recipes_are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        replace(RECIPE, **change)
