"""The development kit of an ImageNet challenge: its classes, their two orders, and the ground truth.

The kits number their classes by an id of their own (1 to 1000), which is not the order in use since Caffe:
WNIDs sorted as text, counted from 0. Everything here goes id -> WNID -> sorted index. Sources: the readme files
of ILSVRC2012_devkit_t12 and of the ILSVRC2010 devkit-1.0.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from alexnet.core.errors import DataError, UsageError
from alexnet.data.sources.archive import open_tree
from alexnet.data.sources.classes import first_synonym
from alexnet.data.sources.tree import Tree

_LONGEST_FILE = 16 << 20


@dataclass(frozen=True, kw_only=True)
class Edition:
    """The file names and figures of one year's challenge."""

    kind: str
    devkits: tuple[str, ...]
    """What the kit's archive or folder is called, or begins with."""
    id_field: str
    images: Mapping[str, str]
    """Split to its archive."""
    truth: Mapping[str, str]
    """Split to its ground truth, in the kit or beside the archives."""
    counts: Mapping[str, int]
    """Split to its number of pictures, for the 1000 classes."""
    anchors: Mapping[int, int] = field(default_factory=dict)
    """Known labels: validation picture (from 1) to sorted class index."""


ILSVRC2012 = Edition(
    kind="ilsvrc2012",
    devkits=("ILSVRC2012_devkit_t12",),
    id_field="ILSVRC2012_ID",
    images={"train": "ILSVRC2012_img_train.tar", "val": "ILSVRC2012_img_val.tar"},
    truth={"val": "ILSVRC2012_validation_ground_truth.txt"},
    counts={"train": 1_281_167, "val": 50_000},
    anchors={1: 65, 293: 0},
)
ILSVRC2010 = Edition(
    kind="ilsvrc2010",
    devkits=("ILSVRC2010_devkit-1.0", "devkit-1.0"),
    id_field="ILSVRC2010_ID",
    images={
        "train": "ILSVRC2010_images_train.tar",
        "val": "ILSVRC2010_images_val.tar",
        "test": "ILSVRC2010_images_test.tar",
    },
    truth={"val": "ILSVRC2010_validation_ground_truth.txt", "test": "ILSVRC2010_test_ground_truth.txt"},
    counts={"train": 1_261_406, "val": 50_000, "test": 150_000},
)
EDITIONS = (ILSVRC2012, ILSVRC2010)


@dataclass(frozen=True)
class Devkit:
    """The classes of a challenge, sorted by WNID."""

    wnids: tuple[str, ...]
    names: tuple[str, ...]
    """First synonym of each class."""
    index_of_id: np.ndarray
    """int32 (highest id + 1,): challenge id to sorted index; -1 where no class has the id."""
    truth: Mapping[str, np.ndarray]
    """Split to int32 (N,) sorted class indices, in ascending order of the picture's file names."""


def read_devkit(root: Path, edition: Edition, work_folder: Path | None = None) -> Devkit:
    """Read the kit that stands in `root`, as its archive or unpacked.

    Raises:
        DataError: the kit, its `meta.mat` or its ground truth is missing or malformed.
        UsageError: scipy, which reads `meta.mat`, is not installed.
    """
    path = next((p for p in sorted(root.iterdir()) if p.name.startswith(edition.devkits)), None)
    if path is None:
        raise DataError(
            f"lacks the development kit, {edition.devkits[0]}.tar.gz",
            where=root,
            remedy="put it beside the pictures: it labels them",
        )
    tree = open_tree(path, work_folder)
    meta = _file(tree, "data/meta.mat")
    if meta is None:
        raise DataError("lacks data/meta.mat", where=path)
    wnids, names, index_of_id = _classes(meta, edition, f"{path}: data/meta.mat")
    truth = {}
    for split, name in edition.truth.items():
        beside = root / name
        text = beside.read_bytes() if beside.is_file() else _file(tree, f"data/{name}")
        if text is not None:
            truth[split] = _truth(text, index_of_id, f"{path}: {name}")
    return Devkit(wnids, names, index_of_id, truth)


def _file(tree: Tree, name: str) -> bytes | None:
    """Return the file that stands under any folder of the kit as `name`."""
    for index in range(len(tree.members)):
        if f"/{tree.members.name(index)}".endswith(f"/{name}"):
            if tree.members.sizes[index] > _LONGEST_FILE:
                raise DataError(f"holds {name}, which is too long", where=tree.path)
            return tree.read(index)
    return None


def _classes(meta: bytes, edition: Edition, where: str) -> tuple[tuple[str, ...], tuple[str, ...], np.ndarray]:
    """Return sorted WNIDs, their names, and the table from ids to sorted indices."""
    try:
        from scipy.io import loadmat
    except ImportError:
        raise UsageError("reading meta.mat needs scipy", remedy='pip install "alexnet[ilsvrc]"') from None
    try:
        synsets = np.atleast_1d(
            loadmat(io.BytesIO(meta), squeeze_me=True, variable_names=["synsets"])["synsets"]
        )
        leaves = sorted(
            (str(synset["WNID"]), int(synset[edition.id_field]), first_synonym(str(synset["words"])))
            for synset in synsets
            if int(synset["num_children"]) == 0
        )
    except Exception as error:  # scipy's reader answers damaged files with any kind of exception
        raise DataError(f"cannot be read ({type(error).__name__}: {error})", where=where) from None
    ids = [number for _, number, _ in leaves]
    if not ids or min(ids) < 1 or max(ids) > len(synsets) or len(set(ids)) < len(ids):
        raise DataError("does not number its classes 1, 2, 3, ...", where=where)
    index_of_id = np.full(max(ids) + 1, -1, np.int32)
    index_of_id[ids] = np.arange(len(ids), dtype=np.int32)
    return tuple(wnid for wnid, _, _ in leaves), tuple(name for *_, name in leaves), index_of_id


def _truth(text: bytes, index_of_id: np.ndarray, where: str) -> np.ndarray:
    labels = []
    for number, line in enumerate(text.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        line = line.strip()
        if not line:
            continue
        known = line.isdigit() and len(line) < 10 and 0 < int(line) < len(index_of_id)
        if not known or index_of_id[int(line)] < 0:
            raise DataError(f"line {number} is {line[:40]!r}, not the id of a class", where=where)
        labels.append(index_of_id[int(line)])
    return np.array(labels, np.int32)
