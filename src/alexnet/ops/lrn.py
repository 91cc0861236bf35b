"""Local response normalization across maps (paper, section 3.3), one operation with three implementations.

`local_response_norm` picks the compiled kernel (`fused.py`: CPU, channels-last) or the torch path;
`reference` is the formula as written, for tests and for any dtype.
"""

from __future__ import annotations

import torch
from torch import Tensor

from alexnet.ops.fused import Norm, relu_lrn_pool, takes
from alexnet.ops.operator import operator
from alexnet.ops.powers import inverse_power, widened


def local_response_norm(
    x: Tensor, *, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0, groups: int = 1
) -> Tensor:
    """Divide each activation by the energy of its neighbors across channels.

    b[c] = a[c] / (k + alpha * sum(a[j]**2 for j in c - size//2 .. c + size//2)) ** beta

    Args:
        x: Activations (N, C, H, W), any float dtype; 16-bit input is accumulated in float32.
        size: Number of maps in the window, odd; it is cut at the edges of a tower.
        alpha: Weight of the *sum* of squares. `torch.nn.LocalResponseNorm` and the 2012 source use alpha / size.
        groups: Number of towers; a window never crosses from one tower to another.

    Returns:
        Tensor of x's shape, dtype and memory format.

    Raises:
        ValueError: size is even, or C is not divisible by groups.

    Source:
        Krizhevsky et al. 2012, section 3.3 (k = 2, n = 5, alpha = 1e-4, beta = 0.75); towers as in
        layers-145.cfg of the 2012 source (rnorm1a, rnorm1b).
    """
    if size % 2 == 0 or size < 1:
        raise ValueError(f"local response normalization needs an odd size, not {size}")
    if x.shape[1] % groups:
        raise ValueError(f"{x.shape[1]} channels cannot be shared by {groups} towers")
    norm = Norm(size, alpha, beta, k, groups)
    if takes(x, norm):
        return relu_lrn_pool(x, relu=False, norm=norm)
    return _lrn(x, size, alpha, beta, k, groups)


def reference(x: Tensor, *, size: int, alpha: float, beta: float, k: float, groups: int = 1) -> Tensor:
    """Return the same as `local_response_norm`, written as the formula, differentiable by autograd."""
    batch, channels, height, width = x.shape
    towers = x.reshape(batch * groups, channels // groups, height, width)
    half = size // 2
    square = torch.nn.functional.pad(towers * towers, (0, 0, 0, 0, half, half))
    energy = sum(square[:, j : j + channels // groups] for j in range(size))
    return (towers / (k + alpha * energy) ** beta).reshape(x.shape)


@operator("alexnet::local_response_norm")
def _lrn(x: Tensor, size: int, alpha: float, beta: float, k: float, groups: int) -> Tensor:
    wide = _last(x, groups)
    _, power = _scale(wide, size, alpha, beta, k)
    return torch.empty_like(x).copy_(_first(wide.mul(power), x.shape))


@_lrn.register_fake
def _(x: Tensor, size: int, alpha: float, beta: float, k: float, groups: int) -> Tensor:
    return torch.empty_like(x)


@operator("alexnet::local_response_norm_backward")
def _lrn_backward(
    grad: Tensor, x: Tensor, size: int, alpha: float, beta: float, k: float, groups: int
) -> Tensor:
    wide, wide_grad = _last(x, groups), _last(grad, groups)
    scale, power = _scale(wide, size, alpha, beta, k)
    direct = wide_grad.mul(power)
    spread = _window_sum(direct.mul(wide).div_(scale), size)
    out = direct.sub_(spread.mul_(wide), alpha=2 * alpha * beta)
    return torch.empty_like(x).copy_(_first(out, x.shape))


@_lrn_backward.register_fake
def _(grad: Tensor, x: Tensor, size: int, alpha: float, beta: float, k: float, groups: int) -> Tensor:
    return torch.empty_like(x)


def _save_for_backward(ctx, inputs, output) -> None:
    x, *ctx.constants = inputs
    ctx.save_for_backward(x)


def _differentiate(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
    (x,) = ctx.saved_tensors
    return _lrn_backward(grad, x, *ctx.constants), None, None, None, None, None


_lrn.register_autograd(_differentiate, setup_context=_save_for_backward)


def _last(x: Tensor, groups: int) -> Tensor:
    """Return (N, H, W, groups, C/groups), at least float32: the window then runs over neighboring memory."""
    batch, channels, height, width = x.shape
    return widened(x.permute(0, 2, 3, 1).reshape(batch, height, width, groups, channels // groups))


def _first(x: Tensor, shape: torch.Size) -> Tensor:
    batch, channels, height, width = shape
    return x.reshape(batch, height, width, channels).permute(0, 3, 1, 2)


def _scale(x: Tensor, size: int, alpha: float, beta: float, k: float) -> tuple[Tensor, Tensor]:
    """Return s = k + alpha * (window sum of squares), and s ** -beta."""
    scale = _window_sum(x * x, size).mul_(alpha).add_(k)
    return scale, inverse_power(scale, beta)


def _window_sum(x: Tensor, size: int) -> Tensor:
    total = x.clone()
    for shift in range(1, min(size // 2, x.shape[-1] - 1) + 1):
        total[..., shift:] += x[..., :-shift]
        total[..., :-shift] += x[..., shift:]
    return total
