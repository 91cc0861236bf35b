"""Memory for batches, used again when the last tensor over it is gone."""

from __future__ import annotations

import math
import weakref
from collections import deque

import numpy as np
import torch
from torch import Tensor


class Buffers:
    """Gives out uninitialized tensors and takes their memory back by itself. Safe to use from several threads.

    Writing to pages that the system has just given costs more than what is written.

    Args:
        kept: Buffers kept that nobody uses; the oldest are given up first.
    """

    def __init__(self, kept: int):
        self._free: deque[np.ndarray] = deque(maxlen=kept)

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return a tensor whose memory no other living tensor has."""
        size = math.prod(shape) * dtype.itemsize
        try:
            memory = self._free.pop()
        except IndexError:
            memory = np.empty(0, np.uint8)
        if memory.nbytes < size:
            memory = torch.empty(size, dtype=torch.uint8).numpy()
        # Storages keep the array that they were made from: it dies with the last of them, views and graphs included.
        lease = memory[:size]
        weakref.finalize(lease, self._free.append, memory).atexit = False
        return torch.from_numpy(lease).view(dtype).view(shape)
