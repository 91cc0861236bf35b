"""What a pack will be, decided before its first byte: the settings applied to one source."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from alexnet.core.errors import DataError, UsageError
from alexnet.data.pack.format import CHANNELS, ENCODINGS, ShardHeader, valid_shape, valid_split
from alexnet.data.pack.picture import Preparation, read_picture
from alexnet.data.quarantine import QuarantineLimits
from alexnet.data.source import Source
from alexnet.data.strict_json import canonical_json

MAX_ITEMS = 2048
"""Of one shard, so that small pictures too are shared out among processes. Sums of fewer than 2**24 fit 32 bits."""
JPEG_RATIO = 4
"""Raw bytes of a picture per JPEG byte, assumed to fix the number of pictures of a shard."""
SHAPE_TRIALS = 20


@dataclass(frozen=True, kw_only=True)
class PackSettings:
    """How to pack a source.

    Raises:
        UsageError: a value that cannot mean anything.
    """

    size: int | None = 256
    """Side of the square that pictures are scaled and cut to; None keeps their own size, one for all."""
    filter: str = "bilinear"
    min_side: int = 1
    """Pictures with a shorter side than this are put aside instead of being enlarged."""
    encoding: str = "raw"
    """raw (fast, large) or jpeg (about a quarter of the bytes, decoded at each use)."""
    jpeg_quality: int = 95
    shard_bytes: int = 64 * 2**20
    """About how large a shard becomes; those of small pictures stay smaller, at 2048 pictures."""
    channels: int | None = None
    """3 for color, 1 for gray; None takes the source's own where it is known, else 3."""
    exif_rotate: bool = True
    limits: QuarantineLimits = field(default_factory=QuarantineLimits)

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            raise UsageError(
                f"{self.encoding!r} is no encoding of a pack", remedy=f"use {' or '.join(ENCODINGS)}"
            )
        if self.size is not None and not valid_shape((self.size, self.size, 3)):
            raise UsageError(f"a size of {self.size} pixels cannot be packed", remedy="use 1 to 65500")
        if not 1 <= self.jpeg_quality <= 100:
            raise UsageError(f"a JPEG quality of {self.jpeg_quality} does not exist", remedy="use 1 to 100")
        if self.channels not in (None, *CHANNELS):
            raise UsageError(f"pictures of {self.channels} channels cannot be packed", remedy="use 1 or 3")
        if self.shard_bytes < 1:
            raise UsageError(f"shards of {self.shard_bytes} bytes cannot be written", remedy="use 1 or more")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that determines the bytes of a pack, and nothing else."""

    kind: str
    """The source's reader."""
    fingerprint: str
    """The source's listing."""
    classes: tuple[str, ...]
    class_names: tuple[str, ...]
    shape: tuple[int, int, int]
    """(H, W, C) of every picture."""
    encoding: str
    jpeg_quality: int | None
    """None where the encoding is raw."""
    preparation: Preparation
    items_per_shard: int
    splits: dict[str, int]
    """Source items of each split, usable or not."""

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 that every shard of the pack repeats."""
        return hashlib.sha256(canonical_json(self)).hexdigest()

    def shard_count(self, split: str) -> int:
        """Return how many shards hold a split."""
        return -(-self.splits[split] // self.items_per_shard)

    def shards(self) -> list[tuple[str, int]]:
        """Return all (split, number), in order."""
        return [(split, number) for split in self.splits for number in range(self.shard_count(split))]

    def items(self, split: str, number: int) -> range:
        """Return the source items that one shard covers."""
        first = number * self.items_per_shard
        return range(first, min(first + self.items_per_shard, self.splits[split]))

    def header(self, split: str, number: int) -> ShardHeader:
        """Return the header of one shard."""
        items = self.items(split, number)
        return ShardHeader(
            encoding=self.encoding,
            shape=self.shape,
            split=split,
            number=number,
            first=items.start,
            items=len(items),
            plan=self.digest,
        )

    def differences(self, other: Plan) -> str:
        """Return what `other` wants otherwise, e.g. "size 64 instead of 32"."""
        mine, theirs = _flat(self), _flat(other)
        return ", ".join(
            f"another {key}"
            if len(f"{mine[key]}{theirs[key]}") > 60
            else f"{key} {theirs[key]} instead of {mine[key]}"
            for key in mine
            if mine[key] != theirs[key]
        )


def make_plan(source: Source, settings: PackSettings) -> Plan:
    """Return the plan of packing `source`.

    Raises:
        DataError: the source has no training picture, wrong labels, or pictures whose one size cannot be told.
    """
    _check_source(source)
    info = source.info
    preparation = Preparation(
        size=settings.size,
        filter=settings.filter,
        min_side=settings.min_side,
        channels=settings.channels or (info.native_shape[2] if info.native_shape else 3),
        exif_rotate=settings.exif_rotate,
    )
    shape = _shape(source, preparation)
    raw_bytes = shape[0] * shape[1] * shape[2]
    record_bytes = raw_bytes if settings.encoding == "raw" else max(1, raw_bytes // JPEG_RATIO)
    return Plan(
        kind=info.kind,
        fingerprint=source.fingerprint(),
        classes=tuple(info.classes),
        class_names=tuple(info.class_names),
        shape=shape,
        encoding=settings.encoding,
        jpeg_quality=settings.jpeg_quality if settings.encoding == "jpeg" else None,
        preparation=preparation,
        items_per_shard=min(max(1, settings.shard_bytes // record_bytes), MAX_ITEMS),
        splits={name: len(split) for name, split in source.splits.items()},
    )


def _check_source(source: Source) -> None:
    where = source.info.path
    if not len(source.splits.get("train", ())):
        raise DataError("has no training pictures", where=where)
    if len(source.info.classes) != len(source.info.class_names) or not source.info.classes:
        raise DataError(
            f"has {len(source.info.classes)} classes and {len(source.info.class_names)} class names",
            where=where,
        )
    for name, split in source.splits.items():
        if not valid_split(name):
            raise DataError(f"has a split named {name!r}, which is not 1 to 16 letters and digits", where=where)
        labels = np.asarray(split.labels)
        if labels.shape != (len(split),):
            raise DataError(f"has {len(labels)} labels for {len(split)} {name} pictures", where=where)
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(source.info.classes):
            raise DataError(
                f"has {name} labels from {labels.min()} to {labels.max()} for {len(source.info.classes)} classes",
                where=where,
            )


def _shape(source: Source, preparation: Preparation) -> tuple[int, int, int]:
    """Return the one shape of all pictures; at native size, that of the first usable one."""
    if preparation.size is not None:
        return preparation.size, preparation.size, preparation.channels
    if source.info.native_shape is not None:
        return *source.info.native_shape[:2], preparation.channels
    train = source.splits["train"]
    for item in range(min(SHAPE_TRIALS, len(train))):
        try:
            height, width, channels = read_picture(train, item, preparation).pixels.shape
        except DataError:
            continue
        return height, width, channels
    raise DataError(
        f"none of its first {min(SHAPE_TRIALS, len(train))} pictures can be used",
        where=source.info.path,
        remedy="name the size that pictures should have",
    )


def _flat(plan: Plan) -> dict[str, Any]:
    fields = {f.name: getattr(plan, f.name) for f in dataclasses.fields(plan)}
    return {**fields, **dataclasses.asdict(fields.pop("preparation"))}
