"""What kind of source a path is, found from its content."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from alexnet.core.errors import DataError, UsageError
from alexnet.data.source import Source
from alexnet.data.sources.archive import archive_kind, open_tree
from alexnet.data.sources.cifar import cifar_source, files_of, form_of, open_cifar
from alexnet.data.sources.csv_list import is_list, open_csv
from alexnet.data.sources.folder import folder_source, open_folder
from alexnet.data.sources.idx import is_idx, open_idx
from alexnet.data.sources.ilsvrc import edition_of, open_ilsvrc2010, open_ilsvrc2012
from alexnet.data.sources.options import SourceOptions
from alexnet.data.sources.parquet import MARK, open_parquet, shards_in

Opener = Callable[[Path, SourceOptions], Source]

FORMATS: dict[str, Opener] = {
    "folder": open_folder,
    "csv": open_csv,
    "ilsvrc2012": open_ilsvrc2012,
    "ilsvrc2010": open_ilsvrc2010,
    "cifar": open_cifar,
    "idx": open_idx,
    "parquet": open_parquet,
}
UNDERSTOOD = (
    "class folders, a tar or zip of them, a CSV of path,label, ImageNet's archives, CIFAR, idx, parquet"
)


def open_source(
    where: str | Path,
    *,
    format: str | None = None,
    val_fraction: float = 0.1,
    seed: int = 0,
    subset: bool = False,
    work_folder: Path | None = None,
) -> Source:
    """Open the pictures at a path, whatever form they are in.

    Args:
        where: A folder or a file.
        format: A key of `FORMATS`, to say the kind instead of having it recognized.
        val_fraction: Part of each class set aside as `val` where the source has no `val`.
        seed: Seed of that choice.
        subset: Accept a part of a data set whose full size is known.
        work_folder: Where compressed archives are inflated to; the system's temporary folder when None.

    Raises:
        DataError: nothing is there, it is of no known kind, or it cannot be used.
        UsageError: `format` or `val_fraction` cannot mean anything, or an optional package is missing.
        StorageError: no room for an inflated copy.
    """
    options = SourceOptions(val_fraction=val_fraction, seed=seed, subset=subset, work_folder=work_folder)
    if format is not None and format not in FORMATS:
        close = difflib.get_close_matches(format, FORMATS, 1)
        remedy = f"did you mean {close[0]}?" if close else f"known are {', '.join(FORMATS)}"
        raise UsageError(f"unknown format {format!r}", remedy=remedy)
    path = Path(where).expanduser()
    _check_exists(path)
    try:
        if format is not None:
            return FORMATS[format](path, options)
        return _open_folder(path, options) if path.is_dir() else _open_file(path, options)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", where=error.filename or path) from error


def _check_exists(path: Path) -> None:
    try:
        if path.exists():
            return
        names = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        names = []
    close = difflib.get_close_matches(path.name, names, 1)
    remedy = f"did you mean {path.parent / close[0]}?" if close else None
    raise DataError("does not exist", where=path, remedy=remedy)


def _open_folder(path: Path, options: SourceOptions) -> Source:
    entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    if not entries:
        raise DataError("is empty", where=path)
    names = [entry.name for entry in entries]
    files = [entry for entry in entries if entry.is_file()]
    file_names = [file.name for file in files]
    if (edition := edition_of(names)) is not None:
        return FORMATS[edition.kind](path, options)
    if form_of(file_names) is not None:
        return open_cifar(path, options)
    if is_idx(file_names):
        return open_idx(path, options)
    if shards_in(path):
        return open_parquet(path, options)
    if len(files) == len(entries):
        return _open_only(path, files, options)
    return open_folder(path, options)


def _open_only(path: Path, files: list[Path], options: SourceOptions) -> Source:
    """Open the one archive or list among the files of a folder without sub-folders."""
    sources = [file for file in files if archive_kind(file) or is_list(file)]
    if len(sources) == 1:
        return _open_file(sources[0], options)
    if sources:
        names = ", ".join(file.name for file in sources[:5])
        raise DataError(f"holds several sources ({names})", where=path, remedy="name one of them")
    raise DataError(f"holds {len(files)} files and no source", where=path, remedy=f"looked for {UNDERSTOOD}")


def _open_file(path: Path, options: SourceOptions) -> Source:
    if (edition := edition_of([path.name])) is not None:
        return FORMATS[edition.kind](path.parent, options)
    if is_idx([path.name]):
        return open_idx(path, options)
    if archive_kind(path):
        tree = open_tree(path, options.work_folder)
        return cifar_source(tree, options) if form_of(files_of(tree)) else folder_source(tree, options)
    if _starts_with(path, MARK):
        return open_parquet(path, options)
    if is_list(path):
        return open_csv(path, options)
    raise DataError("is of no known kind", where=path, remedy=f"looked for {UNDERSTOOD}")


def _starts_with(path: Path, mark: bytes) -> bool:
    with open(path, "rb") as stream:
        return stream.read(len(mark)) == mark
