"""Weights to and from transformers: the same vectors, with real attention masks and token types, in every form."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    AlbertForPreTraining,
    AlbertModel,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForPreTraining,
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    BertModel,
)

from smallbert.errors import DataError
from smallbert.models import encoder as encoders
from smallbert.models import interchange
from smallbert.models import tokenizer as wordpiece
from smallbert.models.shared_encoder import fresh
from smallbert.models.sizes import Sizes

CPU = torch.device("cpu")
SIZES = Sizes(vocabulary=60, hidden=32, layers=4, heads=4, intermediate=48, positions=24, pooler=False, head="mlm")
CONFIG = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 24,
}
ARMS = [
    replace(SIZES, embedding=width, share=mode, groups=groups)
    for width in (None, 8)
    for mode, groups in (("none", 1), ("attention", 1), ("ffn", 2), ("all", 1), ("all", 2))
]


def named(sizes):
    return f"E{sizes.embedding}-{sizes.share}-{sizes.groups}"


def disturb(model, seed=0):
    """Weights far from the first ones: every tensor matters."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=random))
    return model


def ours(sizes):
    return disturb(fresh(sizes, 1, CPU))


def transformer(form, **changes):
    config = (AlbertConfig if form.__name__.startswith("Albert") else BertConfig)(**CONFIG, **changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return disturb(form(config)).eval()


def batch(rng):
    """Ids with padding, the attention mask, token types."""
    ids = torch.from_numpy(rng.integers(5, 60, (3, 12)))
    kept = torch.arange(12) < torch.tensor([12, 7, 3])[:, None]
    return ids * kept, kept.long(), torch.from_numpy(rng.integers(0, 2, (3, 12)))


def run(model, ids, kept, types):
    """Hidden states of ours where transformers has an attention mask."""
    positions = torch.arange(ids.shape[1]).expand_as(ids)
    inside = kept.bool()[:, None, None, :].expand(-1, 1, ids.shape[1], -1)
    return model.hidden_states(ids, positions, inside, types)


def close(found, expected):
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("form", "changes"),
    [
        (BertModel, {}),
        (BertModel, {"hidden_act": "relu", "layer_norm_eps": 1e-5}),
        (BertForMaskedLM, {}),
        (BertForPreTraining, {}),
        (AlbertModel, {"embedding_size": 8}),
        (AlbertModel, {"embedding_size": 8, "num_hidden_groups": 2}),
        (AlbertModel, {"embedding_size": 32, "num_hidden_groups": 4, "hidden_act": "gelu"}),
        (AlbertForMaskedLM, {"embedding_size": 8}),
        (AlbertForPreTraining, {"embedding_size": 8, "num_hidden_groups": 2}),
    ],
)
@torch.no_grad()
def test_transformers_weights_load_into_ours(rng, tmp_path, form, changes):
    theirs = transformer(form, **changes)
    theirs.save_pretrained(tmp_path)
    ids, kept, types = batch(rng)
    expected = theirs(ids, attention_mask=kept, token_type_ids=types, output_hidden_states=True)
    model = interchange.load(tmp_path, device="cpu")
    states = run(model, ids, kept, types)
    assert len(states) == 5
    for found, wanted in zip(states, expected.hidden_states, strict=True):
        close(found[kept.bool()], wanted[kept.bool()])
    logits = next((expected[name] for name in ("logits", "prediction_logits") if name in expected), None)
    if logits is not None:
        close(model.vocabulary_logits(states[-1].flatten(0, 1)).view(logits.shape), logits)
    pairs = next((expected[name] for name in ("seq_relationship_logits", "sop_logits") if name in expected), None)
    assert (pairs is None) == (model.pair_head is None)
    if pairs is not None:
        close(model.pair_logits(states[-1][:, 0]), pairs)


@pytest.mark.parametrize("pair_head", [False, True])
@pytest.mark.parametrize("sizes", ARMS, ids=named)
@torch.no_grad()
def test_ours_load_into_transformers_and_back(rng, tmp_path, sizes, pair_head):
    model = ours(replace(sizes, pooler=pair_head, head="pretraining" if pair_head else "mlm"))
    interchange.save(model, tmp_path)
    ids, kept, types = batch(rng)
    states = run(model, ids, kept, types)
    form = AutoModelForPreTraining if pair_head else AutoModelForMaskedLM
    theirs, report = form.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(report.values())
    assert type(theirs).__name__.startswith("Bert" if sizes.embedding is None else "Albert")
    out = theirs.eval()(ids, attention_mask=kept, token_type_ids=types, output_hidden_states=True)
    for found, wanted in zip(states, out.hidden_states, strict=True):
        close(found[kept.bool()], wanted[kept.bool()])
    logits = out.prediction_logits if pair_head else out.logits
    close(model.vocabulary_logits(states[-1].flatten(0, 1)).view(logits.shape), logits)
    if pair_head:
        close(model.pair_logits(states[-1][:, 0]), out[2 if "loss" in out else 1])

    again = interchange.load(tmp_path, device="cpu")
    assert again.sizes == model.sizes and again.activation == model.activation
    for (name, found), (_, wanted) in zip(again.named_parameters(), model.named_parameters(), strict=True):
        assert torch.equal(found, wanted), name


