"""One process at a time in a folder."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from alexnet.core import lock
from alexnet.core.errors import StorageError
from alexnet.core.lock import FolderLock

HOLDER = """
import sys
from pathlib import Path
from alexnet.core.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path) -> Iterator[subprocess.Popen]:
    """Another process that holds the lock of `tmp_path` until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_folder_in_use_is_refused_with_the_holder_named(holder, tmp_path):
    with pytest.raises(StorageError, match=rf"in use by another process \(id {holder.pid}\)"):
        FolderLock(tmp_path)


def test_a_killed_holder_gives_the_folder_back(holder, tmp_path):
    holder.kill()
    holder.wait()
    with FolderLock(tmp_path):
        assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_a_released_folder_can_be_held_again(tmp_path):
    with FolderLock(tmp_path), pytest.raises(StorageError, match=f"id {os.getpid()}"):
        FolderLock(tmp_path)
    FolderLock(tmp_path).release()
    with FolderLock(tmp_path):
        pass


def test_a_disk_without_locks_is_not_reported_as_in_use(monkeypatch, tmp_path):
    def refuse(_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_lock", refuse)
    with pytest.raises(StorageError, match="No locks available"):
        FolderLock(tmp_path)


def test_a_missing_folder_cannot_be_held(tmp_path):
    with pytest.raises(StorageError, match="the folder does not exist"):
        FolderLock(tmp_path / "absent")


def test_windows_locks_one_agreed_byte_whatever_the_file_holds(monkeypatch, tmp_path):
    places = []
    fake = SimpleNamespace(LK_NBLCK=2, locking=lambda file, *_: places.append(os.lseek(file, 0, os.SEEK_CUR)))
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    monkeypatch.setattr(lock, "_lock", lock._windows_lock)
    for _ in range(2):
        FolderLock(tmp_path).release()
    assert len(places) == 2 and len(set(places)) == 1
    assert (tmp_path / ".lock").read_text() == str(os.getpid())
