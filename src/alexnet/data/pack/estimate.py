"""What a pack will cost, before it is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alexnet.core.errors import DataError
from alexnet.data.decode import encode_jpeg
from alexnet.data.pack.format import ENTRY, FOOTER, HEADER
from alexnet.data.pack.picture import read_picture
from alexnet.data.pack.plan import PackSettings, Plan, make_plan
from alexnet.data.pack.shard import name_bytes
from alexnet.data.source import Source, Split

SAMPLES = 8


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The size of a pack in both encodings."""

    images: int
    shape: tuple[int, int, int]
    """(H, W, C)."""
    bytes_raw: int
    bytes_jpeg: int | None
    """From encoding a few pictures; None where none of them could be used."""
    encoding: str
    """The one the settings ask for."""
    shards: int
    """In that encoding."""

    @property
    def bytes(self) -> int:
        """Bytes in the encoding that the settings ask for; an unknown size counts as raw."""
        return self.bytes_jpeg if self.encoding == "jpeg" and self.bytes_jpeg is not None else self.bytes_raw


def estimate(source: Source, settings: PackSettings) -> Estimate:
    """Return what packing `source` would take on disk.

    Raises:
        DataError: the source cannot be packed at all.
    """
    return estimate_plan(source, make_plan(source, settings), settings.jpeg_quality)


def estimate_plan(source: Source, plan: Plan, jpeg_quality: int) -> Estimate:
    """Return what a plan would take on disk, encoding eight pictures spread over the source."""
    images, shards = sum(plan.splits.values()), len(plan.shards())
    samples = list(_samples(source))
    names = sum(len(name_bytes(split.name(item))) for split, item in samples) // len(samples)
    overhead = images * (ENTRY.itemsize + names) + shards * (HEADER.itemsize + FOOTER.itemsize)
    sizes = []
    for split, item in samples:
        try:
            sizes.append(len(encode_jpeg(read_picture(split, item, plan.preparation).pixels, jpeg_quality)))
        except DataError:
            continue
    height, width, channels = plan.shape
    return Estimate(
        images=images,
        shape=plan.shape,
        bytes_raw=images * height * width * channels + overhead,
        bytes_jpeg=images * sum(sizes) // len(sizes) + overhead if sizes else None,
        encoding=plan.encoding,
        shards=shards,
    )


def _samples(source: Source) -> Iterator[tuple[Split, int]]:
    """Yield up to eight (split, item), evenly spread over all pictures."""
    total = sum(map(len, source.splits.values()))
    count = min(SAMPLES, total)
    for sample in range(count):
        position = (2 * sample + 1) * total // (2 * count)
        for split in source.splits.values():
            if position < len(split):
                yield split, position
                break
            position -= len(split)
