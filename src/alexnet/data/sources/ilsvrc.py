"""ImageNet as the challenges of 2010 and 2012 distributed it: archives of archives and a development kit.

Not used: 2010's `patch_images.tar`, whose pictures replace a few that old decoders could not read.
"""

from __future__ import annotations

import os
import re
from array import array
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from alexnet.core.errors import DataError
from alexnet.data.source import SourceInfo
from alexnet.data.sources.archive import open_tree
from alexnet.data.sources.class_tars import folder_of_tars, tar_of_tars
from alexnet.data.sources.devkit import EDITIONS, ILSVRC2010, ILSVRC2012, Devkit, Edition, read_devkit
from alexnet.data.sources.listing import Listing, by_class
from alexnet.data.sources.members import is_hidden, is_picture
from alexnet.data.sources.options import SourceOptions
from alexnet.data.sources.part import Part
from alexnet.data.sources.picture_source import IdentifiedSplit, PictureSource
from alexnet.data.sources.tree import FolderTree, Tree

CLASSES = 1000


def edition_of(names: Iterable[str]) -> Edition | None:
    """Return the challenge whose files are among the names in a folder, if any."""
    names = set(names)
    for edition in EDITIONS:
        if names & set(edition.images.values()) or any(name.startswith(edition.devkits) for name in names):
            return edition
    return None


def open_ilsvrc2012(path: Path, options: SourceOptions | None = None) -> PictureSource:
    """Open ILSVRC-2012; see `open_ilsvrc`."""
    return open_ilsvrc(path, ILSVRC2012, options)


def open_ilsvrc2010(path: Path, options: SourceOptions | None = None) -> PictureSource:
    """Open ILSVRC-2010, whose test part is labelled too; see `open_ilsvrc`."""
    return open_ilsvrc(path, ILSVRC2010, options)


def open_ilsvrc(path: Path, edition: Edition, options: SourceOptions | None = None) -> PictureSource:
    """Open the folder that holds a challenge's files.

    Training pictures: the tar of tars, or a folder `train/` of tars or of class folders. The others: a tar, or
    a folder of pictures or of class folders. Classes are the kit's, in the order of their WNIDs. With
    `options.subset`, a part of the pictures or classes is accepted, and pictures without a class of their own
    in training are left out.

    Raises:
        DataError: a file is missing, cut or damaged, a picture is of no class, or the counts are not the
            challenge's (1000 classes and, with them, its numbers of pictures).
    """
    options = options or SourceOptions()
    devkit = read_devkit(path, edition, options.work_folder)
    reader = _Reader(path, edition, devkit, options)
    splits = {"train": reader.train()}
    for split in ("val", "test"):
        if (listing := reader.other(split)) is not None:
            splits[split] = listing
    if "val" not in splits:
        raise DataError(f"lacks {edition.images['val']}, or a folder val/", where=path)
    if not options.subset and len(devkit.wnids) == CLASSES:
        reader.check_counts(splits)
    return reader.source(splits)


