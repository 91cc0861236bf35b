"""Keyed dropout in one kernel, alone or behind bias and ReLU: the masks of `ops/dropout.py`, bit for bit.

No mask lies in memory: a backward pass draws it again or, behind a ReLU, reads it off what passed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from alexnet.core.keys import Key
from alexnet.gpu.launch import launch

_BLOCK = 1024


def keyed_dropout(
    x: Tensor, key: Key, step: Tensor, samples: Tensor, *, rate: float = 0.5, inverted: bool = False
) -> Tensor:
    """Return x with each unit zeroed with probability `rate`, as `ops.dropout.Dropout` does in training.

    Args:
        x: (N, ...), contiguous, any float dtype.
        key: The layer's, i.e. `draws.key.derive(name)`.
        step: int64 (1) on x's device: a captured graph reads the number of each step.
        samples: int64 (N) on x's device.
        inverted: Divide what is kept by 1 - rate.
    """
    return _dropout(x, samples, step, _signed(key), rate, inverted)


def relu_dropout(
    x: Tensor,
    bias: Tensor,
    key: Key,
    step: Tensor,
    samples: Tensor,
    *,
    rate: float = 0.5,
    inverted: bool = False,
) -> Tensor:
    """Return `keyed_dropout` of relu(x + bias), added in float32 and rounded once.

    Args:
        x: (N, units), contiguous: a fully connected layer's output before its bias.
        bias: (units), any float dtype.
        key, step, samples, rate, inverted: As of `keyed_dropout`.
    """
    return _relu_dropout(x, bias, samples, step, _signed(key), rate, inverted)


def _signed(key: Key) -> int:
    return key.value - (1 << 64) if key.value >> 63 else key.value


@torch.library.custom_op("alexnet::gpu_dropout", mutates_args=())
def _dropout(x: Tensor, samples: Tensor, step: Tensor, key: int, rate: float, inverted: bool) -> Tensor:
    return _launched(x, None, samples, step, key, rate, inverted)


@_dropout.register_fake
def _(x, samples, step, key, rate, inverted):
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _save_for_backward(ctx, inputs, output) -> None:
    _, samples, step, *ctx.constants = inputs
    ctx.save_for_backward(samples, step)


def _differentiate(ctx, grad: Tensor):
    return _dropout(grad, *ctx.saved_tensors, *ctx.constants), None, None, None, None, None


_dropout.register_autograd(_differentiate, setup_context=_save_for_backward)


@torch.library.custom_op("alexnet::gpu_relu_dropout", mutates_args=())
def _relu_dropout(
    x: Tensor, bias: Tensor, samples: Tensor, step: Tensor, key: int, rate: float, inverted: bool
) -> Tensor:
    return _launched(x, bias, samples, step, key, rate, inverted)


@_relu_dropout.register_fake
def _(x, bias, samples, step, key, rate, inverted):
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _save_output(ctx, inputs, output) -> None:
    ctx.factor, ctx.bias_dtype = _factor(inputs[0].dtype, *inputs[5:]), inputs[1].dtype
    ctx.save_for_backward(output)


def _differentiate_behind_relu(ctx, grad: Tensor):
    """What passed both is above zero: no mask is needed."""
    (y,) = ctx.saved_tensors
    dx = torch.ops.aten.threshold_backward(grad, y, 0)
    if ctx.factor != 1:
        dx = dx * ctx.factor
    return dx, dx.sum(0, dtype=torch.float32).to(ctx.bias_dtype), None, None, None, None, None


_relu_dropout.register_autograd(_differentiate_behind_relu, setup_context=_save_output)


def _launched(x: Tensor, bias: Tensor | None, *draws: Any) -> Tensor:
    from alexnet.gpu.kernels.dropout import dropout

    samples, step, key, rate, inverted = draws
    x = x.contiguous()
    y = torch.empty_like(x)
    units = x[0].numel() if len(x) else 0
    chunks = -(-units // _BLOCK)
    settings = rate == 0.5, int(rate * 2**32), _factor(x.dtype, rate, inverted), _BLOCK, chunks
    launch(dropout, len(x) * chunks, x.device, x, y, bias, (samples, step), key, units, settings)
    return y


def _factor(dtype: torch.dtype, rate: float, inverted: bool) -> float:
    """Return what kept units are multiplied by, as the layer rounds it."""
    return float(torch.ones((), dtype=dtype) / (1 - rate)) if inverted else 1.0
