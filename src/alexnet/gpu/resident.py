"""Pictures in device memory, as RGB or as YUV 4:2:0 in half the room."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alexnet.core.errors import DataError, UsageError
from alexnet.gpu import yuv

_RESERVE = 12 << 30
"""Bytes left to training: activations of a batch of 1024, weights, and the allocator's slack. By count."""


@dataclass(frozen=True)
class Resident:
    """Pictures on a device."""

    pixels: Tensor
    """uint8 (N, H, W, C), or (N, 3/2 * H * W) as planes."""
    shape: tuple[int, int, int]
    """(H, W, C) of a picture."""
    planes: bool

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class Held:
    """Some of the pictures on a device, in an order of their own."""

    pictures: Resident
    rows: Tensor
    """int64 (n) on the device."""

    @classmethod
    def of(cls, images: np.ndarray, device: torch.device) -> Held:
        """Bring pictures, uint8 (n, H, W, C), to a device; pinned memory must stay as it is until they are there."""
        pixels = torch.from_numpy(images).to(device, non_blocking=True)
        return cls(Resident(pixels, images.shape[1:], False), torch.arange(len(images), device=device))

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class HeldImages:
    """Labelled pictures on a device, under their indices in a split."""

    pictures: Resident
    row_of: np.ndarray
    """int64: for each image of the split the row where it lies; -1 where it is not held."""
    labels: np.ndarray
    """Of the whole split."""

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, indices: np.ndarray) -> Held:
        """Return pictures by their indices in the split.

        Raises:
            IndexError: one is not held.
        """
        rows = self.row_of[indices]
        if (rows < 0).any():
            raise IndexError(f"picture {indices[rows < 0][0]} is not held")
        return Held(self.pictures, torch.from_numpy(rows).to(self.pictures.pixels.device))


def load_resident(
    batches: Iterable[np.ndarray],
    count: int,
    shape: tuple[int, int, int],
    device: torch.device,
    *,
    planes: bool = False,
    reserve: int = _RESERVE,
    progress: Callable[[int], None] = lambda count: None,
) -> Resident:
    """Bring a split into device memory.

    Args:
        batches: uint8 (n, H, W, C), in order, all of them together `count` pictures.
        shape: (H, W, C) of every picture.
        planes: Store YUV 4:2:0.
        reserve: Bytes of device memory to leave free.
        progress: Called with the number of pictures of each batch that has arrived.

    Raises:
        UsageError: the device has too little free memory.
        DataError: pictures are missing, too many or of another shape; or YUV cannot hold them.
    """
    height, width, _ = shape
    stored = (yuv.stored_bytes(height, width),) if planes else shape
    _check_memory(count * int(np.prod(stored)), device, reserve, planes)
    pixels = torch.empty((count, *stored), dtype=torch.uint8, device=device)
    done = 0
    for batch in batches:
        if batch.shape[1:] != shape or batch.dtype != np.uint8 or done + len(batch) > count:
            raise DataError(
                f"expected uint8 pictures {shape}, {count} in all; got {batch.dtype} {batch.shape} at {done}"
            )
        part = torch.from_numpy(np.ascontiguousarray(batch)).to(device)
        pixels[done : done + len(batch)] = yuv.encode(part) if planes else part
        done += len(batch)
        progress(len(batch))
    if done != count:
        raise DataError(f"{done} pictures came, not {count}")
    return Resident(pixels, shape, planes)


def _check_memory(needed: int, device: torch.device, reserve: int, planes: bool) -> None:
    if device.type != "cuda":
        return
    free, _ = torch.cuda.mem_get_info(device)
    if needed + reserve > free:
        wanted = f"{needed / 1e9:.1f} GB and training {reserve / 1e9:.1f} GB"
        raise UsageError(
            f"the pictures need {wanted}, but {free / 1e9:.1f} GB are free",
            where=device,
            remedy="stream them from the pack"
            if planes
            else "store them as YUV 4:2:0, or stream them from the pack",
        )
