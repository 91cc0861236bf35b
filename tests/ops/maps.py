"""Maps to compute with, and how far a rounding may move them."""

import torch
from torch import Tensor

F32, BF16, F64 = 2.0**-24, 2.0**-8, 2.0**-53
"""Unit roundoff: the largest relative error of one rounding."""
ROUNDING = {torch.float32: F32, torch.bfloat16: BF16, torch.float64: F64}


def activations(shape: tuple[int, ...], *, seed: int = 0, scale: float = 20.0) -> Tensor:
    """Return signed activations whose energy outweighs k, so that a wrong window or factor cannot hide."""
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def channels_last(x: Tensor) -> Tensor:
    """Return the maps in the layout that the kernels read."""
    return x.contiguous(memory_format=torch.channels_last)
