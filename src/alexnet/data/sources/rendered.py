"""The toy box as a source: pictures that are drawn when they are read, for where no data set is at hand.

The default set is what `alexnet demo` trains on. Its classes are told apart by pattern and outline alone:
colors, place, pose, light and background are drawn alike for all of them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import simplejpeg

from alexnet.core.errors import UsageError
from alexnet.core.files import commit_folder
from alexnet.core.keys import Key
from alexnet.data.rendering.draws import Draws
from alexnet.data.rendering.scene import render
from alexnet.data.rendering.toys import TOYS
from alexnet.data.source import SourceInfo
from alexnet.data.sources.picture_source import PictureSource

EDITION = 1
"""Raised when the same seed gives other pictures, so that a pack of the former ones is not taken for it."""

QUALITY = 90
"""Of the JPEG files, which halve the resolution of color as cameras do."""


class RenderedSplit:
    """Pictures of every toy, `per_class` of each, drawn when they are read.

    The n-th picture of a class depends on the key and on n alone, so a larger set begins with a smaller one's.
    """

    def __init__(self, key: Key, per_class: int):
        self.labels = np.repeat(np.arange(len(TOYS), dtype=np.int32), per_class)
        self._key, self._per_class = key, per_class

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, index: int) -> str:
        """Return the picture's name, e.g. "dotted-mushroom/0007.jpg"."""
        return f"{_class_id(TOYS[self.labels[index]].name)}/{index % self._per_class:04d}.jpg"

    def read(self, index: int) -> bytes:
        """Draw a picture and return it as a JPEG file; the same bytes at every call."""
        toy = TOYS[self.labels[index]]
        draws = Draws(self._key.derive(toy.name), index % self._per_class)
        return simplejpeg.encode_jpeg(render(toy, draws), quality=QUALITY, colorsubsampling="420")

    def identify(self, digest: hashlib._Hash) -> None:
        """Feed what the pictures depend on to a hash."""
        digest.update(f"rendered {EDITION} {self._key.value} {self._per_class}".encode())


def rendered_source(*, train_per_class: int = 100, val_per_class: int = 30, seed: int = 0) -> PictureSource:
    """Return a set of rendered pictures: twelve classes, sides from 256 to 475 pixels.

    Args:
        train_per_class: Training pictures of each class.
        val_per_class: Validation pictures of each class.
        seed: Another seed gives other pictures of the same kind.

    Raises:
        UsageError: fewer than one picture a class.
    """
    for per_class in (train_per_class, val_per_class):
        if per_class < 1:
            raise UsageError(f"{per_class} pictures a class", where="rendered", remedy="ask for 1 or more")
    key = Key.from_seed(seed).derive("rendered")
    info = SourceInfo(
        kind="rendered",
        path="rendered",
        classes=tuple(_class_id(toy.name) for toy in TOYS),
        class_names=tuple(toy.name for toy in TOYS),
    )
    splits = {
        "train": RenderedSplit(key.derive("train"), train_per_class),
        "val": RenderedSplit(key.derive("val"), val_per_class),
    }
    return PictureSource(info, splits)


def write_folder(source: PictureSource, out: Path) -> None:
    """Write rendered pictures to a new folder to look at: out/train/striped-ball/0000.jpg and so on.

    Raises:
        UsageError: `source` is not a rendered one, so its names are not known to be fit for files.
        StorageError: `out` exists, or the disk is full or unwritable; nothing is left behind.
    """
    if source.info.kind != "rendered":
        raise UsageError(f"a {source.info.kind} source is not rendered", where=source.info.path)
    with commit_folder(out) as folder:
        for part, split in source.splits.items():
            for index in range(len(split)):
                path = folder / part / split.name(index)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(split.read(index))


def _class_id(name: str) -> str:
    return name.replace(" ", "-")
