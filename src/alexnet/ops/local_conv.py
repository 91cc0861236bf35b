"""Convolution with unshared weights (the "local" layers of the 2012 source's CIFAR-10 nets)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def local_conv2d(x: Tensor, weight: Tensor, bias: Tensor, *, pad: int = 0) -> Tensor:
    """Apply at every place of the output its own kernels and biases.

    out[n, o, y, x] = bias[p, o] + sum over c, i, j of weight[p, o, c, i, j] * padded[n, c, y + i, x + j], with
    p = y * W' + x.

    Args:
        x: Maps (N, C, H, W).
        weight: (H' * W', O, C, k, k), places in row-major order.
        bias: (H' * W', O).
        pad: Zeros on every side.

    Returns:
        Tensor (N, O, H', W'), H' = H + 2 * pad - k + 1.

    Raises:
        ValueError: the weights are not for maps of this size.

    Source:
        `type=local` layers of layers-conv-local-13pct.cfg and -11pct.cfg in the 2012 source.
    """
    places, outputs, channels, kernel, _ = weight.shape
    height, width = x.shape[2] + 2 * pad - kernel + 1, x.shape[3] + 2 * pad - kernel + 1
    if places != height * width or channels != x.shape[1]:
        raise ValueError(
            f"{places} places of {channels} maps cannot read {x.shape[1]} maps that give {height} x {width} places"
        )
    windows = F.unfold(x, kernel, padding=pad).permute(2, 0, 1)
    kernels = weight.reshape(places, outputs, -1).transpose(1, 2)
    out = torch.baddbmm(bias.unsqueeze(1), windows, kernels)
    return out.permute(1, 2, 0).reshape(len(x), outputs, height, width)


def reference(x: Tensor, weight: Tensor, bias: Tensor, *, pad: int = 0) -> Tensor:
    """Return the same as `local_conv2d`, place by place as an ordinary convolution."""
    kernel = weight.shape[-1]
    padded = F.pad(x, (pad, pad, pad, pad))
    width = padded.shape[3] - kernel + 1
    height = padded.shape[2] - kernel + 1
    places = [
        F.conv2d(padded[:, :, y : y + kernel, x : x + kernel], weight[y * width + x], bias[y * width + x])
        for y in range(height)
        for x in range(width)
    ]
    return torch.cat(places, 2).reshape(len(x), weight.shape[1], height, width)
