"""A pack as plain values, for `alexnet show` and `alexnet pack`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from alexnet.data.audit import class_balance, find_duplicates
from alexnet.data.pack.read import Pack

_NAMED = 5


def describe_pack(pack: Pack) -> dict[str, Any]:
    """Return what is in a pack: sizes, balance, quarantine, duplicates, statistics."""
    manifest = pack.manifest
    splits = {}
    for name in pack.splits:
        split = pack.split(name)
        splits[name] = {
            "images": len(split),
            "bytes": sum(shard.bytes for shard in manifest.splits[name]),
            "balance": asdict(class_balance(split.labels, len(pack.classes))),
        }
    return {
        "path": str(pack.path),
        "digest": pack.digest,
        "kind": manifest.plan.kind,
        "shape": list(pack.shape),
        "encoding": pack.encoding,
        "classes": len(pack.classes),
        "class_names": list(pack.class_names),
        "splits": splits,
        "mean": list(pack.statistics.mean),
        "eigenvalues": list(pack.statistics.eigenvalues),
        "notes": dict(manifest.notes),
        "quarantine": asdict(manifest.quarantine),
        "duplicates": _duplicates(pack),
    }


def _duplicates(pack: Pack) -> list[dict[str, Any]]:
    """Return how many pictures are there twice, within and between splits, with the first few named."""
    found = find_duplicates({name: pack.split(name).digests for name in pack.splits}, limit=_NAMED)
    rows = []
    for (first, second), count in found.counts.items():
        pairs = found.pairs[first, second].tolist()
        names = [[pack.split(first).name(i), pack.split(second).name(j)] for i, j in pairs]
        rows.append({"splits": [first, second], "count": count, "first_pairs": names})
    return rows
