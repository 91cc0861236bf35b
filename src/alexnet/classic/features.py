"""What turns pictures into vectors: learned from pictures without labels, stored as arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np


class Features(Protocol):
    """An encoder of pictures."""

    def fit(self, images: np.ndarray, seed: int, say: Callable[[str], None]) -> None:
        """Learn from uint8 (N, H, W, C); the same seed gives the same bytes on the same machine."""
        ...

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Return float32 (N, D) of uint8 (N, H, W, C)."""
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that was learned."""
        ...
