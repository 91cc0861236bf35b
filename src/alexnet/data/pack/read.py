"""A finished pack, opened, checked and read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from alexnet.core.errors import DataError, UsageError
from alexnet.core.files import sha256
from alexnet.data.pack.format import RESTORE, damaged
from alexnet.data.pack.manifest import MANIFEST, MEAN_IMAGE, Manifest, read_manifest
from alexnet.data.pack.records import PackSplit
from alexnet.data.pack.shard import ShardFile, read_shard_index
from alexnet.data.pack.shard_maker import WORK
from alexnet.data.quarantine import QUARANTINE


class Pack:
    """A folder of immutable files that hold a labelled set of pictures of one shape.

    Made by `Pack.open`. Reading is safe from several threads; a process opens its own.
    """

    def __init__(self, path: Path, manifest: Manifest, splits: dict[str, PackSplit], mean_image: np.ndarray):
        self.path = path
        self.manifest = manifest
        self.splits = splits
        self.digest = manifest.digest
        """Identity of the contents, the same on every machine."""
        self.classes = manifest.plan.classes
        """Class ids, in label order."""
        self.class_names = manifest.plan.class_names
        self.shape = manifest.plan.shape
        """(H, W, C) of every picture."""
        self.encoding = manifest.plan.encoding
        self.statistics = manifest.statistics
        self.mean_image = mean_image
        """float32 (H, W, C), 0-255: mean of the training pictures."""

    @classmethod
    def open(cls, path: Path, *, verify: bool = False) -> Pack:
        """Open a pack, checking the manifest, every file's size, and every header, index and footer.

        Args:
            verify: Also read all records and compare all SHA-256 sums.

        Raises:
            DataError: not there, no pack, unfinished, of a newer format, or damaged.
        """
        path = Path(path)
        _require_pack(path)
        manifest = read_manifest(path)
        mean_image = _read_mean_image(path, manifest)
        pack = cls(
            path, manifest, {split: _open_split(path, manifest, split) for split in manifest.splits}, mean_image
        )
        if verify:
            pack.verify()
        return pack

    def split(self, name: str) -> PackSplit:
        """Return one split.

        Raises:
            UsageError: the pack has no split of this name.
        """
        if name not in self.splits:
            raise UsageError(
                f"has no split {name!r}", where=self.path, remedy=f"it has {' and '.join(self.splits)}"
            )
        return self.splits[name]

    def verify(self) -> None:
        """Read everything and stop at the first damage.

        Raises:
            DataError: names the file and, where it is one, the record.
        """
        for error in self.damage():
            raise error

    def damage(self) -> Iterator[DataError]:
        """Read everything and yield each damaged record or file."""
        for name, split in self.splits.items():
            for number, shard in enumerate(self.manifest.splits[name]):
                yield from self._shard_damage(split, number, shard)
        listing = self.path / QUARANTINE
        if not listing.is_file() or sha256(listing) != self.manifest.origin.quarantine_sha256:
            yield damaged("it is not the listing that was written", listing)

    def close(self) -> None:
        """Close the open files; reading opens them again."""
        for split in self.splits.values():
            split.close()

    def __enter__(self) -> Pack:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _shard_damage(self, split: PackSplit, number: int, shard: ShardFile) -> Iterator[DataError]:
        path, found = self.path / shard.file, False
        try:
            for error in split.damage(number):
                found = True
                yield error
            if not found and sha256(path) != shard.sha256:
                yield damaged("its bytes differ from the manifest's", path)
        except DataError as error:
            yield error
        except OSError as error:
            yield DataError(f"cannot be read: {error.strerror}", where=path, remedy="check the disk")


def _require_pack(path: Path) -> None:
    """Say what `path` is where it is not a finished pack."""
    if not path.exists():
        raise DataError(
            "does not exist", where=path, remedy="check the path, or make a pack with `alexnet pack`"
        )
    if not path.is_dir():
        raise DataError("is a file, and a pack is a folder", where=path)
    if (path / MANIFEST).exists():
        return
    if (path / WORK).is_dir():
        raise DataError(
            "is an unfinished pack", where=path, remedy="run the same `alexnet pack` again to finish it"
        )
    raise DataError(
        f"is not a pack: it holds no {MANIFEST}", where=path, remedy="make a pack of it with `alexnet pack`"
    )


def _read_mean_image(path: Path, manifest: Manifest) -> np.ndarray:
    file, shape = path / MEAN_IMAGE, manifest.plan.shape
    size = 4 * shape[0] * shape[1] * shape[2]
    try:
        data = file.read_bytes() if file.stat().st_size == size else b""
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=file, remedy=RESTORE) from None
    if hashlib.sha256(data).hexdigest() != manifest.mean_image_sha256:
        raise damaged("its bytes differ from the manifest's", file)
    return np.frombuffer(data, "<f4").astype(np.float32).reshape(shape)


def _open_split(path: Path, manifest: Manifest, split: str) -> PackSplit:
    plan, indexes, paths = manifest.plan, [], []
    for number, shard in enumerate(manifest.splits[split]):
        file = path / shard.file
        index = read_shard_index(file, shard.bytes)
        if index.header != plan.header(split, number) or len(index.entries) != shard.count:
            raise damaged("it is a shard of another pack", file)
        if len(index.entries) and index.entries["label"].max() >= len(plan.classes):
            raise damaged(f"a label is not one of the {len(plan.classes)} classes", file)
        indexes.append(index)
        paths.append(file)
    opened = PackSplit(paths, indexes, plan.shape, plan.encoding)
    if tuple(np.bincount(opened.labels, minlength=len(plan.classes)).tolist()) != manifest.class_counts[split]:
        raise damaged(f"the class counts of {split} are not those of its shards", path / MANIFEST)
    return opened
