"""MNIST and its relatives in their own format: idx files, plain or gzipped.

An idx file is two zero bytes, the type (8: unsigned byte), the number of dimensions, each dimension as a
big-endian 32-bit number, and the values. Source: LeCun, Cortes, Burges, the MNIST page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alexnet.core.errors import DataError
from alexnet.data.source import SourceInfo
from alexnet.data.sources.archive import GZIP
from alexnet.data.sources.holdout import with_held_out
from alexnet.data.sources.inflate import inflate
from alexnet.data.sources.layout import TRAIN, VAL_NAMES
from alexnet.data.sources.options import SourceOptions
from alexnet.data.sources.picture_source import IdentifiedSplit, PictureSource
from alexnet.data.sources.rows import RowFile, RowSplit
from alexnet.data.sources.span import SpanFile

_NAME = re.compile(
    rf"(?P<set>(?:.*[-_.])?)(?P<split>{'|'.join((TRAIN, *VAL_NAMES))})-images[-.]idx3-ubyte(?:\.gz)?"
)


@dataclass(frozen=True)
class IdxFile:
    """A checked idx file of unsigned bytes."""

    file: SpanFile
    shape: tuple[int, ...]
    start: int
    """Position of the first value."""


def is_idx(names: Iterable[str]) -> bool:
    """Say whether a folder's file names include idx pictures."""
    return any(_NAME.fullmatch(name) for name in names)


def open_idx(path: Path, options: SourceOptions | None = None) -> PictureSource:
    """Open the idx files of a folder, or the set that one picture file belongs to.

    Files are named `[<set>-]train-images-idx3-ubyte`, `...-labels-idx1-ubyte` and the same with `t10k` or
    `test`, with or without `.gz`; a dot before `idx` is accepted. Gzipped files are inflated once to temporary
    copies. Classes are the labels that occur in training. Without a `t10k` or `test` part, one is set aside by
    `options`.

    Raises:
        DataError: a file is missing, cut or longer than its header says, several sets stand in the folder, or
            labels and pictures do not match.
        StorageError: no room for an inflated copy.
    """
    options = options or SourceOptions()
    pairs = _picture_files(path)
    images = {split: read_idx(file, 3, options.work_folder) for split, file in pairs.items()}
    numbers = {
        split: _labels(file, images[split].shape[0], options.work_folder) for split, file in pairs.items()
    }
    shape = (*images[TRAIN].shape[1:], 1)
    values = np.unique(numbers[TRAIN])
    splits: dict[str, IdentifiedSplit] = {}
    for split, file in pairs.items():
        if images[split].shape[1:] != shape[:2]:
            raise DataError("has pictures of another size than the training set's", where=file)
        if strange := set(np.unique(numbers[split]).tolist()) - set(values.tolist()):
            raise DataError(f"has the labels {sorted(strange)[:3]}, which the training set lacks", where=file)
        rows = _rows(file, images[split])
        splits[split] = RowSplit([rows], np.searchsorted(values, numbers[split]), shape, planar=False)
    classes = tuple(str(value) for value in values)
    if "val" not in splits:
        splits = with_held_out(splits[TRAIN], classes, options)
    info = SourceInfo(kind="idx", path=str(path), classes=classes, class_names=classes, native_shape=shape)
    return PictureSource(info, splits)


def read_idx(path: Path, dimensions: int, work_folder: Path | None = None) -> IdxFile:
    """Open an idx file of unsigned bytes and compare what its header claims with the bytes that are there.

    Raises:
        DataError: it is not such a file, has another number of dimensions, an empty one, or another size.
    """
    if not path.is_file():
        raise DataError("is missing", where=path)
    file = SpanFile(path)
    if file.read(0, min(2, file.size)) == GZIP:
        copy = inflate(path, work_folder)
        file = SpanFile(copy.path, where=path, owner=copy)
    start = 4 + 4 * dimensions
    if file.size < start or file.read(0, 4) != bytes([0, 0, 8, dimensions]):
        raise DataError(f"is not an idx file of bytes in {dimensions} dimensions", where=path)
    shape = tuple(int(n) for n in np.frombuffer(file.read(4, 4 * dimensions), ">u4"))
    if start + math.prod(shape) != file.size or file.size == start:
        sizes = " x ".join(str(n) for n in shape)
        raise DataError(f"claims {sizes} bytes of values and has {file.size - start}", where=path)
    return IdxFile(file, shape, start)


def _picture_files(path: Path) -> dict[str, Path]:
    """Return `train` and, if there is one, `val`: the picture files of the one set that `path` means."""
    folder = path if path.is_dir() else path.parent
    sets: dict[str, dict[str, Path]] = {}
    for file in sorted(folder.iterdir(), reverse=True):
        if match := _NAME.fullmatch(file.name):
            # In reverse order a plain file comes after its gzipped form, and is preferred.
            sets.setdefault(match["set"], {})[match["split"]] = file
    if not path.is_dir() and (match := _NAME.fullmatch(path.name)):
        sets = {match["set"]: sets[match["set"]]}
    if len(sets) > 1:
        names = ", ".join(sorted(name.rstrip("-_.") or "(unnamed)" for name in sets))
        raise DataError(
            f"holds several sets: {names}", where=path, remedy="name the training pictures' file of one"
        )
    files = next(iter(sets.values()), {})
    if TRAIN not in files:
        raise DataError("holds no train-images-idx3-ubyte", where=path)
    val = next((name for name in VAL_NAMES if name in files), None)
    return {TRAIN: files[TRAIN]} | ({"val": files[val]} if val else {})


def _labels(pictures: Path, count: int, work_folder: Path | None) -> np.ndarray:
    """Return the uint8 (N,) labels that stand beside a file of pictures."""
    plain = pictures.name.replace("images", "labels").replace("idx3", "idx1").removesuffix(".gz")
    path = pictures.with_name(plain)
    labels = read_idx(path if path.is_file() else pictures.with_name(f"{plain}.gz"), 1, work_folder)
    if labels.shape[0] != count:
        raise DataError(f"has {labels.shape[0]} labels for {count} pictures", where=labels.file.where)
    return np.frombuffer(labels.file.read(labels.start, count), np.uint8)


def _rows(path: Path, images: IdxFile) -> RowFile:
    count, height, width = images.shape
    return RowFile(name=path.name, file=images.file, start=images.start, stride=height * width, count=count)
