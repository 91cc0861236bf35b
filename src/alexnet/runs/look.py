"""How pictures come to a network that is looked at: from the host, or as they lie on the device of its training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from alexnet.evaluation.evaluate import Images, read_each
from alexnet.gpu.available import available
from alexnet.gpu.resident import HeldImages
from alexnet.runs.loader import Loader

_BATCH, _DEVICE_BATCH = 64, 256
"""Images of a forward pass: enough for the cores of a processor, and for a GPU."""
_THREADS = 8


@dataclass(frozen=True)
class Look:
    """Where the pictures of an evaluation come from."""

    loader: Loader | None = None
    """Brings pictures to a device that makes the views itself; by default the host makes them."""
    held: Mapping[str, HeldImages] = field(default_factory=dict)
    """Held-out images that lie on the device, by the name of their validation."""

    @property
    def batch_size(self) -> int:
        """Images of a forward pass."""
        return _BATCH if self.loader is None else _DEVICE_BATCH

    def read(self, images: Images, portions: Iterable[np.ndarray]) -> Iterator[Any]:
        """Yield the pictures of each portion of the indices, as `evaluate` wants them."""
        if self.loader is None or isinstance(images, HeldImages):
            return read_each(images, portions)
        return self.loader.bring(images, portions)


def look_on(device: torch.device, shape: tuple[int, int, int]) -> Look:
    """Return the fastest way for pictures of a shape (H, W, C) to be looked at on a device."""
    fast = device.type == "cuda" and available(device)
    return Look(Loader(shape, device, _THREADS)) if fast else Look()
