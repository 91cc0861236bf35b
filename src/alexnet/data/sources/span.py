"""Bytes of a file by position, from any process and thread."""

from __future__ import annotations

import os
import stat
import threading
import weakref
from pathlib import Path

from alexnet.core.errors import DataError

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_seeking = threading.Lock()


class SpanFile:
    """One regular file that is read by position and opened at the first read of each process.

    Safe to share between threads and across a fork; a pickled copy opens the file again.

    Args:
        path: The file.
        where: What messages call it, when the file is a temporary copy of something else.
        keep_open: Keep the descriptor between reads; False for one file among a thousand.
        owner: Something that must live as long as this, such as the owner of a temporary copy.

    Raises:
        DataError: the file is missing or not a regular file.
    """

    def __init__(
        self, path: Path, *, where: Path | None = None, keep_open: bool = True, owner: object = None
    ) -> None:
        self.path = Path(path)
        self.where = where or self.path
        self.owner = owner
        self.size = file_size(self.path)
        self._keep_open = keep_open
        self._descriptor: int | None = None

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset`.

        Raises:
            DataError: the file ends before, has changed its size since it was listed, or cannot be read.
        """
        if not 0 <= offset <= offset + size <= self.size:
            raise DataError(f"ends at byte {self.size}, before byte {offset + size}", where=self.where)
        descriptor = self._descriptor
        if descriptor is None:
            descriptor = open_regular(self.path, self.size, self.where)
            if self._keep_open:
                self._descriptor = descriptor
                weakref.finalize(self, os.close, descriptor)
        try:
            return _read_exactly(descriptor, offset, size, self.where)
        finally:
            if not self._keep_open:
                os.close(descriptor)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_descriptor": None}


def file_size(path: Path) -> int:
    """Return the size of a regular file in bytes.

    Raises:
        DataError: there is no such file, or it is a folder, pipe or device.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise DataError(_cannot("be found", error), where=path) from None
    if not stat.S_ISREG(status.st_mode):
        raise DataError("is not a regular file", where=path)
    return status.st_size


def read_whole(path: Path, size: int) -> bytes:
    """Return the bytes of a regular file that was listed with `size` bytes.

    Raises:
        DataError: it is gone, changed, cannot be read, or became something other than a regular file.
    """
    descriptor = open_regular(path, size, path)
    try:
        return _read_exactly(descriptor, 0, size, path)
    finally:
        os.close(descriptor)


def open_regular(path: Path, size: int, where: Path) -> int:
    """Open a regular file of exactly `size` bytes without ever waiting for a pipe; return its descriptor."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        raise DataError(_cannot("be opened", error), where=where) from None
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size == size:
        return descriptor
    os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise DataError("is not a regular file", where=where)
    raise DataError(
        f"has changed since it was listed: it had {size} bytes and has {status.st_size}",
        where=where,
        remedy="list the source again",
    )


def _read_exactly(descriptor: int, offset: int, size: int, where: Path) -> bytes:
    pieces = []
    try:
        while size:
            piece = _read_at(descriptor, size, offset)
            if not piece:
                raise DataError(f"ends early: {size} bytes are missing at byte {offset}", where=where)
            pieces.append(piece)
            offset, size = offset + len(piece), size - len(piece)
    except OSError as error:
        raise DataError(_cannot("be read", error), where=where) from None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _cannot(verb: str, error: Exception) -> str:
    return f"cannot {verb} ({getattr(error, 'strerror', None) or error})"


def _seek_and_read(descriptor: int, size: int, offset: int) -> bytes:
    with _seeking:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)


_read_at = getattr(os, "pread", _seek_and_read)
