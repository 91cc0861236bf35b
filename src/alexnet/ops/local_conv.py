"""Convolution with unshared weights (the "local" layers of the 2012 source's CIFAR-10 nets)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.ops.operator import operator


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
    windows = _windows(F.pad(x, (pad, pad, pad, pad)).permute(0, 2, 3, 1), kernel)
    kernels = weight.permute(0, 3, 4, 2, 1).reshape(places, -1, outputs)
    out = torch.baddbmm(bias.unsqueeze(1), windows, kernels)
    return out.view(height, width, len(x), outputs).permute(2, 3, 0, 1)


@operator("alexnet::windows")
def _windows(maps: Tensor, kernel: int) -> Tensor:
    """Return the windows of maps (N, H, W, C) by place: (places, N, k * k * C).

    Whole positions of C values are copied; torch's own unfold and fold move them one by one.
    """
    windows = maps.unfold(1, kernel, 1).unfold(2, kernel, 1).permute(1, 2, 0, 4, 5, 3)
    out = torch.empty(windows.shape, dtype=maps.dtype, device=maps.device).copy_(windows)
    return out.view(_shape(maps, kernel))


@_windows.register_fake
def _(maps: Tensor, kernel: int) -> Tensor:
    return maps.new_empty(_shape(maps, kernel))


@operator("alexnet::windows_backward")
def _windows_backward(grad: Tensor, shape: list[int], kernel: int) -> Tensor:
    batch, rows, columns, channels = shape
    height, width = rows - kernel + 1, columns - kernel + 1
    parts = grad.reshape(height, width, batch, kernel, kernel, channels).permute(3, 4, 2, 0, 1, 5)
    maps = grad.new_zeros(shape)
    for i in range(kernel):
        for j in range(kernel):
            maps[:, i : i + height, j : j + width] += parts[i, j]
    return maps


@_windows_backward.register_fake
def _(grad: Tensor, shape: list[int], kernel: int) -> Tensor:
    return grad.new_empty(shape)


def _save_for_backward(ctx, inputs, output) -> None:
    maps, ctx.kernel = inputs
    ctx.shape = list(maps.shape)


def _differentiate(ctx, grad: Tensor) -> tuple[Tensor, None]:
    return _windows_backward(grad, ctx.shape, ctx.kernel), None


_windows.register_autograd(_differentiate, setup_context=_save_for_backward)


def _shape(maps: Tensor, kernel: int) -> tuple[int, int, int]:
    batch, rows, columns, channels = maps.shape
    return (rows - kernel + 1) * (columns - kernel + 1), batch, kernel * kernel * channels


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
