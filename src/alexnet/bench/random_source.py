"""Random pixels as a source that can be packed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alexnet.bench.pixels import random_labels, random_pictures
from alexnet.data.pack.plan import PackSettings
from alexnet.data.pack.read import Pack
from alexnet.data.pack.write import pack_source
from alexnet.data.source import SourceInfo


@dataclass(frozen=True)
class RandomSplit:
    """Pictures of random bytes with random labels."""

    pictures: np.ndarray
    """uint8 (N, side, side, 3)."""
    labels: np.ndarray
    """int32 (N,)."""

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, index: int) -> str:
        """Return a picture's name."""
        return f"{index:06d}"

    def read(self, index: int) -> np.ndarray:
        """Return a picture's pixels."""
        return self.pictures[index]


@dataclass(frozen=True)
class RandomSource:
    """One split, `train`."""

    info: SourceInfo
    splits: Mapping[str, RandomSplit]

    def fingerprint(self) -> str:
        """Return what tells one such source from another."""
        return repr(self.splits["train"].pictures.shape)


def pack_random(out: Path, count: int, side: int, classes: int) -> Pack:
    """Pack `count` random pictures into the folder `out` and open it."""
    names = tuple(f"n{index:04d}" for index in range(classes))
    info = SourceInfo(
        kind="random", path="random", classes=names, class_names=names, native_shape=(side, side, 3)
    )
    split = RandomSplit(random_pictures(count, side), random_labels(count, classes).astype(np.int32))
    pack_source(RandomSource(info, {"train": split}), out, PackSettings(size=None), workers=1)
    return Pack.open(out)
