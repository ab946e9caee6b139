"""Fewer bits: bounded errors, exact sizes, folders that load again; integer products equal integer arithmetic."""

import math
import warnings
from functools import partial

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch.nn import functional as F

from smallbert.compress import dense, quantize
from smallbert.compress.linear import AffineCode
from smallbert.errors import DataError, MachineError, UsageError
from smallbert.models import encoder as encoders

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{i}" for i in range(40))]
SIZE = {"vocab_size": len(WORDS), "max_position_embeddings": 24, "hidden_size": 32, "num_hidden_layers": 2}
SIZE |= {"num_attention_heads": 4, "intermediate_size": 64}
CONFIGS = {
    "bert": transformers.BertConfig(**SIZE),
    "albert": transformers.AlbertConfig(**SIZE, embedding_size=15),
}

needs_units = pytest.mark.skipif(quantize.integer_units() is None, reason="no integer units in this processor")


@pytest.mark.parametrize("bits", [8, 4])
def test_no_number_is_off_by_more_than_half_a_scale(bits):
    weight = torch.randn(7, 11, generator=torch.Generator().manual_seed(0)) * torch.arange(7)[:, None]
    integers, scales = quantize.quantise(weight, bits)
    largest = 2 ** (bits - 1) - 1
    assert integers.dtype == torch.int8 and integers.abs().max() == largest
    assert ((integers * scales - weight).abs() <= scales / 2 * 1.0001).all()
    np.testing.assert_allclose(scales[:, 0] * largest, weight.abs().amax(dim=1), rtol=1e-6)
    assert (integers[0] == 0).all()  # a row of zeros stays one


@pytest.mark.parametrize("bits", [8, 4])
def test_weights_are_rounded_as_torch_rounds_them(bits):
    weight = torch.randn(48, 32, generator=torch.Generator().manual_seed(2))
    integers, scales = quantize.quantise(weight, bits)
    largest = 2 ** (bits - 1) - 1
    zeros = torch.zeros(len(weight), dtype=torch.int32)
    theirs = torch.fake_quantize_per_channel_affine(weight, scales.flatten(), zeros, 0, -largest, largest)
    assert torch.equal(integers * scales, theirs)


@pytest.mark.parametrize("width", [6, 7])
def test_two_integers_a_byte_come_back(width):
    integers = torch.randint(-7, 8, (5, width), dtype=torch.int8, generator=torch.Generator().manual_seed(1))
    packed = quantize.halves(integers)
    assert packed.dtype == torch.uint8 and packed.shape == (5, (width + 1) // 2)
    assert torch.equal(quantize.wholes(packed, width), integers)


@pytest.fixture(scope="module")
def folders(tmp_path_factory, tokenizer_of):
    """Family -> folder of a tiny random encoder."""
    base, generator = tmp_path_factory.mktemp("models"), torch.Generator().manual_seed(7)
    for family, config in CONFIGS.items():
        model = transformers.AutoModel.from_config(config)
        for parameter in model.parameters():
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
        model.save_pretrained(base / family)
        tokenizer_of(WORDS).save_pretrained(base / family)
    return base


def vectors(encoder):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS[4:], size=n)) for n in (1, 3, 3, 9, 20)]
    return encoder.encode(encoder.tokenize(texts))


def read(folder, **options):
    return vectors(encoders.load(str(folder), max_tokens=24, precision="fp32", device="cpu", **options))


