"""A convolution with a stride as the same sums with stride 1: blocks of pixels become channels.

The paper's first layer, 11 x 11 over 3 channels with stride 4, becomes 3 x 3 over 48 channels: a width that matrix
units take as it is, where 3 channels would be padded to 8. The parameter stays (96, 3, 11, 11); its view of blocks is
made at each step, and autograd drops the gradient of the taps that exist in no kernel.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def blocks_in_row(size: int, kernel: int, stride: int) -> int:
    """Return how many blocks a convolution over `size` pixels, padding included, reads in a row."""
    return (size - kernel) // stride + -(-kernel // stride)


def space_to_depth(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Return (N, stride * stride * C, n, n'): the pixels of each block in rows, their channels side by side.

    Args:
        x: (N, C, H, W) with the convolution's padding. At the right and bottom zeros are added, or pixels dropped that
            no kernel reads.
    """
    batch, channels, height, width = x.shape
    down, across = (blocks_in_row(side, kernel, stride) for side in (height, width))
    x = F.pad(x, (0, across * stride - width, 0, down * stride - height))
    x = x.reshape(batch, channels, down, stride, across, stride)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(batch, down, across, -1).permute(0, 3, 1, 2)


def block_weight(weight: Tensor, stride: int) -> Tensor:
    """Return the kernels (O, C, k, k) over blocks: (O, stride * stride * C, n, n) with n = ceil(k / stride)."""
    outputs, channels, kernel, _ = weight.shape
    count = -(-kernel // stride)
    missing = count * stride - kernel
    weight = F.pad(weight, (0, missing, 0, missing)).reshape(outputs, channels, count, stride, count, stride)
    return weight.permute(0, 2, 4, 3, 5, 1).reshape(outputs, count, count, -1).permute(0, 3, 1, 2)


def block_conv2d(blocks: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int) -> Tensor:
    """Return `F.conv2d(x, weight, bias, stride)` from `space_to_depth(x, kernel, stride)`."""
    return F.conv2d(blocks, block_weight(weight, stride), bias)
