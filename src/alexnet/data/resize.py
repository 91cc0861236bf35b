"""Pillow's antialiased bilinear filter over part of a picture, to the bit: compiled, or by Pillow itself.

Across the rows first, then down the columns, with 8 bits between. Pillow up to 12 always takes this order;
13 goes down first where that is less work, so that both ways here ask for one direction at a time.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from alexnet.kernels import library

_MAX_SCALE = 63
"""Source pixels to a result's one, up to which the kernel has room for the weights (SPAN in resize.c)."""


def resize_part(
    pixels: np.ndarray, size: int, down: tuple[float, float], across: tuple[float, float]
) -> np.ndarray:
    """Scale a rectangle of a picture to a square.

    Args:
        pixels: uint8 (H, W, C) with C = 1 or 3; a view into a larger picture is not copied.
        size: Side of the square in pixels.
        down: First and last edge of the rectangle, in pixels from the top: 0 <= first < last <= H.
        across: The same from the left, within W. Pixels outside the rectangle count where the filter reaches.

    Returns:
        uint8 (size, size, C), C-contiguous.
    """
    scale = max(last - first for first, last in (down, across)) / size
    if scale > _MAX_SCALE or not library.available():
        return _with_pillow(pixels, size, down, across)
    height, width, channels = pixels.shape
    if pixels.strides[1:] != (channels, 1):
        pixels = np.ascontiguousarray(pixels)
    strip, square = (np.empty((rows, size, channels), np.uint8) for rows in (height, size))
    source, between, result = (a.ctypes.data for a in (pixels, strip, square))
    shape = (pixels.strides[0], width, channels)
    library.run("alexnet_resize_across", height, [source, *shape, *map(float, across), size, between])
    library.run(
        "alexnet_resize_down", size, [between, height, size * channels, *map(float, down), size, result]
    )
    return square


def _with_pillow(
    pixels: np.ndarray, size: int, down: tuple[float, float], across: tuple[float, float]
) -> np.ndarray:
    height, _, channels = pixels.shape
    image = Image.fromarray(pixels if channels == 3 else pixels[..., 0])
    bilinear = Image.Resampling.BILINEAR
    strip = image.resize((size, height), bilinear, box=(across[0], 0, across[1], height))
    square = strip.resize((size, size), bilinear, box=(0, down[0], size, down[1]))
    return np.array(square).reshape(size, size, channels)
