"""Prepacked linear layers and both attention kernels against torch's public operators."""

import pytest
import torch
from torch.nn import functional as F

from smallbert.models import attention
from smallbert.models.linear import Linear, prepacks

CPU = torch.device("cpu")
ACTIVATIONS = {
    None: lambda x: x,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
}


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("prepack", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_linear_equals_torch(prepack, activation, dtype):
    if prepack and not prepacks(CPU):
        pytest.skip("oneDNN holds no prepacked weights here")
    weight, bias, x = normal(96, 64) / 8, normal(96), normal(70, 64)
    layer = Linear((weight, bias), dtype, CPU, activation, prepack=prepack)
    expected = ACTIVATIONS[activation](F.linear(x.double(), weight.double(), bias.double()))
    error = (layer(x.to(dtype)).double() - expected).abs().max()
    assert error < (5e-6 if dtype == torch.float32 else 0.05)


def test_prepacking_is_used_where_torch_has_onednn():
    assert prepacks(CPU) == torch.backends.mkldnn.is_available()
    assert not prepacks(torch.device("meta"))


@pytest.mark.parametrize("first_only", [True, False])
@pytest.mark.parametrize("products", [True, False])
def test_attention_equals_a_loop_over_texts(products, first_only, monkeypatch):
    monkeypatch.setattr(attention, "_prefers_products", lambda qkv: products)
    groups, heads, width = [(5, 2), (3, 1), (1, 2)], 4, 32
    qkv = normal(20, 3 * width)  # 15 tokens and 5 rows of filler
    ours = attention.attend(qkv, groups, heads, first_only=first_only)
    expected, start = torch.zeros(20, width, dtype=torch.float64), 0
    firsts = []
    for length in (5, 5, 3, 1, 1):
        query, key, value = qkv[start : start + length].double().view(length, 3, heads, -1).permute(1, 2, 0, 3)
        weights = (query @ key.transpose(1, 2) / (width / heads) ** 0.5).softmax(-1)
        expected[start : start + length] = (weights @ value).transpose(0, 1).reshape(length, width)
        firsts.append(start)
        start += length
    torch.testing.assert_close(ours.double(), expected[firsts] if first_only else expected, atol=2e-6, rtol=0)
