"""A batch's numbers, everything but its pictures, in one run of bytes: a single copy brings them to the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from alexnet.gpu.view import DeviceDraws


@dataclass(frozen=True)
class Numbers:
    """Views into the bytes, on the host to be filled or on the device to be read."""

    data: Tensor
    """uint8: all that follows, the 64-bit numbers first."""
    step: Tensor
    """int64 (1): number of the step that the batch is used in."""
    samples: Tensor
    """int64 (N): indices into the split, where dropout masks are drawn."""
    labels: Tensor
    """int64 (N)."""
    rows: Tensor
    """int64 (N): where the pictures lie, in what is resident or in what came with the batch."""
    places: Tensor
    """int32 (N, 3), as of `DeviceDraws`."""
    colors: Tensor
    """float32 (N, 2 + C), as of `DeviceDraws`."""

    @classmethod
    def over(cls, data: Tensor, channels: int) -> Numbers:
        """Return the views into bytes of `size(count, channels)`."""
        count = (data.numel() - 8) // _per_image(channels)
        lengths = [1, count, count, count, 3 * count, (2 + channels) * count]
        dtypes = [torch.int64] * 4 + [torch.int32, torch.float32]
        parts = torch.split(data, [n * dtype.itemsize for n, dtype in zip(lengths, dtypes, strict=True)])
        step, samples, labels, rows, places, colors = (
            part.view(dtype) for part, dtype in zip(parts, dtypes, strict=True)
        )
        return cls(data, step, samples, labels, rows, places.view(count, 3), colors.view(count, 2 + channels))

    @classmethod
    def empty(cls, count: int, channels: int, *, pinned: bool = False) -> Numbers:
        """Return unfilled numbers on the host.

        Args:
            pinned: In memory that a device copies from by itself.
        """
        return cls.over(torch.empty(size(count, channels), dtype=torch.uint8, pin_memory=pinned), channels)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def draws(self) -> DeviceDraws:
        """What the view kernel reads."""
        return DeviceDraws(self.rows, self.places, self.colors)


def size(count: int, channels: int) -> int:
    """Return the bytes of a batch's numbers."""
    return 8 + count * _per_image(channels)


def _per_image(channels: int) -> int:
    return 3 * 8 + 3 * 4 + 4 * (2 + channels)
