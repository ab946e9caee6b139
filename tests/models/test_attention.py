"""Attention over packed texts: one call a length, one call for all lengths, and torch's own, text by text."""

import pytest
import torch
from torch.nn import functional as F

from smallbert.models.attention import attend, by_offsets

HEADS, WIDTH = 2, 8


def layer(tokens: int, filler: int = 0) -> torch.Tensor:
    return torch.randn(tokens + filler, 3 * WIDTH, generator=torch.Generator().manual_seed(0))


def text_by_text(qkv: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    """F.scaled_dot_product_attention on every text alone."""
    found = []
    for text in qkv[: sum(lengths)].split(lengths):
        query, key, value = text.view(len(text), 3, HEADS, -1).permute(1, 2, 0, 3).unsqueeze(1)
        found.append(F.scaled_dot_product_attention(query, key, value)[0].transpose(0, 1).reshape(len(text), WIDTH))
    return torch.cat(found)


@pytest.mark.parametrize("kernel", [attend, by_offsets], ids=lambda one: one.__name__)
@pytest.mark.parametrize("groups", [[(5, 1)], [(4, 3)], [(7, 2), (3, 4), (1, 1)]], ids=str)
def test_every_text_attends_to_itself_alone(kernel, groups):
    lengths = [length for length, count in groups for _ in range(count)]
    filler = 6
    qkv = layer(sum(lengths), filler)
    with torch.inference_mode():
        found = kernel(qkv, groups, HEADS)
    assert found.shape == (len(qkv), WIDTH)
    torch.testing.assert_close(found[: sum(lengths)], text_by_text(qkv, lengths), rtol=1e-5, atol=1e-6)
    assert not found[-filler:].any()


def test_the_kernel_for_all_lengths_keeps_the_format():
    assert by_offsets(layer(6).bfloat16(), [(4, 1), (2, 1)], HEADS).dtype == torch.bfloat16
