"""Response normalization within a map, one operation with three implementations, as in `lrn.py`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.ops import native
from alexnet.ops.operator import operator
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
    return _spatial_norm(x, size, alpha, beta, k)


def reference(x: Tensor, *, size: int, alpha: float, beta: float, k: float) -> Tensor:
    """Return the same as `spatial_response_norm`, written as the formula, differentiable by autograd."""
    return x / (k + alpha * _window_sum(x * x, size)) ** beta


@operator("alexnet::spatial_response_norm")
def _spatial_norm(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    out = torch.empty_like(x)
    if native.takes(x):
        _run("forward", x, out, size, alpha, beta, k, maps=3 if x.dtype == torch.float32 else 4)
        return out
    wide = widened(x)
    _, power = _scale(wide, size, alpha, beta, k)
    return out.copy_(power.mul_(wide))


@_spatial_norm.register_fake
def _(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    return torch.empty_like(x)


@operator("alexnet::spatial_response_norm_backward")
def _spatial_norm_backward(grad: Tensor, x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    out = torch.empty_like(x)
    if native.takes(x):
        grad = grad.to(x.dtype).contiguous(memory_format=torch.channels_last)
        maps = 3 if x.dtype == torch.float32 else 5
        _run("backward", x, grad, out, size, alpha, beta, k, maps=maps)
        return out
    wide, wide_grad = widened(x), widened(grad)
    scale, power = _scale(wide, size, alpha, beta, k)
    direct = power.mul_(wide_grad)
    spread = _window_sum((direct * wide).div_(scale), size)
    return out.copy_(direct.sub_(spread.mul_(wide), alpha=2 * alpha * beta))


@_spatial_norm_backward.register_fake
def _(grad: Tensor, x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    return torch.empty_like(x)


def _save_for_backward(ctx, inputs, output) -> None:
    x, *ctx.constants = inputs
    ctx.save_for_backward(x)


def _differentiate(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
    (x,) = ctx.saved_tensors
    return _spatial_norm_backward(grad, x, *ctx.constants), None, None, None, None


_spatial_norm.register_autograd(_differentiate, setup_context=_save_for_backward)


def _run(direction: str, x: Tensor, *rest: Tensor | int | float, maps: int) -> None:
    """Run the kernel on channels-last x; `maps` is its working memory in maps of one image (kernels/spatial_norm.c)."""
    *tensors, size, alpha, beta, k = rest
    batch, channels, height, width = x.shape
    name = f"alexnet_spatial_norm_{direction}_{native.SUFFIX[x.dtype]}"
    constants = height, width, channels, size // 2, alpha, beta, k
    native.run(name, batch, x, *tensors, *constants, scratch=maps * channels * height * width)


def _scale(x: Tensor, size: int, alpha: float, beta: float, k: float) -> tuple[Tensor, Tensor]:
    """Return s = k + alpha * (window sum of squares), and s ** -beta."""
    scale = _window_sum(x * x, size).mul_(alpha).add_(k)
    return scale, inverse_power(scale, beta)


def _window_sum(x: Tensor, size: int) -> Tensor:
    return F.avg_pool2d(x, size, stride=1, padding=size // 2, divisor_override=1)