@pytest.mark.parametrize("family", CONFIGS)
@pytest.mark.parametrize(("bits", "cosine"), [(16, 0.99999), (8, 0.9995), (4, 0.9)])
def test_what_is_stored_loads_back_as_small_as_promised(folders, tmp_path, family, bits, cosine):
    file = quantize.write(folders / family, tmp_path / "packed", bits)
    restored = quantize.restore(tmp_path / "packed", tmp_path / "restored")
    before, after, stored = (
        load_file(path) for path in (folders / family / "model.safetensors", restored / "model.safetensors", file)
    )
    assert before.keys() == after.keys()
    for name, weight in before.items():
        if weight.ndim != 2:
            assert torch.equal(after[name], weight) and stored[name].dtype == weight.dtype
            continue
        rows, width = weight.shape
        expected = {16: 2 * rows * width, 8: rows * width, 4: rows * ((width + 1) // 2)}[bits]
        assert stored[name].nbytes == expected
        if bits < 16:
            integers, scales = quantize.quantise(weight, bits)
            assert torch.equal(after[name], integers * scales)
            assert stored[name + ".scale"].nbytes == 4 * rows
    ours, theirs = read(restored), read(folders / family)
    cosines = (ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert cosines.min() > cosine
    if bits < 16:
        assert np.abs(ours - theirs).max() > 1e-4  # it did something


def test_what_cannot_be_stored_or_restored_is_refused(folders, tmp_path):
    with pytest.raises(UsageError, match="16, 8 or 4 bits, got 2"):
        quantize.write(folders / "bert", tmp_path, 2)
    with pytest.raises(DataError, match="found none"):
        quantize.write(tmp_path, tmp_path / "out", 8)
    with pytest.raises(DataError, match=r"quantised.safetensors in .*, found none"):
        quantize.restore(folders / "bert", tmp_path)
    damaged = tmp_path / "damaged"
    quantize.write(folders / "bert", damaged, 8)
    (damaged / "quantised.safetensors").write_bytes((folders / "bert" / "model.safetensors").read_bytes())
    with pytest.raises(DataError, match="is not what was written: KeyError"):
        quantize.restore(damaged, tmp_path / "out")


@needs_units
@pytest.mark.parametrize("activation", [None, "relu", "gelu", "gelu_tanh"])
def test_integer_products_equal_integer_arithmetic(activation, rng):
    weight, bias = (
        torch.from_numpy(rng.standard_normal((48, 32))).float(),
        torch.from_numpy(rng.standard_normal(48)).float(),
    )
    x = torch.from_numpy(rng.standard_normal((64, 32)) * 2 + 1).float()
    integers, scales = quantize.quantise(weight, 8)
    low, high = float(x.min()), float(x.max())
    scale = (high - low) / 254
    steps = (x / scale).round().to(torch.int64)
    exact = (steps @ integers.T.to(torch.int64)).double() * scale * scales.T.double() + bias
    after = {
        None: lambda y: y,
        "relu": torch.relu,
        "gelu": torch.nn.functional.gelu,
        "gelu_tanh": lambda y: torch.nn.functional.gelu(y, approximate="tanh"),
    }[activation]
    before = x.clone()
    found = quantize.Int8Linear((weight, bias), torch.float32, activation)(x)
    assert torch.equal(x, before)  # the residual connection still needs it
    np.testing.assert_allclose(found, after(exact), atol=1e-4)
    plain = after(x @ weight.T + bias)
    assert (found - plain).abs().mean() < 0.02 * plain.abs().mean()


@pytest.fixture(scope="module")
def layer():
    """Weight, bias and inputs that are not centred."""
    generator = torch.Generator().manual_seed(3)
    weight, bias = torch.randn(48, 32, generator=generator), torch.randn(48, generator=generator)
    return weight, bias, torch.randn(256, 32, generator=generator) * 2 + 1


@needs_units
def test_integer_products_equal_torchs_own_rounding_of_both_sides(layer):
    weight, bias, x = layer
    low, high = x.min().item(), x.max().item()
    scale = (high - low) / 254
    steps = torch.fake_quantize_per_tensor_affine(x, scale, math.ceil(-low / scale), 0, 255)
    integers, scales = quantize.quantise(weight, 8)
    found = quantize.Int8Linear((weight, bias), torch.float32)(x)
    np.testing.assert_allclose(found, steps @ (integers * scales).T + bias, atol=2e-4)


@needs_units
@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "relu"])
def test_rows_behind_an_activation_are_rounded_one_by_one(layer, activation):
    """One row is a hundred times as large as the others: by one range for all, these would have two or three steps."""
    weight, bias, x = layer
    x = torch.cat([x[:-1] - 1, 100 * x[-1:], torch.zeros(1, x.shape[1])])
    activations = {"relu": torch.relu, "gelu": F.gelu, "gelu_tanh": partial(F.gelu, approximate="tanh")}
    inputs = activations[activation](x)
    least = quantize._LEAST[activation]
    assert inputs.min() >= least
    below = 16 if least else 0
    scales = (inputs.amax(1, keepdim=True) / (254 - below)).clamp_min(-least / 15 if least else 1e-30)
    steps = (inputs.double() / scales.double()).round()
    assert steps.min() >= -below and steps.max() <= 255 - below
    integers, by_output = quantize.quantise(weight, 8)
    exact = (steps @ integers.double().T) * scales.double() * by_output.double().T + bias
    linear = quantize.Int8Linear((weight, bias), torch.float32, least=least)
    found = linear(inputs)
    # A number that lies half between two steps may be rounded either way in fp32.
    largest = (integers.abs().max() * by_output.max() * scales).double()
    assert ((found - exact).abs() <= 2 * largest + 1e-4).all() and (found - exact).abs().median() < 1e-4
    plain = inputs @ weight.T + bias
    missed = (found - plain)[:-2].square().mean().sqrt()
    of_range = (quantize.Int8Linear((weight, bias), torch.float32)(inputs) - plain)[:-2].square().mean().sqrt()
    assert 10 * missed < of_range
    assert torch.equal(found[-1], bias)


@needs_units
@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh"])
def test_no_activation_gives_less_than_its_least(activation):
    x = torch.linspace(-8, 8, 1_000_001, dtype=torch.float64)
    given = F.gelu(x, approximate="tanh" if activation == "gelu_tanh" else "none").min()
    assert quantize._LEAST[activation] < given < 0.999 * quantize._LEAST[activation]


@needs_units
@pytest.mark.parametrize("seed", range(8))
def test_no_step_turns_round_at_either_end(seed):
    """The ends of a range are rounded to its ends, whatever its place."""
    generator = torch.Generator().manual_seed(seed)
    low, wide = -10 * torch.rand(1, generator=generator), 10 * torch.rand(1, generator=generator)
    x = torch.cat([low, low + wide]).clamp(-10, 10).repeat(64, 4)
    linear = quantize.Int8Linear((torch.eye(8), torch.zeros(8)), torch.float32)
    torch.testing.assert_close(linear(x), x, rtol=0, atol=float(x.max().clamp(0) - x.min().clamp(max=0)) / 254)


@needs_units
def test_no_worse_than_torchs_dynamic_quantisation(layer):
    weight, bias, x = layer
    eager = pytest.importorskip("torch.ao.quantization")
    if not hasattr(eager, "quantize_dynamic"):
        pytest.skip("this torch has no quantize_dynamic any more")
    linear = torch.nn.Linear(32, 48)
    linear.weight.data, linear.bias.data = weight, bias
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated in favour of torchao
        settings = {torch.nn.Linear: eager.per_channel_dynamic_qconfig}
        theirs = eager.quantize_dynamic(torch.nn.Sequential(linear), settings, dtype=torch.qint8)(x)
    exact, ours = x @ weight.T + bias, quantize.Int8Linear((weight, bias), torch.float32)(x)
    missed = [(found - exact).square().mean().sqrt() for found in (ours, theirs)]
    assert missed[0] <= missed[1] and missed[1] < 0.05 * exact.std()  # theirs leaves one bit of the inputs unused


@needs_units
def test_inputs_all_alike_are_no_division_by_zero():
    linear = quantize.Int8Linear((torch.ones(4, 8), torch.arange(4.0)), torch.float32)
    assert torch.equal(linear(torch.zeros(64, 8))[0], torch.arange(4.0))
    np.testing.assert_allclose(linear(torch.full((64, 8), 3.0))[0], 24 + np.arange(4), rtol=0.01)


@needs_units
@pytest.mark.parametrize("family", CONFIGS)
def test_an_encoder_in_integers_is_near_the_original(folders, family):
    name = str(folders / family)
    integer = quantize.dynamic(name, max_tokens=24, precision="fp32")
    plain = encoders.load(name, max_tokens=24, precision="fp32", device="cpu")
    ours, theirs = vectors(integer), vectors(plain)
    cosines = (ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert cosines.min() > 0.995 and np.abs(ours - theirs).max() > 1e-4
    assert (vectors(integer) == ours).all() and integer.sha256 != plain.sha256
    assert integer.describe()["precision"] == "int8 and fp32"
    assert (vectors(plain) == theirs).all()  # the original is untouched
    if family == "albert":
        assert integer.forward.blocks[0] is integer.forward.blocks[1]


@needs_units
def test_a_last_layer_follows_products_of_integers(folders, tmp_path):
    square = np.eye(32, dtype=np.float32)
    layer = AffineCode("first four", np.zeros(32, np.float32), square[:, :4], square[:4], np.zeros(32, np.float32))
    dense.write(folders / "bert", [dense.affine(layer)], tmp_path / "narrow", pooling="mean", max_tokens=24)
    whole, narrow = (quantize.dynamic(str(one), max_tokens=24) for one in (folders / "bert", tmp_path / "narrow"))
    np.testing.assert_array_equal(vectors(narrow), vectors(whole)[:, :4])
    assert narrow.width == 4 and narrow.sha256 != whole.sha256


def test_a_machine_without_integer_units_is_told_so(folders, monkeypatch):
    monkeypatch.setattr(quantize, "integer_units", lambda: None)
    with pytest.raises(MachineError, match="processor with one of amx_int8, avx512_vnni, avx_vnni"):
        quantize.dynamic(str(folders / "bert"))
