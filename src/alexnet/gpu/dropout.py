"""Keyed dropout in one kernel: the masks of `ops/dropout.py`, bit for bit, without a mask in memory."""

from __future__ import annotations

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
    signed = key.value - (1 << 64) if key.value >> 63 else key.value
    return _dropout(x, samples, step, signed, rate, inverted)


@torch.library.custom_op("alexnet::gpu_dropout", mutates_args=())
def _dropout(x: Tensor, samples: Tensor, step: Tensor, key: int, rate: float, inverted: bool) -> Tensor:
    from alexnet.gpu.kernels.dropout import dropout

    x = x.contiguous()
    y = torch.empty_like(x)
    units = x[0].numel() if len(x) else 0
    chunks = -(-units // _BLOCK)
    factor = float(torch.ones((), dtype=x.dtype) / (1 - rate)) if inverted else 1.0
    settings = rate == 0.5, int(rate * 2**32), factor, _BLOCK, chunks
    launch(dropout, len(x) * chunks, x.device, x, y, samples, step, key, units, settings)
    return y


@_dropout.register_fake
def _(x, samples, step, key, rate, inverted):
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _save_for_backward(ctx, inputs, output) -> None:
    _, samples, step, *ctx.constants = inputs
    ctx.save_for_backward(samples, step)


def _differentiate(ctx, grad: Tensor):
    return _dropout(grad, *ctx.saved_tensors, *ctx.constants), None, None, None, None, None


_dropout.register_autograd(_differentiate, setup_context=_save_for_backward)
