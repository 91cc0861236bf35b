"""Descriptors of small squares on a grid: SIFT, gradients' orientations, binary patterns, colors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from alexnet.core.errors import DataError, UsageError

Kind: TypeAlias = Literal["sift", "hog", "lbp", "color"]
CELLS = 4
"""Cells a side of a descriptor's square."""
SIZES: dict[str, int] = {"sift": 128, "hog": 144, "lbp": 59, "color": 96}
"""Numbers of a descriptor: SIFT 4 x 4 x 8, gradients 4 x 4 x 9, 59 uniform patterns, 4 x 4 means and deviations of
three colors."""
_ORIENTATIONS = 9
_LARGEST = 100_000
"""Pixels of a picture, at most; larger ones are reduced (facts of the ILSVRC-2010 entries)."""


@dataclass(frozen=True, kw_only=True)
class Dense:
    """Where and of what size the described squares are."""

    kind: ClassVar[str] = "dense"
    what: Kind = "sift"
    """sift, hog (orientations of gradients), lbp (uniform binary patterns) or color (means and deviations)."""
    side: int = 96
    """Pictures with a shorter side are enlarged to it; those of more than 100,000 pixels are reduced."""
    step: int = 4
    """Pixels from one square to the next."""
    squares: tuple[int, ...] = (24,)
    """Sides of the squares, one for each scale; multiples of 4."""

    def __post_init__(self) -> None:
        if self.step < 1 or not self.squares or any(s < 8 or s % CELLS for s in self.squares):
            raise ValueError("step must be at least 1, squares multiples of 4 of at least 8 pixels")
        if self.side < max(self.squares):
            raise ValueError(f"squares of {max(self.squares)} pixels do not fit into side = {self.side}")

    def describe(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return descriptors of all squares of each picture, and where they are.

        Args:
            images: uint8 (N, H, W, 1 or 3), all of one size.

        Returns:
            float32 (N, T, D), each of length 1 or 0 but for colors (0 to 1), square roots taken (SIFT, gradients,
            patterns: Arandjelovic, Zisserman 2012); and the squares' centers, float32 (T, 2), as fractions.

        Raises:
            DataError: colors of gray pictures.
            UsageError: OpenCV is not installed.
        """
        if self.what == "color" and images.shape[3] != 3:
            raise DataError("gray pictures have no colors", remedy="leave the color channel out of the recipe")
        cv2 = _opencv()
        height, width = resized(images.shape[1], images.shape[2], self.side)
        describe = _DESCRIBE[self.what]

        def one(image: np.ndarray) -> np.ndarray:
            grown = cv2.resize(
                image,
                (width, height),
                interpolation=cv2.INTER_LINEAR if height >= len(image) else cv2.INTER_AREA,
            )
            grown = grown.reshape(height, width, -1)
            return np.concatenate([describe(grown, square, self.step) for square in self.squares])

        return np.stack([one(image) for image in images]), np.concatenate(
            [_centers(height, width, s, self.step) for s in self.squares]
        )


def resized(height: int, width: int, side: int) -> tuple[int, int]:
    """Return the size that a picture is described at."""
    factor = max(side / min(height, width), 1.0)
    factor = (
        min(factor, (_LARGEST / (height * width)) ** 0.5) if height * width * factor**2 > _LARGEST else factor
    )
    return round(height * factor), round(width * factor)


def places(length: int, square: int, step: int) -> np.ndarray:
    """Return the first pixels of squares along a side, centered in what is left over."""
    count = (length - square) // step + 1
    return (length - square - (count - 1) * step) // 2 + step * np.arange(count)


def _centers(height: int, width: int, square: int, step: int) -> np.ndarray:
    rows, columns = places(height, square, step) + square / 2, places(width, square, step) + square / 2
    grid = np.stack(np.meshgrid(rows / height, columns / width, indexing="ij"), -1)
    return grid.reshape(-1, 2).astype(np.float32)


def _gray(image: np.ndarray) -> np.ndarray:
    return _opencv().cvtColor(image, 7) if image.shape[2] == 3 else image[..., 0]  # 7: COLOR_RGB2GRAY


def _sift(image: np.ndarray, square: int, step: int) -> np.ndarray:
    """OpenCV's SIFT at fixed places, upright: its 4 x 4 cells are 1.5 times the key point's size each."""
    cv2 = _opencv()
    size = square / (CELLS * 1.5)
    rows, columns = places(image.shape[0], square, step), places(image.shape[1], square, step)
    half = (square - 1) / 2
    points = [cv2.KeyPoint(float(x + half), float(y + half), size, 0.0) for y in rows for x in columns]
    _, found = cv2.SIFT_create().compute(_gray(image), points)
    return _rooted(found)


def _hog(image: np.ndarray, square: int, step: int) -> np.ndarray:
    """Unsigned orientations of gradients, nine for each of 4 x 4 cells, weighted by the gradient's length."""
    gray = _gray(image).astype(np.float32)
    dy, dx = np.gradient(gray)
    angle = (np.arctan2(dy, dx) % np.pi) * (_ORIENTATIONS / np.pi)
    lower = np.floor(angle)
    weight, length = angle - lower, np.hypot(dx, dy)
    maps = np.zeros((*gray.shape, _ORIENTATIONS), np.float32)
    y, x = np.indices(gray.shape)
    bins = lower.astype(int)
    np.add.at(maps, (y, x, bins % _ORIENTATIONS), length * (1 - weight))
    np.add.at(maps, (y, x, (bins + 1) % _ORIENTATIONS), length * weight)
    return _rooted(_cells(maps, square, step))


def _lbp(image: np.ndarray, square: int, step: int) -> np.ndarray:
    """Histogram of the 58 uniform patterns of eight neighbors (Ojala et al. 2002), and of all others together."""
    gray = _gray(image)
    padded = np.pad(gray, 1, mode="edge")
    height, width = gray.shape
    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    codes = sum(
        (padded[y : y + height, x : x + width] >= gray).astype(int) << bit for bit, (y, x) in enumerate(around)
    )
    maps = np.eye(SIZES["lbp"], dtype=np.float32)[_uniform()[codes]]
    return _rooted(_cells(maps, square, step, cells=1))


def _color(image: np.ndarray, square: int, step: int) -> np.ndarray:
    """Mean and standard deviation of each color in 4 x 4 cells (Clinchant et al. 2007), from 0 to 1."""
    values = image.astype(np.float32) / 255
    area = (square // CELLS) ** 2
    mean = _cells(values, square, step) / area
    square_mean = _cells(values**2, square, step) / area
    return np.concatenate((mean, np.sqrt(np.maximum(square_mean - mean**2, 0))), 1)


def _cells(maps: np.ndarray, square: int, step: int, cells: int = CELLS) -> np.ndarray:
    """Return the sums of maps (H, W, B) over the cells of every square: float32 (T, cells * cells * B)."""
    side = square // cells
    sums = np.pad(maps.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0), (0, 0)))
    rows, columns = places(maps.shape[0], square, step), places(maps.shape[1], square, step)
    corners = np.arange(cells) * side
    top = (rows[:, None] + corners)[:, None, :, None]
    left = (columns[:, None] + corners)[None, :, None, :]
    found = sums[top + side, left + side] - sums[top, left + side] - sums[top + side, left] + sums[top, left]
    return found.reshape(len(rows) * len(columns), -1).astype(np.float32)


