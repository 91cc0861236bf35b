"""Labelled pictures in device memory, as RGB or as YUV 4:2:0 in half the room."""

from __future__ import annotations

from collections.abc import Iterable
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
    """Pictures and labels on a device."""

    pixels: Tensor
    """uint8 (N, H, W, C), or (N, 3/2 * H * W) as planes."""
    labels: Tensor
    """int64 (N)."""
    shape: tuple[int, int, int]
    """(H, W, C) of a picture."""
    planes: bool

    def __len__(self) -> int:
        return len(self.labels)


def load_resident(
    batches: Iterable[np.ndarray],
    labels: np.ndarray,
    shape: tuple[int, int, int],
    device: torch.device,
    *,
    planes: bool = False,
    reserve: int = _RESERVE,
) -> Resident:
    """Bring a split into device memory.

    Args:
        batches: uint8 (n, H, W, C), in order, all of them together as many as there are labels.
        shape: (H, W, C) of every picture.
        planes: Store YUV 4:2:0.
        reserve: Bytes of device memory to leave free.

    Raises:
        UsageError: the device has too little free memory.
        DataError: pictures are missing, too many or of another shape; or YUV cannot hold them.
    """
    height, width, _ = shape
    stored = (yuv.stored_bytes(height, width),) if planes else shape
    _check_memory(len(labels) * int(np.prod(stored)), device, reserve, planes)
    pixels = torch.empty((len(labels), *stored), dtype=torch.uint8, device=device)
    done = 0
    for batch in batches:
        if batch.shape[1:] != shape or batch.dtype != np.uint8 or done + len(batch) > len(labels):
            raise DataError(
                f"expected uint8 pictures {shape}, {len(labels)} in all; got {batch.dtype} {batch.shape} at {done}"
            )
        part = torch.from_numpy(np.ascontiguousarray(batch)).to(device)
        pixels[done : done + len(batch)] = yuv.encode(part) if planes else part
        done += len(batch)
    if done != len(labels):
        raise DataError(f"{done} pictures for {len(labels)} labels")
    return Resident(pixels, torch.from_numpy(labels.astype(np.int64)).to(device), shape, planes)


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
