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
    rows: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], out: Path | BinaryIO, *, title: str = ""
) -> None:
    """Draw a row for each picture: itself, those nearest in the last hidden layer, those nearest in pixels.

    Args:
        rows: Of each: uint8 (H, W, C), and two times (n, H, W, C), nearest first.
        out: The PNG's final name, or a stream.
    """
    count = max(len(near) for _, near, _ in rows)
    step = _SIDE + _GAP
    group = count * step - _GAP
    first = style.MARGIN + _SIDE + _BETWEEN
    second = first + group + _BETWEEN
    image, pen, top = style.page(second + group - style.MARGIN, 28 + len(rows) * step - _GAP, title)
    for x, text in (
        (style.MARGIN, "test"),
        (first, "nearest by last hidden layer"),
        (second, "nearest by pixels"),
    ):
        pen.text((x, top), text, fill=style.MUTED, font=font(16))
    for number, (query, by_features, by_pixels) in enumerate(rows):
        y = top + 28 + number * step
        image.paste(fitted(query, _SIDE), (style.MARGIN, y))
        for x, near in ((first, by_features), (second, by_pixels)):
            for place, picture in enumerate(near):
                image.paste(fitted(picture, _SIDE), (x + place * step, y))
    save(image, out)
