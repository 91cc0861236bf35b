"""A grouped convolution as one convolution a tower, on tensors of their own.

Kernels for grouped convolutions over channels-last maps are far slower than the same sums as separate convolutions
(PyTorch's `_inductor/graph.py`, decide_layout_opt, switches channels-last off for a whole graph because of one). The
paper's two GPUs held their maps apart anyway. Which is faster here has not been measured.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def conv_towers(
    xs: Sequence[Tensor],
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    groups: int = 1,
    stride: int = 1,
    padding: int = 0,
) -> list[Tensor]:
    """Return the outputs of a convolution with `groups` towers, one tensor a tower.

    Args:
        xs: One tensor a tower (N, C / groups, H, W), as `relu_lrn_pool_towers` writes them; one tensor with all maps
            is cut, which copies channels-last maps.
        weight: (O, C / groups, k, k), as of the grouped convolution.
        bias: (O,).

    Raises:
        ValueError: the number of tensors is neither 1 nor `groups`.
    """
    if len(xs) not in (1, groups):
        raise ValueError(f"{len(xs)} tensors for {groups} towers")
    xs = xs[0].chunk(groups, 1) if len(xs) < groups else xs
    weights = weight.chunk(groups)
    biases = [None] * groups if bias is None else bias.chunk(groups)
    return [F.conv2d(x, w, b, stride, padding) for x, w, b in zip(xs, weights, biases, strict=True)]
