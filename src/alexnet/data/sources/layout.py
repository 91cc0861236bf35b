"""What the names in a tree say about its pictures: their split and their class."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field

from alexnet.core.errors import DataError
from alexnet.data.sources.classes import LONGEST_NAME_FILE, NAME_FILES, ClassTable, normalized
from alexnet.data.sources.members import common_folder, is_hidden, is_picture, text_of
from alexnet.data.sources.tree import Tree

TRAIN = "train"
VAL_NAMES = ("val", "valid", "validation", "eval", "test", "t10k")
"""The names under which a validation part is met, the preferred ones first."""
ANNOTATIONS = b"val_annotations.txt"


@dataclass
class Layout:
    """Which pictures of a tree belong to which split and class."""

    train: ClassTable
    val: ClassTable | None
    """None where the tree has no validation part of its own."""
    ignored: Counter[str]
    texts: dict[bytes, int]
    """Members that name classes: file name to member."""


@dataclass
class _Sorted:
    """The members of a tree by what their names are."""

    pictures: array = field(default_factory=lambda: array("q"))
    folders: array = field(default_factory=lambda: array("q"))
    texts: dict[bytes, int] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)


def read_layout(tree: Tree) -> Layout:
    """Find the splits and classes in the names of a tree.

    Understood are `train/<class>/...` with one of `val`, `valid`, `validation`, `eval`, `test`, `t10k` beside
    it, `<class>/...` alone, and the original Tiny ImageNet (`val/images/...` with `val/val_annotations.txt`).
    Folders that hold everything else are looked through. Pictures may be any number of folders below their
    class.

    Raises:
        DataError: no pictures in class folders, two spellings of one class, a class without pictures, or
            validation pictures without a class.
    """
    found = _sort(tree)
    top = _top(tree, found)
    roles = _roles(tree, found, top)
    folder = top + (roles[TRAIN] + b"/" if roles else b"")
    train = _collect(tree, found, folder, f"{TRAIN}/" if roles else "the source")
    _refuse_empty(tree, found, folder, train)
    val = None
    if (role := next((name for name in VAL_NAMES if name in roles), None)) is not None:
        folder = top + roles[role] + b"/"
        annotations = found.texts.get(folder + ANNOTATIONS)
        if annotations is None:
            val = _collect(tree, found, folder, f"{role}/")
        else:
            val = _collect_annotated(tree, found, folder, _read_annotations(tree, annotations))
    if rest := len(found.pictures) - len(train.members) - (len(val.members) if val else 0):
        found.ignored["pictures outside the class folders"] += rest
    texts = {name: found.texts[top + name] for name in NAME_FILES if top + name in found.texts}
    return Layout(train, val, found.ignored, texts)


def _sort(tree: Tree) -> _Sorted:
    found = _Sorted(ignored=Counter(tree.ignored))
    for index in range(len(tree.members)):
        raw = tree.members.raw(index)
        if is_hidden(raw):
            if not raw.endswith(b"/"):
                found.ignored["hidden and system files"] += 1
        elif raw.endswith(b"/"):
            found.folders.append(index)
        elif is_picture(raw):
            found.pictures.append(index)
        elif raw.rpartition(b"/")[2] in (*NAME_FILES, ANNOTATIONS):
            found.texts[raw] = index
        else:
            found.ignored["files that are not pictures"] += 1
    return found


def _top(tree: Tree, found: _Sorted) -> bytes:
    """Return the folders above the splits or classes that everything is in."""
    raw = tree.members.raw
    top = common_folder(raw(i) for i in found.pictures)
    parts = top.split(b"/")[:-1]
    if not any(b"/" in raw(i)[len(top) :] for i in found.pictures):
        parts = parts[:-1]
    names = [text_of(part).lower() for part in parts]
    depth = next((i for i, name in enumerate(names) if name in (TRAIN, *VAL_NAMES)), len(parts))
    return b"".join(part + b"/" for part in parts[:depth])


def _roles(tree: Tree, found: _Sorted, top: bytes) -> dict[str, bytes]:
    """Return the split folders under `top`, lower-case name to the name as stored; none without `train`.

    A validation folder counts when its pictures have classes: a folder or a file of annotations.
    """
    roles: dict[str, bytes] = {}
    for index in found.pictures:
        first, slash, rest = tree.members.raw(index)[len(top) :].partition(b"/")
        name = text_of(first).lower()
        if not slash or name not in (TRAIN, *VAL_NAMES):
            continue
        has_classes = name == TRAIN or b"/" in rest or top + first + b"/" + ANNOTATIONS in found.texts
        if has_classes and roles.setdefault(name, first) != first:
            raise DataError(f"has both {text_of(roles[name])}/ and {text_of(first)}/", where=tree.path)
    if roles and TRAIN not in roles:
        raise DataError(
            f"has {text_of(next(iter(roles.values())))}/ and no {TRAIN}/ beside it", where=tree.path
        )
    return roles


def _collect(tree: Tree, found: _Sorted, folder: bytes, part: str) -> ClassTable:
    """Give each picture under `folder` the class that the next folder in its name says."""
    table = ClassTable(tree.path, part)
    for index in found.pictures:
        raw = tree.members.raw(index)
        if raw.startswith(folder):
            name, slash, _ = raw[len(folder) :].partition(b"/")
            if slash:
                table.add(name, index)
    return table


def _refuse_empty(tree: Tree, found: _Sorted, folder: bytes, table: ClassTable) -> None:
    if not table.members:
        counts = Counter({"pictures outside class folders": len(found.pictures)}) + found.ignored
        seen = f" ({', '.join(f'{reason}: {count}' for reason, count in counts.items())})" if counts else ""
        raise DataError(
            f"holds no pictures in class folders{seen}",
            where=tree.path,
            remedy="put them in <class>/ or train/<class>/",
        )
    for index in found.folders:
        raw = tree.members.raw(index)
        is_class = raw.startswith(folder) and raw.count(b"/", len(folder)) == 1
        if is_class and normalized(raw[len(folder) : -1]) not in table.keys:
            raise DataError(f"holds no pictures in the class folder {text_of(raw)}", where=tree.path)


def _read_annotations(tree: Tree, member: int) -> dict[bytes, bytes]:
    """Return file name to class, from lines of "name<TAB>class<TAB>box"."""
    if tree.members.sizes[member] > LONGEST_NAME_FILE:
        raise DataError(f"has {tree.members.name(member)}, which is too long", where=tree.path)
    lines = (line.split(b"\t") for line in tree.read(member).splitlines())
    return {fields[0]: fields[1] for fields in lines if len(fields) > 1}


def _collect_annotated(tree: Tree, found: _Sorted, folder: bytes, classes: dict[bytes, bytes]) -> ClassTable:
    """Give each picture under the validation folder the class that the annotations say."""
    table = ClassTable(tree.path, text_of(folder))
    for index in found.pictures:
        raw = tree.members.raw(index)
        if raw.startswith(folder):
            name = raw.rpartition(b"/")[2]
            if name not in classes:
                raise DataError(
                    f"has {text_of(raw)}, to which {text_of(ANNOTATIONS)} gives no class", where=tree.path
                )
            table.add(classes[name], index)
    if len(table.members) != len(classes):
        what = f"{text_of(ANNOTATIONS)} names {len(classes)} pictures, and {len(table.members)} are there"
        raise DataError(what, where=tree.path)
    return table
