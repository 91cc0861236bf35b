"""A convolution over blocks: the sums of the one with a stride, and its gradients."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.gpu.space_to_depth import block_conv2d, blocks_in_row, space_to_depth


def values(*shape, seed=0):
    return torch.randn(
        shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    ).requires_grad_()


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 9), st.integers(0, 9), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_it_equals_the_convolution_and_its_gradients(kernel, stride, down, across, channels):
    x = values(2, channels, kernel + down, kernel + across)
    weight, bias = values(5, channels, kernel, kernel, seed=1), values(5, seed=2)
    expected = F.conv2d(x, weight, bias, stride)
    got = block_conv2d(space_to_depth(x, kernel, stride), weight, bias, stride=stride)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    grad = values(*expected.shape, seed=3).detach()
    theirs, ours = (torch.autograd.grad(y, (x, weight, bias), grad) for y in (expected, got))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("size", "pad"), [(224, (0, 3, 0, 3)), (227, (0, 0, 0, 0)), (224, (2, 1, 2, 1))])
def test_the_papers_first_layer_becomes_three_by_three_over_48_channels(size, pad):
    x = F.pad(torch.zeros(1, 3, size, size), pad)
    blocks = space_to_depth(x, 11, 4)
    assert blocks.shape == (1, 48, 57, 57) and blocks_in_row(227, 11, 4) == 57
    assert blocks.is_contiguous(memory_format=torch.channels_last)
    weight = torch.zeros(96, 3, 11, 11)
    assert block_conv2d(blocks, weight, stride=4).shape == (1, 96, 55, 55)


def test_a_blocks_pixels_lie_in_rows_with_their_channels_side_by_side():
    x = torch.arange(2 * 4 * 4).view(1, 2, 4, 4).float()
    pixels = [x[0, :, y, z] for y in (2, 3) for z in (0, 1)]
    assert torch.equal(space_to_depth(x, 2, 2)[0, :, 1, 0], torch.cat(pixels))
