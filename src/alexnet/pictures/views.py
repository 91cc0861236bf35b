"""What the network is shown: prepared pictures beside the random views made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from alexnet.core.errors import DataError
from alexnet.pictures import style
from alexnet.pictures.lettering import font, shorten

_WIDTH = 1100
_TILE = 128
_GAP = 8
_ARROW = 44
_HEADING = 34


def draw_views(originals: np.ndarray, views: np.ndarray, out: Path, *, mean: np.ndarray) -> None:
    """Draw prepared pictures and their training views as PNG: one picture a row, everything at one scale.

    Args:
        originals: uint8 (N, H, W, C), C 1 or 3: the pictures as the pack holds them.
        views: float32 (N, V, h, w, C), V at least 1: views as the network gets them, mean subtracted.
        out: The PNG's final name.
        mean: What was subtracted, broadcastable against `views`, on the 0-255 scale.

    Raises:
        DataError: there are no pictures.
    """
    if not len(originals):
        raise DataError("there are no pictures to show")
    factor = _common_factor(originals.shape[1:3], views.shape[1], views.shape[3])
    left = [_scaled(picture, factor) for picture in originals]
    right = [[_scaled(view, factor) for view in row] for row in visible(views, mean)]
    step, row_height = right[0][0].width + _GAP, max(left[0].height, right[0][0].height)
    start = style.MARGIN + left[0].width + _ARROW
    width = left[0].width + _ARROW + len(right[0]) * step - _GAP
    image, pen, y = style.page(width, _HEADING + len(left) * (row_height + _GAP) - _GAP, "")
    before, after = ("{} x {}".format(*shape) for shape in (originals.shape[1:3], views.shape[2:4]))
    _head(pen, style.MARGIN, left[0].width + _ARROW - _GAP, f"prepared {before}")
    _head(pen, start, image.width - style.MARGIN - start, f"training views {after}, mean added back")
    for number, (picture, row) in enumerate(zip(left, right, strict=True)):
        middle = y + _HEADING + number * (row_height + _GAP) + row_height // 2
        image.paste(picture, (style.MARGIN, middle - picture.height // 2))
        _arrow(pen, start - _ARROW + 10, start - 10, middle)
        for column, view in enumerate(row):
            image.paste(view, (start + column * step, middle - view.height // 2))
    style.write_image(image, out)


def visible(views: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return views (N, V, h, w, C) with `mean` added back, as uint8; what is not finite becomes black."""
    raised = np.nan_to_num(np.asarray(views, np.float32) + mean, nan=0.0, posinf=0.0, neginf=0.0)
    shown: np.ndarray = np.rint(np.clip(raised, 0, 255)).astype(np.uint8)
    return shown


def _common_factor(shape: tuple[int, ...], count: int, view_width: int) -> float:
    """Return the scale at which a row fits the page; a whole number where pictures are enlarged."""
    room = (_WIDTH - _ARROW - count * _GAP) / (shape[1] + count * view_width)
    return room if room < 1 else max(1, min(int(room), _TILE // max(shape)))


def _scaled(picture: np.ndarray, factor: float) -> Image.Image:
    image = style.pixels(picture)
    if factor >= 1:
        return style.enlarge(image, int(factor))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _head(pen: ImageDraw.ImageDraw, x: int, width: int, text: str) -> None:
    place = (x, style.MARGIN + _HEADING - 14)
    pen.text(place, shorten(text, width, 16), fill=style.INK, font=font(16), anchor="ls")


def _arrow(pen: ImageDraw.ImageDraw, start: int, end: int, y: int) -> None:
    pen.line((start, y, end - 5, y), fill=style.MUTED, width=2)
    pen.polygon(((end, y), (end - 8, y - 5), (end - 8, y + 5)), fill=style.MUTED)
