"""Fetch public datasets: received, resumed, verified, then committed.

Only bytes with the known size and SHA-256 reach a file's final name; `alexnet.data.transfer` says how they come.
Archives are not unpacked: the sources read them as they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alexnet.core.cache import downloads_folder
from alexnet.core.errors import DataError
from alexnet.core.files import commit_existing, sha256, storage_error
from alexnet.core.lock import FolderLock
from alexnet.data.known import RemoteFile, known_dataset
from alexnet.data.transfer import PartialFile, TransferError, receive


@dataclass(frozen=True)
class DownloadProgress:
    """How far one file is."""

    file: str
    """The file's name."""
    done: int
    """Bytes received, those of earlier attempts included."""
    total: int
    """Bytes of the whole file."""


@dataclass(frozen=True)
class Patience:
    """How long to put up with a bad connection."""

    attempts: int = 4
    """Tries at each address; the waits between them are 1, 2, 4, ... seconds."""
    timeout: float = 30.0
    """Seconds without an answer or without a byte after which a connection counts as cut."""
    wait: Callable[[float], object] = time.sleep
    """What waits that many seconds."""


Progress = Callable[[DownloadProgress], object]
PATIENCE = Patience()


def download(
    name: str,
    folder: Path | None = None,
    *,
    progress: Progress = lambda _: None,
    patience: Patience = PATIENCE,
) -> Path:
    """Fetch a public dataset, or find it already fetched, and return what to open.

    A download that was cut or stopped is continued by the next call.

    Args:
        name: A name in `alexnet.data.known`.
        folder: Where the dataset's own folder is put; the downloads folder of the cache when None.
        progress: Called at the start of a file and after every piece of it.
        patience: Time-outs and attempts.

    Returns:
        The archive, or the folder `<folder>/<name>` of a dataset of several files.

    Raises:
        UsageError: there is no such dataset.
        DataError: the server cannot be reached or does not have the file, or a file has other bytes than known.
        StorageError: the disk is full or unwritable, or another process is downloading the same dataset.
    """
    dataset = known_dataset(name)
    home = (Path(folder) if folder is not None else downloads_folder()) / dataset.name
    try:
        if not all(_is_present(home / file.name, file) for file in dataset.files):
            home.mkdir(parents=True, exist_ok=True)
            with FolderLock(home):
                for file in dataset.files:
                    if not _is_present(home / file.name, file):
                        _fetch(file, home / file.name, progress, patience)
    except OSError as error:
        raise storage_error(error, home) from error
    return home / dataset.files[0].name if len(dataset.files) == 1 else home


def _is_present(path: Path, file: RemoteFile) -> bool:
    if not path.exists():
        return False
    if (size := path.stat().st_size) != file.size or sha256(path) != file.sha256:
        found = f"{size} bytes, not {file.size}" if size != file.size else f"another SHA-256 than {file.sha256}"
        raise DataError(
            f"is not the known file of this name: it has {found}",
            where=path,
            remedy="move it away and run the same command again",
        )
    return True


def _fetch(file: RemoteFile, path: Path, progress: Progress, patience: Patience) -> None:
    part = PartialFile(path, file.size)
    begun, _ = part.origin()
    for url in sorted(file.urls, key=lambda url: url != begun):
        for attempt in range(patience.attempts):
            if attempt:
                patience.wait(2.0 ** (attempt - 1))
            try:
                receive(
                    url,
                    part,
                    progress=lambda done: progress(DownloadProgress(file.name, done, file.size)),
                    timeout=patience.timeout,
                )
                return _commit(file, part, path)
            except TransferError as error:
                failure = error
            if not failure.again:
                break
    raise DataError(
        str(failure),
        where=url,
        remedy=f"run the same command again, or fetch the file by other means and save it as {path}",
    )


def _commit(file: RemoteFile, part: PartialFile, path: Path) -> None:
    if (found := sha256(part.path)) != file.sha256:
        part.discard()
        raise DataError(
            f"came with SHA-256 {found}, not the known {file.sha256}, and was removed",
            where=path,
            remedy="run the same command again; if it repeats, the file on the server has changed",
        )
    commit_existing(part.path, path)
    part.discard()
