"""How held-out pictures come to a network that is looked at: from the host, or on the device of its training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alexnet.evaluation.evaluate import Images, read_each
from alexnet.gpu.resident import HeldImages
from alexnet.runs.loader import Loader

_BATCH, _DEVICE_BATCH = 64, 256
"""Images of a forward pass: enough for the cores of a processor, and for a GPU."""


@dataclass(frozen=True)
class Look:
    """Where the pictures of a validation come from.

    Their views have the same bits either way. On a GPU a batch of another size than `alexnet evaluate` takes may be
    multiplied by another algorithm, whose sums run in another order.
    """

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
