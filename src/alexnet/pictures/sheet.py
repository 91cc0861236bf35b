"""Contact sheets: many small pictures with a name under each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from alexnet.core.errors import DataError
from alexnet.pictures import style
from alexnet.pictures.lettering import font, shorten, tile_text

_GAP = 12
_CAPTION, _LINE = 13, 17
_LINES = 2
_BREAKS = " _-,/"
_NEAREST_FROM = 3


def draw_contact_sheet(
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    out: Path | BinaryIO,
    *,
    columns: int = 8,
    tile: int = 112,
    title: str = "",
) -> None:
    """Draw pictures in rows with a caption of up to two lines under each, as PNG.

    Small pictures are enlarged by whole pixels, others resized smoothly; the aspect is kept.

    Args:
        images: uint8 (H, W, 1 or 3) each, of any sizes.
        captions: One for each picture, in any script; what the font lacks is spelled out.
        out: The PNG's final name, or a stream.
        columns: Pictures in a row.
        tile: Side of a picture's square, in pixels.
        title: Heading; none when empty.

    Raises:
        DataError: there are no pictures.
    """
    if not images:
        raise DataError("there are no pictures to show")
    columns = min(columns, len(images))
    texts = [caption_lines(caption, tile) for caption in captions]
    row_height = tile + _GAP + _LINE * max(map(len, texts))
    rows = -(-len(images) // columns)
    image, pen, top = style.page(columns * (tile + _GAP) - _GAP, rows * row_height - _GAP, title)
    for number, (picture, lines) in enumerate(zip(images, texts, strict=True)):
        x, y = style.MARGIN + number % columns * (tile + _GAP), top + number // columns * row_height
        shown = fit(style.pixels(picture), tile)
        image.paste(shown, (x + (tile - shown.width) // 2, y + tile - shown.height))
        for count, line in enumerate(lines):
            place = (x + tile / 2, y + tile + 3 + count * _LINE)
            pen.text(place, line, fill=style.INK, font=font(_CAPTION), anchor="ma")
    style.write_image(image, out)


def fit(image: Image.Image, side: int) -> Image.Image:
    """Return `image` resized into a square of `side`: by whole pixels from threefold on, smoothly otherwise."""
    factor = side / max(image.size)
    if factor >= _NEAREST_FROM:
        return style.enlarge(image, int(factor))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def caption_lines(caption: str, width: int) -> list[str]:
    """Return a caption as at most two lines that fit `width` pixels, broken after a space or mark if any."""
    text = " ".join(tile_text(caption).split())
    lines: list[str] = []
    while text and len(lines) < _LINES - 1 and font(_CAPTION).getlength(text) > width:
        length = next(n for n in range(min(len(text), width), 0, -1) if n == 1 or _fits(text[:n], width))
        if text[length : length + 1] != " ":
            length = max((text.rfind(c, 0, length) + 1 for c in _BREAKS), default=0) or length
        lines.append(text[:length].rstrip())
        text = text[length:].lstrip()
    return [*lines, shorten(text, width, _CAPTION)] if text or not lines else lines


def _fits(text: str, width: int) -> bool:
    return font(_CAPTION).getlength(text) <= width
