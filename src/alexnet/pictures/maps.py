"""Maps of numbers as pictures: a layer's maps in gray, and places in color over a photograph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from alexnet.pictures import style
from alexnet.pictures.kernels import unit_scale
from alexnet.pictures.lettering import font
from alexnet.pictures.panels import fitted, save

_TILE, _GAP, _NAME, _PANEL = 56, 4, 150, 224
_BLUE, _RUST = np.array([29, 79, 145], float), np.array([196, 95, 44], float)


def draw_layers(rows: Mapping[str, tuple[str, np.ndarray]], out: Path | BinaryIO, *, title: str = "") -> None:
    """Draw a row of maps for each layer, each map from black (its lowest) to white.

    Args:
        rows: By layer: what stands under its name, and maps (n, h, w).
        out: The PNG's final name, or a stream.
    """
    step = _TILE + _GAP
    widest = max(len(maps) for _, maps in rows.values())
    image, pen, top = style.page(_NAME + widest * step - _GAP, len(rows) * step - _GAP, title)
    for number, (name, (said, maps)) in enumerate(rows.items()):
        y = top + number * step
        pen.text((style.MARGIN, y + 8), name, fill=style.INK, font=font(17))
        pen.text((style.MARGIN, y + 30), said, fill=style.MUTED, font=font(13))
        shades = np.rint(255 * unit_scale(maps[:, None].astype(np.float64), "each")).astype(np.uint8)
        for place, shade in enumerate(shades):
            image.paste(fitted(shade.transpose(1, 2, 0), _TILE), (style.MARGIN + _NAME + place * step, y))
    save(image, out)


def draw_panels_of_maps(
    panels: Sequence[tuple[str, Image.Image]], out: Path | BinaryIO, *, title: str = "", columns: int = 3
) -> None:
    """Draw pictures of one size in rows, a line of text over each."""
    columns = min(columns, len(panels))
    rows, step = -(-len(panels) // columns), _PANEL + 18
    image, pen, top = style.page(columns * step - 18, rows * (_PANEL + 34) - 10, title)
    for number, (text, panel) in enumerate(panels):
        x, y = style.MARGIN + number % columns * step, top + number // columns * (_PANEL + 34)
        pen.text((x, y), text, fill=style.MUTED, font=font(15))
        image.paste(panel, (x, y + 22))
    save(image, out)


def plain(picture: np.ndarray) -> Image.Image:
    """Return a picture, uint8 (H, W, 1 or 3), as a panel."""
    return fitted(picture, _PANEL)


def gray(values: np.ndarray) -> Image.Image:
    """Return numbers (h, w) as a panel, the lowest black, the highest white."""
    return fitted(
        np.rint(255 * unit_scale(values[None, None], "joint")[0]).astype(np.uint8).transpose(1, 2, 0), _PANEL
    )


def darkness(values: np.ndarray) -> Image.Image:
    """Return numbers (h, w) >= 0 as a panel, 0 white, the highest per cent dark blue."""
    high = max(float(np.quantile(values, 0.99)), 1e-30)
    strength = np.clip(values / high, 0, 1)[..., None]
    return fitted(np.rint(255 + strength * (_BLUE - 255)).astype(np.uint8), _PANEL)


def over(picture: np.ndarray, values: np.ndarray) -> Image.Image:
    """Return a picture in gray with numbers (h, w) over it: above 0 rust, below 0 blue, as strong as they are large."""
    base = plain(picture).convert("L")
    largest = max(float(np.abs(values).max()), 1e-30)
    smooth = Image.fromarray((values / largest).astype(np.float32)).resize(base.size, Image.Resampling.BICUBIC)
    strength = np.clip(np.asarray(smooth), -1, 1)[..., None]
    color = np.where(strength > 0, _RUST, _BLUE)
    weight = 0.75 * np.abs(strength)
    pixels = np.asarray(base, float)[..., None] * 0.6 + 90
    return Image.fromarray(np.rint((1 - weight) * pixels + weight * color).clip(0, 255).astype(np.uint8))
