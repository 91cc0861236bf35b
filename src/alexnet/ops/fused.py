"""ReLU, local response normalization across maps and pooling in one compiled pass (CPU, channels-last).

Stored for the backward pass are the input, from which it computes the normalization again, and one byte a pooled value:
the place of the maximum. Each direction goes through memory once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from alexnet.ops import native
from alexnet.ops.operator import operator

_MAX_CHANNELS, _MAX_SIZE, _MAX_WINDOW = 4096, 129, 16


@dataclass(frozen=True)
class Norm:
    """Normalization across maps; fields as the arguments of `local_response_norm`."""

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0
    groups: int = 1


@dataclass(frozen=True)
class Pool:
    """Pooling without padding; `ceil` lets the last window hang over the border."""

    size: int
    stride: int
    average: bool = False
    ceil: bool = False

    def places(self, length: int) -> int:
        """Return the number of windows along a side, as torch counts them."""
        count = (length - self.size + (self.stride - 1 if self.ceil else 0)) // self.stride + 1
        return count - 1 if (count - 1) * self.stride >= length else count


def takes(x: Tensor, norm: Norm | None = None, pool: Pool | None = None) -> bool:
    """Say whether the kernels compute this: CPU, channels-last, float32 or bfloat16, windows inside the maps."""
    return (
        native.takes(x)
        and x.shape[1] <= _MAX_CHANNELS
        and (norm is None or norm.size <= _MAX_SIZE)
        and (pool is None or (pool.size <= min(*x.shape[2:], _MAX_WINDOW) and pool.stride <= pool.size))
    )


def relu_lrn_pool(x: Tensor, *, relu: bool, norm: Norm | None = None, pool: Pool | None = None) -> Tensor:
    """Return the pooled, normalized, rectified maps; what is None is left out.

    Args:
        x: Maps (N, C, H, W) that `takes` accepts.

    Returns:
        Tensor of x's dtype, channels-last. bfloat16 is computed in float32 and rounded once, forward and backward.
    """
    if native.unobserved(x):
        return bind(x, relu=relu, norm=norm, pool=pool)(x)
    norm, pool = _constants(norm or Norm(size=0)), _constants(pool or Pool(1, 1))
    return _fused(x, relu, norm, pool, x.requires_grad and torch.is_grad_enabled())[0]


def bind(
    x: Tensor, *, relu: bool, norm: Norm | None = None, pool: Pool | None = None
) -> Callable[[Tensor], Tensor]:
    """Return `relu_lrn_pool` without gradients for maps like x."""
    norm, pool = _constants(norm or Norm(size=0)), _constants(pool or Pool(1, 1))
    call, shape = _forward(x, relu, norm, pool, None, None, 0), _output_shape(x, pool)

    def compute(x: Tensor) -> Tensor:
        out = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
        call(x, out)
        return out

    return compute


def _compute(
    x: Tensor, relu: bool, norm: list[float], pool: list[float], needs_places: bool
) -> tuple[Tensor, Tensor]:
    out, places = _empty(x, pool, needs_places)
    _forward(x, relu, norm, pool, x, out, _address(places))()
    return out, places


def _forward(
    x: Tensor, relu: bool, norm: list[float], pool: list[float], *addresses: Tensor | int | None
) -> native.Call:
    batch, channels, height, width = _output_shape(x, pool)
    scratch = channels * (int(pool[0]) * x.shape[3] + 2 * width)
    name, values = f"alexnet_stage_forward_{native.SUFFIX[x.dtype]}", _values(x, relu, norm, pool)
    return native.Call(name, batch * height, *addresses, *values, scratch=scratch)


_fused = operator("alexnet::relu_lrn_pool")(_compute)


@_fused.register_fake
def _(x, relu, norm, pool, needs_places):
    return _empty(x, pool, needs_places)


@operator("alexnet::relu_lrn_pool_backward")
def _fused_backward(
    grad: Tensor, x: Tensor, places: Tensor, relu: bool, norm: list[float], pool: list[float]
) -> Tensor:
    grad = grad.to(x.dtype).contiguous(memory_format=torch.channels_last)
    out = torch.empty_like(x)
    batch, channels, height, width = x.shape
    reaching = -(-pool[0] // pool[1])
    scratch = channels * (width + 2 * int(reaching) * grad.shape[3])
    name = f"alexnet_stage_backward_{native.SUFFIX[x.dtype]}"
    values = x, grad, _address(places), out, *_values(x, relu, norm, pool)
    native.run(name, batch * height, *values, scratch=scratch)
    return out


@_fused_backward.register_fake
def _(grad, x, places, relu, norm, pool):
    return torch.empty_like(x)


def _save_for_backward(ctx, inputs, output) -> None:
    x, *ctx.constants, _ = inputs
    _, places = output
    ctx.mark_non_differentiable(places)
    ctx.save_for_backward(x, places)


def _differentiate(ctx, grad: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    x, places = ctx.saved_tensors
    return _fused_backward(grad, x, places, *ctx.constants), *[None] * (len(ctx.constants) + 1)


_fused.register_autograd(_differentiate, setup_context=_save_for_backward)


def _constants(part: Norm | Pool) -> list[float]:
    return [float(value) for value in vars(part).values()]


def _pool(constants: list[float]) -> Pool:
    size, stride, average, ceil = constants
    return Pool(int(size), int(stride), bool(average), bool(ceil))


def _empty(x: Tensor, constants: list[float], needs_places: bool) -> tuple[Tensor, Tensor]:
    """Return the output and room for the places of the maxima in their windows, empty where nobody asks for them."""
    pool, shape = _pool(constants), _output_shape(x, constants)
    out = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    noted = needs_places and not pool.average and (pool.size > 1 or pool.stride > 1)
    return out, torch.empty_like(out if noted else out[:0], dtype=torch.uint8)


def _output_shape(x: Tensor, constants: list[float]) -> tuple[int, int, int, int]:
    pool = _pool(constants)
    return x.shape[0], x.shape[1], pool.places(x.shape[2]), pool.places(x.shape[3])


def _address(places: Tensor) -> Tensor | int:
    return places if places.numel() else 0


def _values(x: Tensor, relu: bool, norm: list[float], constants: list[float]) -> tuple[int | float, ...]:
    """Return the stage as kernels/stage.c reads it."""
    channels, height, width = x.shape[1:]
    size, alpha, beta, k, groups = norm
    half, pool = int(size) // 2 if size else -1, _pool(constants)
    windows = pool.size, pool.stride, int(pool.average), pool.places(height), pool.places(width)
    return height, width, channels, int(relu), int(groups), half, alpha, beta, k, *windows
