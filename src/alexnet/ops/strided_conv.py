"""A convolution of pictures with a stride, computed as one with stride 1 over blocks of pixels.

Three channels fill a fraction of a vector or matrix unit. Blocks of stride x stride pixels side by side, read as
channels (space to depth), fill it: 11 x 11 x 3 at stride 4 becomes 3 x 3 x 48 at stride 1, the twelfth tap zero.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.ops import native, packed_conv
from alexnet.ops.operator import operator

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
    if native.unobserved(x):
        return bind(x, weight, bias, stride, pad, pad_after)(x)
    sides = _sides(x, weight, stride, 2 * pad + pad_after)
    blocks = _space_to_depth(x, stride, pad, sides, _computing() == torch.bfloat16)
    return F.conv2d(blocks, block_kernels(weight, stride), bias)


def bind(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, pad: int, pad_after: int
) -> Callable[[Tensor], Tensor]:
    """Return `strided_conv2d` without gradients for pictures like x, with the parameters as they are now."""
    sides, narrow = _sides(x, weight, stride, 2 * pad + pad_after), _computing() == torch.bfloat16
    blocks = _empty(x, stride, sides, narrow)
    to_blocks = _call(x, blocks, stride, pad, None, None)
    if packed_conv.takes(blocks, weight):
        convolve = packed_conv.bind(blocks, weight, bias, form=lambda w: block_kernels(w, stride))
    else:
        kernels = block_kernels(weight, stride)
        convolve = lambda blocks: F.conv2d(blocks, kernels, bias)  # noqa: E731
    shape, dtype = blocks.shape, blocks.dtype

    def compute(x: Tensor) -> Tensor:
        blocks = torch.empty(shape, dtype=dtype, memory_format=torch.channels_last)
        to_blocks(x, blocks)
        return convolve(blocks)

    return compute


def _sides(x: Tensor, weight: Tensor, stride: int, border: int) -> list[int]:
    """Return how many blocks lie along each side."""
    kernel = weight.shape[2]
    return [(length + border - kernel) // stride - (-kernel // stride) for length in x.shape[2:]]


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
    _call(x, out, block, before, x, out)()
    return out


def _call(x: Tensor, out: Tensor, block: int, before: int, *addresses: Tensor | None) -> native.Call:
    types = dict.fromkeys((native.SUFFIX[x.dtype], native.SUFFIX[out.dtype]))
    batch, channels, height, width = x.shape
    values = height, width, channels, block, before, *out.shape[2:]
    return native.Call(f"alexnet_space_to_depth_{'_'.join(types)}", batch * out.shape[2], *addresses, *values)


_space_to_depth = operator("alexnet::space_to_depth")(_compute)


@_space_to_depth.register_fake
def _(x, block, before, sides, narrow):
    return _empty(x, block, sides, narrow)


def _empty(x: Tensor, block: int, sides: list[int], narrow: bool) -> Tensor:
    shape = (x.shape[0], x.shape[1] * block**2, *sides)
    dtype = torch.bfloat16 if narrow else torch.float32
    return torch.empty(shape, dtype=dtype, device=x.device, memory_format=torch.channels_last)
