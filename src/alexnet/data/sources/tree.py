"""Named files in one place, whatever the place is: a folder, a tar, a zip."""

from __future__ import annotations

import os
import stat
from array import array
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from alexnet.core.errors import DataError
from alexnet.data.sources.members import Members
from alexnet.data.sources.span import SpanFile, read_whole


class Tree(Protocol):
    """Named files in one place. Picklable; reads lazily in each process."""

    path: Path
    """The folder or archive, for messages."""
    members: Members
    """Its regular files and folders."""
    ignored: Counter[str]
    """How many of its entries were passed over, by reason: links, devices, names that lead outside."""

    def read(self, index: int) -> bytes:
        """Return one member's bytes.

        Raises:
            DataError: the member is no longer what the listing said.
        """
        ...

    def span(self, index: int) -> tuple[SpanFile, int]:
        """Return the file that holds a member's bytes as they are, and the position of the first one.

        Raises:
            DataError: the place keeps its members compressed.
        """
        ...


class SpanTree:
    """Members that are spans of one file, or of several: plain tar archives.

    Args:
        path: What messages call the place.
        files: The containers.
        members: Positions are in the containers.
        holders: Container number of each member; all zero when left out.
    """

    def __init__(
        self, path: Path, files: Sequence[SpanFile], members: Members, *, holders: array | None = None
    ):
        self.path = path
        self.members = members
        self.ignored: Counter[str] = Counter()
        self._files = tuple(files)
        self._holders = holders

    def read(self, index: int) -> bytes:
        """Return one member's bytes."""
        file, offset = self.span(index)
        return file.read(offset, self.members.sizes[index])

    def span(self, index: int) -> tuple[SpanFile, int]:
        """Return a member's container and the position of its first byte."""
        holder = self._holders[index] if self._holders is not None else 0
        return self._files[holder], self.members.offsets[index]


class FolderTree:
    """The regular files under a folder, found by walking it, or those of a given list.

    Links are followed while they stay inside the folder and are not inside a linked folder themselves, so that
    a loop ends at its first turn. Pipes, sockets and devices are never opened.

    Args:
        root: The folder.
        members: Files to hold instead of walking; names are relative to `root` or absolute.
    """

    def __init__(self, root: Path, members: Members | None = None):
        self.path = Path(root)
        self.ignored: Counter[str] = Counter()
        self._root = os.fsencode(os.path.realpath(root))
        self.members = self._walk() if members is None else members

    def read(self, index: int) -> bytes:
        """Return one file's bytes."""
        return read_whole(self._path(index), self.members.sizes[index])

    def span(self, index: int) -> tuple[SpanFile, int]:
        """Return the file itself, and 0."""
        return SpanFile(self._path(index)), 0

    def _path(self, index: int) -> Path:
        return Path(os.fsdecode(os.path.join(self._root, self.members.raw(index))))

    def _walk(self) -> Members:
        members = Members()
        folders = [_Folder(b"", self._root, False)]
        while folders:
            folder = folders.pop()
            for entry in _entries(folder.real):
                met = self._meet(entry, folder)
                if isinstance(met, _Folder):
                    members.add(met.name, 0, 0)
                    folders.append(met)
                elif met is not None:
                    members.add(folder.name + entry.name, 0, met)
        return members

    def _meet(self, entry: os.DirEntry[bytes], folder: _Folder) -> _Folder | int | None:
        """Return what an entry leads to: a folder to walk, the size of a file, or None after counting it."""
        name = folder.name + entry.name + b"/"
        if entry.is_symlink():
            return self._follow(entry, name, folder)
        if entry.is_dir(follow_symlinks=False):
            return _Folder(name, entry.path, folder.linked)
        if entry.is_file(follow_symlinks=False):
            return entry.stat(follow_symlinks=False).st_size
        self.ignored["pipes, sockets and devices"] += 1
        return None

    def _follow(self, entry: os.DirEntry[bytes], name: bytes, folder: _Folder) -> _Folder | int | None:
        target = os.path.realpath(entry.path)
        try:
            status = os.stat(target)
        except OSError:
            self.ignored["broken links"] += 1
            return None
        if not _inside(target, self._root):
            self.ignored["links that lead outside"] += 1
        elif stat.S_ISREG(status.st_mode):
            return status.st_size
        elif not stat.S_ISDIR(status.st_mode):
            self.ignored["pipes, sockets and devices"] += 1
        elif folder.linked or _inside(folder.real, target):
            self.ignored["links that loop or are inside linked folders"] += 1
        else:
            return _Folder(name, target, True)
        return None


class _Folder(NamedTuple):
    name: bytes
    real: bytes
    linked: bool


def _entries(folder: bytes) -> list[os.DirEntry[bytes]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"cannot be listed ({error.strerror or error})", where=os.fsdecode(folder)) from None


def _inside(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.fsencode(os.sep)) + os.fsencode(os.sep))
