"""The kernels of a convolution as pictures, after the paper's Figure 3."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from alexnet.pictures import style

_WIDTH = 1100
_TILE = 88
_ROWS = 24


def draw_kernels(
    weight: np.ndarray,
    out: Path | BinaryIO,
    *,
    towers: int = 1,
    per_row: int = 16,
    scale: Literal["joint", "each"] = "joint",
    title: str = "",
) -> None:
    """Draw kernels as PNG: nearest-neighbor squares, one kernel pixel between neighbors, towers further apart.

    Kernels of three channels are shown as RGB, of one channel in gray. Kernels of any other depth take one row
    each, their first `per_row` channels in gray, for the first kernels of each tower (24 rows at most in all).

    Args:
        weight: (K, C, h, w), the towers' kernels one tower after the other.
        out: The PNG's final name, or a stream.
        towers: Towers the kernels are divided among; each is scaled on its own.
        per_row: Tiles in a row; 16 in the paper.
        scale: "joint": all kernels of a tower share one scale, minus their minimum, over their maximum (the
            paper's figure); "each": every kernel has its own, which shows faint kernels.
        title: Heading; none when empty.
    """
    if weight.ndim != 4 or weight.size == 0 or len(weight) % towers:
        raise ValueError(f"kernels are (K, C, h, w) with K divisible by {towers} towers, not {weight.shape}")
    mosaics = [
        mosaic(tiles(unit_scale(part, scale), per_row, rows=-(-_ROWS // towers)), per_row)
        for part in np.split(np.asarray(weight, np.float64), towers)
    ]
    factor = max(1, min(_WIDTH // mosaics[0].shape[1], _TILE // weight.shape[3]))
    between = max(3 * factor, 12)
    shown = [style.enlarge(style.pixels(part), factor) for part in mosaics]
    height = sum(part.height + between for part in shown) - between
    image, _, y = style.page(shown[0].width, height, title)
    for part in shown:
        image.paste(part, (style.MARGIN, y))
        y += part.height + between
    style.write_image(image, out)


def unit_scale(weight: np.ndarray, scale: str) -> np.ndarray:
    """Return kernels (K, C, h, w) on 0..1, on one scale or each on its own; what is not finite becomes 0."""
    finite = np.isfinite(weight)
    axes = (0, 1, 2, 3) if scale == "joint" else (1, 2, 3)
    low = np.min(weight, axis=axes, keepdims=True, where=finite, initial=np.inf)
    high = np.max(weight, axis=axes, keepdims=True, where=finite, initial=-np.inf)
    flat = ~(high > low)
    low, span = np.where(flat, 0.0, low), np.where(flat, 1.0, high - low)
    return np.where(finite & ~flat, (np.where(finite, weight, 0.0) - low) / span, 0.0)


def tiles(weight: np.ndarray, per_row: int, rows: int) -> np.ndarray:
    """Return kernels (K, C, h, w) on 0..1 as uint8 tiles (T, h, w, 1 or 3) in reading order."""
    channels, height, width = weight.shape[1:]
    shades: np.ndarray = np.rint(255 * weight).astype(np.uint8)
    if channels in (1, 3):
        return shades.transpose(0, 2, 3, 1)
    first = shades[:rows, :per_row]
    padded = np.full((len(first), per_row, height, width), 255, np.uint8)
    padded[:, : first.shape[1]] = first
    return padded.reshape(-1, height, width, 1)


def mosaic(tiles: np.ndarray, per_row: int) -> np.ndarray:
    """Return tiles (T, h, w, C) laid in rows on white with gaps of one pixel: (H, W, C)."""
    count, height, width, channels = tiles.shape
    columns, rows = min(per_row, count), -(-count // per_row)
    laid = np.full((rows * (height + 1), columns * (width + 1), channels), 255, np.uint8)
    for number, tile in enumerate(tiles):
        y, x = number // columns * (height + 1), number % columns * (width + 1)
        laid[y : y + height, x : x + width] = tile
    return laid[:-1, :-1]
