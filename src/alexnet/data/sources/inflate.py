"""Gzip files, inflated once to a temporary copy that is read by position."""

from __future__ import annotations

import contextlib
import gzip
import os
import secrets
import tempfile
import weakref
import zlib
from pathlib import Path

from alexnet.core.errors import DataError
from alexnet.core.files import TEMPORARY, reserve, storage_error
from alexnet.data.sources.span import file_size

GROWTH = 200
_HARMLESS = 1 << 20
_CHUNK = 1 << 20
_STRIDE = 64 << 20


class TemporaryCopy:
    """A temporary file, removed when its owner is closed, collected or exits.

    A pickled copy, or the one in a forked process, only knows the path and never removes the file. Its name is
    one that `alexnet.core.files.remove_leftovers` clears after a crash.
    """

    def __init__(self, folder: Path):
        self.path = folder / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}"
        self._finalizer = weakref.finalize(self, _remove, self.path, os.getpid())

    def close(self) -> None:
        """Remove the file now."""
        self._finalizer()

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path}


def inflate(path: Path, folder: Path | None = None) -> TemporaryCopy:
    """Inflate a gzip file as a stream into a temporary file.

    Args:
        path: The gzip file; several members in a row are allowed, other bytes after them are not.
        folder: Where the copy goes; the system's temporary folder when left out.

    Raises:
        DataError: the file is cut, damaged, or grows more than 200-fold.
        StorageError: the disk is full or cannot be written.
    """
    packed = file_size(path)
    copy = TemporaryCopy(Path(folder or tempfile.gettempdir()))
    try:
        _inflate(path, packed, copy.path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        copy.close()
        raise DataError(f"the archive is cut or damaged ({error})", where=path) from None
    except OSError as error:
        copy.close()
        raise storage_error(error, copy.path.parent) from error
    except BaseException:
        copy.close()
        raise
    return copy


def first_bytes(path: Path, count: int) -> bytes:
    """Return up to `count` bytes from the start of a gzip file's content; nothing if it is not one."""
    try:
        with gzip.open(path) as stream:
            return stream.read(count)
    except (EOFError, zlib.error, OSError):
        return b""


def is_bomb(packed: int, size: int) -> bool:
    """Say whether `packed` bytes grow to suspiciously many: more than 200-fold, beyond the first megabyte."""
    return size > max(_HARMLESS, GROWTH * packed)


def _inflate(path: Path, packed: int, target: Path) -> None:
    written = reserved = 0
    with gzip.open(path) as source, open(target, "xb") as stream:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if is_bomb(packed, written):
                raise DataError(f"grows more than {GROWTH}-fold when inflated", where=path)
            if written > reserved:
                reserve(target.parent, _STRIDE)
                reserved += _STRIDE
            stream.write(chunk)


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:
        with contextlib.suppress(OSError):
            path.unlink()
