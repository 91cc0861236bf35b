"""A convolution of pictures with stride 1, computed over runs of pixels in the place of channels.

The convolution library differentiates kernels over three channels at half of the speed that it has over sixteen. The
pixels that a row of a kernel reads lie side by side: 5 x 5 x 3 becomes 5 x 1 over 15 channels, and a sixteenth channel
of ones carries the bias, whose derivative then costs nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.ops import native
from alexnet.ops.copies import autocasts
from alexnet.ops.operator import operator

_CHANNELS, _MAX_LINE = 16, 4096


def takes(x: Tensor, weight: Tensor, stride: int, groups: int, pad: int) -> bool:
    """Say whether this path computes it: pictures that need no gradient, kernels that do, in bfloat16 on the CPU.

    In float32, and without gradients, the library is as fast over the pictures themselves.
    """
    _, channels, kernel, width = weight.shape
    return (
        stride == groups == 1
        and kernel == width
        and 2 * pad < kernel
        and _CHANNELS // 2 < kernel * channels < _CHANNELS
        and (x.shape[3] + 2 * kernel) * channels + _CHANNELS <= _MAX_LINE
        and torch.is_grad_enabled()
        and weight.requires_grad
        and not x.requires_grad
        and autocasts(x, weight)
        and native.takes(x)
    )


def run_conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, pad: int) -> Tensor:
    """Return `conv2d` of x with zeros around it, under bfloat16 autocast; sums run in another order.

    Args:
        x: Pictures (N, C, H, W) that `takes` accepts.
        weight: (maps, C, k, k).
    """
    return F.conv2d(_pixel_runs(x, weight.shape[2], pad), run_kernels(weight, bias, pad), None, 1, (pad, 0))


def run_kernels(weight: Tensor, bias: Tensor | None, pad: int) -> Tensor:
    """Return kernels (maps, C, k, k) and their bias as kernels over runs: (maps, 16, k, 1).

    The bias stands in the row that never reads zeros around the picture.
    """
    maps, channels, kernel, _ = weight.shape
    runs = weight.permute(0, 3, 1, 2).reshape(maps, kernel * channels, kernel, 1)
    if bias is None:
        return F.pad(runs, (0, 0, 0, 0, 0, _CHANNELS - runs.shape[1]))
    ones = F.pad(bias.view(maps, 1, 1, 1), (0, 0, pad, kernel - 1 - pad))
    zeros = ones.new_zeros(maps, _CHANNELS - 1 - runs.shape[1], kernel, 1)
    return torch.cat((runs, ones, zeros), 1)


def _compute(x: Tensor, kernel: int, before: int) -> Tensor:
    out = _empty(x, kernel, before)
    batch, channels, height, width = x.shape
    native.run(
        f"alexnet_pixel_runs_{native.SUFFIX[x.dtype]}",
        batch * height,
        x,
        out,
        width,
        channels,
        before,
        kernel,
        out.shape[3],
    )
    return out


_pixel_runs = operator("alexnet::pixel_runs")(_compute)


@_pixel_runs.register_fake
def _(x, kernel, before):
    return _empty(x, kernel, before)


def _empty(x: Tensor, kernel: int, before: int) -> Tensor:
    shape = (x.shape[0], _CHANNELS, x.shape[2], x.shape[3] + 2 * before - kernel + 1)
    return torch.empty(shape, dtype=torch.bfloat16, device=x.device, memory_format=torch.channels_last)
