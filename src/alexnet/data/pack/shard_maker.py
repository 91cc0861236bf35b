"""The work of one packing process: source items in, one committed shard and its sidecar out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alexnet.core.errors import DataError
from alexnet.core.files import commit_file
from alexnet.data.audit import digest_pixels
from alexnet.data.decode import encode_jpeg
from alexnet.data.pack.picture import Picture, error_code, read_picture, require_shape
from alexnet.data.pack.plan import Plan
from alexnet.data.pack.shard import ShardFile, ShardWriter, read_shard_index, shard_name
from alexnet.data.pack.sidecar import ShardResult, read_sidecar, write_sidecar
from alexnet.data.quarantine import QuarantineRow
from alexnet.data.source import Source
from alexnet.data.statistics import Sums

WORK = ".work"
"""Folder inside an unfinished pack: the plan, the lock and one sidecar a finished shard."""
STATISTICS_SPLIT = "train"


class Stopped(Exception):
    """The packing was called off between two pictures."""


class _Tally:
    """What adds up while one shard is written."""

    def __init__(self, sums: Sums | None):
        self.sums = sums
        self.rows: list[QuarantineRow] = []
        self._notes: Counter[str] = Counter()
        self._classes: Counter[int] = Counter()

    def add(self, label: int, picture: Picture) -> None:
        self._notes.update(picture.notes)
        self._classes[label] += 1
        if self.sums is not None:
            self.sums.add(picture.pixels)

    def result(self, file: ShardFile) -> ShardResult:
        return ShardResult(
            file=file,
            quarantine=tuple(self.rows),
            notes=self._notes,
            class_counts=self._classes,
            products=None if self.sums is None else tuple(map(tuple, self.sums.products.tolist())),
        )


@dataclass(frozen=True)
class ShardMaker:
    """Makes any shard of a pack, independently of all others.

    Args:
        source: Where pictures come from.
        plan: What the pack will be.
        folder: The pack's folder, with its work folder in it.
    """

    source: Source
    plan: Plan
    folder: Path

    def make(self, split: str, number: int, is_stopped: Callable[[], bool]) -> None:
        """Write one shard and then its sidecar, each committed in one step.

        Raises:
            StorageError: the disk is full or failing; neither file is there then.
            Stopped: `is_stopped` became true; neither file is there then.
        """
        header = self.plan.header(split, number)
        tally = _Tally(Sums(self.plan.shape) if split == STATISTICS_SPLIT else None)
        size = header.items * header.picture_bytes if self.plan.encoding == "raw" else 0
        with commit_file(self.folder / shard_name(split, number), size) as stream:
            writer = ShardWriter(stream, header)
            for item in self.plan.items(split, number):
                if is_stopped():
                    raise Stopped
                self._add(writer, split, item, tally)
            file = writer.finish()
        write_sidecar(self._sidecar(split, number), tally.result(file), tally.sums)

    def result(self, split: str, number: int) -> tuple[ShardResult, Sums | None] | None:
        """Return what a finished shard left, or None where the shard must be made (again).

        A shard counts as finished when its sidecar is whole and its file has the size the sidecar says, this
        plan's header, and an index and a footer that match their checksums.
        """
        if (found := read_sidecar(self._sidecar(split, number), self.plan.shape)) is None:
            return None
        try:
            index = read_shard_index(self.folder / shard_name(split, number), found[0].file.bytes)
        except DataError:
            return None
        return found if index.header == self.plan.header(split, number) else None

    def _add(self, writer: ShardWriter, split: str, item: int, tally: _Tally) -> None:
        """Write one picture, or list it among the unusable ones."""
        try:
            picture = read_picture(self.source.splits[split], item, self.plan.preparation)
            require_shape(picture.pixels, self.plan.shape)
        except DataError as error:
            tally.rows.append(self._row(split, item, error))
            return
        label, name = int(self.source.splits[split].labels[item]), self.source.splits[split].name(item)
        digest = int(digest_pixels(picture.pixels[None])[0])
        writer.add(self._record(picture.pixels), item=item, label=label, name=name, digest=digest)
        tally.add(label, picture)

    def _row(self, split: str, item: int, error: DataError) -> QuarantineRow:
        return QuarantineRow(
            split=split,
            item=item,
            name=self.source.splits[split].name(item),
            label=self.plan.classes[int(self.source.splits[split].labels[item])],
            code=error_code(error),
            reason=error.what,
        )

    def _record(self, pixels: np.ndarray) -> bytes:
        if self.plan.jpeg_quality is None:
            return pixels.tobytes()
        return encode_jpeg(pixels, self.plan.jpeg_quality)

    def _sidecar(self, split: str, number: int) -> Path:
        return self.folder / WORK / f"{split}-{number:05d}.done"
