"""One shard file: written front to back, and its index read and checked."""

from __future__ import annotations

import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from alexnet.core.errors import DataError
from alexnet.data.pack.format import (
    ENTRY,
    FOOTER,
    HEADER,
    RESTORE,
    ShardHeader,
    damaged,
    footer_bytes,
    parse_footer,
    parse_index,
)


@dataclass(frozen=True, kw_only=True)
class ShardFile:
    """What the manifest remembers of one shard."""

    file: str
    count: int
    """Records, which are the usable pictures."""
    bytes: int
    sha256: str


def shard_name(split: str, number: int) -> str:
    """Return the file name of one shard, e.g. train-00012.shard."""
    return f"{split}-{number:05d}.shard"


class ShardWriter:
    """Writes a shard to a stream, record after record.

    Args:
        stream: An empty file, open for writing.
        header: What to say before the first record.
    """

    def __init__(self, stream: BinaryIO, header: ShardHeader):
        self._stream = stream
        self._header = header
        self._header_bytes = header.to_bytes()
        self._sha256 = hashlib.sha256()
        self._offset = 0
        self._entries: list[tuple[int, ...]] = []
        self._names: list[bytes] = []
        self._write(self._header_bytes)

    def add(self, record: bytes, *, item: int, label: int, name: str, digest: int) -> None:
        """Append one record.

        Args:
            item: Its number in the source's split; larger than the one before.
            digest: `digest_pixels` of its prepared pixels.
        """
        encoded = name_bytes(name)
        self._entries.append((self._offset, digest, item, len(record), label, zlib.crc32(record), len(encoded)))
        self._names.append(encoded)
        self._write(record)

    def finish(self) -> ShardFile:
        """Write index, names and footer, and return what to remember of the file."""
        entries, names = np.array(self._entries, ENTRY), b"".join(self._names)
        footer = footer_bytes(entries, names, self._offset, self._header_bytes)
        for part in (entries.tobytes(), names, footer):
            self._write(part)
        return ShardFile(
            file=shard_name(self._header.split, self._header.number),
            count=len(entries),
            bytes=self._offset,
            sha256=self._sha256.hexdigest(),
        )

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self._sha256.update(data)
        self._offset += len(data)


@dataclass(frozen=True, kw_only=True)
class ShardIndex:
    """The checked contents of a shard, its records excepted."""

    header: ShardHeader
    entries: np.ndarray
    """ENTRY (count,)."""
    names: bytes


def read_shard_index(path: Path, size: int | None = None) -> ShardIndex:
    """Return header and index of a shard, every checksum, count and offset checked; records are not read.

    Args:
        size: Bytes that the file must have, where they are known.

    Raises:
        DataError: missing, unreadable, cut, damaged, or of a newer format.
    """
    try:
        with open(path, "rb") as stream:
            actual = os.fstat(stream.fileno()).st_size
            if size is not None and actual != size:
                raise damaged(f"it has {actual} bytes instead of {size}", path)
            head = stream.read(HEADER.itemsize)
            header = ShardHeader.from_bytes(head, path)
            stream.seek(max(HEADER.itemsize, actual - FOOTER.itemsize))
            footer = parse_footer(stream.read(FOOTER.itemsize), actual, head, path)
            stream.seek(int(footer["index_offset"]))
            index = stream.read(actual - FOOTER.itemsize - int(footer["index_offset"]))
    except FileNotFoundError:
        raise DataError("is missing from the pack", where=path, remedy=RESTORE) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path, remedy="check the disk") from None
    entries, names = parse_index(index, header, footer, path)
    return ShardIndex(header=header, entries=entries, names=names)


def name_bytes(name: str) -> bytes:
    """Return a name as stored: UTF-8, with undecodable bytes of the file system as they were."""
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return name.encode("utf-8", "backslashreplace")


def name_text(data: bytes) -> str:
    """Return the name stored as `data`; never fails."""
    return data.decode("utf-8", "surrogateescape")
