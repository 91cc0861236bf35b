"""A fully connected layer that under bfloat16 autocast on a CPU keeps its weights' copy from step to step."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.ops.copies import bfloat16_copy


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return `F.linear`, with the same bits.

    Args:
        x: (N, inputs).
        weight: (outputs, inputs); where its `grad_dtype` is bfloat16, its gradient is not widened.
    """
    if not _keeps_copy(x, weight):
        return F.linear(x, weight, bias)
    return _Linear.apply(x.to(torch.bfloat16), weight, None if bias is None else bias.to(torch.bfloat16))


def _keeps_copy(x: Tensor, weight: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and weight.dtype == torch.float32
        and weight.is_leaf
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
        and not torch.compiler.is_compiling()
    )


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
