"""Architectures: closed forms against the built modules and torch's own counters, initial weights, errors."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from smallbert.compress.activations import ACTIVATIONS
from smallbert.compress.autoencoder import DECODERS, Architecture, build
from smallbert.errors import UsageError

CASES = [
    Architecture(24, 4),
    Architecture(24, 4, (17, 9), decoder="mlp", output_activation="tanh"),
    Architecture(24, 4, (17, 9), decoder="mirrored", code_activation="relu", residual=True),
    Architecture(24, 4, (24, 9, 9), decoder="mirrored", residual=True),
]


@pytest.mark.parametrize("architecture", CASES)
def test_closed_forms_equal_the_built_module(architecture):
    module = build(architecture, seed=0)
    rows = torch.randn(3, 24, generator=torch.Generator().manual_seed(1))
    assert architecture.encoder_parameters == sum(p.numel() for p in module.encoder.parameters())
    assert architecture.decoder_parameters == sum(p.numel() for p in module.decoder.parameters())
    with FlopCounterMode(display=False) as encoding, torch.no_grad():
        module.encode(rows)
    assert architecture.encode_flops == encoding.get_total_flops() / len(rows)
    with FlopCounterMode(display=False) as training:
        functional.mse_loss(module(rows), rows).backward()
    assert architecture.training_flops == training.get_total_flops() / len(rows)


@pytest.mark.parametrize("decoder", DECODERS)
def test_shapes_and_decoder_depths(decoder):
    architecture = Architecture(24, 4, (17, 9), decoder=decoder)
    module = build(architecture, seed=0)
    codes = module.encode(torch.zeros(5, 24))
    assert codes.shape == (5, 4)
    assert module.decode(codes).shape == (5, 24)
    linear = [layer for layer in module.decoder.modules() if isinstance(layer, nn.Linear)]
    assert len(linear) == {"affine": 1, "mlp": 2, "mirrored": 3}[decoder]


def test_residual_block_is_its_formula():
    torch.manual_seed(0)
    block = build(Architecture(6, 2, (4,), activation="gelu", residual=True), seed=0).encoder[0]
    nn.init.normal_(block.norm.weight)
    rows = torch.randn(3, 6)
    normed = (rows - rows.mean(1, keepdim=True)) / (rows.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    inner = (normed * block.norm.weight + block.norm.bias) @ block.linear.weight.T + block.linear.bias
    torch.testing.assert_close(block(rows), rows @ block.shortcut.weight.T + functional.gelu(inner))


def test_initial_weights_are_torchs_default_and_leave_the_global_state_alone():
    before = torch.get_rng_state()
    module = build(Architecture(64, 16, (400,)), seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    reference = nn.Linear(64, 400)
    for own, other in ((module.encoder[0].weight, reference.weight), (module.encoder[0].bias, reference.bias)):
        assert own.abs().max() <= 64**-0.5
        assert own.std().item() == pytest.approx(other.std().item(), rel=0.1)
    same, other = build(Architecture(64, 16, (400,)), 3), build(Architecture(64, 16, (400,)), 4)
    assert torch.equal(same.encoder[0].weight, module.encoder[0].weight)
    assert not torch.equal(other.encoder[0].weight, module.encoder[0].weight)


def test_only_an_affine_decoder_without_output_activation_has_the_pca_floor():
    assert Architecture(8, 2, (4,), code_activation="relu", residual=True).has_pca_floor
    assert not Architecture(8, 2, output_activation="relu").has_pca_floor
    assert not Architecture(8, 2, decoder="mlp").has_pca_floor


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_forward_and_backward_equal_autograd(name, rng):
    activation = ACTIVATIONS[name]
    inputs = torch.from_numpy(rng.normal(size=(7, 5))).requires_grad_()
    gradient = torch.from_numpy(rng.normal(size=(7, 5)))
    expected = activation.module()(inputs)
    expected.backward(gradient)
    sums = inputs.detach().clone()
    outputs = torch.empty_like(sums) if activation.keeps_input else sums
    activation.forward(sums, outputs)
    torch.testing.assert_close(outputs, expected.detach())
    activation.backward(gradient, sums if activation.keeps_input else outputs)
    torch.testing.assert_close(gradient, inputs.grad)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"activation": "swish"}, r"Expected activation out of identity, .*got 'swish'"),
        ({"output_activation": "none"}, r"Expected output_activation out of"),
        ({"decoder": "linear"}, r"Expected decoder out of affine, mlp, mirrored; got 'linear'"),
        ({"hidden": (0,)}, "Expected widths of at least 1"),
    ],
)
def test_wrong_architectures_say_what_was_expected(wrong, message):
    with pytest.raises(UsageError, match=message):
        Architecture(8, 2, **wrong)