@pytest.mark.parametrize("sizes", ARMS, ids=named)
@torch.no_grad()
def test_the_packed_encoder_reads_what_ours_wrote(rng, tmp_path, sizes):
    tokens = {name: i for i, name in enumerate(wordpiece.SPECIAL_TOKENS)} | {f"w{i}": i for i in range(5, 60)}
    wordpiece.save(wordpiece.Tokenizer(wordpiece.models.WordPiece(tokens, unk_token="[UNK]")), tmp_path)
    model = ours(sizes)
    interchange.save(model, tmp_path)
    texts = [rng.integers(5, 60, length) for length in (3, 9, 9, 20)]
    packed = encoders.load(str(tmp_path), max_tokens=24, precision="fp32", device="cpu")
    assert packed.describe()["fast"]
    theirs = AutoModel.from_pretrained(tmp_path).eval()
    for text, vector in zip(texts, packed.encode(texts), strict=True):
        ids = torch.from_numpy(text)[None]
        states = run(model, ids, torch.ones_like(ids), torch.zeros_like(ids))
        np.testing.assert_allclose(vector, states[-1].mean(1)[0], atol=1e-5, rtol=1e-5)
        close(states[-1], theirs(ids).last_hidden_state)


@pytest.mark.parametrize(("width", "mode", "copies"), [(8, "all", 1), (8, "attention", 4), (None, "all", 4)])
def test_bytes_on_disk_are_the_shared_ones_only_where_transformers_can_share(tmp_path, width, mode, copies):
    model = ours(replace(SIZES, embedding=width, share=mode))
    interchange.save(model, tmp_path)
    found = sum(tensor.numel() for tensor in load_file(tmp_path / "model.safetensors").values())
    attention, feed_forward = (sum(p.numel() for p in part.parameters()) for part in model.block(0))
    rest = sum(p.numel() for n, p in model.named_parameters() if not n.startswith(("attentions", "feed_forwards")))
    assert found == rest + copies * (attention + feed_forward)


def test_a_pair_head_can_be_added(tmp_path):
    model = ours(SIZES)
    interchange.save(model, tmp_path)
    added, other = (interchange.load(tmp_path, pair_head=True, seed=seed, device="cpu") for seed in (1, 2))
    assert added.sizes.head == "pretraining"
    assert torch.equal(added.vocabulary_head.dense.weight, model.vocabulary_head.dense.weight)
    assert not torch.equal(added.pair_head.pooler.weight, other.pair_head.pooler.weight)
    interchange.save(added, tmp_path)
    assert interchange.load(tmp_path, pair_head=False, device="cpu").pair_head is None


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_copies_that_differ_are_refused(tmp_path):
    interchange.save(ours(replace(SIZES, share="ffn")), tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    state["bert.encoder.layer.2.output.dense.bias"] += 1
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        DataError, match=r"layer.2.output.dense.bias to equal bert.encoder.layer.0.* share ffn; they differ"
    ):
        interchange.load(tmp_path, device="cpu")
    edit(tmp_path / "config.json", smallbert=None)
    assert interchange.load(tmp_path, device="cpu").sizes.share == "none"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "distilbert"}, "model_type bert or albert in .*, got 'distilbert'"),
        ({"hidden_act": "silu"}, "hidden_act gelu .* got 'silu'"),
        ({"inner_group_num": 2}, "inner_group_num 1 in .*, got 2"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings True in .*, got False"),
        ({"smallbert": {"sharing": "all", "groups": 3}}, "entry smallbert in .* to fit its sizes, got .*3"),
        ({"smallbert": "all"}, "entry smallbert in .* to fit its sizes, got 'all'"),
        ({"intermediate_size": 47}, r"ffn.weight of shape \(47, 32\) in .*, got \(48, 32\)"),
        ({"num_hidden_groups": 2, "smallbert": None}, "weights albert.encoder.albert_layer_groups.1.* which has none"),
    ],
)
def test_what_ours_cannot_be_is_refused(tmp_path, changes, message):
    interchange.save(ours(replace(SIZES, embedding=8, share="all")), tmp_path)
    edit(tmp_path / "config.json", **changes)
    with pytest.raises(DataError, match=message):
        interchange.load(tmp_path, device="cpu")


def test_damaged_weights_are_refused(tmp_path):
    interchange.save(ours(SIZES), tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(DataError, match="holds no encoder that can be loaded"):
        interchange.load(tmp_path, device="cpu")
