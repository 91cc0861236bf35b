"""Where a toy stands in a picture, how large, how turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alexnet.data.rendering.draws import Draws


@dataclass(frozen=True)
class Pose:
    """An affine map from object coordinates to pixels: pixel = matrix @ point + center."""

    matrix: np.ndarray
    center: np.ndarray

    @classmethod
    def drawn(cls, draws: Draws, size: tuple[int, int]) -> Pose:
        """Return a pose that keeps the toy nearly inside the square in the middle of a picture."""
        short = min(size)
        scale = short * draws.between(0.32, 0.43)
        angle = np.deg2rad(draws.between(-20, 20))
        stretch = draws.between(0.92, 1.08)
        flip = -1 if draws.chance(0.5) else 1
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        shift = draws.points(1, -1, 1)[0] * (short / 2 - 0.95 * scale)
        return cls(scale * turn @ np.diag([flip * stretch, 1 / stretch]), np.array(size) / 2 + shift)

    @property
    def scale(self) -> float:
        """Pixels per object unit."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix))))

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Return object points (n, 2) in pixels."""
        return points @ self.matrix.T + self.center

    def to_object(self, box: tuple[int, int, int, int], step: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the object's x and y at the middle of every `step` x `step` pixels of `box`, float32."""
        inverse = np.linalg.inv(self.matrix).astype(np.float32)
        left, top, right, bottom = box
        x = np.arange(left, right, step, dtype=np.float32)[None] + np.float32(step / 2 - self.center[0])
        y = np.arange(top, bottom, step, dtype=np.float32)[:, None] + np.float32(step / 2 - self.center[1])
        return inverse[0, 0] * x + inverse[0, 1] * y, inverse[1, 0] * x + inverse[1, 1] * y
