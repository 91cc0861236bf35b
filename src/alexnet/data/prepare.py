"""The paper's preparation: the shorter side becomes `size`, then the central size x size square is kept.

Source: Krizhevsky et al. 2012, section 2, which leaves the arithmetic open. Two rules, each complete:

`bilinear`: torchvision's Resize(size) and CenterCrop(size), which most published results use. The longer side
    is rounded down, the square's offset to the nearest; antialiased bilinear interpolation. Only the square is
    computed, so a value may differ by one level from Pillow's resizing and cropping of the whole.
`area`: cuda-convnet2's make-data (2014). The longer side is rounded to the nearest, the square's offset down;
    OpenCV's area average when shrinking, its cubic (a = -0.75) when enlarging, values within one level of its.

Under both, a picture whose shorter side already is `size` is only cropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alexnet.core.errors import UsageError
from alexnet.data.decode import DecodeError
from alexnet.data.resize import resize_part

_CUBIC = -0.75


@dataclass(frozen=True)
class _Axis:
    """One axis of the resizing, in pixels."""

    before: int
    after: int
    kept: int
    """The first of the `size` results that the square keeps."""

    @property
    def scale(self) -> float:
        return self.before / self.after


@dataclass(frozen=True)
class _Rule:
    longer_side: Callable[[int, int, int], int]
    """(longer, shorter, size) to the longer side after resizing."""
    offset: Callable[[int], int]
    """Pixels outside the square to those before it."""
    resample: Callable[[np.ndarray, int, _Axis, _Axis], np.ndarray]

    def axis(self, side: int, short: int, size: int) -> _Axis:
        after = size if side == short else self.longer_side(side, short, size)
        return _Axis(side, after, self.offset(after - size))


def prepare(pixels: np.ndarray, size: int | None, filter: str = "bilinear", *, min_side: int = 1) -> np.ndarray:
    """Return the central square of a picture, scaled so that its shorter side fills it.

    Args:
        pixels: uint8 (H, W, C) with C = 1 or 3, H and W at least 1.
        size: Side of the result in pixels; None keeps the picture as it is.
        filter: "bilinear" or "area", see above.
        min_side: Refuse pictures whose shorter side is below this; others below `size` are enlarged.

    Returns:
        uint8 (size, size, C), C-contiguous.

    Raises:
        DecodeError: the picture is smaller than `min_side` (code "too-small").
        UsageError: `filter` is no known rule.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise ValueError(f"pixels must be uint8 (H, W, 1 or 3), not {pixels.dtype} {pixels.shape}")
    if filter not in _RULES:
        raise UsageError(f"there is no filter {filter!r}", remedy=f"choose one of: {', '.join(_RULES)}")
    height, width = pixels.shape[:2]
    short = min(height, width)
    if short < min_side:
        raise DecodeError(
            f"is {width}x{height} pixels; the shorter side must be {min_side} or more", code="too-small"
        )
    if size is None:
        return np.ascontiguousarray(pixels)
    rule = _RULES[filter]
    rows, columns = rule.axis(height, short, size), rule.axis(width, short, size)
    if short == size:
        return np.ascontiguousarray(pixels[rows.kept :, columns.kept :][:size, :size])
    return rule.resample(pixels, size, rows, columns)


def _bilinear(pixels: np.ndarray, size: int, rows: _Axis, columns: _Axis) -> np.ndarray:
    top, bottom, down = _source_span(rows, size)
    left, right, across = _source_span(columns, size)
    return resize_part(pixels[top:bottom, left:right], size, down, across)


def _source_span(axis: _Axis, size: int) -> tuple[int, int, tuple[float, float]]:
    """Return the source pixels that the square draws on, as first and end, and its exact extent within them."""
    start = axis.kept * axis.scale
    stop = min(start + size * axis.scale, axis.before)
    margin = math.ceil(max(axis.scale, 1)) + 1
    first, end = max(0, int(start) - margin), min(axis.before, math.ceil(stop) + margin)
    return first, end, (start - first, stop - first)


def _area_or_cubic(pixels: np.ndarray, size: int, rows: _Axis, columns: _Axis) -> np.ndarray:
    taps = _area_taps if min(pixels.shape[:2]) > size else _cubic_taps
    across, across_weights = taps(columns, size)
    first, end = across.min(), across.max() + 1
    strip = _weighted_sum(pixels[:, first:end], 0, *taps(rows, size))
    square = _weighted_sum(strip, 1, across - first, across_weights)
    return np.clip(np.rint(square), 0, 255).astype(np.uint8)


def _weighted_sum(pixels: np.ndarray, axis: int, index: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return result i along `axis` = sum over k of weight[i, k] * pixels[index[i, k]], as float32."""
    shape = [-1 if axis == dimension else 1 for dimension in range(3)]
    total = np.float32(0)
    for column, weights in zip(index.T, weight.T, strict=True):
        total = total + np.take(pixels, column, axis) * weights.reshape(shape)
    return total


def _area_taps(axis: _Axis, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Each result averages its exact extent in the source, border pixels by the part covered."""
    start = (axis.kept + np.arange(size)) * axis.scale
    index = np.floor(start).astype(np.int64)[:, None] + np.arange(math.ceil(axis.scale) + 1)
    covered = np.minimum((start + axis.scale)[:, None], index + 1) - np.maximum(start[:, None], index)
    weight = np.clip(covered, 0, None) / axis.scale
    return np.minimum(index, axis.before - 1), weight.astype(np.float32)


def _cubic_taps(axis: _Axis, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Keys' cubic convolution over the four nearest pixels, the border pixel repeated."""
    center = (axis.kept + np.arange(size) + 0.5) * axis.scale - 0.5
    index = np.floor(center).astype(np.int64)[:, None] + np.arange(-1, 3)
    away = np.abs(center[:, None] - index)
    near = ((_CUBIC + 2) * away - (_CUBIC + 3)) * away**2 + 1
    far = _CUBIC * (((away - 5) * away + 8) * away - 4)
    return np.clip(index, 0, axis.before - 1), np.where(away <= 1, near, far).astype(np.float32)


_RULES = {
    "bilinear": _Rule(
        longer_side=lambda longer, shorter, size: size * longer // shorter,
        offset=lambda outside: round(outside / 2),
        resample=_bilinear,
    ),
    "area": _Rule(
        longer_side=lambda longer, shorter, size: math.floor(size / shorter * longer + 0.5),
        offset=lambda outside: outside // 2,
        resample=_area_or_cubic,
    ),
}
