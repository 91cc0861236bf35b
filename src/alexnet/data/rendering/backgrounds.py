"""The clutter behind a toy: a two-color sweep, soft blobs, out-of-focus shapes."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from alexnet.data.rendering.draws import Draws
from alexnet.data.rendering.light import Light, lit
from alexnet.data.rendering.palette import muted, paint_of

_REDUCTION = 2
"""Backgrounds are drawn this many times smaller: they are out of focus anyway."""


def draw_background(draws: Draws, light: Light) -> Image.Image:
    """Return a cluttered scene of the light's size, slightly out of focus."""
    width, height = (-(-side // _REDUCTION) for side in light.size)
    pixels = _sweep(draws, height, width) + _clouds(draws, height, width)
    picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    _scatter(draws, picture)
    blurred = picture.filter(ImageFilter.GaussianBlur(draws.between(0.8, 2.0)))
    whole = (0, 0, *light.size)
    return lit(blurred, light.on(whole, (height, width))).resize(light.size, Image.Resampling.BILINEAR)


def _sweep(draws: Draws, height: int, width: int) -> np.ndarray:
    """Return a gradient between two colors in a random direction, (H, W, 3)."""
    first, last = muted(draws), muted(draws)
    angle = draws.between(0, 2 * np.pi)
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None]
    along = (0.5 + 0.7 * (x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle)))).clip(0, 1)
    return first + along[..., None] * (last - first)


def _clouds(draws: Draws, height: int, width: int) -> np.ndarray:
    """Return noise of two sizes around zero, (H, W, 1)."""
    clouds = np.zeros((height, width), np.float32)
    for cells, strength in ((6, 50), (20, 20)):
        noise = Image.fromarray((draws.uniform(cells * cells).reshape(cells, cells) - 0.5).astype(np.float32))
        clouds += strength * np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC))
    return clouds[..., None]


def _scatter(draws: Draws, picture: Image.Image) -> None:
    """Draw discs, bars and many-sided shapes anywhere on `picture`."""
    draw = ImageDraw.Draw(picture, "RGBA")
    side = min(picture.size)
    for _ in range(draws.whole(6, 15)):
        paint = (*paint_of(muted(draws)), draws.whole(80, 220))
        x, y = draws.between(0, picture.width), draws.between(0, picture.height)
        kind, reach = draws.whole(0, 3), side * draws.between(0.04, 0.2)
        if kind == 0:
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=paint)
        elif kind == 1:
            away_x, away_y = draws.points(1, -1, 1)[0] * side
            draw.line((x, y, x + away_x, y + away_y), fill=paint, width=1 + int(reach / 4))
        else:
            corners = draws.points(draws.whole(3, 6), -1.3, 1.3) * reach + (x, y)
            draw.polygon(corners.ravel().tolist(), fill=paint)
