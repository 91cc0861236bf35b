"""Pictures in one folder a class: in a directory, or in a tar or zip that is read in place."""

from __future__ import annotations

from pathlib import Path

from alexnet.data.source import SourceInfo
from alexnet.data.sources.archive import open_tree
from alexnet.data.sources.classes import LONGEST_NAME_FILE, NAME_FILES, check_val_classes, names_from
from alexnet.data.sources.holdout import with_held_out
from alexnet.data.sources.layout import Layout, read_layout
from alexnet.data.sources.listing import by_class
from alexnet.data.sources.members import text_of
from alexnet.data.sources.options import SourceOptions
from alexnet.data.sources.picture_source import PictureSource
from alexnet.data.sources.span import file_size, read_whole
from alexnet.data.sources.tree import Tree

DEFAULT = SourceOptions()


def open_folder(path: Path, options: SourceOptions = DEFAULT) -> PictureSource:
    """Open pictures that stand in class folders.

    Classes are ordered by the bytes of their names in Unicode's NFC form, pictures by class and then by the
    bytes of their names. Without a validation part, one is set aside by `options`. See `layout.read_layout` for
    the arrangements understood.

    Args:
        path: A directory, or a tar, tar.gz or zip archive.

    Raises:
        DataError: the archive or the arrangement cannot be used; says why.
    """
    return folder_source(open_tree(path, options.work_folder), options)


def folder_source(tree: Tree, options: SourceOptions = DEFAULT) -> PictureSource:
    """Return the source that a tree's class folders make; see `open_folder`."""
    layout = read_layout(tree)
    order = sorted(layout.train.keys)
    classes = tuple(text_of(key) for key in order)
    train = by_class(tree, layout.train.picks(), layout.train.labels(order))
    if layout.val is not None:
        check_val_classes(layout.train.keys, layout.val.keys, tree.path)
        splits = {"train": train, "val": by_class(tree, layout.val.picks(), layout.val.labels(order))}
    else:
        splits = with_held_out(train, classes, options)
    names = names_from(_name_file(tree, layout), classes)
    info = SourceInfo(kind="folder", path=str(tree.path), classes=classes, class_names=names)
    return PictureSource(info, splits, dict(layout.ignored))


def _name_file(tree: Tree, layout: Layout) -> bytes:
    """Return the text that names the classes: beside the class folders, or beside the archive itself."""
    for name in NAME_FILES:
        member = layout.texts.get(name)
        if member is not None and tree.members.sizes[member] <= LONGEST_NAME_FILE:
            return tree.read(member)
        file = tree.path.parent / name.decode()
        if not tree.path.is_dir() and file.is_file() and (size := file_size(file)) <= LONGEST_NAME_FILE:
            return read_whole(file, size)
    return b""
