"""What one finished shard leaves for the end of the packing: kept on disk, so that a kill loses nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alexnet.core.files import commit_bytes
from alexnet.data.pack.shard import ShardFile
from alexnet.data.quarantine import QuarantineRow
from alexnet.data.statistics import Sums
from alexnet.data.strict_json import from_plain, parse_json, to_json


@dataclass(frozen=True, kw_only=True)
class ShardResult:
    """The facts of one shard that its file does not hold."""

    file: ShardFile
    quarantine: tuple[QuarantineRow, ...]
    notes: Mapping[str, int]
    class_counts: Mapping[str, int]
    """Records by label, the labels as decimal numbers."""
    products: tuple[tuple[int, ...], ...] | None
    """`Sums.products`; None where the split does not count for the statistics."""


def write_sidecar(path: Path, result: ShardResult, sums: Sums | None) -> None:
    """Commit a result: a line with the SHA-256 of the rest, a line of JSON, the picture sums as uint32."""
    image = b"" if sums is None else sums.image.astype("<u4").tobytes()
    body = to_json(result) + b"\n" + image
    commit_bytes(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def read_sidecar(path: Path, shape: tuple[int, int, int]) -> tuple[ShardResult, Sums | None] | None:
    """Return a result and its sums, or None where there is none that can be trusted."""
    try:
        digest, _, body = path.read_bytes().partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() != digest:
            return None
        line, _, image = body.partition(b"\n")
        result: ShardResult = from_plain(ShardResult, parse_json(line))
        return result, None if result.products is None else _sums(result, image, shape)
    except (OSError, ValueError):
        return None


def _sums(result: ShardResult, image: bytes, shape: tuple[int, int, int]) -> Sums:
    sums = Sums(shape)
    sums.count = result.file.count
    sums.image += np.frombuffer(image, "<u4").reshape(shape)
    sums.products += np.array(result.products, np.int64).reshape(sums.products.shape)
    return sums