class _Reader:
    """The steps of opening one folder."""

    def __init__(self, path: Path, edition: Edition, devkit: Devkit, options: SourceOptions):
        self.path, self.edition, self.devkit, self.options = path, edition, devkit, options
        self.index = {wnid: i for i, wnid in enumerate(devkit.wnids)}
        self.ignored: Counter[str] = Counter()

    def train(self) -> Listing:
        tree = self._train_tree()
        picks, labels = array("q"), array("i")
        for member in self._pictures(tree):
            wnid, slash, _ = tree.members.name(member).partition("/")
            if not slash or wnid not in self.index:
                raise DataError(
                    f"holds {tree.members.name(member)}, which is in no class of the kit", where=tree.path
                )
            picks.append(member)
            labels.append(self.index[wnid])
        missing = len(self.index) - len(set(labels))
        if missing and not self.options.subset:
            raise DataError(
                f"lacks {missing} of the {len(self.index)} classes",
                where=tree.path,
                remedy="complete it, or pass --subset",
            )
        return by_class(tree, np.array(picks, np.int64), np.array(labels, np.int32))

    def other(self, split: str) -> Listing | None:
        tree = self._tree(split) if split in self.edition.images else None
        if tree is None:
            return None
        picks = sorted(self._pictures(tree), key=tree.members.raw)
        parents = [tree.members.name(member).rpartition("/")[0].rpartition("/")[2] for member in picks]
        if picks and all(parent in self.index for parent in parents):
            labels = np.array([self.index[parent] for parent in parents], np.int32)
        else:
            labels = self._labels(split, tree, picks)
        return Listing(tree, np.array(picks, np.int64), labels)

    def source(self, splits: dict[str, Listing]) -> PictureSource:
        kept = np.unique(splits["train"].labels)
        parts: dict[str, IdentifiedSplit] = dict(splits)
        if len(kept) < len(self.index):
            parts = {name: _among(listing, kept) for name, listing in splits.items()}
        info = SourceInfo(
            kind=self.edition.kind,
            path=str(self.path),
            classes=tuple(self.devkit.wnids[i] for i in kept),
            class_names=tuple(self.devkit.names[i] for i in kept),
        )
        return PictureSource(info, parts, dict(self.ignored))

    def check_counts(self, splits: dict[str, Listing]) -> None:
        for split, listing in splits.items():
            if len(listing) != self.edition.counts[split]:
                raise DataError(
                    f"{split} has {len(listing)} pictures; the challenge has {self.edition.counts[split]}",
                    where=self.path,
                    remedy="complete it, or pass --subset",
                )
        truth = self.devkit.truth.get("val")
        for picture, label in self.edition.anchors.items() if truth is not None else ():
            if truth[picture - 1] != label:
                raise DataError(
                    f"the ground truth is not the challenge's: picture {picture} differs", where=self.path
                )

    def _labels(self, split: str, tree: Tree, picks: list[int]) -> np.ndarray:
        """Pair pictures in the order of their names with the ground truth's lines."""
        truth = self.devkit.truth.get(split)
        if truth is None:
            raise DataError(f"lacks {self.edition.truth[split]}", where=self.path)
        if len(picks) == len(truth):
            return truth
        if not self.options.subset:
            raise DataError(
                f"has {len(picks)} pictures where {self.edition.truth[split]} has {len(truth)} lines",
                where=tree.path,
            )
        matches = [re.search(r"_(\d{1,9})\.\w+$", tree.members.name(i)) for i in picks]
        lines = [int(match[1]) if match else 0 for match in matches]
        if not lines or min(lines) < 1 or max(lines) > len(truth):
            raise DataError("has pictures whose names do not end in their numbers", where=tree.path)
        return truth[np.array(lines) - 1]

    def _pictures(self, tree: Tree) -> list[int]:
        kept = []
        self.ignored.update(tree.ignored)
        for index in range(len(tree.members)):
            raw = tree.members.raw(index)
            if is_picture(raw) and not is_hidden(raw):
                kept.append(index)
            elif not raw.endswith(b"/"):
                self.ignored["files that are not pictures"] += 1
        return kept

    def _tree(self, split: str) -> Tree | None:
        """Return a split's archive, or else its folder."""
        archive = self.path / self.edition.images[split]
        for place in (archive, self.path / split, archive.with_suffix("")):
            if place.exists():
                return open_tree(place, self.options.work_folder)
        return None

    def _train_tree(self) -> Tree:
        archive = self.path / self.edition.images["train"]
        if archive.is_file():
            return tar_of_tars(archive)
        for folder in (self.path / "train", archive.with_suffix("")):
            if folder.is_dir():
                tars = sorted(p for p in folder.glob("*.tar") if not is_hidden(os.fsencode(p.name)))
                return folder_of_tars(folder, tars) if tars else FolderTree(folder)
        raise DataError(f"lacks {archive.name}, or a folder train/", where=self.path)


def _among(listing: Listing, kept: np.ndarray) -> Part:
    """Return the pictures whose class is among the sorted `kept`, with labels counted among those."""
    picks = np.flatnonzero(np.isin(listing.labels, kept))
    return Part(listing, picks, np.searchsorted(kept, listing.labels[picks]))
