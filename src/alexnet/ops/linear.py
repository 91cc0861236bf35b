"""A fully connected layer that under bfloat16 autocast on a CPU keeps its weights' copy from step to step."""

from __future__ import annotations

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
    if len(x) <= _FEW and not torch.is_grad_enabled() and native.available():
        return _few_rows(x.float().contiguous(), bfloat16_copy(weight), bias)
    return _Linear.apply(x.to(torch.bfloat16), weight, None if bias is None else bias.to(torch.bfloat16))


def _few_rows(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Multiply in one pass over the weights, which is all the time it takes: matrix units would wait for them."""
    outputs, inputs = weight.shape
    out = torch.empty(len(x), outputs, dtype=torch.bfloat16)
    wide = 0 if bias is None else bias.float()
    native.run(
        "alexnet_matvec_bf16", outputs, weight, x.to(torch.bfloat16).float(), wide, out, len(x), inputs, outputs
    )
    return out


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
