"""The commit protocol when all goes well, under raised errors and with every system call failing once.

One harness (`old_or_new`) decides whether a saver keeps its promise: after any failure the final name holds the old
bytes or the new ones. A saver that writes in place goes through the same harness and must be caught by it.
"""

from __future__ import annotations

import builtins
import errno
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from alexnet.core import files
from alexnet.core.errors import StorageError
from alexnet.core.files import (
    TEMPORARY,
    commit_bytes,
    commit_existing,
    commit_file,
    commit_folder,
    commit_json,
    reserve,
    storage_error,
    verify_folder,
)

OLD, NEW = b"old" * 1000, b"new" * 2000
Saver = Callable[[Path, bytes], None]


def save_in_place(path: Path, data: bytes) -> None:
    """The wrong way, for comparison: no temporary file."""
    with files.open(path, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def save_existing(path: Path, data: bytes) -> None:
    """Commit a file that was written beforehand, as a download is."""
    part = path.with_name("part")
    part.write_bytes(data)
    commit_existing(part, path)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# --- what a commit does when nothing goes wrong


@pytest.mark.parametrize("save", [commit_bytes, save_existing])
@pytest.mark.parametrize("before", [None, OLD])
def test_a_commit_replaces_the_whole_file_and_leaves_nothing_else(tmp_path, save, before):
    path = tmp_path / "weights.bin"
    if before is not None:
        path.write_bytes(before)
    save(path, NEW)
    assert path.read_bytes() == NEW
    assert names(tmp_path) == {"weights.bin"}


def test_the_final_name_shows_nothing_before_the_block_ends(tmp_path):
    path = tmp_path / "log.txt"
    with commit_file(path) as stream:
        stream.write(NEW)
        stream.flush()
        assert not path.exists()
        assert names(tmp_path).pop().startswith(f"{TEMPORARY}{os.getpid()}-")
    assert path.read_bytes() == NEW


def test_json_is_readable_utf8_with_a_final_newline(tmp_path):
    commit_json(tmp_path / "a.json", {"name": "Krizhevský", "values": [1, 2.5]})
    text = (tmp_path / "a.json").read_bytes().decode()
    assert json.loads(text) == {"name": "Krizhevský", "values": [1, 2.5]}
    assert "Krizhevský" in text and text.endswith("}\n") and "\r" not in text


def test_bytes_are_flushed_before_the_rename_and_the_folder_after_it(tmp_path, monkeypatch):
    order = []

    def spy(name: str) -> None:
        real = getattr(os, name)

        def record(*of, **options):
            is_folder = name == "fsync" and stat.S_ISDIR(os.fstat(of[0]).st_mode)
            order.append(f"{name} folder" if is_folder else name)
            return real(*of, **options)

        monkeypatch.setattr(os, name, record)

    for name in ("fsync", "replace", "rename"):
        spy(name)
    commit_bytes(tmp_path / "a", NEW)
    assert order == ["fsync", "replace", "fsync folder"]
    order.clear()
    save_existing(tmp_path / "a", NEW)
    assert order == ["fsync", "replace", "fsync folder"]
    order.clear()
    with commit_folder(tmp_path / "b") as folder:
        (folder / "x").write_bytes(NEW)
    assert order == ["fsync", "fsync", "fsync folder", "rename", "fsync folder"]


# --- errors raised inside the block


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_an_error_in_the_block_keeps_the_old_file(tmp_path, error):
    path = tmp_path / "a"
    path.write_bytes(OLD)
    with pytest.raises(type(error)), commit_file(path) as stream:
        stream.write(NEW)
        raise error
    assert path.read_bytes() == OLD
    assert names(tmp_path) == {"a"}


def test_an_error_in_the_block_makes_no_folder(tmp_path):
    with pytest.raises(ValueError), commit_folder(tmp_path / "b") as folder:
        (folder / "x").write_bytes(NEW)
        raise ValueError
    assert names(tmp_path) == set()


# --- every call to the system fails once


class FailingSystem:
    """Counts the calls that can fail and lets the `at`-th one fail with `number`."""

    def __init__(self, patch: pytest.MonkeyPatch, at: int, number: int):
        self.calls, self.at, self.number = 0, at, number
        for name in ("fsync", "replace", "rename", "open", "mkdir"):
            patch.setattr(os, name, self.counted(getattr(os, name)))
        patch.setattr(files, "open", self.open, raising=False)

    def strike(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise OSError(self.number, os.strerror(self.number))

    def counted(self, real: Callable) -> Callable:
        def call(*of, **options):
            self.strike()
            return real(*of, **options)

        return call

    def open(self, *of, **options):
        self.strike()
        return FailingStream(builtins.open(*of, **options), self)


class FailingStream:
    """A file whose writes are counted; a failing write stores half of its bytes, as a full disk does."""

    def __init__(self, stream, system: FailingSystem):
        self.stream, self.system = stream, system

    def __enter__(self) -> FailingStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def __getattr__(self, name: str):
        return getattr(self.stream, name)

    def write(self, data) -> int:
        try:
            self.system.strike()
        except OSError:
            self.stream.write(data[: len(data) // 2])
            raise
        return self.stream.write(data)


def failures(monkeypatch, number: int, act: Callable[[], None]) -> Iterator[StorageError | None]:
    """Run `act` with its first, second, ... system call failing, until no call is left to fail."""
    for at in range(1, 100):
        with monkeypatch.context() as patch:
            system = FailingSystem(patch, at, number)
            try:
                act()
                error = None
            except StorageError as raised:
                error = raised
            except OSError as raised:
                error = storage_error(raised, "in place")
        yield error
        if system.calls < at:
            return
    raise AssertionError("the act never came to an end")


def old_or_new(monkeypatch, folder: Path, save: Saver, number: int) -> list[bool]:
    """Say for each failing call whether the final name held the old or the new bytes afterwards."""
    path = folder / "a"
    path.write_bytes(OLD)
    kept = []
    for error in failures(monkeypatch, number, lambda: save(path, NEW)):
        held = path.read_bytes()
        kept.append(held == NEW if error is None else held in (OLD, NEW))
        path.write_bytes(OLD)
    return kept


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("save", [commit_bytes, save_existing])
def test_whichever_call_fails_the_file_is_old_or_new(monkeypatch, tmp_path, save, number):
    kept = old_or_new(monkeypatch, tmp_path, save, number)
    assert len(kept) >= 5
    assert all(kept)
    assert not [name for name in names(tmp_path) if name.startswith(TEMPORARY)]


def test_a_saver_without_a_temporary_file_is_caught(monkeypatch, tmp_path):
    assert not all(old_or_new(monkeypatch, tmp_path, save_in_place, errno.ENOSPC))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_whichever_call_fails_the_folder_is_whole_or_absent(monkeypatch, tmp_path, number):
    path = tmp_path / "b"

    def save() -> None:
        with commit_folder(path) as folder:
            (folder / "x").write_bytes(OLD)
            (folder / "deep").mkdir()
            (folder / "deep" / "y").write_bytes(NEW)

    outcomes = []
    for error in failures(monkeypatch, number, save):
        outcomes.append(error)
        assert names(tmp_path) <= {"b"}
        if path.exists():
            verify_folder(path)
            assert (path / "deep" / "y").read_bytes() == NEW
            shutil.rmtree(path)
        else:
            assert error is not None
    assert len(outcomes) >= 10 and outcomes[-1] is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_failure_is_a_storage_error_that_names_the_final_file(monkeypatch, tmp_path, number):
    meaning = {errno.ENOSPC: "the disk is full", errno.EACCES: "no permission to write here"}[number]
    errors = list(failures(monkeypatch, number, lambda: commit_bytes(tmp_path / "a", NEW)))
    assert errors[-1] is None
    for error in errors[:-1]:
        assert error.what == meaning and error.where == str(tmp_path / "a")


def test_a_missing_folder_is_named_not_made(tmp_path):
    with pytest.raises(StorageError, match="the folder does not exist"):
        commit_bytes(tmp_path / "no" / "a", NEW)
    with pytest.raises(StorageError, match="the folder does not exist"), commit_folder(tmp_path / "no" / "b"):
        pass
    assert names(tmp_path) == set()


def test_an_existing_folder_is_never_replaced(tmp_path):
    (tmp_path / "b").mkdir()
    with pytest.raises(StorageError, match="already exists"), commit_folder(tmp_path / "b"):
        pass
    assert names(tmp_path) == {"b"}


def test_space_is_checked_before_the_first_byte(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1999))
    with pytest.raises(StorageError, match=r"needs 2\.0 kB and the disk has 2\.0 kB free"):
        commit_bytes(tmp_path / "a", b"x" * 2000)
    assert names(tmp_path) == set()
    reserve(tmp_path, 1999)
    reserve(tmp_path, 0)
