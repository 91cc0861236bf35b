"""Two-color patterns as fields: positive where the figure is, negative on the ground, zero at the edge.

A texture maps object coordinates (x right, y down, the object fills [-1, 1]) to a float32 field that
near its zero line measures about the distance to that line, in object units. Painting clips the field
multiplied by the pixels per unit, which gives edges one pixel wide at every scale.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Texture = Callable[[np.ndarray, np.ndarray, float], np.ndarray]
"""(x, y, frequency) -> field; `frequency` near 1 makes the pattern finer (above) or coarser (below)."""

_HALF_ROOT_3 = np.float32(np.sqrt(3) / 2)
_TIP = np.float32(0.44)
_EDGE_X, _EDGE_Y = np.float32(np.sin(np.pi / 10)), np.float32(np.cos(np.pi / 10))
"""The direction that a pentagram's edges face, seen from the tip next to them."""


def stripes(x: np.ndarray, y: np.ndarray, frequency: float) -> np.ndarray:
    """Bands that bulge towards the rim, as the panels of a ball do."""
    waves = 2.0 * frequency
    bulge = x / np.sqrt(np.maximum(1.15 - y * y, 0.15))
    return np.sin(bulge * np.float32(waves * np.pi) + 0.8) / np.float32(waves * np.pi)


def checks(x: np.ndarray, y: np.ndarray, frequency: float) -> np.ndarray:
    """A chess board."""
    step = np.float32(0.36 / frequency)
    across, down = _triangle(x / step), _triangle(y / step)
    return step * np.sign(across * down) * np.minimum(abs(across), abs(down))


def dots(x: np.ndarray, y: np.ndarray, frequency: float) -> np.ndarray:
    """Round spots on a triangular lattice."""
    step = 0.52 / frequency
    return np.float32(step * 0.33) - _to_nearest_of_lattice(x, y, step)


def bricks(x: np.ndarray, y: np.ndarray, frequency: float) -> np.ndarray:
    """Courses of bricks, each shifted by half a brick, with wide mortar."""
    height = np.float32(0.26 / frequency)
    width = height * 2
    row = np.floor(y / height)
    to_joint = _to_multiple(x + row * height, width)
    to_bed = _to_multiple(y, height)
    return np.minimum(to_joint, to_bed) - height * np.float32(0.13)


def scales(x: np.ndarray, y: np.ndarray, frequency: float) -> np.ndarray:
    """Round scales, each with a rim and laid over the next."""
    step = np.float32(0.3 / frequency)
    column = np.floor(x / step)
    field = np.full_like(x, step)
    for nearer in (-1, 0, 1):
        across = x - (column + nearer) * step
        down = _to_multiple(y - np.mod(column + nearer, 2) * step, step * 2)
        distance = np.hypot(across, down)
        rim = abs(distance - step * np.float32(0.88)) - step * np.float32(0.12)
        field = np.where(distance < step, rim, np.minimum(field, distance - step))
    return field


def rings(x: np.ndarray, y: np.ndarray, frequency: float) -> np.ndarray:
    """Circles around the middle, as on a target."""
    waves = np.float32(2.5 * frequency * 2 * np.pi)
    return np.cos(np.hypot(x, y) * waves) / waves


def spiral(x: np.ndarray, y: np.ndarray, frequency: float) -> np.ndarray:
    """One arm winding out of the middle."""
    waves = np.float32(1.7 * frequency * 2 * np.pi)
    return np.cos(np.hypot(x, y) * waves - np.arctan2(y, x)) / waves


def zigzag(x: np.ndarray, y: np.ndarray, frequency: float) -> np.ndarray:
    """Bands that go up and down."""
    waves = np.float32(1.9 * frequency * 2 * np.pi)
    fold = np.float32(0.42 / frequency)
    return np.sin((y + fold * abs(_triangle(x / fold))) * waves) / (waves * np.float32(np.sqrt(2)))


def honeycomb(x: np.ndarray, y: np.ndarray, frequency: float) -> np.ndarray:
    """Six-sided cells between walls."""
    return _to_hexagon_wall(x, y, 0.5 / frequency) - np.float32(0.055 / frequency)


def sectors(x: np.ndarray, y: np.ndarray, frequency: float) -> np.ndarray:
    """Wedges that meet in one point, as the panels of a parasol."""
    count = 5
    return np.hypot(x, y) * np.sin(np.arctan2(y, x) * count) / count


def patches(x: np.ndarray, y: np.ndarray, frequency: float) -> np.ndarray:
    """Irregular plates between wide gaps, as on a giraffe."""
    step = np.float32(0.5 / frequency)
    column, row = np.floor(x / step), np.floor(y / step)
    nearest = np.full_like(x, 9)
    second = np.full_like(x, 9)
    for right in (-1, 0, 1):
        for down in (-1, 0, 1):
            hashed = np.sin((column + right) * np.float32(12.99) + (row + down) * np.float32(78.23))
            jitter_x, jitter_y = np.modf(hashed * 437)[0], np.modf(hashed * 951)[0]
            center_x = (column + right + np.float32(0.5) + np.float32(0.4) * jitter_x) * step
            center_y = (row + down + np.float32(0.5) + np.float32(0.4) * jitter_y) * step
            distance = np.hypot(x - center_x, y - center_y)
            second = np.minimum(second, np.maximum(nearest, distance))
            nearest = np.minimum(nearest, distance)
    return (second - nearest) / 2 - step * np.float32(0.08)


def stars(x: np.ndarray, y: np.ndarray, frequency: float) -> np.ndarray:
    """Five-pointed stars in a staggered lattice."""
    step = np.float32(0.62 / frequency)
    row = np.round(y / step)
    across = x - (np.round(x / step - row / 2) + row / 2) * step
    down = y - row * step
    tenth = np.float32(np.pi / 5)
    angle = abs(np.mod(np.arctan2(across, -down) + tenth, 2 * tenth) - tenth)
    radius = np.hypot(across, down)
    return step * _TIP * _EDGE_X - radius * (np.cos(angle) * _EDGE_X + np.sin(angle) * _EDGE_Y)


def _triangle(value: np.ndarray) -> np.ndarray:
    """Return a wave of period 2 that rises and falls straight between -0.5 and 0.5."""
    return abs(np.mod(value, 2) - 1) - np.float32(0.5)


def _to_multiple(value: np.ndarray, step: float) -> np.ndarray:
    """Return the distance to the nearest multiple of `step`."""
    return abs(value - np.round(value / step) * step)


def _to_nearest_of_lattice(x: np.ndarray, y: np.ndarray, step: float) -> np.ndarray:
    """Return the distance to the nearest point of a triangular lattice."""
    height = step * _HALF_ROOT_3 * 2
    even = np.hypot(_to_multiple(x, step), _to_multiple(y, height))
    odd = np.hypot(_to_multiple(x - step / 2, step), _to_multiple(y - height / 2, height))
    return np.minimum(even, odd)


def _to_hexagon_wall(x: np.ndarray, y: np.ndarray, step: float) -> np.ndarray:
    """Return the distance to the nearest wall of cells whose centers are `step` apart."""
    height = step * _HALF_ROOT_3 * 2
    even = _in_hexagon(_to_multiple(x, step), _to_multiple(y, height))
    odd = _in_hexagon(_to_multiple(x - step / 2, step), _to_multiple(y - height / 2, height))
    return step / 2 - np.minimum(even, odd)


def _in_hexagon(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(x, x * np.float32(0.5) + y * _HALF_ROOT_3)
