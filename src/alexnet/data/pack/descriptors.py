"""A bounded number of open files, read at any offset by any thread."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from alexnet.core.errors import DataError
from alexnet.data.pack.format import RESTORE

MAX_OPEN = 64
"""Files that stay open where the system does not say how many may."""
CAN_READ_AT = hasattr(os, "pread")
"""Whether several threads can read one file at different places."""


class OpenFile:
    """A descriptor, the number of threads that use it now, and the lock of systems that must seek."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor
        self.users = 0
        self.seeking = threading.Lock()


class Descriptors:
    """Keeps the most recently used of a list of files open; the others are opened when they are read.

    Args:
        paths: The files; known by their position from here on.
    """

    def __init__(self, paths: list[Path]):
        self._paths = paths
        self.limit = granted(len(paths))
        """The number of files that stay open."""
        self._lock = threading.Lock()
        self._open: OrderedDict[int, OpenFile] = OrderedDict()
        self._kept = np.full(len(paths), -1, np.int32)
        self._finalizer = weakref.finalize(self, _close_all, self._open)

    @contextlib.contextmanager
    def use(self, *numbers: int) -> Iterator[list[OpenFile]]:
        """Yield the open files `numbers`, which stay open for the length of the block.

        Raises:
            DataError: one is gone or cannot be opened.
        """
        with self._lock:
            files = [self._get(number) for number in numbers]
            for file in files:
                file.users += 1
        try:
            yield files
        finally:
            with self._lock:
                for file in files:
                    file.users -= 1
                self._close_idle()

    @contextlib.contextmanager
    def numbers(self, files: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the descriptors, int32 (n,), of files given as int64 (n,), which stay open as with `use`.

        Raises:
            DataError: one is gone or cannot be opened.
        """
        if self.limit < len(self._paths):
            different, place = np.unique(files, return_inverse=True)
            with self.use(*different.tolist()) as opened:
                yield np.array([file.descriptor for file in opened], np.int32)[place]
            return
        # None is ever closed: nobody has to count who uses it.
        missing = np.unique(files[self._kept[files] < 0]).tolist()
        if missing:
            with self._lock:
                self._kept[missing] = [self._get(file).descriptor for file in missing]
        yield self._kept[files]

    def close(self) -> None:
        """Close all files; reading opens them again."""
        with self._lock:
            self._kept[:] = -1
            _close_all(self._open)

    def __len__(self) -> int:
        return len(self._open)

    def _get(self, number: int) -> OpenFile:
        file = self._open.get(number)
        if file is None:
            file = self._open[number] = OpenFile(self._opened(self._paths[number]))
        self._open.move_to_end(number)
        return file

    def _opened(self, path: Path) -> int:
        try:
            return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
        except OSError as error:
            remedy = (
                RESTORE
                if isinstance(error, FileNotFoundError)
                else "check the disk and the limit of open files"
            )
            raise DataError(f"cannot be opened: {error.strerror}", where=path, remedy=remedy) from None

    def _close_idle(self) -> None:
        if (excess := len(self._open) - self.limit) > 0:
            for number in [number for number, file in self._open.items() if not file.users][:excess]:
                os.close(self._open.pop(number).descriptor)


def granted(count: int) -> int:
    """Return how many of `count` files may stay open, and ask the system for twice as many where it allows fewer.

    A batch of ImageNet's training pictures lies in some nine hundred of 3,800 shards: opening them costs as much as
    reading. The soft limit is there for programs that call select(), which nothing here does.
    """
    try:
        import resource
    except ImportError:
        return min(count, MAX_OPEN)
    soft, hard = (
        sys.maxsize if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    if (wanted := min(2 * count, hard)) > soft:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
            soft = wanted
    return min(count, max(MAX_OPEN, soft // 2))


def read_into(file: OpenFile, buffer: memoryview, offset: int) -> int:
    """Fill `buffer` from `offset` of the file; return the bytes read, fewer only at its end.

    Raises:
        OSError: the device failed.
    """
    done = 0
    while done < len(buffer):
        if (count := _read_some(file, buffer[done:], offset + done)) == 0:
            break
        done += count
    return done


def _read_at(file: OpenFile, buffer: memoryview, offset: int) -> int:
    return os.preadv(file.descriptor, [buffer], offset)


def _seek_and_read(file: OpenFile, buffer: memoryview, offset: int) -> int:
    with file.seeking:
        os.lseek(file.descriptor, offset, os.SEEK_SET)
        data = os.read(file.descriptor, len(buffer))
    buffer[: len(data)] = data
    return len(data)


_read_some = _read_at if hasattr(os, "preadv") else _seek_and_read


def _close_all(files: OrderedDict[int, OpenFile]) -> None:
    while files:
        os.close(files.popitem()[1].descriptor)
