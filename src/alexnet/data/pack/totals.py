"""What adds up over the shards of a pack, and ends as its manifest."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import PIL
import simplejpeg

from alexnet.core.errors import DataError
from alexnet.core.files import commit_bytes
from alexnet.data.pack.manifest import MEAN_IMAGE, Manifest, Origin
from alexnet.data.pack.plan import Plan
from alexnet.data.pack.shard import ShardFile
from alexnet.data.pack.sidecar import ShardResult
from alexnet.data.quarantine import QUARANTINE, Quarantine, QuarantineLimits
from alexnet.data.source import Source
from alexnet.data.statistics import Sums

SOFTWARE = {"numpy": np.__version__, "pillow": PIL.__version__, "simplejpeg": simplejpeg.__version__}


class Totals:
    """Collects finished shards in any order; the result does not depend on it.

    Args:
        source: What is packed.
        plan: How it is packed.
        limits: When there are too many unusable pictures.
    """

    def __init__(self, source: Source, plan: Plan, limits: QuarantineLimits):
        self._plan = plan
        self._path = source.info.path
        self._files: dict[tuple[str, int], ShardFile] = {}
        self._notes: Counter[str] = Counter()
        self._counts = {split: np.zeros(len(plan.classes), np.int64) for split in plan.splits}
        self._sums = Sums(plan.shape)
        self.quarantine = Quarantine(_class_totals(source, plan), limits)
        self.images = 0
        """Source items covered by the shards collected."""
        self.bytes = 0

    @property
    def shards(self) -> int:
        """Shards collected."""
        return len(self._files)

    def add(self, split: str, number: int, result: ShardResult, sums: Sums | None) -> None:
        """Take in one finished shard."""
        self._files[split, number] = result.file
        self.images += len(self._plan.items(split, number))
        self.bytes += result.file.bytes
        self._notes.update(result.notes)
        self.quarantine.add(result.quarantine)
        for label, count in result.class_counts.items():
            self._counts[split][int(label)] += count
        if sums is not None:
            self._sums.merge(sums)

    def commit(self, folder: Path) -> None:
        """Write the listing of unusable pictures, the mean image and, last, the manifest.

        Raises:
            DataError: no training picture could be used.
            StorageError: the disk is full or failing; the folder is no pack then.
        """
        if not self._sums.count:
            raise DataError("none of its training pictures can be used", where=self._path)
        listing, mean_image = self.quarantine.to_bytes(), self._sums.mean_image().astype("<f4").tobytes()
        commit_bytes(folder / QUARANTINE, listing)
        commit_bytes(folder / MEAN_IMAGE, mean_image)
        plan = self._plan
        Manifest(
            plan=plan,
            splits={
                split: tuple(self._files[split, number] for number in range(plan.shard_count(split)))
                for split in plan.splits
            },
            class_counts={split: tuple(counts.tolist()) for split, counts in self._counts.items()},
            statistics=self._sums.finish(),
            mean_image_sha256=hashlib.sha256(mean_image).hexdigest(),
            notes=dict(sorted(self._notes.items())),
            quarantine=self.quarantine.summary(),
            origin=Origin(
                path=self._path,
                software=SOFTWARE,
                quarantine_sha256=hashlib.sha256(listing).hexdigest(),
            ),
        ).commit(folder)


def _class_totals(source: Source, plan: Plan) -> dict[str, int]:
    """Return the pictures of each class id over all splits."""
    totals = np.zeros(len(plan.classes), np.int64)
    for split in source.splits.values():
        totals += np.bincount(split.labels, minlength=len(totals))
    return dict(zip(plan.classes, totals.tolist(), strict=True))
