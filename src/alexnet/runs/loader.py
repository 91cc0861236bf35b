"""Pictures on their way to a device that makes the views itself: read ahead, then held there or looked at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch

from alexnet.core.ahead import ahead
from alexnet.core.errors import StoppedError
from alexnet.core.terminal import Progress
from alexnet.gpu.resident import Held, HeldImages, load_resident
from alexnet.training.feed import Images
from alexnet.training.hooks.saver import StopRequest

_PORTION, _AHEAD = 512, 4
"""Pictures read at once where all of them are wanted, and portions of any size that are read ahead."""


@dataclass(frozen=True)
class Loader:
    """Reads pictures of one shape in order by several threads, into memory that a device copies from by itself."""

    shape: tuple[int, int, int]
    """(H, W, C)."""
    device: torch.device
    threads: int
    """Any number brings the same."""

    def portions(self, images: Images, portions: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the pictures of each portion of the indices, uint8 (n, H, W, C); close it where you leave early."""

        def read(portion: np.ndarray) -> np.ndarray:
            shape, pinned = (len(portion), *self.shape), self.device.type == "cuda"
            return images.read(portion, torch.empty(shape, dtype=torch.uint8, pin_memory=pinned).numpy())

        with ThreadPoolExecutor(self.threads, "alexnet-load") as pool:
            yield from ahead(pool, read, ((portion,) for portion in portions), _AHEAD)

    def bring(self, images: Images, portions: Iterable[np.ndarray]) -> Iterator[Held]:
        """Yield the pictures of each portion on the device."""
        with closing(self.portions(images, portions)) as batches:
            for batch in batches:
                yield Held.of(batch, self.device)

    def hold(
        self, images: Images, indices: np.ndarray, *, name: str, planes: bool = False, reserve: int
    ) -> HeldImages:
        """Bring pictures to the device to stay, with progress.

        Args:
            indices: int64: which images of their split.
            name: What they are called while they come.
            planes: Store YUV 4:2:0.
            reserve: Bytes of device memory to leave free.

        Raises:
            UsageError: the device has too little free memory.
            DataError: they cannot be read, or YUV cannot hold them.
            StoppedError: SIGINT or SIGTERM came meanwhile.
        """
        held = np.sort(indices)
        starts = range(0, len(held), _PORTION)
        with (
            StopRequest() as stop,
            Progress(f"loading {name}", total=len(held), unit="images") as bar,
            closing(self.portions(images, (held[start : start + _PORTION] for start in starts))) as portions,
        ):

            def arrived(count: int) -> None:
                bar.advance(count)
                if stop.signal:
                    raise StoppedError(
                        f"stopped by {stop.signal} while pictures were loaded; no step was taken",
                        remedy="give the same command again",
                    )

            pictures = load_resident(
                portions, len(held), self.shape, self.device, planes=planes, reserve=reserve, progress=arrived
            )
        row_of = np.full(len(images), -1)
        row_of[held] = np.arange(len(held))
        return HeldImages(pictures, row_of, images.labels)
