"""The light of a scene: a level, a slant across the picture, a tint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from alexnet.data.rendering.draws import Draws


@dataclass(frozen=True)
class Light:
    """Brightness `level + slant . (x, y)` over a picture of `size`, x and y running from -1 to 1.

    Args:
        size: (width, height) of the picture.
        level: Brightness in its middle.
        slant: How much brighter its right and its lower edge are than its middle.
        tint: Factors of red, green and blue, about 1.
    """

    size: tuple[int, int]
    level: float
    slant: tuple[float, float]
    tint: np.ndarray

    @classmethod
    def drawn(cls, draws: Draws, size: tuple[int, int]) -> Light:
        """Return a light that leaves everything visible."""
        slant = (draws.between(-0.25, 0.25), draws.between(-0.25, 0.25))
        tint = np.array([draws.between(0.94, 1.06) for _ in range(3)], np.float32)
        return cls(size, draws.between(0.9, 1.1), slant, tint)

    def on(self, box: tuple[int, int, int, int], shape: tuple[int, int]) -> np.ndarray:
        """Return the factors (H, W, 3) for the pixels of `box`, sampled at `shape` places down and across."""
        ramps = []
        for low, high, side, slant, count in zip(
            box[:2], box[2:], self.size, self.slant, shape[::-1], strict=True
        ):
            ends = np.array([low, high]) * (2 / side) - 1
            ramps.append(np.linspace(*ends * slant, count, dtype=np.float32))
        across, down = ramps
        return (np.float32(self.level) + across + down[:, None])[..., None] * self.tint


def lit(picture: Image.Image, factors: np.ndarray) -> Image.Image:
    """Return `picture` multiplied by factors that broadcast to (H, W, 3)."""
    product = np.asarray(picture) * factors
    return Image.fromarray(np.minimum(product, 255, out=product).astype(np.uint8))
