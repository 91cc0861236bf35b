"""A split whose pictures are rows of parquet files, read a row group at a time."""

from __future__ import annotations

import contextlib
import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alexnet.core.errors import DataError
from alexnet.data.sources.span import SpanFile, file_size

LARGEST_SHARD = 50_000_000
"""Rows: more than any picture set has, and few enough to hold their labels."""
LARGEST_GROUP = 4 << 30
"""Bytes of a row group."""
_FOOTER = 1 << 16


@dataclass(frozen=True)
class Shard:
    """One parquet file and the rows of its row groups."""

    path: Path
    size: int
    rows: tuple[int, ...]


class ShardSplit:
    """Encoded pictures in the column `<image>.bytes` of some parquet files, in order.

    The last row group that was read is kept, in each process its own, as a dictionary column: however often a
    value is repeated in the file, it is in memory once.

    Args:
        shards: The files.
        image: The picture column.
        labels: int32 (N,) over all shards.
    """

    def __init__(self, shards: Sequence[Shard], image: str, labels: np.ndarray):
        self.labels = np.asarray(labels, np.int32)
        self._shards = tuple(shards)
        self._image = image
        self._groups = [(s, g) for s, shard in enumerate(shards) for g in range(len(shard.rows))]
        self._ends = np.cumsum([rows for shard in shards for rows in shard.rows], dtype=np.int64).tolist()
        self._kept: tuple[int, Any] | None = None
        if len(self.labels) != (self._ends[-1] if self._ends else 0):
            raise DataError("has row groups and labels of different lengths", where=shards[0].path)

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, index: int) -> str:
        """Return the shard's name and the row in its row group."""
        number, row = self._locate(index)
        shard, group = self._groups[number]
        return f"{self._shards[shard].path.name}[{group}:{row}]"

    def read(self, index: int) -> bytes:
        """Return the encoded picture.

        Raises:
            DataError: the shard has changed, is damaged, or has no bytes in this row.
        """
        number, row = self._locate(index)
        kept = self._kept
        if kept is None or kept[0] != number:
            self._kept = kept = number, self._load(number)
        data = kept[1][row].as_py()
        if not isinstance(data, bytes):
            raise DataError(
                f"has no picture in {self.name(index)}", where=self._shards[self._groups[number][0]].path
            )
        return data

    def identify(self, digest: hashlib._Hash) -> None:
        """Feed names, sizes and footers, which hold the statistics of all columns, to a hash."""
        for shard in self._shards:
            size = min(shard.size, _FOOTER)
            digest.update(f"{shard.path.name}\0{shard.size}\0".encode("utf-8", "surrogateescape"))
            digest.update(SpanFile(shard.path).read(shard.size - size, size))

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_kept": None}

    def _locate(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self.labels):
            raise IndexError(index)
        number = bisect_right(self._ends, index)
        return number, index - (self._ends[number - 1] if number else 0)

    def _load(self, number: int) -> Any:
        """Return one row group's pictures as an arrow array."""
        import pyarrow

        shard, group = self._shards[self._groups[number][0]], self._groups[number][1]
        if file_size(shard.path) != shard.size:
            raise DataError("has changed since it was listed", where=shard.path, remedy="list the source again")
        leaf = f"{self._image}.bytes"
        with parquet_file(shard.path, read_dictionary=[leaf], page_checksum_verification=True) as file:
            column = file.read_row_group(group, columns=[leaf], use_threads=False).column(0)
            column.validate(full=True)
            if len(column) != shard.rows[group]:
                raise DataError(
                    f"has {len(column)} rows of {shard.rows[group]} in row group {group}", where=shard.path
                )
            return pyarrow.chunked_array([chunk.field("bytes") for chunk in column.chunks])


@contextlib.contextmanager
def parquet_file(path: Path, **options: Any) -> Iterator[Any]:
    """Open a parquet file for the length of a block.

    Raises:
        DataError: the file is missing, or pyarrow cannot make sense of it, here or in the block.
    """
    from pyarrow import parquet

    file_size(path)
    try:
        with parquet.ParquetFile(path, **options) as file:
            yield file
    except DataError:
        raise
    except Exception as error:  # pyarrow answers damage with many kinds of exception
        first = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(f"is not a parquet file that can be read ({first})", where=path) from None
