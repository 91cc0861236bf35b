"""Top-k errors as integer counts, which merge exactly."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def ranks(scores: Tensor, labels: Tensor) -> Tensor:
    """Return each label's place among the classes, 0 for the best; equal scores rank by class index.

    Args:
        scores: (N, K) logits or probabilities.
        labels: int64 (N,).

    Returns:
        int64 (N,): the label is in the top k where its rank is below k. A NaN score ranks last.
    """
    own = scores.gather(1, labels[:, None])
    index = torch.arange(scores.shape[1], device=scores.device)
    ahead = (scores > own) | ((scores == own) & (index < labels[:, None]))
    rank = ahead.sum(1)
    return torch.where(own[:, 0].isnan(), scores.shape[1] - 1, rank)


def wilson_interval(errors: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the 95 % confidence interval of an error fraction (Wilson 1927)."""
    if count == 0:
        return 0.0, 1.0
    fraction, spread = errors / count, z * z / count
    center = (fraction + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(fraction * (1 - fraction) / count + spread / (4 * count))
    low = 0.0 if errors == 0 else max(0.0, center - half)
    return low, 1.0 if errors == count else min(1.0, center + half)
