"""Maxima of bfloat16 maps in whole blocks are found without a conversion: the bits of all other maps."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.ops.fused import Pool, relu_lrn_pool

SPECIAL = [float("inf"), -float("inf"), 0.0, -0.0, 1.0, -1.0, 2.0, 2.0, 1e-40, -1e-40, 3e38, -3e38]
NAN = torch.tensor([0x7FC0, 0x7F81, -64, -1], dtype=torch.int16).view(torch.bfloat16)
"""Of both signs."""

pytestmark = pytest.mark.usefixtures("kernels")


def spoiled(shape, seed, share):
    """Return maps of which a share is not ordinary."""
    generator = torch.Generator().manual_seed(seed)
    values = (2 * torch.randn(shape, generator=generator)).round().bfloat16()
    special = torch.cat([torch.tensor(SPECIAL).bfloat16(), NAN])
    chosen = special[torch.randint(len(special), shape, generator=generator)]
    return torch.where(torch.rand(shape, generator=generator) < share, chosen, values)


def pooled(x, grad, relu, pool):
    """Return the bits of the maxima, with and without places, and of the derivative."""
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
    y = relu_lrn_pool(x, relu=relu, pool=pool)
    y.backward(grad(y.shape).contiguous(memory_format=torch.channels_last))
    bare = relu_lrn_pool(x.detach(), relu=relu, pool=pool)
    return [tensor.detach().view(torch.int16) for tensor in (y, bare, x.grad)]


@settings(max_examples=60, deadline=None)
@given(
    blocks=st.integers(1, 3),
    size=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    relu=st.booleans(),
    ceil=st.booleans(),
    share=st.sampled_from([0.0, 0.1, 0.9]),
    seed=st.integers(0, 1000),
)
def test_whole_blocks_have_the_bits_of_others(blocks, size, relu, ceil, share, seed):
    """One map more, and the block is not whole: those are pooled in float32."""
    maps, pool = 32 * blocks, Pool(3, 2, ceil=ceil)
    x = spoiled((2, maps + 1, *size), seed, share)

    def grad(shape):
        whole = spoiled((shape[0], maps + 1, *shape[2:]), seed + 1, share)
        return whole[:, : shape[1]]

    narrow, wide = pooled(x[:, :maps], grad, relu, pool), pooled(x, grad, relu, pool)
    for name, found, expected in zip(("maxima", "without places", "derivative"), narrow, wide, strict=True):
        assert torch.equal(found, expected[:, :maps]), name
