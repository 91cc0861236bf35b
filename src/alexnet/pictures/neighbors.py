"""Pictures beside their nearest neighbors, after the right panel of the paper's Figure 4."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from alexnet.pictures import style
from alexnet.pictures.lettering import font
from alexnet.pictures.panels import fitted, save

_SIDE, _GAP, _BETWEEN = 72, 6, 26


def draw_neighbors(
    rows: Sequence[tuple[np.ndarray, ...]],
    out: Path | BinaryIO,
    *,
    heads: Sequence[str] = ("nearest by last hidden layer", "nearest by pixels"),
    first: str = "test",
    title: str = "",
) -> None:
    """Draw a row for each picture: itself, and those nearest to it, in a group for each way to measure.

    Args:
        rows: Of each: uint8 (H, W, C), and for each head (n, H, W, C), nearest first.
        out: The PNG's final name, or a stream.
        heads: What the groups are.
        first: What the pictures at the left are.
    """
    count = max(len(near) for _, *groups in rows for near in groups)
    step = _SIDE + _GAP
    group = count * step - _GAP + _BETWEEN
    places = [style.MARGIN + _SIDE + _BETWEEN + number * group for number in range(len(heads))]
    width = max(places[-1] + group - _BETWEEN - style.MARGIN, 8 * len(title))
    image, pen, top = style.page(width, 28 + len(rows) * step - _GAP, title)
    for x, text in zip((style.MARGIN, *places), (first, *heads), strict=True):
        pen.text((x, top), text, fill=style.MUTED, font=font(16))
    for number, (query, *groups) in enumerate(rows):
        y = top + 28 + number * step
        image.paste(fitted(query, _SIDE), (style.MARGIN, y))
        for x, near in zip(places, groups, strict=True):
            for place, picture in enumerate(near):
                image.paste(fitted(picture, _SIDE), (x + place * step, y))
    save(image, out)
