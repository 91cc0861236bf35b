"""YUV 4:2:0: brightness of every pixel, color of every 2 x 2 pixels; half the bytes of RGB.

All of ImageNet at 256 x 256 is 126 GB this way and fits into the memory of one large device. JPEG's conversion (JFIF
1.02: ITU-R BT.601, all 256 levels) in integers, so that `decode` and the kernel give the same levels. JPEG pictures are
mostly stored so already; what the second conversion costs in accuracy has not been measured.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from alexnet.core.errors import DataError


def stored_bytes(height: int, width: int) -> int:
    """Return the bytes of a picture.

    Raises:
        DataError: a side is odd.
    """
    if height % 2 or width % 2:
        raise DataError(
            f"YUV 4:2:0 needs even sides, not {height} x {width}", remedy="keep the pictures as RGB"
        )
    return height * width * 3 // 2


def encode(pictures: Tensor) -> Tensor:
    """Return planes Y, U, V one after the other, uint8 (N, 3/2 * H * W), of RGB pictures uint8 (N, H, W, 3).

    Computed where the pictures lie.

    Raises:
        DataError: the pictures are not RGB, or a side is odd.
    """
    count, height, width, channels = pictures.shape
    if channels != 3:
        raise DataError(f"YUV is for pictures in color, not of {channels} channel(s)")
    stored_bytes(height, width)
    red, green, blue = pictures.permute(3, 0, 1, 2).to(torch.int32)
    luma = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
    red, green, blue = (
        c.reshape(count, height // 2, 2, width // 2, 2).sum((2, 4), dtype=torch.int32)
        for c in (red, green, blue)
    )
    # Sums of four: 18 bits of fraction.
    u = (-11059 * red - 21709 * green + 32768 * blue + (128 << 18) + (1 << 17)) >> 18
    v = (32768 * red - 27439 * green - 5329 * blue + (128 << 18) + (1 << 17)) >> 18
    return torch.cat([part.reshape(count, -1) for part in (luma, u, v)], 1).clamp_(0, 255).to(torch.uint8)


def decode(planes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return RGB pictures uint8 (N, H, W, 3) of `encode`'s planes; 2 x 2 pixels share their color."""
    count, area = len(planes), height * width
    luma = planes[:, :area].reshape(count, height, width).astype(np.int32)
    u, v = (
        part.reshape(count, height // 2, width // 2).repeat(2, 1).repeat(2, 2).astype(np.int32) - 128
        for part in (planes[:, area : area * 5 // 4], planes[:, area * 5 // 4 :])
    )
    red = luma + ((91881 * v + 32768) >> 16)
    green = luma + ((-22554 * u - 46802 * v + 32768) >> 16)
    blue = luma + ((116130 * u + 32768) >> 16)
    return np.clip(np.stack((red, green, blue), axis=3), 0, 255).astype(np.uint8)
