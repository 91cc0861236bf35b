"""CIFAR-10 and CIFAR-100 as their author distributes them: the binary and the python version.

A row of the binary version is the label (CIFAR-100: the coarse and the fine one) and 3072 bytes, the red, green
and blue planes of 32x32. Source: the data sets' page, cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alexnet.core.errors import DataError
from alexnet.data.source import SourceInfo
from alexnet.data.sources.archive import open_tree
from alexnet.data.sources.members import is_hidden
from alexnet.data.sources.options import SourceOptions
from alexnet.data.sources.pickled import PickledArray, read_pickle
from alexnet.data.sources.picture_source import PictureSource
from alexnet.data.sources.rows import RowFile, RowSplit
from alexnet.data.sources.tree import Tree

SHAPE = (32, 32, 3)
_PIXELS = 3072
_LARGEST_PICKLE = 256 << 20


@dataclass(frozen=True, kw_only=True)
class Form:
    """The files of one data set in one version."""

    classes: int
    train: tuple[str, ...]
    val: str
    names: str
    """The file that names the classes."""
    names_key: str
    """Its key for them, in the python version."""
    labels_key: str
    label_bytes: int
    """Label bytes before a row's pixels, the last one being the class; 0 in the python version."""


_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
FORMS = (
    Form(
        classes=10,
        train=tuple(f"{name}.bin" for name in _BATCHES),
        val="test_batch.bin",
        names="batches.meta.txt",
        names_key="",
        labels_key="",
        label_bytes=1,
    ),
    Form(
        classes=100,
        train=("train.bin",),
        val="test.bin",
        names="fine_label_names.txt",
        names_key="",
        labels_key="",
        label_bytes=2,
    ),
    Form(
        classes=10,
        train=_BATCHES,
        val="test_batch",
        names="batches.meta",
        names_key="label_names",
        labels_key="labels",
        label_bytes=0,
    ),
    Form(
        classes=100,
        train=("train",),
        val="test",
        names="meta",
        names_key="fine_label_names",
        labels_key="fine_labels",
        label_bytes=0,
    ),
)


def form_of(names: Iterable[str]) -> Form | None:
    """Return the version whose files are among the names of the files in a folder or archive, if any."""
    names = set(names)
    return next((form for form in FORMS if form.train[0] in names and names & {form.val, form.names}), None)


def open_cifar(path: Path, options: SourceOptions | None = None) -> PictureSource:
    """Open CIFAR-10 or CIFAR-100, binary or python, in a folder or in the original tar.gz.

    The test part is `val`. Classes are named by the file that comes with the data, or else by number.

    Raises:
        DataError: a file is missing (unless `options.subset`), cut, or not what the format says; for the python
            version, also a pickle that holds anything but data.
    """
    options = options or SourceOptions()
    return cifar_source(open_tree(path, options.work_folder), options)


def cifar_source(tree: Tree, options: SourceOptions) -> PictureSource:
    """Return the source that a tree's CIFAR files make; see `open_cifar`."""
    files = files_of(tree)
    form = form_of(files)
    if form is None:
        raise DataError(
            "holds no CIFAR files", where=tree.path, remedy="data_batch_1.bin or data_batch_1, and so on"
        )
    present = [name for name in form.train if name in files]
    missing = [name for name in (*form.train, form.val) if name not in files]
    if missing and (form.val in missing or not options.subset):
        raise DataError(f"lacks {', '.join(missing)}", where=tree.path, remedy="complete it, or pass --subset")
    classes = _class_names(tree, form, files)
    splits = {
        "train": _split(tree, form, [files[name] for name in present]),
        "val": _split(tree, form, [files[form.val]]),
    }
    info = SourceInfo(
        kind="cifar", path=str(tree.path), classes=classes, class_names=classes, native_shape=SHAPE
    )
    return PictureSource(info, splits, dict(tree.ignored))


def files_of(tree: Tree) -> dict[str, int]:
    """Return the files of a tree by the last part of their names; the first of each name."""
    files: dict[str, int] = {}
    for index in range(len(tree.members)):
        raw = tree.members.raw(index)
        if not raw.endswith(b"/") and not is_hidden(raw):
            files.setdefault(tree.members.name(index).rpartition("/")[2], index)
    return files


def _split(tree: Tree, form: Form, members: list[int]) -> RowSplit:
    parts = [(_binary if form.label_bytes else _pickled)(tree, form, member) for member in members]
    labels = np.concatenate([labels for _, labels in parts])
    if len(labels) and not 0 <= labels.min() <= labels.max() < form.classes:
        raise DataError(f"holds a label that is not below {form.classes}", where=tree.path)
    return RowSplit([file for file, _ in parts], labels, SHAPE, planar=True)


def _binary(tree: Tree, form: Form, member: int) -> tuple[RowFile, np.ndarray]:
    file, start = tree.span(member)
    name, size = tree.members.name(member), tree.members.sizes[member]
    stride = form.label_bytes + _PIXELS
    count, rest = divmod(size, stride)
    if rest or not count:
        raise DataError(f"has {size} bytes, not a multiple of {stride}", where=f"{tree.path}: {name}")
    labels = [file.read(start + row * stride + form.label_bytes - 1, 1)[0] for row in range(count)]
    rows = RowFile(name=name, file=file, start=start + form.label_bytes, stride=stride, count=count)
    return rows, np.array(labels, np.int32)


def _pickled(tree: Tree, form: Form, member: int) -> tuple[RowFile, np.ndarray]:
    name = tree.members.name(member)
    where = f"{tree.path}: {name}"
    values = _read_pickle(tree, member, where)
    data, labels = values.get("data"), values.get(form.labels_key)
    if not (isinstance(data, PickledArray) and isinstance(labels, list) and data.raw is not None):
        raise DataError(f"lacks data or {form.labels_key}", where=where)
    count = len(labels)
    plain = data.dtype in ("u1", "|u1") and data.shape == (count, _PIXELS) and not data.fortran
    if not plain or data.raw.size != count * _PIXELS or not count:
        raise DataError(f"does not hold {count} rows of {_PIXELS} bytes in order", where=where)
    if not all(type(label) is int and 0 <= label < form.classes for label in labels):
        raise DataError(f"holds a label that is not below {form.classes}", where=where)
    file, start = tree.span(member)
    rows = RowFile(name=name, file=file, start=start + data.raw.offset, stride=_PIXELS, count=count)
    return rows, np.array(labels, np.int32)


def _read_pickle(tree: Tree, member: int, where: str) -> dict:
    if tree.members.sizes[member] > _LARGEST_PICKLE:
        raise DataError("is too large to be a CIFAR batch", where=where)
    return read_pickle(tree.read(member), where)


def _class_names(tree: Tree, form: Form, files: dict[str, int]) -> tuple[str, ...]:
    if form.names not in files:
        return tuple(str(i) for i in range(form.classes))
    where = f"{tree.path}: {form.names}"
    if form.names_key:
        names = _read_pickle(tree, files[form.names], where).get(form.names_key)
    else:
        lines = tree.read(files[form.names]).decode("utf-8", "replace").splitlines()
        names = [name for line in lines if (name := line.strip())]
    if not isinstance(names, list) or len(names) != form.classes or not all(isinstance(n, str) for n in names):
        raise DataError(f"does not name {form.classes} classes", where=where)
    return tuple(names)
