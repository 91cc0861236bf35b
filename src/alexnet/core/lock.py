"""Exclusive use of a folder by one process."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

from alexnet.core.errors import StorageError
from alexnet.core.files import explained, storage_error


class FolderLock:
    """Exclusive use of one folder by one process, released by the system when the process ends.

    Raises:
        StorageError: another process holds the folder; names its id.
    """

    def __init__(self, folder: Path):
        self.path = Path(folder) / ".lock"
        with explained(self.path):
            self._stream = open(self.path, "a+", encoding="utf-8")  # noqa: SIM115 - held as long as the lock
        try:
            _lock(self._stream.fileno())
        except OSError as error:
            self._stream.seek(0)
            holder = self._stream.read().strip() or "unknown"
            self._stream.close()
            if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                raise storage_error(error, self.path) from error
            raise StorageError(
                f"is in use by another process (id {holder})", where=folder, remedy="wait for it or stop it"
            ) from None
        with explained(self.path):
            self._stream.seek(0)
            self._stream.truncate()
            self._stream.write(str(os.getpid()))
            self._stream.flush()

    def release(self) -> None:
        """Give the folder back; a disk that fails now can only lose the holder's number, which has served."""
        with contextlib.suppress(OSError):
            self._stream.close()

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _windows_lock(descriptor: int) -> None:
    import msvcrt

    os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # one agreed byte, past the text that others may read
    msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)


def _posix_lock(descriptor: int) -> None:
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_lock: Callable[[int], None] = _windows_lock if sys.platform == "win32" else _posix_lock
