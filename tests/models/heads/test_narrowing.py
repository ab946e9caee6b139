"""Heads behind a narrowing last layer: against products written out, saved, frozen and fine-tuned, family by family."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import save_file

from smallbert.compress import dense
from smallbert.compress.linear import AffineCode
from smallbert.corpus.tasks.examples import Tagged, Text
from smallbert.errors import UsageError
from smallbert.models import encoder
from smallbert.models.heads import narrowing
from smallbert.models.heads import network as networks
from smallbert.models.heads.classification import Classification
from smallbert.models.heads.finetune import key_of, prepare
from smallbert.models.heads.forward import all_outputs, all_states
from smallbert.models.heads.recipe import FineTuneRecipe
from smallbert.models.heads.sequences import Reader
from smallbert.models.heads.tagging import Tagging
from smallbert.models.last_layer import Layer

CPU = torch.device("cpu")
WIDTH = 5
FAMILIES = ("bert", "bert-bare", "roberta", "albert")
RECIPE = FineTuneRecipe(learning_rate=1e-2, epochs=2, batch_size=8, max_tokens=32, pooling="mean", precision="fp32")


@pytest.fixture(scope="module")
def narrowed(encoders, tmp_path_factory):
    """Folders of encoders with a random affine map of 16 to 5 numbers behind them, and the map."""
    draw, found = np.random.default_rng(3), {}
    encoder = draw.normal(size=(16, WIDTH))
    code = AffineCode("random", draw.normal(size=16), encoder, encoder.T, np.zeros(16))
    for family in FAMILIES:
        found[family] = dense.write(
            encoders / family, [dense.affine(code)], tmp_path_factory.mktemp("narrowed") / family
        )
    return found, code


def build(folder, head="SequenceClassification", pooling="mean"):
    return networks.build(folder, head, 3, seed=0, device=CPU, dtype=torch.float32, pooling=pooling)


@pytest.mark.parametrize("family", FAMILIES)
def test_heads_read_what_the_layer_gives(narrowed, encoders, sentence, family):
    folders, code = narrowed
    texts = [sentence(n) for n in (3, 9, 6)]
    plain, net = build(encoders / family), build(folders[family])
    reader = Reader(net.tokenizer, 32)
    inputs = reader.singles(reader.ids(texts))
    wide = all_states(plain, inputs).numpy()
    expected = (wide - code.centre) @ code.encoder
    np.testing.assert_allclose(all_states(net, inputs).numpy(), expected, atol=1e-4)
    assert all_outputs(net, inputs).shape == (3, 3)
    tags = build(folders[family], "TokenClassification")
    wide = all_states(build(encoders / family, "TokenClassification"), inputs).numpy()
    np.testing.assert_allclose(all_states(tags, inputs).numpy(), (wide - code.centre) @ code.encoder, atol=1e-4)
    assert tags.new_parameters == 3 * (WIDTH + 1)  # the layer is known, only the head is new


def test_a_pooler_of_the_wide_vector_is_drawn_anew(narrowed):
    folders, _ = narrowed
    counts = {family: build(folders[family]).new_parameters for family in FAMILIES}
    assert set(counts.values()) == {3 * (WIDTH + 1) + WIDTH * (WIDTH + 1)}


def examples(rng, sentence, count=24):
    return [Text(str(n), f"{sentence(4)} {'yes' if n % 2 else 'no'}", "ab"[n % 2]) for n in range(count)]


@pytest.mark.parametrize("frozen", [True, False])
def test_fine_tuning_trains_the_layer_and_frozen_weights_keep_it(narrowed, rng, sentence, frozen):
    folder = narrowed[0]["bert-bare"]
    recipe, asked = replace(RECIPE, frozen=frozen), examples(rng, sentence)
    ready = prepare(folder, Classification(), asked, recipe, CPU)
    before, after = narrowing.read(folder), ready.network.model.narrow
    assert torch.equal(before.weight, after.weight)
    ready.train(recipe)
    assert torch.equal(before.weight, after.weight) == frozen


def test_tags_are_learnt_through_the_layer(narrowed, rng, tune):
    words = [rng.choice(["w1", "w2", "w3"], 5).tolist() for _ in range(40)]
    asked = [Tagged(str(n), tuple(own), tuple("AB"[word == "w1"] for word in own)) for n, own in enumerate(words)]
    fitted = tune(narrowed[0]["bert"], Tagging(), asked, replace(RECIPE, epochs=8), asked)
    pairs = zip(fitted["said"], asked, strict=True)
    assert np.mean([said == true for one, example in pairs for said, true in zip(one, example.tags, strict=True)]) > 0.9


def test_another_layer_is_another_encoder(narrowed, encoders, rng, sentence, tmp_path):
    folders, code = narrowed
    other = dense.write(encoders / "bert", [dense.affine(replace(code, encoder=2 * code.encoder))], tmp_path / "other")
    keys = {
        key_of(folder, Classification(), examples(rng, sentence, 4), RECIPE, CPU)
        for folder in (encoders / "bert", folders["bert"], other)
    }
    assert len(keys) == 3


def test_distilbert_and_a_layer_without_bias(encoders, tmp_path, sentence):
    """Folders that others wrote."""
    folder = tmp_path / "distil"
    transformers.AutoModel.from_pretrained(encoders / "distilbert").save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(encoders / "distilbert").save_pretrained(folder)
    (folder / "2_Dense").mkdir()
    weight = torch.randn(WIDTH, 16, generator=torch.Generator().manual_seed(0))
    save_file({"linear.weight": weight}, folder / "2_Dense" / "model.safetensors")
    kinds = ("Transformer", "Pooling", "Dense")
    modules = [{"path": f"{n}_{kind}", "type": f"sentence_transformers.models.{kind}"} for n, kind in enumerate(kinds)]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode": "mean"}')

    def settle(activation):
        settings = {"activation_function": f"torch.nn.modules.{activation}"}
        (folder / "2_Dense" / "config.json").write_text(json.dumps(settings))

    settle("linear.Identity")
    reader = Reader(build(folder).tokenizer, 32)
    inputs = reader.singles(reader.ids([sentence(4), sentence(7)]))
    wide = all_states(build(encoders / "distilbert"), inputs)
    torch.testing.assert_close(all_states(build(folder), inputs), wide @ weight.T, atol=1e-4, rtol=1e-4)
    assert build(folder).new_parameters == 3 * (WIDTH + 1) + WIDTH * (WIDTH + 1)
    settle("activation.Tanh")
    with pytest.raises(UsageError, match=r"one linear last layer .* got 1 with Tanh"):
        build(folder)


def test_a_chain_of_layers_is_refused_before_anything_is_trained(encoders, tmp_path, rng, sentence):
    """An autoencoder's encoder: a head would read vectors that are not narrowed."""
    chain = [
        Layer(torch.ones(6, 16), torch.zeros(6), "torch.nn.modules.activation.ReLU"),
        Layer(torch.ones(2, 6), torch.zeros(2)),
    ]
    folder = dense.write(encoders / "bert", chain, tmp_path / "deep")
    with pytest.raises(UsageError, match="got 2 with ReLU, Identity") as caught:
        key_of(folder, Classification(), examples(rng, sentence, 4), RECIPE, CPU)
    assert "built from" in caught.value.hint
    with pytest.raises(UsageError, match="one linear last layer"):
        prepare(folder, Classification(), examples(rng, sentence, 4), RECIPE, CPU)


def test_heads_and_vectors_are_narrowed_by_one_rule(narrowed):
    """A layer that the encoder's checksum does not cover is applied to neither."""
    folder = narrowed[0]["roberta"]
    path = folder / "modules.json"
    before = path.read_text()
    assert narrowing.read(folder).out_features == encoder.load(str(folder), max_tokens=32).width == WIDTH
    path.write_text(before.replace("2_Dense", "./2_Dense/../2_Dense"))
    assert narrowing.read(folder) is None and encoder.load(str(folder), max_tokens=32).width == 16
    path.write_text(before)
