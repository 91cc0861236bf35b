"""A fully connected layer that under bfloat16 autocast on a CPU keeps its weights' copy from step to step."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.ops import native
from alexnet.ops.copies import autocasts, bfloat16_copy

_FEW = 4


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return `F.linear`: the same bits, but for a few pictures without gradients, whose sums run in another order.

    Args:
        x: (N, inputs).
        weight: (outputs, inputs); where its `grad_dtype` is bfloat16, its gradient is not widened.
    """
    if not autocasts(x, weight):
        return F.linear(x, weight, bias)
    if is_few(x, weight):
        return bind(x, weight, bias)(x)
    return _Linear.apply(x.to(torch.bfloat16), weight, None if bias is None else bias.to(torch.bfloat16))


def is_few(x: Tensor, weight: Tensor) -> bool:
    """Say whether x holds so few pictures, without gradients, that reading the weights is all the time it takes."""
    return len(x) <= _FEW and native.unobserved(x) and native.available() and autocasts(x, weight)


def bind(
    x: Tensor, weight: Tensor, bias: Tensor | None, *, relu: bool = False, factor: float = 1.0
) -> Callable[[Tensor], Tensor]:
    """Return this layer, then ReLU if asked for, then a factor, for inputs like x that `is_few` accepts.

    It computes in one pass over the weights, as they are now: matrix units would wait for them.
    """
    batch, (outputs, inputs) = len(x), weight.shape
    wide = 0 if bias is None else bias.detach().float()
    values = bfloat16_copy(weight), wide, batch, inputs, outputs, int(relu), float(factor)
    call = native.Call("alexnet_matvec_bf16", outputs, None, None, *values, scratch=batch * inputs)

    def compute(x: Tensor) -> Tensor:
        x, out = x.to(torch.bfloat16).contiguous(), x.new_empty((batch, outputs), dtype=torch.bfloat16)
        call(x, out)
        return out

    return compute


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        copy = bfloat16_copy(weight)
        ctx.save_for_backward(x, copy)
        return F.linear(x, copy, bias)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, copy = ctx.saved_tensors
        wants_x, wants_weight, wants_bias = ctx.needs_input_grad
        return (
            grad @ copy if wants_x else None,
            grad.t().contiguous() @ x if wants_weight else None,
            grad.sum(0) if wants_bias else None,
        )
