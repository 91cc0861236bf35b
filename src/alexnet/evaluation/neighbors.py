"""The nearest of many vectors, exactly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

_ROWS = 16_384
"""Vectors of the searched set that are compared at once."""


class Neighbors(NamedTuple):
    """The nearest of each vector that asked, nearest first; of equal ones the first."""

    distances: np.ndarray
    """float64 (Q, k)."""
    indices: np.ndarray
    """int64 (Q, k)."""


def nearest_vectors(
    queries: np.ndarray | Tensor, searched: np.ndarray | Tensor, k: int, device: str | torch.device = "cpu"
) -> Neighbors:
    """Find the k nearest by Euclidean distance (paper, section 6.1), computed in double precision.

    Args:
        queries: (Q, D).
        searched: (N, D); may be memory-mapped, it is read once, in parts.
        k: How many; all, where there are fewer.
        device: Where distances are computed.
    """
    asked = _doubles(queries, device)
    best = asked.new_empty((len(asked), 0))
    places = torch.empty((len(asked), 0), dtype=torch.int64, device=device)
    lengths = (asked**2).sum(1, keepdim=True)
    for begin in range(0, len(searched), _ROWS):
        part = _doubles(searched[begin : begin + _ROWS], device)
        squares = lengths + (part**2).sum(1) - 2 * asked @ part.T
        best = torch.cat([best, squares], 1)
        numbers = torch.arange(begin, begin + len(part), device=device).expand(len(asked), -1)
        places = torch.cat([places, numbers], 1)
        # A stable sort, so that of equal distances the first stays first.
        best, order = best.sort(dim=1, stable=True)
        best, places = best[:, :k], places.gather(1, order)[:, :k]
    return Neighbors(best.clamp_min(0).sqrt().cpu().numpy(), places.cpu().numpy())


def _doubles(vectors: np.ndarray | Tensor, device: str | torch.device) -> Tensor:
    if isinstance(vectors, np.ndarray):
        vectors = torch.from_numpy(vectors.astype(np.float64))
    return vectors.to(device, torch.float64)
