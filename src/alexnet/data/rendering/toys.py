"""The toy box: twelve toys, each with its own outline and its own pattern."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alexnet.data.rendering import textures
from alexnet.data.rendering.outlines import ellipse, mirrored, polygon, smooth, stroke
from alexnet.data.rendering.textures import Texture


@dataclass(frozen=True)
class Toy:
    """One class of the rendered set, in object coordinates.

    Args:
        name: What people call it.
        texture: The pattern of its body.
        body: The outline that carries the pattern.
        behind: Plain parts that the body covers.
        front: Plain parts on top of the body.
        eyes: Their middles.
        origin: Where the pattern has its (0, 0).
    """

    name: str
    texture: Texture
    body: np.ndarray
    behind: tuple[np.ndarray, ...] = ()
    front: tuple[np.ndarray, ...] = ()
    eyes: tuple[tuple[float, float], ...] = ()
    origin: tuple[float, float] = (0.0, 0.0)


def _bunting(count: int) -> np.ndarray:
    """Return a dome with a scalloped hem, as of a parasol seen from the side."""
    angle = np.linspace(np.pi, 2 * np.pi, 40)
    dome = np.stack((np.cos(angle), 0.25 + 0.95 * np.sin(angle)), axis=1)
    across = np.linspace(1, -1, 8 * count + 1)
    hem = np.stack((across, 0.25 - 0.13 * abs(np.sin((across + 1) / 2 * np.pi * count))), axis=1)
    return np.concatenate((dome, hem))


def _waving() -> np.ndarray:
    """Return a cloth in the wind."""
    across = np.linspace(-0.72, 0.98, 24)
    wave = 0.1 * np.sin((across + 0.7) * 4.2)
    top = np.stack((across, -0.82 + wave), axis=1)
    bottom = np.stack((across, 0.42 + wave), axis=1)
    return np.concatenate((top, bottom[::-1]))


TOYS = (
    Toy("striped ball", textures.stripes, ellipse(0, 0, 0.95)),
    Toy(
        "checkered flag",
        textures.checks,
        _waving(),
        behind=(stroke((-0.78, -0.98), (-0.78, 1.05), 0.14), ellipse(-0.78, -0.98, 0.12)),
    ),
    Toy(
        "dotted mushroom",
        textures.dots,
        smooth(*mirrored((0, -0.88), (0.55, -0.72), (0.95, -0.15), (0.85, 0.2), (0.4, 0.27), (0, 0.26))),
        behind=(smooth(*mirrored((0.28, 0.1), (0.27, 0.6), (0.42, 0.95), (0, 1.02))),),
    ),
    Toy(
        "brick house",
        textures.bricks,
        polygon((-0.8, -0.25), (0.8, -0.25), (0.8, 0.95), (-0.8, 0.95)),
        behind=(polygon((0.35, -0.95), (0.6, -0.95), (0.6, -0.4), (0.35, -0.4)),),
        front=(
            polygon((-1.02, -0.22), (0, -1.05), (1.02, -0.22)),
            polygon((-0.2, 0.4), (0.2, 0.4), (0.2, 0.95), (-0.2, 0.95)),
        ),
    ),
    Toy(
        "scaly fish",
        textures.scales,
        smooth(
            (-0.98, 0),
            (-0.6, -0.45),
            (-0.05, -0.6),
            (0.5, -0.25),
            (0.68, 0),
            (0.5, 0.25),
            (-0.05, 0.6),
            (-0.6, 0.45),
        ),
        behind=(
            smooth((0.5, 0), (0.98, -0.55), (1.1, -0.45), (0.92, 0), (1.1, 0.45), (0.98, 0.55)),
            smooth((-0.35, -0.45), (-0.05, -0.9), (0.3, -0.75), (0.35, -0.3)),
        ),
        front=(smooth((-1.03, 0), (-0.78, -0.34), (-0.56, -0.3), (-0.5, 0), (-0.56, 0.3), (-0.78, 0.34)),),
        eyes=((-0.74, -0.1),),
    ),
    Toy(
        "ringed target",
        textures.rings,
        ellipse(0, -0.12, 0.88),
        behind=(stroke((-0.3, 0.3), (-0.62, 1.05), 0.14), stroke((0.3, 0.3), (0.62, 1.05), 0.14)),
        origin=(0, -0.12),
    ),
    Toy(
        "spiral snail",
        textures.spiral,
        ellipse(0.18, -0.12, 0.78),
        behind=(
            smooth(
                (1.08, 0.9),
                (0.2, 0.62),
                (-0.55, 0.6),
                (-0.7, -0.05),
                (-0.98, -0.05),
                (-1.02, 0.6),
                (-0.6, 0.95),
                (0.2, 0.98),
            ),
            stroke((-0.92, 0.1), (-1.08, -0.45), 0.07),
            stroke((-0.75, 0.1), (-0.7, -0.5), 0.07),
        ),
        eyes=((-1.08, -0.47), (-0.7, -0.52)),
        origin=(0.18, -0.12),
    ),
    Toy(
        "zigzag vase",
        textures.zigzag,
        smooth(*mirrored((0.3, -0.85), (0.24, -0.55), (0.7, -0.1), (0.72, 0.4), (0.42, 0.95), (0.2, 0.98))),
        front=(ellipse(0, -0.88, 0.42, 0.1), ellipse(0, 0.96, 0.4, 0.09)),
    ),
    Toy(
        "honeycomb hive",
        textures.honeycomb,
        smooth(
            *mirrored((0, -0.98), (0.5, -0.8), (0.85, -0.2), (0.92, 0.45), (0.78, 0.88), (0.3, 0.93), (0, 0.94))
        ),
        behind=(polygon((-1.0, 0.84), (1.0, 0.84), (1.0, 1.0), (-1.0, 1.0)),),
        front=(ellipse(0, 0.62, 0.2, 0.22),),
    ),
    Toy(
        "paneled parasol",
        textures.sectors,
        _bunting(5),
        behind=(
            stroke((0, -0.85), (0, 1.02), 0.1),
            stroke((-0.02, 1.0), (0.3, 1.0), 0.1),
            stroke((0.26, 1.04), (0.26, 0.8), 0.1),
        ),
        origin=(0, -0.72),
    ),
    Toy(
        "patched turtle",
        textures.patches,
        ellipse(0.05, 0, 0.75, 0.66),
        behind=(
            ellipse(-0.86, 0, 0.27, 0.22),
            ellipse(-0.42, -0.68, 0.18, 0.26),
            ellipse(-0.42, 0.68, 0.18, 0.26),
            ellipse(0.52, -0.62, 0.17, 0.24),
            ellipse(0.52, 0.62, 0.17, 0.24),
            polygon((0.7, -0.12), (1.08, 0), (0.7, 0.12)),
        ),
        eyes=((-0.94, -0.09), (-0.94, 0.09)),
    ),
    Toy(
        "starry hat",
        textures.stars,
        polygon((-0.62, 0.72), (-0.12, -0.98), (0.1, -1.02), (0.64, 0.72), (0.3, 0.82), (-0.3, 0.82)),
        behind=(ellipse(0, 0.74, 1.02, 0.24),),
    ),
)
"""In label order."""
