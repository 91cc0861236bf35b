"""A split whose pictures are rows of pixels in a few files."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alexnet.data.sources.span import SpanFile

_SAMPLE = 4096


@dataclass(frozen=True, kw_only=True)
class RowFile:
    """Pictures of equal size at equal distances in one file."""

    name: str
    """For messages."""
    file: SpanFile
    start: int
    """Position of the first picture's pixels, in bytes."""
    stride: int
    """Bytes from one picture to the next."""
    count: int


class RowSplit:
    """Pictures stored as uint8 pixels, read by position.

    Args:
        files: Where the rows are, in order.
        labels: int32 (N,).
        shape: (H, W, C) of every picture.
        planar: The file holds one color plane after another, (C, H, W).
    """

    def __init__(
        self, files: Sequence[RowFile], labels: np.ndarray, shape: tuple[int, int, int], *, planar: bool
    ):
        self.labels = np.asarray(labels, np.int32)
        self._files = tuple(files)
        self._ends = np.cumsum([part.count for part in files]).tolist()
        self._shape = shape
        self._planar = planar

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, index: int) -> str:
        """Return the file's name and the row in it."""
        part, row = self._locate(index)
        return f"{part.name}[{row}]"

    def read(self, index: int) -> np.ndarray:
        """Return the picture as uint8 (H, W, C).

        Raises:
            DataError: the file has changed or cannot be read.
        """
        part, row = self._locate(index)
        height, width, channels = self._shape
        data = part.file.read(part.start + row * part.stride, height * width * channels)
        pixels = np.frombuffer(data, np.uint8)
        if self._planar:
            return pixels.reshape(channels, height, width).transpose(1, 2, 0).copy()
        return pixels.reshape(self._shape).copy()

    def identify(self, digest: hashlib._Hash) -> None:
        """Feed names, sizes and the first and last bytes of each file's rows to a hash."""
        for part in self._files:
            span = part.count * part.stride - (part.stride - int(np.prod(self._shape)))
            size = min(span, _SAMPLE)
            digest.update(f"{part.name}\0{part.count}\0{self._shape}".encode("utf-8", "surrogateescape"))
            digest.update(part.file.read(part.start, size))
            digest.update(part.file.read(part.start + span - size, size))

    def _locate(self, index: int) -> tuple[RowFile, int]:
        if not 0 <= index < len(self.labels):
            raise IndexError(index)
        number = bisect_right(self._ends, index)
        return self._files[number], index - (self._ends[number - 1] if number else 0)
