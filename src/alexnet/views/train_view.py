"""From packed pixels to the network's input: crop, mirror, color and mean in one pass over a batch."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.ops import native
from alexnet.views.config import ViewConfig
from alexnet.views.plan import Picture, ViewPlan

_MAX_ROW = 16384


def subtracted_mean(config: ViewConfig, picture: Picture) -> np.ndarray:
    """Return what a view subtracts, float32 (crop, crop, C).

    Source: the center crop of the mean image whatever the crop's place, as convdata_jpeg.py of the 2012 source.

    Raises:
        UsageError: the pictures are smaller than the crop.
    """
    down, right = picture.room(config.crop, config.pad)
    shape = (config.crop, config.crop, picture.shape[2])
    if config.mean == "none":
        return np.zeros(shape, np.float32)
    if config.mean == "channel":
        return np.broadcast_to(picture.mean_color, shape).copy()
    if not isinstance(config.mean, str):
        return np.full(shape, config.mean, np.float32)
    top, left = down // 2, right // 2
    return np.ascontiguousarray(
        with_border(picture.mean_image, config.pad)[top : top + config.crop, left : left + config.crop]
    )


def with_border(images: np.ndarray, pad: int) -> np.ndarray:
    """Return pictures (..., H, W, C) with `pad` black pixels on every side."""
    if not pad:
        return images
    return np.pad(images, [(0, 0)] * (images.ndim - 3) + [(pad, pad), (pad, pad), (0, 0)])


def train_view(
    images: np.ndarray,
    plan: ViewPlan,
    mean: np.ndarray,
    dtype: torch.dtype = torch.float32,
    *,
    pad: int = 0,
    out: Tensor | None = None,
) -> Tensor:
    """Return the network's input for a batch of packed pictures.

    Args:
        images: uint8 (N, H, W, C).
        plan: The batch's draws.
        mean: float32 (h, w, C): what to subtract; its size is the crop's.
        dtype: Of the result. The arithmetic is that of float32; its result is rounded once, to the nearest even.
        pad: Black pixels on every side of the pictures, among which the plan's crops lie.
        out: (N, h, w, C) of this dtype: memory that the result may use.

    Returns:
        (N, C, h, w) in channels-last memory: ((gain * pixel + shift) - mean) * scale. The compiled kernel and
        `reference` give the same bits.
    """
    if plan.warp is not None:
        return _affine_view(_warped_crop(with_border(images, pad), plan, mean), plan, mean).to(dtype)
    if not takes(plan, mean, dtype):
        return reference(with_border(images, pad), plan, mean).to(dtype)
    if out is None:
        out = torch.empty((len(images), *mean.shape), dtype=dtype)
    pixels = torch.from_numpy(np.ascontiguousarray(images))
    values = kernel_values(images.shape[1:], plan, mean, pad)
    native.run(f"alexnet_train_view_{native.SUFFIX[dtype]}", len(images), pixels, *values, out)
    return out.permute(0, 3, 1, 2)


def takes(plan: ViewPlan, mean: np.ndarray, dtype: torch.dtype) -> bool:
    """Say whether the kernels compute a view."""
    return (
        plan.warp is None
        and native.available()
        and dtype in native.SUFFIX
        and mean.shape[1] * mean.shape[2] <= _MAX_ROW
    )


def kernel_values(shape: tuple[int, ...], plan: ViewPlan, mean: np.ndarray, pad: int) -> list[Tensor | int]:
    """Return what the kernels are told between the pictures of a `shape` (H, W, C) and the result."""
    fields = (plan.top, plan.left, plan.mirror, plan.gain, plan.shift, plan.scale, mean)
    tensors = [torch.from_numpy(np.ascontiguousarray(field)) for field in fields]
    return [*shape, pad, *tensors, *mean.shape[:2]]


def reference(images: np.ndarray, plan: ViewPlan, mean: np.ndarray) -> Tensor:
    """Return the same as `train_view`, image by image in torch: the path without compiled code."""
    rows, columns, channels = mean.shape
    out = torch.empty((len(images), rows, columns, channels))
    pixels, offset = torch.from_numpy(images), torch.from_numpy(mean)
    shift = torch.from_numpy(plan.shift)
    for n, (top, left) in enumerate(zip(plan.top.tolist(), plan.left.tolist(), strict=True)):
        crop = pixels[n, top : top + rows, left : left + columns]
        view = out[n]
        view.copy_(crop.flip(1) if plan.mirror[n] else crop)
        if plan.gain[n] != 1:
            view.mul_(float(plan.gain[n]))
        view.add_(shift[n]).sub_(offset)
        if plan.scale[n] != 1:
            view.mul_(float(plan.scale[n]))
    return out.permute(0, 3, 1, 2)


def _warped_crop(images: np.ndarray, plan: ViewPlan, mean: np.ndarray) -> Tensor:
    """Rotate and shift about the picture's center (bilinear, border repeated), then crop and mirror."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    grid = F.affine_grid(torch.from_numpy(plan.warp), list(pixels.shape), align_corners=False)
    moved = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False).permute(0, 2, 3, 1)
    rows, columns = mean.shape[:2]
    crops = [
        moved[n, top : top + rows, left : left + columns]
        for n, (top, left) in enumerate(zip(plan.top.tolist(), plan.left.tolist(), strict=True))
    ]
    return torch.stack([c.flip(1) if m else c for c, m in zip(crops, plan.mirror, strict=True)])


def _affine_view(crops: Tensor, plan: ViewPlan, mean: np.ndarray) -> Tensor:
    gain, scale = (torch.from_numpy(a)[:, None, None, None] for a in (plan.gain, plan.scale))
    shift = torch.from_numpy(plan.shift)[:, None, None, :]
    return (((crops * gain + shift) - torch.from_numpy(mean)) * scale).permute(0, 3, 1, 2)
