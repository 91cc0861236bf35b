"""Training pictures kept as one tar a class, inside one more tar or in a folder."""

from __future__ import annotations

from array import array
from collections import Counter
from pathlib import Path

from alexnet.data.sources.members import Members, text_of
from alexnet.data.sources.span import SpanFile
from alexnet.data.sources.tar import add_members, tar_entries
from alexnet.data.sources.tree import SpanTree


def tar_of_tars(path: Path) -> SpanTree:
    """Return the members of the tars in a tar, reading only headers; names begin with the inner tar's."""
    file, members, ignored = SpanFile(path), Members(), Counter[str]()
    for entry in tar_entries(file, 0, file.size, path):
        name = entry.name.rpartition(b"/")[2]
        if name.endswith(b".tar") and entry.kind in (b"0", b"\0"):
            end = entry.offset + entry.size
            inner = tar_entries(file, entry.offset, end, f"{path}: {text_of(name)}")
            add_members(members, ignored, inner, name.removesuffix(b".tar") + b"/")
        elif entry.kind != b"5":
            ignored["files that are not class archives"] += 1
    tree = SpanTree(path, [file], members)
    tree.ignored = ignored
    return tree


def folder_of_tars(folder: Path, paths: list[Path]) -> SpanTree:
    """Return the members of a folder of tars, one a class."""
    files = [SpanFile(path, keep_open=False) for path in paths]
    members, ignored, holders = Members(), Counter[str](), array("i")
    for number, file in enumerate(files):
        entries = tar_entries(file, 0, file.size, file.path)
        add_members(members, ignored, entries, file.path.stem.encode("utf-8", "surrogateescape") + b"/")
        holders.extend([number] * (len(members) - len(holders)))
    tree = SpanTree(folder, files, members, holders=holders)
    tree.ignored = ignored
    return tree
