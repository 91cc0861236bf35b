"""Archives, told apart by their content and opened as trees without extracting anything."""

from __future__ import annotations

from pathlib import Path

from alexnet.core.errors import DataError
from alexnet.data.sources.inflate import first_bytes, inflate
from alexnet.data.sources.span import SpanFile, file_size
from alexnet.data.sources.tar import BLOCK, is_tar_header, open_tar
from alexnet.data.sources.tree import FolderTree, Tree
from alexnet.data.sources.zip import ZipTree

GZIP = b"\x1f\x8b"
_ZIP = (b"PK\3\4", b"PK\5\6")


def archive_kind(path: Path) -> str | None:
    """Return "tar", "tar.gz" or "zip" for a file that is one, or that is named like one; else None.

    Raises:
        DataError: it is not a regular file, or cannot be read.
    """
    file_size(path)
    try:
        with open(path, "rb") as stream:
            start = stream.read(BLOCK)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", where=path) from None
    name = path.name.lower()
    if start.startswith(_ZIP) or name.endswith(".zip"):
        return "zip"
    if name.endswith((".tar.gz", ".tgz")) or (
        start.startswith(GZIP) and is_tar_header(first_bytes(path, BLOCK))
    ):
        return "tar.gz"
    return "tar" if name.endswith(".tar") or is_tar_header(start) else None


def open_tree(path: Path, work_folder: Path | None = None) -> Tree:
    """Return what a folder or an archive holds, as a tree.

    Args:
        path: A folder, a tar (plain or gzipped) or a zip.
        work_folder: Where a gzipped tar is inflated to; the system's temporary folder when left out.

    Raises:
        DataError: the file is not an archive of a known kind, or is cut, damaged or hostile.
        StorageError: no room for the inflated copy.
    """
    if path.is_dir():
        return FolderTree(path)
    kind = archive_kind(path)
    if kind == "zip":
        return ZipTree(path)
    if kind == "tar":
        return open_tar(SpanFile(path), path)
    if kind == "tar.gz":
        copy = inflate(path, work_folder)
        return open_tar(SpanFile(copy.path, where=path, owner=copy), path)
    raise DataError(
        "is not an archive that can be read", where=path, remedy="tar, tar.gz and zip are understood"
    )
