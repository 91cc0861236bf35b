"""The manifest of a pack, `pack.json`: written last, and the only way to tell a pack from a folder of files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from alexnet.core.errors import DataError
from alexnet.core.files import commit_bytes
from alexnet.data.pack.format import ENCODINGS, RESTORE, VERSION, damaged, valid_shape, valid_split
from alexnet.data.pack.plan import Plan
from alexnet.data.pack.shard import ShardFile, shard_name
from alexnet.data.quarantine import QuarantineSummary
from alexnet.data.statistics import Statistics
from alexnet.data.strict_json import canonical_json, from_plain, parse_json, to_json

MANIFEST = "pack.json"
MEAN_IMAGE = "mean-image.f32"
MAX_BYTES = 2**28


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a pack comes from: for people, and no part of its identity."""

    path: str
    """Of the source when it was packed."""
    software: dict[str, str]
    """Versions of the libraries that decoded and scaled the pictures."""
    quarantine_sha256: str
    """Of `quarantine.jsonl`, whose reasons may be worded by those libraries."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything about a pack but its pictures."""

    plan: Plan
    splits: dict[str, tuple[ShardFile, ...]]
    class_counts: dict[str, tuple[int, ...]]
    """Records of each class, by split."""
    statistics: Statistics
    """Of the training split."""
    mean_image_sha256: str
    """Of `mean-image.f32`."""
    notes: dict[str, int]
    """How many pictures were remarkable in what way."""
    quarantine: QuarantineSummary
    origin: Origin

    @cached_property
    def digest(self) -> str:
        """Return the identity of the pack: equal for equal contents, wherever and however fast it was packed."""
        body = _plain_body(self)
        del body["origin"]
        return hashlib.sha256(canonical_json(body)).hexdigest()

    def commit(self, folder: Path) -> None:
        """Write the manifest, which turns `folder` into a pack."""
        value = {"format": VERSION, **_plain_body(self), "digest": self.digest}
        commit_bytes(folder / MANIFEST, to_json(value, indent=1) + b"\n")


def read_manifest(folder: Path) -> Manifest:
    """Return the checked manifest of a pack.

    Raises:
        DataError: not there, not a manifest, of a newer format, damaged or inconsistent.
    """
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MAX_BYTES:
            raise damaged(f"it is larger than {MAX_BYTES} bytes", path)
        value = parse_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path) from None
    except ValueError as error:
        raise damaged(f"it is not a manifest ({error})", path) from None
    if not isinstance(value, dict) or type(value.get("format")) is not int:
        raise damaged("it is not a manifest", path)
    if value.pop("format") != VERSION:
        raise DataError(
            f"is the manifest of another pack format than {VERSION}, which this program reads",
            where=path,
            remedy="read it with another release of alexnet, or pack the source again",
        )
    digest = value.pop("digest", None)
    try:
        manifest: Manifest = from_plain(Manifest, value, "manifest")
        _check(manifest)
    except ValueError as error:
        raise damaged(str(error), path) from None
    if manifest.digest != digest:
        raise DataError("is damaged: its contents do not match its digest", where=path, remedy=RESTORE)
    return manifest


def _plain_body(manifest: Manifest) -> dict[str, Any]:
    return {field.name: getattr(manifest, field.name) for field in fields(manifest)}


def _check(manifest: Manifest) -> None:
    """Refuse a manifest whose parts contradict each other, whoever computed its digest."""
    plan, channels = manifest.plan, manifest.plan.shape[2]
    statistics = manifest.statistics
    rows = (statistics.mean, statistics.eigenvalues, *statistics.covariance, *statistics.eigenvectors)
    faults = {
        "a shape that no packer writes": not valid_shape(plan.shape),
        "an encoding that no packer writes": plan.encoding not in ENCODINGS,
        "a split name that no packer writes": not all(map(valid_split, plan.splits)),
        "shards without pictures": plan.items_per_shard < 1,
        "more or fewer class names than classes": len(plan.classes) != len(plan.class_names),
        "other splits than planned": not manifest.splits.keys()
        == manifest.class_counts.keys()
        == plan.splits.keys(),
        "statistics of another number of channels": any(len(row) != channels for row in rows)
        or len(rows) != 2 + 2 * channels,
    }
    for fault, present in faults.items():
        if present:
            raise ValueError(f"it has {fault}")
    for split, shards in manifest.splits.items():
        _check_split(plan, split, shards, manifest.class_counts[split])


def _check_split(plan: Plan, split: str, shards: tuple[ShardFile, ...], counts: tuple[int, ...]) -> None:
    if len(shards) != plan.shard_count(split):
        raise ValueError(f"it has {len(shards)} {split} shards instead of {plan.shard_count(split)}")
    for number, shard in enumerate(shards):
        if shard.file != shard_name(split, number) or not 0 <= shard.count <= len(plan.items(split, number)):
            raise ValueError(f"it has a wrong entry for {split} shard {number}")
    if len(counts) != len(plan.classes) or sum(counts) != sum(shard.count for shard in shards):
        raise ValueError(f"it has wrong class counts for {split}")
