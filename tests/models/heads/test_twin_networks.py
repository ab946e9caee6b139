"""Fine-tuning networks of both twins against transformers' own on padded batches, and what each token can know."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from smallbert.models.heads import network as networks
from smallbert.models.heads import packing
from smallbert.models.heads.forward import all_outputs
from smallbert.models.heads.sequences import Reader

CPU = torch.device("cpu")
WORDS = [f"w{i}" for i in range(40)]


@pytest.fixture(scope="module")
def twins(tmp_path_factory, tokenizer_of):
    """Folders of the same weights, told to look to both sides and to the left."""
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    tokenizer = tokenizer_of(vocabulary)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32, pad_token_id=0,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(11)
    model = transformers.BertModel(config, add_pooling_layer=False)
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    found = {}
    for name, decoder in (("both", False), ("left", True)):
        folder = tmp_path_factory.mktemp(name)
        model.config.is_decoder, model.config.use_cache = decoder, False
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        found[name] = folder
    return found


def network(folder: Path, head="SequenceClassification", *, last=False, types=True):
    options = {"pooling": "last" if last else "first", "types": types, "device": CPU, "dtype": torch.float32}
    return networks.build(folder, head, 3, seed=0, **options)


def sentences(rng, *lengths):
    return [" ".join(rng.choice(WORDS, n)) for n in lengths]


def padded(net, *texts):
    """What the model of transformers gives for a padded batch: its own attention, its own masks."""
    net.model.set_attn_implementation("eager")
    batch = net.tokenizer(*texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = net.model.base_model(**batch).last_hidden_state
    net.model.set_attn_implementation(packing.NAME)
    return hidden, batch["attention_mask"].sum(1)


@pytest.mark.parametrize("kind", ["both", "left"])
@pytest.mark.parametrize("last", [False, True])
def test_the_token_that_is_read_equals_that_of_a_padded_batch(twins, rng, kind, last):
    net, texts = network(twins[kind], last=last), sentences(rng, 3, 11, 7, 7)
    hidden, lengths = padded(net, texts)
    reader = Reader(net.tokenizer, 32)
    own = hidden[torch.arange(4), lengths - 1 if last else torch.zeros(4, dtype=torch.long)]
    torch.testing.assert_close(
        all_outputs(net, reader.singles(reader.ids(texts))), net.head(own).detach(), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("attention", [packing.attend_small, packing.attend_groups, packing.attend_padded])
@pytest.mark.parametrize("kind", ["both", "left"])
def test_every_token_equals_that_of_a_padded_batch(twins, rng, kind, attention, monkeypatch):
    monkeypatch.setattr(packing, "attend_groups", attention)
    monkeypatch.setattr(packing, "SMALL_BATCH", 0 if attention is not packing.attend_small else 10**9)
    net, texts = network(twins[kind], "TokenClassification"), sentences(rng, 5, 9, 2)
    hidden, lengths = padded(net, texts)
    reader = Reader(net.tokenizer, 32)
    own = torch.cat([row[:n] for row, n in zip(hidden, lengths, strict=True)])
    torch.testing.assert_close(
        all_outputs(net, reader.singles(reader.ids(texts))), net.head(own).detach(), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("types", [True, False])
def test_a_pair_has_token_types_where_they_are_asked_for(twins, rng, types):
    net, first, second = network(twins["both"], types=types), sentences(rng, 4, 6), sentences(rng, 5, 3)
    net.tokenizer.model_input_names = ["input_ids", "attention_mask", *["token_type_ids"][:types]]
    hidden, _ = padded(net, first, second)
    reader = Reader(net.tokenizer, 32)
    found = all_outputs(net, reader.pairs(reader.ids(first), reader.ids(second)))
    torch.testing.assert_close(found, net.head(hidden[:, 0]).detach(), atol=1e-5, rtol=1e-4)


def test_nothing_looks_to_the_right_and_the_first_token_knows_nothing(twins, rng):
    net = network(twins["left"], "TokenClassification")
    words = rng.choice(WORDS, 8).tolist()
    changed = [*words[:5], "w0" if words[5] != "w0" else "w1", *words[6:]]
    reader = Reader(net.tokenizer, 32)
    before, after = (all_outputs(net, reader.singles(reader.ids([" ".join(text)]))) for text in (words, changed))
    moved = ((before - after).abs() > 1e-6).any(1).nonzero().flatten().tolist()
    assert moved == list(range(6, 10))  # [CLS] stands before the words

    first = network(twins["left"])
    answers = all_outputs(first, reader.singles(reader.ids(sentences(rng, 2, 9, 5))))
    torch.testing.assert_close(answers, answers[:1].expand(3, -1))
    last = network(twins["left"], last=True)
    told = all_outputs(last, reader.singles(reader.ids(sentences(rng, 2, 9, 5))))
    assert (told[0] - told[1]).abs().max() > 1e-3


def test_gradients_flow_as_in_a_padded_batch(twins, rng):
    net, texts = network(twins["left"], last=True), sentences(rng, 4, 9)
    reader = Reader(net.tokenizer, 32)
    inputs = reader.singles(reader.ids(texts))
    layout = packing.Layout([(11, 1), (6, 1)], CPU, causal=True)
    order = inputs.flat(np.array([1, 0]))
    ids, types = (torch.from_numpy(part[order].astype(np.int64)) for part in (inputs.ids, inputs.types))
    weights = dict(net.model.bert.named_parameters())
    weights = {name: weight for name, weight in weights.items() if "pooler" not in name}
    ours = torch.autograd.grad(net.states(ids, types, layout).square().sum(), weights.values())
    net.model.set_attn_implementation("eager")
    batch = net.tokenizer(texts, padding=True, return_tensors="pt")
    hidden = net.model.bert(**batch).last_hidden_state[[0, 1], batch["attention_mask"].sum(1) - 1]
    theirs = torch.autograd.grad(hidden.square().sum(), weights.values())
    for name, own, other in zip(weights, ours, theirs, strict=True):
        torch.testing.assert_close(own, other, atol=1e-4, rtol=1e-3, msg=name)


def test_a_seed_gives_both_readings_the_same_head(twins):
    heads = [
        network(twins[kind], last=last).model.classifier.weight for kind, last in (("both", False), ("left", True))
    ]
    assert torch.equal(*heads)
