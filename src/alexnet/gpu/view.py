"""Training views of pictures that lie in device memory, in one kernel; the bits of `views/train_view.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from alexnet.gpu.launch import launch
from alexnet.gpu.resident import Held, Resident

_BLOCK, _VIEWS = 1024, 8
"""Positions of a program, and views it makes of them: the mean is read once for these."""


class Draws(Protocol):
    """A batch's draws as `views/plan.py` holds them: numpy arrays, one entry an image."""

    top: np.ndarray
    left: np.ndarray
    mirror: np.ndarray
    gain: np.ndarray
    shift: np.ndarray
    scale: np.ndarray
    warp: np.ndarray | None


@dataclass(frozen=True)
class DeviceDraws:
    """A batch's draws where the kernel reads them; `copy_` refills those of a captured graph."""

    samples: Tensor
    """int64 (N): indices into the resident pictures."""
    places: Tensor
    """int32 (N, 3): top, left, mirror."""
    colors: Tensor
    """float32 (N, 2 + C): gain, scale, shift."""

    @classmethod
    def of(cls, samples: np.ndarray, draws: Draws, device: torch.device) -> DeviceDraws:
        """Bring a batch's draws to a device.

        Raises:
            ValueError: the draws turn pictures, which the kernel does not.
        """
        if draws.warp is not None:
            raise ValueError("the kernel crops and mirrors; it does not turn pictures")
        places = np.stack((draws.top, draws.left, draws.mirror), axis=1).astype(np.int32)
        colors = np.concatenate(
            (draws.gain[:, None], draws.scale[:, None], draws.shift), axis=1, dtype=np.float32
        )
        return cls(*(torch.from_numpy(a).to(device) for a in (samples.astype(np.int64), places, colors)))

    def copy_(self, other: DeviceDraws) -> None:
        """Take over another batch's draws of the same size."""
        for name in ("samples", "places", "colors"):
            getattr(self, name).copy_(getattr(other, name), non_blocking=True)


class ViewSizes(NamedTuple):
    """Constants of the compiled kernel."""

    height: int
    width: int
    channels: int
    planes: bool
    """Whether pictures are stored as planes of YUV 4:2:0."""
    stored: int
    """Bytes of a picture."""
    border: int
    crop: int
    step: int
    margin: int
    down: int
    across: int
    count: int
    views: int
    chunks: int
    block: int


def resident_views(
    pictures: Resident,
    draws: DeviceDraws,
    mean: Tensor,
    *,
    border: int = 0,
    dtype: torch.dtype = torch.bfloat16,
    blocks: tuple[int, int, int] | None = None,
) -> Tensor:
    """Return the network's input for a batch: ((gain * pixel + shift) - mean) * scale, rounded to `dtype` at the end.

    Args:
        mean: float32 (crop, crop, C) on the device: what to subtract.
        border: Black pixels on every side of a picture, which places count in.
        blocks: Write what `space_to_depth` makes of it: side of a block, zeros above and to the left, blocks in a row.
            For the paper's first layer: (4, 0, 57).

    Returns:
        (N, C, crop, crop), or with `blocks` (N, side * side * C, n, n), channels-last.
    """
    height, width, channels = pictures.shape
    crop = mean.shape[0]
    step, margin, across = blocks or (1, 0, crop)
    depth, count = step * step * channels, len(draws.samples)
    sizes = ViewSizes(
        height=height, width=width, channels=channels, planes=pictures.planes, stored=pictures.pixels[0].numel(),
        border=border, crop=crop, step=step, margin=margin, down=across, across=across, count=count, views=_VIEWS,
        chunks=-(-across * across * depth // _BLOCK), block=_BLOCK,
    )  # fmt: skip
    return _views(pictures.pixels, draws.samples, draws.places, draws.colors, mean, list(sizes), dtype)


def fixed_view(
    held: Held, place: tuple[int, int, bool], mean: Tensor, *, scale: float = 1.0, border: int = 0
) -> Tensor:
    """Return the same view of each picture, its colors as they are: the bits of `views/fixed_views.py`.

    Args:
        place: Top and left in the picture with its border, and whether the view is mirrored.
        mean: As of `resident_views`.
        scale: Factor after the mean is subtracted.

    Returns:
        float32 (n, C, crop, crop), channels-last.
    """
    count, channels = len(held), held.pictures.shape[2]
    places = torch.tensor([*map(int, place)], dtype=torch.int32, device=mean.device)
    colors = torch.tensor([1.0, scale, *[0.0] * channels], device=mean.device)
    draws = DeviceDraws(held.rows, places.repeat(count, 1), colors.repeat(count, 1))
    return resident_views(held.pictures, draws, mean, border=border, dtype=torch.float32)


@torch.library.custom_op("alexnet::gpu_views", mutates_args=())
def _views(
    pixels: Tensor,
    samples: Tensor,
    places: Tensor,
    colors: Tensor,
    mean: Tensor,
    sizes: list[int],
    dtype: torch.dtype,
) -> Tensor:
    from alexnet.gpu.kernels.view import view

    named = ViewSizes(*sizes)
    out = _empty(named, mean, dtype)
    programs = -(-named.count // named.views) * named.chunks
    # Products and sums are rounded one by one, as on the CPU: the same bits.
    arguments = pixels, samples, places, colors, mean, out, named
    launch(view, programs, pixels.device, *arguments, enable_fp_fusion=False)
    return out


@_views.register_fake
def _(pixels, samples, places, colors, mean, sizes, dtype):
    return _empty(ViewSizes(*sizes), mean, dtype)


def _empty(sizes: ViewSizes, mean: Tensor, dtype: torch.dtype) -> Tensor:
    shape = sizes.count, sizes.step**2 * sizes.channels, sizes.down, sizes.across
    return torch.empty(shape, dtype=dtype, device=mean.device, memory_format=torch.channels_last)
