"""The power that both response normalizations divide by."""

from __future__ import annotations

import torch
from torch import Tensor


def inverse_power(scale: Tensor, beta: float) -> Tensor:
    """Return scale ** -beta; for the usual 0.75 by two roots, which cost a fraction of a general power."""
    if beta == 0.75:
        root = scale.rsqrt()
        return root.mul_(root.sqrt())
    return scale.pow(-beta)


def widened(x: Tensor) -> Tensor:
    """Return x in at least float32, in which sums of squares are accumulated."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
