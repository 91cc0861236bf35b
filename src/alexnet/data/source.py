"""What a labelled set of pictures is, whatever form it is met in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, kw_only=True)
class SourceInfo:
    """The facts of a source that hold for all its pictures."""

    kind: str
    """The reader's name: folder, csv, ilsvrc2012, cifar, idx, parquet, rendered."""
    path: str
    """Where it was found, for messages."""
    classes: tuple[str, ...]
    """Class ids in label order: folder names, WNIDs, digits. The key that a checkpoint remembers."""
    class_names: tuple[str, ...]
    """What to print for each class; equal to `classes` where nothing better is known."""
    native_shape: tuple[int, int, int] | None = None
    """(H, W, C) where every picture is known to have it (CIFAR, idx), else None."""


class Split(Protocol):
    """One part of a source. Picklable, so that packing processes can each hold a copy."""

    labels: np.ndarray
    """int32 (N,): index into the source's classes."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Return the picture's name inside the source, for messages and listings."""
        ...

    def read(self, index: int) -> bytes | np.ndarray:
        """Return the encoded picture, or its pixels as uint8 (H, W, C) where the source stores pixels.

        Raises:
            DataError: the source no longer holds what its listing said.
        """
        ...


class Source(Protocol):
    """A labelled set of pictures with its splits."""

    info: SourceInfo
    splits: Mapping[str, Split]
    """`train` and, where the source has one, `val`. In a fixed order: the same on every machine."""

    def fingerprint(self) -> str:
        """Return a hex digest of the listing (names, sizes, labels), cheap enough to take at every start."""
        ...
