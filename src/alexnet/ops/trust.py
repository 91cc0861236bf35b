"""How far a layer may be trusted to move: the ratio by which LARS multiplies its rate."""

from __future__ import annotations

import torch
from torch import Tensor

from alexnet.ops import native

_BLOCK = 4096
"""Values that the kernel adds up at once."""


def trust_ratio(weight: Tensor, gradient: Tensor, trust: float, decay: float) -> Tensor:
    """Return trust * |w| / (|g| + decay * |w|), or 1 where either norm is zero.

    A step without momentum then moves the weight by at most `trust` times the rate of its own length.

    Args:
        weight: Any shape.
        gradient: Of the whole batch; any float dtype.
        trust: Greater than 0.
        decay: Weight decay of this tensor.

    Returns:
        A scalar on the weight's device, which nothing waits for; float64 on a CPU, else float32.

    Source:
        You, Gitman, Ginsburg 2017 (arXiv 1708.03888), algorithm 1. The zeros are those of the authors' program
        (src/caffe/solvers/sgd_solver.cpp of borisgin/nvcaffe), which leaves the decay out of the ratio.
    """
    w, g = norm(weight), norm(gradient)
    ratio = trust * w / (g + decay * w)
    return torch.where((w > 0) & (g > 0), ratio, torch.ones_like(ratio))


def norm(x: Tensor) -> Tensor:
    """Return the Euclidean norm of all values: a scalar, float64 on a CPU, else float32.

    On a CPU the sum is in double precision: torch adds up float32 in float32, which for the 38 million weights
    of fc6 was wrong by 0.2 %, and whose order depends on the number of threads.
    """
    x = x.detach()
    if x.device.type != "cpu":
        return torch.linalg.vector_norm(x, dtype=torch.float32)
    dense = x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last)
    if not (dense and x.dtype in native.SUFFIX and native.available()):
        return torch.linalg.vector_norm(x, dtype=torch.float64)
    sums = torch.empty(-(-x.numel() // _BLOCK), dtype=torch.float64)
    native.run(f"alexnet_squares_{native.SUFFIX[x.dtype]}", len(sums), x, sums, x.numel())
    return sums.sum().sqrt()
