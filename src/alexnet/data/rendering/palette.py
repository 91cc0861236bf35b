"""Colors, drawn in the same way for every class so that no color tells what is in a picture.

A color is a float32 array (3,): RGB on the 0-255 scale.
"""

from __future__ import annotations

import colorsys

import numpy as np

from alexnet.data.rendering.draws import Draws

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in perceived brightness (ITU-R BT.601)."""


def vivid(draws: Draws) -> np.ndarray:
    """Return a color of any hue and brightness, as a toy would be painted in."""
    return _color(draws.between(0, 1), draws.between(0.45, 1.0), draws.between(0.5, 1.0))


def muted(draws: Draws) -> np.ndarray:
    """Return a color for the scene behind: any hue and brightness, less saturated."""
    return _color(draws.between(0, 1), draws.between(0.1, 0.6), draws.between(0.35, 1.0))


def contrasting(draws: Draws) -> tuple[np.ndarray, np.ndarray]:
    """Return a dark and a light color in a random order: the two paints of a pattern.

    Brightness differs by 90 to 170, so that the pattern shows; either may be the ground, so that the
    pattern's shape says nothing about the mean color.
    """
    dark_luma = draws.between(25, 75)
    light_luma = dark_luma + draws.between(90, 170)
    pair = (_with_luma(vivid(draws), dark_luma), _with_luma(vivid(draws), light_luma))
    return pair if draws.chance(0.5) else pair[::-1]


def paint_of(color: np.ndarray) -> tuple[int, int, int]:
    """Return `color` as Pillow takes it."""
    red, green, blue = (int(channel + 0.5) for channel in color)
    return red, green, blue


def _with_luma(color: np.ndarray, luma: float) -> np.ndarray:
    """Return `color` darkened, or mixed with white, to a brightness."""
    now = float(color @ LUMA)
    if now >= luma:
        return color * np.float32(luma / now)
    return color + (255 - color) * np.float32((luma - now) / (255 - now))


def _color(hue: float, saturation: float, value: float) -> np.ndarray:
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value), np.float32) * 255
