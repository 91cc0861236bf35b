"""ReLU, local response normalization across maps and pooling in one compiled pass (CPU, channels-last).

Nothing but the input is stored for the backward pass, which computes the normalized maps again, so that each direction
goes through memory once.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import torch
from torch import Tensor

from alexnet.ops import native

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
    return _fused(x, relu, _constants(norm or Norm(size=0)), _constants(pool or Pool(1, 1)))


@torch.library.custom_op("alexnet::relu_lrn_pool", mutates_args=())
def _fused(x: Tensor, relu: bool, norm: list[float], pool: list[float]) -> Tensor:
    out = _empty(x, pool)
    rows = out.shape[0] * out.shape[2]
    scratch = (2 + int(pool[0])) * x.shape[1] * x.shape[3]
    name = f"alexnet_stage_forward_{native.SUFFIX[x.dtype]}"
    native.run(name, rows, x, out, *_values(x, relu, norm, pool), scratch=scratch)
    return out


@_fused.register_fake
def _(x: Tensor, relu: bool, norm: list[float], pool: list[float]) -> Tensor:
    return _empty(x, pool)


@torch.library.custom_op("alexnet::relu_lrn_pool_backward", mutates_args=())
def _fused_backward(grad: Tensor, x: Tensor, relu: bool, norm: list[float], pool: list[float]) -> Tensor:
    grad = grad.to(x.dtype).contiguous(memory_format=torch.channels_last)
    out = torch.empty_like(x)
    scratch = 4 * int(pool[0]) * x.shape[1] * x.shape[3]
    name = f"alexnet_stage_backward_{native.SUFFIX[x.dtype]}"
    native.run(name, x.shape[0], x, grad, out, *_values(x, relu, norm, pool), scratch=scratch)
    return out


@_fused_backward.register_fake
def _(grad: Tensor, x: Tensor, relu: bool, norm: list[float], pool: list[float]) -> Tensor:
    return torch.empty_like(x)


def _save_for_backward(ctx, inputs, output) -> None:
    x, *ctx.constants = inputs
    ctx.save_for_backward(x)


def _differentiate(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
    (x,) = ctx.saved_tensors
    return _fused_backward(grad, x, *ctx.constants), *[None] * len(ctx.constants)


_fused.register_autograd(_differentiate, setup_context=_save_for_backward)


def _constants(part: Norm | Pool) -> list[float]:
    return [float(value) for value in astuple(part)]


def _pool(constants: list[float]) -> Pool:
    size, stride, average, ceil = constants
    return Pool(int(size), int(stride), bool(average), bool(ceil))


def _empty(x: Tensor, constants: list[float]) -> Tensor:
    pool = _pool(constants)
    shape = (*x.shape[:2], pool.places(x.shape[2]), pool.places(x.shape[3]))
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)


def _values(x: Tensor, relu: bool, norm: list[float], constants: list[float]) -> tuple[int | float, ...]:
    """Return the stage as kernels/stage.c reads it."""
    channels, height, width = x.shape[1:]
    size, alpha, beta, k, groups = norm
    half, pool = int(size) // 2 if size else -1, _pool(constants)
    windows = pool.size, pool.stride, int(pool.average), pool.places(height), pool.places(width)
    return height, width, channels, int(relu), int(groups), half, alpha, beta, k, *windows
