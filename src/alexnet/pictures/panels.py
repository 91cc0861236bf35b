"""Pictures with their five most probable labels, after the left panel of the paper's Figure 4."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from alexnet.pictures import style
from alexnet.pictures.lettering import font, shorten, tile_text

_SIDE, _COLUMNS, _LABELS, _LINE, _TEXT, _GAP = 192, 4, 5, 26, 17, 20


def draw_panels(
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    probabilities: np.ndarray,
    names: Sequence[str],
    out: Path | BinaryIO,
    *,
    title: str = "",
) -> None:
    """Draw each picture, its label under it, and its most probable labels as bars from 0 to 1, the right one in red.

    Args:
        images: uint8 (N, H, W, 1 or 3).
        labels: Right class of each.
        probabilities: (N, K).
        names: Of the K classes; the first of several synonyms is shown.
        out: The PNG's final name, or a stream.
    """
    rows, columns = -(-len(images) // _COLUMNS), min(_COLUMNS, len(images))
    shown = min(_LABELS, probabilities.shape[1])
    height = _SIDE + 34 + shown * _LINE
    image, pen, top = style.page(columns * (_SIDE + _GAP) - _GAP, rows * (height + _GAP) - _GAP, title)
    for number, (picture, label, chances) in enumerate(zip(images, labels, probabilities, strict=True)):
        x = style.MARGIN + number % columns * (_SIDE + _GAP)
        y = top + number // columns * (height + _GAP)
        image.paste(fitted(picture, _SIDE), (x, y))
        pen.text((x, y + _SIDE + 6), _name(names[label], _SIDE), fill=style.INK, font=font(_TEXT + 2))
        for place, guess in enumerate(np.argsort(-chances, kind="stable")[:shown]):
            line = y + _SIDE + 34 + place * _LINE
            right = guess == label
            bar = max(round(float(chances[guess]) * _SIDE), 1)
            pen.rectangle((x, line, x + bar, line + _LINE - 5), fill="#f0c3ae" if right else "#cfe0f1")
            color = style.RUST if right else style.INK
            pen.text((x + 4, line), _name(names[guess], _SIDE - 8), fill=color, font=font(_TEXT))
    save(image, out)


def fitted(picture: np.ndarray, side: int) -> Image.Image:
    """Return a picture as a square of `side` pixels: whole enlarged pixels where it is small, else resampled."""
    shown = style.pixels(picture)
    small = max(shown.size) * 2 <= side
    return shown.resize((side, side), Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS)


def save(image: Image.Image, out: Path | BinaryIO) -> None:
    """Write a page as PNG of 256 colors, a third of the size, to a name or a stream."""
    style.write_image(image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE), out)


def _name(name: str, width: float) -> str:
    return shorten(tile_text(name.split(",")[0]), width, _TEXT)
