"""Pictures to look through: files and folders, or a split of a pack, in batches with their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alexnet.core.errors import DataError, UsageError
from alexnet.core.names import nearest
from alexnet.data.pack.manifest import MANIFEST
from alexnet.data.pack.read import Pack, PackSplit
from alexnet.evaluation.input import InputSpec
from alexnet.evaluation.predict import load_pixels, picture_files

_BATCH = 64


@dataclass(frozen=True)
class Shown:
    """Some pictures."""

    names: list[str]
    classes: list[str] | None
    """Names of their classes, where they are known: of a pack."""
    pixels: np.ndarray
    """Prepared, uint8 (N, size, size, C)."""


@dataclass
class Gallery:
    """Pictures in an order that is always the same.

    Args:
        where: Pictures and folders of pictures, or one pack.
        spec: How the network wants them.
        split: Part of the pack.
        failed: Told of each file that cannot be read, which is then left out; by default the first ends it.

    Raises:
        DataError: a place does not exist, or a pack was prepared in another way.
        UsageError: the pack has no such split.
    """

    where: Sequence[str | Path]
    spec: InputSpec
    split: str = "train"
    failed: Callable[[DataError], None] | None = None

    def __post_init__(self) -> None:
        self._pack = self._files = None
        if len(self.where) == 1 and (Path(self.where[0]) / MANIFEST).is_file():
            self._pack = Pack.open(Path(self.where[0]))
            _check_prepared(self._pack, self.spec)
            if self.split not in self._pack.splits:
                raise UsageError(
                    f"has no split {self.split!r}",
                    where=self.where[0],
                    remedy=nearest(self.split, self._pack.splits),
                )
        else:
            self._files = list(picture_files(self.where))

    def __len__(self) -> int:
        return len(self._pack.split(self.split)) if self._pack else len(self._files or ())

    def batches(self) -> Iterator[Shown]:
        """Yield all pictures, a few at a time."""
        if self._pack:
            yield from _of_pack(self._pack, self._pack.split(self.split))
            return
        assert self._files is not None
        for begin in range(0, len(self._files), _BATCH):
            names, pixels = [], []
            for path in self._files[begin : begin + _BATCH]:
                try:
                    pixels.append(load_pixels(path, self.spec, str(path)))
                    names.append(str(path))
                except DataError as error:
                    if self.failed is None:
                        raise
                    self.failed(error)
            if names:
                yield Shown(names, None, np.stack(pixels))


def _of_pack(pack: Pack, images: PackSplit) -> Iterator[Shown]:
    for begin in range(0, len(images), _BATCH):
        indices = np.arange(begin, min(begin + _BATCH, len(images)))
        names = [images.name(index) for index in indices]
        classes = [pack.class_names[label] for label in images.labels[indices]]
        yield Shown(names, classes, images.read(indices))


def _check_prepared(pack: Pack, spec: InputSpec) -> None:
    shape = (spec.size, spec.size, spec.channels)
    if tuple(pack.shape) != shape:
        raise DataError(
            f"holds pictures of {'x'.join(map(str, pack.shape))}, and the network wants {'x'.join(map(str, shape))}",
            where=pack.path,
            remedy=f"pack them with --size {spec.size}, or give the pictures themselves",
        )
