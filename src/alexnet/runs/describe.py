"""Packs, networks and recipes as plain values, for `alexnet show`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from alexnet.data.audit import class_balance, find_duplicates
from alexnet.data.pack.read import Pack
from alexnet.nets.catalog import find_network
from alexnet.nets.summary import summarize

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


def describe_network(name: str, num_classes: int | None = None) -> dict[str, Any]:
    """Return a network's layers with shapes and counts, and its totals."""
    spec = find_network(name)
    rows = summarize(spec.table, spec.input_shape, num_classes or spec.num_classes)
    return {
        "name": spec.name,
        "source": spec.source,
        "input_shape": list(spec.input_shape),
        "layers": [
            {
                "name": r.row.name,
                "what": what(r.row),
                "output": list(r.output_shape),
                "parameters": r.parameters,
                "macs": r.macs,
                "neurons": r.neurons,
            }
            for r in rows
        ],
        "parameters": sum(r.parameters for r in rows),
        "macs": sum(r.macs for r in rows),
        "neurons": sum(r.neurons for r in rows),
    }


def what(row: object) -> str:
    """Return a row's fields in words, defaults left out."""
    import dataclasses

    parts: Sequence[str] = [
        f"{field.name} {getattr(row, field.name):g}"
        if isinstance(getattr(row, field.name), float)
        else f"{field.name} {getattr(row, field.name)}"
        for field in dataclasses.fields(row)
        if field.name not in ("name", "std", "bias") and getattr(row, field.name) != field.default
    ]
    return f"{type(row).__name__.lower()} {', '.join(parts)}".strip()
