"""Pictures named in a CSV file: a path and a label a line."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from alexnet.core.errors import DataError
from alexnet.data.source import SourceInfo
from alexnet.data.sources.classes import ClassTable, check_val_classes
from alexnet.data.sources.holdout import with_held_out
from alexnet.data.sources.layout import TRAIN, VAL_NAMES
from alexnet.data.sources.listing import by_class
from alexnet.data.sources.members import Members, text_of
from alexnet.data.sources.options import SourceOptions
from alexnet.data.sources.picture_source import PictureSource
from alexnet.data.sources.span import file_size
from alexnet.data.sources.tree import FolderTree

COLUMNS = ["path", "label"]
LONGEST_LINE = 1 << 16


def open_csv(path: Path, options: SourceOptions | None = None) -> PictureSource:
    """Open the pictures that a CSV file lists under the header `path,label` or `path,label,split`.

    Relative paths start at the CSV's folder and must stay in it; absolute ones are taken as they are. Classes
    are ordered as folders are, by the bytes of their NFC form, except that labels which are all whole numbers
    are ordered as numbers. The third column says `train` or `val` (or another of `layout.VAL_NAMES`, the first
    of them that is met being used); without it a part is set aside by `options`.

    Raises:
        DataError: names the line that cannot be used: a missing picture, a path that leads outside, a wrong
            number of fields, an unknown split, a line of more than 65,536 characters.
    """
    options = options or SourceOptions()
    file_size(path)
    tree = FolderTree(path.parent, Members())
    tables, ignored = _read_rows(path, tree.members), Counter[str]()
    train = tables.pop(TRAIN, ClassTable(path, TRAIN))
    val_name = next((name for name in VAL_NAMES if name in tables), None)
    val = tables.pop(val_name) if val_name else None
    for name, table in tables.items():
        ignored[f"pictures of the split {name}"] += len(table.members)
    if (name := tree.members.repeated(range(len(tree.members)))) is not None:
        raise DataError(f"names {name} twice", where=path)
    order = _ordered(train.keys)
    classes = tuple(text_of(key) for key in order)
    listing = by_class(tree, train.picks(), train.labels(order))
    if val is not None:
        check_val_classes(order, val.keys, path)
        splits = {"train": listing, "val": by_class(tree, val.picks(), val.labels(order))}
    else:
        splits = with_held_out(listing, classes, options)
    info = SourceInfo(kind="csv", path=str(path), classes=classes, class_names=classes)
    return PictureSource(info, splits, dict(ignored))


def is_list(path: Path) -> bool:
    """Say whether a file begins with the header of a list of pictures."""
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            return _columns(stream.readline(LONGEST_LINE)) is not None
    except OSError:
        return False


def _columns(header: str) -> int | None:
    """Return the number of columns of a header line, or None when it is not one."""
    names = [name.strip().lower() for name in header.strip().split(",")]
    return len(names) if names in (COLUMNS, [*COLUMNS, "split"]) else None


def _read_rows(path: Path, members: Members) -> dict[str, ClassTable]:
    root = path.parent.resolve()
    tables: dict[str, ClassTable] = {}
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        columns = _columns(stream.readline(LONGEST_LINE))
        if columns is None:
            raise DataError("does not begin with the header path,label or path,label,split", where=path)
        reader = csv.reader(_lines(stream, path), strict=True)
        try:
            for row in reader:
                where = f"{path}, line {reader.line_num + 1}"
                if row:
                    name, label, split = _fields(row, columns, where)
                    raw = name.encode("utf-8", "surrogateescape")
                    table = tables.setdefault(split, ClassTable(path, split))
                    table.add(label.encode("utf-8", "surrogateescape"), len(members))
                    members.add(raw, 0, _picture_size(os.fsdecode(raw), root, where))
        except csv.Error as error:
            raise DataError(
                f"cannot be read as CSV ({error})", where=f"{path}, line {reader.line_num + 1}"
            ) from None
    return tables


def _lines(stream: TextIO, path: Path) -> Iterator[str]:
    while line := stream.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise DataError(f"has a line of more than {LONGEST_LINE} characters", where=path)
        yield line


def _fields(row: list[str], columns: int, where: str) -> tuple[str, str, str]:
    if len(row) != columns:
        raise DataError(f"has {len(row)} fields where the header has {columns}", where=where)
    name, label, split = (*row, TRAIN)[:3]
    label, split = label.strip(), split.strip().lower()
    if not name or not label or "\0" in name + label:
        raise DataError("has an empty or impossible path or label", where=where)
    if split not in (TRAIN, *VAL_NAMES):
        raise DataError(f"names the split {split!r}", where=where, remedy="use train or val")
    return name, label, split


def _picture_size(name: str, root: Path, where: str) -> int:
    path = root / name
    if not Path(name).is_absolute() and not path.resolve().is_relative_to(root):
        raise DataError(
            f"names {name}, outside the list's folder", where=where, remedy="write an absolute path"
        )
    try:
        return file_size(path)
    except DataError as error:
        raise DataError(f"names {name}, which {error.what}", where=where) from None


def _ordered(keys: dict[bytes, int]) -> list[bytes]:
    numbers = all(key.isdigit() and (key == b"0" or not key.startswith(b"0")) and len(key) < 10 for key in keys)
    return sorted(keys, key=int) if numbers else sorted(keys)
