"""Photographs to pack where none are given: JPEG files of the usual size and weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import simplejpeg

from alexnet.bench.pixels import random_pictures
from alexnet.core.errors import DataError
from alexnet.core.files import commit_bytes

HEIGHT, WIDTH, QUALITY = 375, 500, 90
"""The median size of ImageNet's photographs."""


def find_photographs(data: Path | None, folder: Path, count: int = 64, processes: int = 1) -> Path:
    """Return the folder of JPEG files to use, with synthetic ones written to `folder` where `data` is None.

    Args:
        count: How many to write.
        processes: That share them; each needs one at least.

    Raises:
        DataError: there are no JPEG files below `data`, or too few.
    """
    if data is not None:
        found = sum(path.suffix.lower() in (".jpg", ".jpeg") for path in data.rglob("*"))
        if found < processes:
            few = f"holds {found} JPEG files for {processes} processes" if found else "holds no JPEG files"
            raise DataError(few, where=data, remedy="give a folder of photographs with --data")
        return data
    folder.mkdir(parents=True)
    for number, noise in enumerate(random_pictures(max(count, processes), WIDTH)):
        picture = simplejpeg.encode_jpeg(_with_scales(noise), quality=QUALITY)
        commit_bytes(folder / f"{number:03d}.jpg", picture)
    return folder


def _with_scales(noise: np.ndarray) -> np.ndarray:
    """Return uint8 (375, 500, 3): noise that is stronger the coarser it is, as in photographs."""
    noise = noise.astype(np.float32) - 127.5
    rows, columns = np.ix_(np.arange(HEIGHT), np.arange(WIDTH))
    total = np.full((HEIGHT, WIDTH, 3), 127.5, np.float32)
    for octave in range(8):
        step = 2**octave
        total += noise[rows // step, columns // step] * (0.08 * 1.3**octave)
    return total.clip(0, 255).astype(np.uint8)
