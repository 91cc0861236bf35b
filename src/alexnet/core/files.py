"""The one way anything reaches its final name on disk.

Protocol (`docs/commit-protocol.md`): reserve the space, write beside the target under a temporary name,
flush the bytes, rename, flush the folder. A power cut or a kill at any point leaves the old state or the
new one, never neither. Only this module renames files into place.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from alexnet.core.errors import CheckpointError, StorageError

TEMPORARY = ".tmp-"
MANIFEST = "MANIFEST.json"


@contextlib.contextmanager
def commit_file(path: Path, size: int = 0) -> Iterator[BinaryIO]:
    """Open a temporary file that becomes `path`, durably, when the block ends without an error.

    Args:
        path: Final name; an existing file is replaced in one step.
        size: Expected bytes; when positive, the space is checked before the first byte is written.

    Raises:
        StorageError: disk full, no permission, or the device failed; `path` is untouched.
    """
    path = Path(path)
    temporary = _temporary_name(path)
    with explained(path):
        reserve(path.parent, size)
        try:
            with open(temporary, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
            sync_folder(path.parent)
        except BaseException:
            discard(temporary)
            raise


def commit_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` durably, in one step."""
    with commit_file(path, len(data)) as stream:
        stream.write(data)


def commit_json(path: Path, value: object) -> None:
    """Write `value` as indented UTF-8 JSON to `path` durably, in one step."""
    commit_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def commit_existing(temporary: Path, path: Path) -> None:
    """Make `temporary`, a finished file on the same disk, become `path` durably, in one step.

    Raises:
        StorageError: no permission, or the device failed; `path` is the old file or the new one.
    """
    with explained(path):
        _sync_file(temporary)
        os.replace(temporary, path)
        sync_folder(path.parent)


@contextlib.contextmanager
def commit_folder(path: Path, size: int = 0) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path`, durably, when the block ends without an error.

    Every file written in it is flushed and listed with its size and SHA-256 in `MANIFEST.json`, which is
    written last. `path` must not exist: folders are never replaced in place.

    Raises:
        StorageError: disk full, no permission, the device failed, or `path` exists; nothing is left behind.
    """
    path = Path(path)
    temporary = _temporary_name(path)
    with explained(path):
        if path.exists():
            raise StorageError("already exists", where=path, remedy="choose another name or remove it")
        reserve(path.parent, size)
        try:
            temporary.mkdir()
            yield temporary
            entries = {}
            for file in sorted(p for p in temporary.rglob("*") if p.is_file()):
                _sync_file(file)
                entries[file.relative_to(temporary).as_posix()] = {
                    "size": file.stat().st_size,
                    "sha256": sha256(file),
                }
            with open(temporary / MANIFEST, "w", encoding="utf-8", newline="\n") as stream:
                json.dump({"files": entries}, stream, indent=2)
                stream.flush()
                os.fsync(stream.fileno())
            for folder in (*(p for p in temporary.rglob("*") if p.is_dir()), temporary):
                sync_folder(folder)
            os.rename(temporary, path)
            sync_folder(path.parent)
        except BaseException:
            discard(temporary)
            raise


def verify_folder(path: Path) -> None:
    """Check a committed folder against its manifest.

    Raises:
        CheckpointError: the manifest or a file is missing, or a file's size or SHA-256 differs; names the file.
    """
    try:
        entries = json.loads((path / MANIFEST).read_text(encoding="utf-8"))["files"]
        for name, entry in entries.items():
            file = path / name
            if any(part in ("", ".", "..") or os.path.basename(part) != part for part in name.split("/")):
                raise CheckpointError("holds a file name that is not plain", where=path / MANIFEST)
            if not file.is_file():
                raise CheckpointError("is missing", where=file)
            if file.stat().st_size != entry["size"] or sha256(file) != entry["sha256"]:
                raise CheckpointError("is damaged: its bytes differ from the manifest's", where=file)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"is not a complete folder ({error})", where=path) from None


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def reserve(folder: Path, size: int) -> None:
    """Refuse before writing when `folder`'s disk has fewer than `size` free bytes.

    Raises:
        StorageError: names the bytes needed and the bytes free.
    """
    if size and (free := shutil.disk_usage(folder).free) < size:
        raise StorageError(
            f"needs {human_bytes(size)} and the disk has {human_bytes(free)} free",
            where=folder,
            remedy="free some space or choose another disk",
        )


def remove_leftovers(folder: Path) -> list[Path]:
    """Remove temporary files and folders whose writer no longer runs; return what was removed."""
    removed = []
    for path in sorted(folder.glob(f"{TEMPORARY}*")) if folder.is_dir() else ():
        owner = path.name.removeprefix(TEMPORARY).split("-")[0]
        if not (owner.isdecimal() and process_runs(int(owner))):
            discard(path)
            removed.append(path)
    return removed


def process_runs(pid: int) -> bool:
    """Say whether a process with this id exists on this machine."""
    if pid == os.getpid():
        return True
    if sys.platform == "win32":
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError) as error:
        return isinstance(error, PermissionError)
    return True


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, where the system can (Windows cannot and need not)."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def human_bytes(size: float) -> str:
    """Return `size` in decimal units, e.g. "1.3 GB"."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if round(size, 1) < 1000 or unit == "TB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def storage_error(error: OSError, where: object) -> StorageError:
    """Return what an operating system error means to a person, for the file or folder it concerns."""
    meanings: dict[int | None, tuple[str, str]] = {
        errno.ENOSPC: ("the disk is full", "free some space and run the same command again"),
        errno.EDQUOT: ("your disk quota is used up", "free some space and run the same command again"),
        errno.EACCES: ("no permission to write here", "choose a folder you may write to"),
        errno.EPERM: ("no permission to write here", "choose a folder you may write to"),
        errno.EROFS: ("the disk is read-only", "choose another folder"),
        errno.ENOENT: ("the folder does not exist", "create it first"),
        errno.ENOTDIR: ("a part of the path is a file", "choose another path"),
    }
    what, remedy = meanings.get(error.errno, (f"the system says: {error.strerror or error}", "check the disk"))
    return StorageError(what, where=where, remedy=remedy)


@contextlib.contextmanager
def explained(where: Path) -> Iterator[None]:
    """Turn an error of the system inside the block into a StorageError that names `where`."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, where) from error


def _temporary_name(path: Path) -> Path:
    return path.parent / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}"


def _sync_file(path: Path) -> None:
    with open(path, "rb+") as stream:
        os.fsync(stream.fileno())


def discard(path: Path) -> None:
    """Remove a file or a folder, as far as the system lets it."""
    with contextlib.suppress(OSError):  # rmtree raises where a close fails, whatever it is told to ignore
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
