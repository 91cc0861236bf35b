"""A zip archive's members, listed from its directory and read by position."""

from __future__ import annotations

import struct
import zipfile
import zlib
from array import array
from collections import Counter
from pathlib import Path
from stat import S_ISLNK

from alexnet.core.errors import DataError
from alexnet.data.sources.inflate import is_bomb
from alexnet.data.sources.members import Members, clean_name
from alexnet.data.sources.span import SpanFile

_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 1


class ZipTree:
    """The stored or deflated members of a zip archive.

    The directory is read once; only positions, sizes and check sums are kept, so that a copy in another process
    needs no second look at it.

    Raises:
        DataError: the archive is cut, damaged or encrypted, uses another compression, or a member grows
            more than 200-fold.
    """

    def __init__(self, path: Path):
        self.path = path
        self.members = Members()
        self.ignored: Counter[str] = Counter()
        self._file = SpanFile(path)
        self._packed_sizes = array("q")
        self._sums = array("L")
        self._methods = bytearray()
        for info in _directory(path):
            self._add(info)

    def _add(self, info: zipfile.ZipInfo) -> None:
        name = clean_name(info.filename.replace("\\", "/").encode("utf-8", "surrogateescape"))
        if name is None:
            self.ignored["names that lead outside"] += 1
        elif S_ISLNK(info.external_attr >> 16):
            self.ignored["links"] += 1
        elif info.flag_bits & _ENCRYPTED:
            raise DataError(f"holds {info.filename}, which is encrypted", where=self.path)
        elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(
                f"holds {info.filename}, compressed by method {info.compress_type}",
                where=self.path,
                remedy="pack it again with plain deflate",
            )
        elif is_bomb(info.compress_size, info.file_size):
            raise DataError(f"holds {info.filename}, which grows more than 200-fold", where=self.path)
        else:
            self.members.add(name, info.header_offset, info.file_size)
            self._packed_sizes.append(info.compress_size)
            self._sums.append(info.CRC)
            self._methods.append(info.compress_type)

    def read(self, index: int) -> bytes:
        """Return one member's bytes, checked against its size and check sum."""
        offset = self.members.offsets[index]
        mark, name_size, extra_size = _LOCAL_HEADER.unpack(self._file.read(offset, _LOCAL_HEADER.size))
        packed = self._file.read(
            offset + _LOCAL_HEADER.size + name_size + extra_size, self._packed_sizes[index]
        )
        size = self.members.sizes[index]
        try:
            data = zlib.decompressobj(-15).decompress(packed, size + 1) if self._methods[index] else packed
        except zlib.error:
            data = b""
        if mark != b"PK\3\4" or len(data) != size or zlib.crc32(data) != self._sums[index]:
            raise DataError(f"holds {self.members.name(index)}, which is damaged", where=self.path)
        return data

    def span(self, index: int) -> tuple[SpanFile, int]:
        """Refuse: a zip's members are compressed one by one.

        Raises:
            DataError: always.
        """
        raise DataError("is a zip, which cannot be read by rows", where=self.path, remedy="unpack it first")


def _directory(path: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        ValueError,
        EOFError,
        OSError,
        struct.error,
        OverflowError,
    ) as error:
        raise DataError(f"the archive is cut or damaged ({error})", where=path) from None