def _rooted(values: np.ndarray) -> np.ndarray:
    """Return rows of sum 1 (or 0) with square roots taken: their length is 1."""
    values = np.maximum(values, 0)
    return np.sqrt(values / np.maximum(values.sum(1, keepdims=True), 1e-12)).astype(np.float32)


@lru_cache(maxsize=1)
def _uniform() -> np.ndarray:
    """Return the histogram's place of each of 256 patterns: those with at most two changes around have their own."""
    table, free = np.full(256, 58), iter(range(58))
    for code in range(256):
        turned = (code >> 1) | ((code & 1) << 7)
        if (code ^ turned).bit_count() <= 2:
            table[code] = next(free)
    return table


def pieces(count: int, size: int) -> Iterator[slice]:
    """Yield slices of so many, up to `count`."""
    for begin in range(0, count, size):
        yield slice(begin, min(begin + size, count))


@lru_cache(maxsize=1)
def _opencv() -> Any:
    try:
        import cv2

        cv2.setNumThreads(1)  # pictures are shared among threads by those who ask
    except ImportError:
        raise UsageError(
            "local descriptors need OpenCV, which is not installed",
            remedy='run: pip install "alexnet[baselines]"',
        ) from None
    return cv2


_DESCRIBE: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {
    "sift": _sift,
    "hog": _hog,
    "lbp": _lbp,
    "color": _color,
}
