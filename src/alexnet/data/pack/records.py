"""The pictures of one split, read at random from its shards."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import simplejpeg

from alexnet.core.errors import DataError
from alexnet.data.pack.descriptors import CAN_READ_AT, Descriptors, OpenFile, read_into
from alexnet.data.pack.format import ENTRY, RESTORE
from alexnet.data.pack.places import Places, can_read
from alexnet.data.pack.shard import ShardIndex, name_text


class PackSplit:
    """One split of a pack: labels in memory, pictures on disk. Safe to use from several threads.

    Args:
        paths: Its shards, in order.
        indexes: Their checked contents.
        shape: (H, W, C) of every picture.
        encoding: "raw" or "jpeg".
    """

    def __init__(
        self, paths: Sequence[Path], indexes: Sequence[ShardIndex], shape: tuple[int, int, int], encoding: str
    ):
        self.shape = shape
        self._paths = list(paths)
        self._is_raw = encoding == "raw"
        self._starts = np.cumsum([0, *(len(index.entries) for index in indexes)])
        self._entries = np.concatenate([np.empty(0, ENTRY), *(index.entries for index in indexes)])
        self._names = b"".join(index.names for index in indexes)
        self._name_ends = np.cumsum(self._entries["name_length"], dtype=np.int64)
        self._offsets = self._entries["offset"].astype(np.int64)
        self._is_checked = np.zeros(len(self._entries), bool)
        self._descriptors = Descriptors(self._paths)
        self.labels = self._entries["label"].astype(np.int32)
        """int32 (N,): index into the pack's classes."""
        self.digests = self._entries["digest"].copy()
        """uint64 (N,): equal where the prepared pixels are equal."""
        self.items = self._entries["item"].astype(np.int64)
        """int64 (N,): number of each picture in the split of the source."""

    def __len__(self) -> int:
        return len(self._entries)

    def name(self, index: int) -> str:
        """Return the name that a picture had in the source."""
        end = int(self._name_ends[index])
        return name_text(self._names[end - int(self._entries["name_length"][index]) : end])

    def read(self, indices: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return pictures, in the order asked for; an index may occur more than once.

        Args:
            indices: Integers (n,) in [0, N).
            out: C-contiguous uint8 (n, H, W, C) to fill; a new array by default.

        Returns:
            uint8 (n, H, W, C).

        Raises:
            IndexError: an index is out of range.
            DataError: a record is damaged, found by its CRC-32 the first time it is read in this process, or
                its shard has been cut or removed; names shard, record and picture.
        """
        indices = self._known(indices)
        shape = (len(indices), *self.shape)
        if out is None:
            out = np.empty(shape, np.uint8)
        elif out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous:
            raise ValueError(f"out is {out.dtype} {out.shape}, not contiguous uint8 {shape}")
        together = self._is_raw and can_read()
        rows = self._read_together(indices, out) if together else range(len(indices))
        if len(rows):
            self._read_each(indices, out, rows)
        return out

    def has_places(self, indices: Sequence[int] | np.ndarray) -> bool:
        """Say whether others may read these pictures by `places`.

        They may where records are raw, have been compared with their checksums in this process, and can be read at
        an offset by several threads.

        Raises:
            IndexError: an index is out of range.
        """
        return self._is_raw and CAN_READ_AT and bool(self._is_checked[self._known(indices)].all())

    def places(self, indices: Sequence[int] | np.ndarray) -> Iterator[tuple[slice, Places]]:
        """Yield parts of the indices and where their pictures lie, in files that stay open until the next part.

        Args:
            indices: Integers (n,) in [0, N), of a raw pack.

        Raises:
            DataError: a shard is gone or cannot be opened.
        """
        indices = self._known(indices)
        shards, limit = self._shards(indices), self._descriptors.limit
        step = max(1, len(indices)) if len(self._paths) <= limit else limit
        for start in range(0, len(indices), step):
            part = slice(start, start + step)
            with self._descriptors.numbers(shards[part]) as descriptors:
                yield part, Places(descriptors, self._offsets[indices[part]])

    def close(self) -> None:
        """Close the files; reading opens them again. No other thread may be reading."""
        self._descriptors.close()

    def damage(self, shard: int) -> Iterator[DataError]:
        """Read all records of one shard and yield what is wrong with them."""
        picture = np.empty(self.shape, np.uint8)
        with self._descriptors.use(shard) as (file,):
            for index in range(self._starts[shard], self._starts[shard + 1]):
                self._is_checked[index] = False
                try:
                    self._read_one(file, shard, index, picture)
                except DataError as error:
                    yield error

    def _known(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        indices = np.asarray(indices, np.int64).reshape(-1)
        if len(indices) and not 0 <= indices.min() <= indices.max() < len(self):
            raise IndexError(f"pictures {indices.min()} to {indices.max()} asked of {len(self)}")
        return indices

    def _shards(self, indices: np.ndarray) -> np.ndarray:
        return np.searchsorted(self._starts, indices, "right") - 1

    def _read_together(self, indices: np.ndarray, out: np.ndarray) -> Sequence[int]:
        """Read all pictures and return the rows that are not whole; reading those tells what is wrong with them."""
        is_read = np.zeros(len(indices), bool)
        for part, places in self.places(indices):
            chosen = indices[part]
            is_read[part] = places.read(out[part], self._entries["crc32"][chosen], self._is_checked[chosen])
        self._is_checked[indices[is_read]] = True
        return np.flatnonzero(~is_read).tolist()

    def _read_each(self, indices: np.ndarray, out: np.ndarray, rows: Sequence[int]) -> None:
        """Read the pictures of some rows of `out`, those of a shard together."""
        shard_of = self._shards(indices).tolist().__getitem__
        for shard, group in groupby(sorted(rows, key=shard_of), shard_of):
            with self._descriptors.use(shard) as (file,):
                for row in group:
                    self._read_one(file, shard, int(indices[row]), out[row])

    def _read_one(self, file: OpenFile, shard: int, index: int, picture: np.ndarray) -> None:
        entry = self._entries[index]
        record = picture if self._is_raw else np.empty(int(entry["length"]), np.uint8)
        view = memoryview(record).cast("B")
        try:
            count = read_into(file, view, int(entry["offset"]))
        except OSError as error:
            raise self._error(shard, index, f"cannot be read: {error.strerror}") from None
        if count != len(view):
            raise self._error(shard, index, "is cut: the file has become shorter since it was opened")
        if not self._is_checked[index]:
            if zlib.crc32(view) != entry["crc32"]:
                raise self._error(shard, index, "is damaged: its bytes do not match their checksum")
            self._is_checked[index] = True
        if not self._is_raw:
            try:
                self._decode(record, picture)
            except ValueError as error:
                raise self._error(shard, index, f"is no JPEG picture that can be read ({error})") from None

    def _decode(self, record: np.ndarray, picture: np.ndarray) -> None:
        height, width, channels = self.shape
        if simplejpeg.decode_jpeg_header(record)[:2] != (height, width):
            raise ValueError("of another size than its pack")
        simplejpeg.decode_jpeg(record, "GRAY" if channels == 1 else "RGB", buffer=picture)

    def _error(self, shard: int, index: int, fact: str) -> DataError:
        record = index - int(self._starts[shard])
        return DataError(
            f"record {record} ({self.name(index)}) {fact}", where=self._paths[shard], remedy=RESTORE
        )
