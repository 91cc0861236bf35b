"""A convolution of pictures with a stride, computed as one with stride 1 over blocks of pixels.

Three channels fill a fraction of a vector or matrix unit. Blocks of stride x stride pixels side by side, read as
channels (space to depth), fill it: 11 x 11 x 3 at stride 4 becomes 3 x 3 x 48 at stride 1, the twelfth tap zero.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.ops import native, packed_conv

_MAX_BLOCK_CHANNELS, _MAX_LINE = 64, 32768


def takes(x: Tensor, weight: Tensor, stride: int, groups: int, border: int = 0) -> bool:
    """Say whether this path computes it: pictures that need no gradient, channels-last, on the CPU.

    Pictures are float32, or bfloat16 where layers compute in it; weights are float32.

    Args:
        border: Zeros around the pictures, both sides together.
    """
    return (
        stride > 1
        and groups == 1
        and weight.dtype == torch.float32
        and x.dtype in (torch.float32, _computing())
        and x.shape[1] * stride**2 <= _MAX_BLOCK_CHANNELS
        and x.shape[1] * (x.shape[3] + border + stride) <= _MAX_LINE
        and not (x.requires_grad and torch.is_grad_enabled())
        and native.takes(x)
    )


def strided_conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, pad: int, pad_after: int
) -> Tensor:
    """Return `conv2d` of x with zeros around it and `pad_after` more at the right and bottom.

    Args:
        x: Pictures (N, C, H, W) that `takes` accepts.
        weight: (maps, C, k, k).

    Returns:
        (N, maps, h, w), rounded as a convolution is (bfloat16 under autocast); sums run in another order.
    """
    kernel = weight.shape[2]
    taps = -(-kernel // stride)
    sides = [(length + 2 * pad + pad_after - kernel) // stride + taps for length in x.shape[2:]]
    to_blocks = _compute if native.unobserved(x) else _space_to_depth
    blocks = to_blocks(x, stride, pad, sides, _computing() == torch.bfloat16)
    if packed_conv.takes(blocks, weight):
        return packed_conv.packed_conv2d(blocks, weight, bias, form=lambda w: block_kernels(w, stride))
    return F.conv2d(blocks, block_kernels(weight, stride), bias)


def block_kernels(weight: Tensor, stride: int) -> Tensor:
    """Return kernels (maps, C, k, k) over blocks: (maps, stride * stride * C, n, n) with n = ceil(k / stride)."""
    kernel = weight.shape[2]
    taps = -(-kernel // stride)
    extra = taps * stride - kernel
    wide = F.pad(weight, (0, extra, 0, extra)).unflatten(3, (taps, stride)).unflatten(2, (taps, stride))
    return wide.permute(0, 3, 5, 1, 2, 4).flatten(1, 3)


def _computing() -> torch.dtype:
    """Return the type that a convolution computes in."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32


def _compute(x: Tensor, block: int, before: int, sides: list[int], narrow: bool) -> Tensor:
    out = _empty(x, block, sides, narrow)
    types = dict.fromkeys((native.SUFFIX[x.dtype], native.SUFFIX[out.dtype]))
    name = f"alexnet_space_to_depth_{'_'.join(types)}"
    batch, channels, height, width = x.shape
    native.run(name, batch * sides[0], x, out, height, width, channels, block, before, *sides)
    return out


_space_to_depth = torch.library.custom_op("alexnet::space_to_depth", _compute, mutates_args=())


@_space_to_depth.register_fake
def _(x, block, before, sides, narrow):
    return _empty(x, block, sides, narrow)


def _empty(x: Tensor, block: int, sides: list[int], narrow: bool) -> Tensor:
    shape = (x.shape[0], x.shape[1] * block**2, *sides)
    dtype = torch.bfloat16 if narrow else torch.float32
    return torch.empty(shape, dtype=dtype, device=x.device, memory_format=torch.channels_last)
