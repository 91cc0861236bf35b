"""`alexnet pack`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from alexnet.cli.output import print_json


def pack(  # noqa: PLR0913 - the command's options
    source: str,
    out: Path,
    /,
    *,
    size: str = "256",
    filter: Literal["bilinear", "area"] = "bilinear",
    encoding: Literal["raw", "jpeg"] = "raw",
    channels: Literal[1, 3] | None = None,
    format: str | None = None,
    val_fraction: float = 0.1,
    seed: int = 0,
    workers: int | None = None,
    exif_rotate: bool | None = None,
    max_bad: float | None = None,
    subset: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Decode pictures once to the paper's preparation: shorter side to 256, central square, checksummed shards.

    SOURCE is a folder with one subfolder per class (or train/ and val/ of them),
    a .tar, .tar.gz or .zip of one, a CSV of path,label, ILSVRC's own files,
    CIFAR-10/100, MNIST-style idx files, Hugging Face parquet shards, a
    downloaded name such as cifar10, or demo. A killed packing goes on where it
    was when the command is repeated.

    Parameters
    ----------
    source
        Where the pictures are.
    out
        Folder of the pack.
    size
        Side of the prepared square in pixels, or native to keep small pictures as they are.
    filter
        bilinear: Pillow's antialiased; area: the author's rule of 2014.
    encoding
        raw pixels, or jpeg at quality 95.
    channels
        3 for color, 1 for gray; by default as the source.
    format
        Reader to use; recognized from the content by default.
    val_fraction
        Part that becomes the val split where the source has none.
    seed
        Of that split.
    workers
        Processes; by default all cores.
    exif_rotate
        Obey cameras' orientation marks; by default yes, except for ILSVRC.
    max_bad
        Fraction of unreadable pictures that stops the packing; by default 0.001, and at least 10 pictures.
    subset
        Accept an ILSVRC copy with fewer pictures than published.
    json
        Print one JSON object.
    """
    from dataclasses import replace

    from alexnet.core.errors import UsageError
    from alexnet.data.pack.plan import PackSettings
    from alexnet.data.quarantine import QuarantineLimits
    from alexnet.data.sources.options import SourceOptions
    from alexnet.runs.data import find_source, pack_to

    if size != "native" and not size.isdigit():
        raise UsageError(f"--size {size} is neither a number of pixels nor native")
    options = SourceOptions(val_fraction=val_fraction, seed=seed, subset=subset)
    found = find_source(source, options, format)
    rotate = not found.info.kind.startswith("ilsvrc") if exif_rotate is None else exif_rotate
    settings = PackSettings(
        size=None if size == "native" else int(size),
        filter=filter,
        encoding=encoding,
        channels=channels,
        exif_rotate=rotate,
    )
    if max_bad is not None:
        settings = replace(
            settings, limits=QuarantineLimits(fraction=max_bad, class_fraction=max(max_bad, 0.05))
        )
    packed = pack_to(found, out, settings, workers=workers)
    from alexnet.runs.describe import describe_pack

    if json:
        print_json(describe_pack(packed))
        return 0
    counts = ", ".join(f"{len(packed.split(name))} {name}" for name in packed.splits)
    print(f"packed {counts} pictures of {len(packed.classes)} classes into {out}")
    print(f"next: alexnet show {out}   alexnet train RECIPE --data {out}")
    return 0
