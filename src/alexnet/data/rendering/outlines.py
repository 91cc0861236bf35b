"""Closed curves in object coordinates, and the masks they cover.

An outline is a float array (points, 2) of (x, y): x right, y down; an object fills about [-1, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

SUPERSAMPLING = 3
"""Masks are drawn this many times larger and averaged, which smooths their edges."""


def polygon(*corners: tuple[float, float]) -> np.ndarray:
    """Return an outline with straight sides."""
    return np.array(corners)


def ellipse(x: float, y: float, width: float, height: float | None = None) -> np.ndarray:
    """Return an ellipse by its center and half axes; a circle when `height` is left out."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.stack((x + width * np.cos(angle), y + (height or width) * np.sin(angle)), axis=1)


def smooth(*knots: tuple[float, float]) -> np.ndarray:
    """Return a closed curve through `knots` without corners (a Catmull-Rom spline)."""
    p1 = np.array(knots)[:, None]
    p0, p2, p3 = np.roll(p1, 1, 0), np.roll(p1, -1, 0), np.roll(p1, -2, 0)
    t = np.linspace(0, 1, 10, endpoint=False)[None, :, None]
    linear, square, cube = p2 - p0, 2 * p0 - 5 * p1 + 4 * p2 - p3, 3 * p1 - p0 - 3 * p2 + p3
    return (p1 + (linear * t + square * t**2 + cube * t**3) / 2).reshape(-1, 2)


def mirrored(*knots: tuple[float, float]) -> list[tuple[float, float]]:
    """Return `knots` of a right side, followed by their mirror images back up the left side."""
    return [*knots, *((-x, y) for x, y in reversed(knots) if x)]


def stroke(start: tuple[float, float], end: tuple[float, float], width: float) -> np.ndarray:
    """Return a straight bar of the given width."""
    first, last = np.array(start), np.array(end)
    along = last - first
    side = np.array([-along[1], along[0]]) * (width / 2 / np.hypot(*along))
    return np.array([first + side, last + side, last - side, first - side])


def box_around(points: np.ndarray, margin: float) -> tuple[int, int, int, int]:
    """Return the (left, top, right, bottom) around `points` and a margin, in whole pixels, with even sides."""
    left, top = (int(low) for low in np.floor(points.min(0) - margin))
    width, height = (int(side) for side in np.ceil((points.max(0) + margin - (left, top)) / 2) * 2)
    return left, top, left + width, top + height


def cover(outlines: Sequence[np.ndarray], box: tuple[int, int, int, int]) -> Image.Image:
    """Return how much of each pixel of `box` the outlines cover together, as a mask of 0-255.

    Args:
        outlines: Closed curves in pixels of the picture.
        box: (left, top, right, bottom), in pixels of the picture.
    """
    left, top, right, bottom = box
    canvas = Image.new("L", ((right - left) * SUPERSAMPLING, (bottom - top) * SUPERSAMPLING))
    draw = ImageDraw.Draw(canvas)
    for outline in outlines:
        draw.polygon(((outline - (left, top)) * SUPERSAMPLING).ravel().tolist(), fill=255)
    return canvas.reduce(SUPERSAMPLING)
