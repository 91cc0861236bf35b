"""Training views in one pass over stored pixels: gather, crop, mirror, color, mean, scale, the first layer's layout."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _level(luma, blue, red, channel):
    """Return a color's level 0 .. 255 from YUV bytes, as `yuv.decode` does: JPEG's matrix in 16-bit fractions."""
    of_blue = tl.where(channel == 2, 116130, tl.where(channel == 1, -22554, 0))
    of_red = tl.where(channel == 0, 91881, tl.where(channel == 1, -46802, 0))
    shift = (of_blue * (blue.to(tl.int32) - 128) + of_red * (red.to(tl.int32) - 128) + 32768) >> 16
    return tl.minimum(tl.maximum(luma.to(tl.int32) + shift, 0), 255)


@triton.jit
def _pixel(picture, row, column, channel, inside, sizes: tl.constexpr):
    """Return the stored level of each position, 0 outside the picture."""
    at = row * sizes.width + column
    if sizes.planes:
        area: tl.constexpr = sizes.height * sizes.width
        half = area + row // 2 * (sizes.width // 2) + column // 2
        luma = tl.load(picture + at, mask=inside, other=0)
        blue = tl.load(picture + half, mask=inside, other=128)
        level = _level(luma, blue, tl.load(picture + half + area // 4, mask=inside, other=128), channel)
    else:
        level = tl.load(picture + at * sizes.channels + channel, mask=inside, other=0)
    return level.to(tl.float32)


@triton.jit
def view(pixels, samples, places, colors, mean, out, sizes: tl.constexpr):
    """Compute out = ((gain * pixel + shift) - mean) * scale for part of some views' positions.

    Args:
        pixels: uint8 pictures (H, W, C), or planes of YUV 4:2:0 one after the other.
        samples: int64 (N): which pictures.
        places: int32 (N, 3): top and left in the picture with its border; mirror, 0 or 1.
        colors: float32 (N, 2 + C): gain, scale, shift of each channel.
        mean: float32 (crop, crop, C).
        out: (N, down, across, step * step * C): blocks of step x step pixels, row by row; 0 outside the crop.
        sizes: A `ViewSizes`.
    """
    block: tl.constexpr = sizes.block
    depth: tl.constexpr = sizes.step * sizes.step * sizes.channels
    positions: tl.constexpr = sizes.down * sizes.across * depth
    first = tl.program_id(0) // sizes.chunks * sizes.views
    index = tl.program_id(0) % sizes.chunks * block + tl.arange(0, block)
    tile, part = index // depth, index % depth
    row = tile // sizes.across * sizes.step + part // (sizes.step * sizes.channels) - sizes.margin
    column = tile % sizes.across * sizes.step + part // sizes.channels % sizes.step - sizes.margin
    channel = part % sizes.channels
    shown = (index < positions) & (row >= 0) & (row < sizes.crop) & (column >= 0) & (column < sizes.crop)
    offset = tl.load(mean + (row * sizes.crop + column) * sizes.channels + channel, mask=shown, other=0.0)
    out += first.to(tl.int64) * positions
    for i in range(sizes.views):
        # Behind the last view it is made again, the same bits in the same place.
        n = tl.minimum(first + i, sizes.count - 1)
        picture = pixels + tl.load(samples + n) * sizes.stored
        top, left, mirror = tl.load(places + n * 3), tl.load(places + n * 3 + 1), tl.load(places + n * 3 + 2)
        y = row + top - sizes.border
        x = tl.where(mirror != 0, sizes.crop - 1 - column, column) + left - sizes.border
        inside = shown & (y >= 0) & (y < sizes.height) & (x >= 0) & (x < sizes.width)
        color = colors + n * (2 + sizes.channels)
        gain, scale, shift = tl.load(color), tl.load(color + 1), tl.load(color + 2 + channel)
        level = (gain * _pixel(picture, y, x, channel, inside, sizes) + shift - offset) * scale
        target = out + (n - first) * positions + index
        tl.store(target, tl.where(shown, level, 0.0).to(out.dtype.element_ty), mask=index < positions)
