"""Response normalization within a map: each activation against its spatial neighbors."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.ops.powers import inverse_power, widened


def spatial_response_norm(x: Tensor, *, size: int, alpha: float, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Divide each activation by the energy of the size x size window around it in the same map.

    y = x / (k + alpha * sum(x**2 over the window)) ** beta, with zeros beyond the border.

    Args:
        x: Activations (N, C, H, W); 16-bit input is accumulated in float32.
        size: Side of the window, odd.
        alpha: Weight of the *sum* of squares: the 2012 source's `scale` is alpha * size**2.

    Returns:
        Tensor of x's shape and dtype.

    Raises:
        ValueError: size is even.

    Source:
        cnorm2a/b of layers-145.cfg (size 5, scale 0.001, power 0.75), rnorm1/2 of the CIFAR-10 18 % net
        (size 3, scale 5e-5). The paper's text does not mention it.
    """
    if size % 2 == 0 or size < 1:
        raise ValueError(f"spatial response normalization needs an odd size, not {size}")
    return _SpatialResponseNorm.apply(x, size, alpha, beta, k)


def reference(x: Tensor, *, size: int, alpha: float, beta: float, k: float) -> Tensor:
    """Return the same as `spatial_response_norm`, written as the formula, differentiable by autograd."""
    return x / (k + alpha * _window_sum(x * x, size)) ** beta


class _SpatialResponseNorm(torch.autograd.Function):
    """Saves only its input: the scale is computed again in the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.constants = size, alpha, beta, k
        wide = widened(x)
        _, power = _scale(wide, size, alpha, beta, k)
        return power.mul_(wide).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        size, alpha, beta, k = ctx.constants
        wide, wide_grad = widened(x), widened(grad)
        scale, power = _scale(wide, size, alpha, beta, k)
        direct = power.mul_(wide_grad)
        spread = _window_sum((direct * wide).div_(scale), size)
        return direct.sub_(spread.mul_(wide), alpha=2 * alpha * beta).to(x.dtype), None, None, None, None


def _scale(x: Tensor, size: int, alpha: float, beta: float, k: float) -> tuple[Tensor, Tensor]:
    """Return s = k + alpha * (window sum of squares), and s ** -beta."""
    scale = _window_sum(x * x, size).mul_(alpha).add_(k)
    return scale, inverse_power(scale, beta)


def _window_sum(x: Tensor, size: int) -> Tensor:
    return F.avg_pool2d(x, size, stride=1, padding=size // 2, divisor_override=1)
