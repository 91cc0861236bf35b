"""The random part of a training view: where to crop, whether to mirror, how to shift the colors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alexnet.core.errors import UsageError
from alexnet.core.keys import Key
from alexnet.views.color import color_directions, noise_divisor
from alexnet.views.config import ViewConfig


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What a pack says of all its pictures."""

    shape: tuple[int, int, int]
    """(H, W, C)."""
    mean_image: np.ndarray
    """float32 (H, W, C), gray levels 0-255."""
    eigenvalues: np.ndarray
    """(C,) of the color covariance, 0-255 scale."""
    eigenvectors: np.ndarray
    """(C, C), as columns."""

    @cached_property
    def mean_color(self) -> np.ndarray:
        """Mean of each channel, float32 (C,)."""
        return self.mean_image.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)

    def room(self, crop: int, pad: int = 0) -> tuple[int, int]:
        """Return how many pixels a crop can move down and to the right in pictures with a border of `pad`.

        Raises:
            UsageError: the pictures are smaller than the crop.
        """
        height, width = self.shape[0] + 2 * pad, self.shape[1] + 2 * pad
        if crop > min(height, width):
            raise UsageError(f"a {crop}-pixel crop does not fit into {height} x {width} pictures")
        return height - crop, width - crop


@dataclass(frozen=True, kw_only=True)
class ViewPlan:
    """One batch's draws. A view is ((gain * pixel + shift) - mean) * scale of a mirrored or plain crop."""

    top: np.ndarray
    """int32 (N,)."""
    left: np.ndarray
    """int32 (N,)."""
    mirror: np.ndarray
    """uint8 (N,), 0 or 1."""
    gain: np.ndarray
    """float32 (N,)."""
    shift: np.ndarray
    """float32 (N, C), gray levels."""
    scale: np.ndarray
    """float32 (N,)."""
    warp: np.ndarray | None = None
    """float32 (N, 2, 3): maps normalized output to normalized input coordinates, or None."""

    def part(self, images: slice) -> ViewPlan:
        """Return the draws of some of the batch's images."""
        return ViewPlan(**{name: None if a is None else a[images] for name, a in vars(self).items()})


# Positions in each sample's stream of random words: fixed, so that one option leaves the others' draws.
_WORDS = 10
_TOP, _LEFT, _MIRROR, _BRIGHTNESS, _CONTRAST, _ANGLE, _SHIFT_X, _SHIFT_Y, _FLIP, _TURN = range(_WORDS)


def draw_plan(
    key: Key, epoch: int, samples: np.ndarray, config: ViewConfig, picture: Picture, *, color_noise: bool = True
) -> ViewPlan:
    """Draw the training views of a batch: a pure function of (key, epoch, sample).

    Args:
        samples: int64 (N,), dataset indices.
        color_noise: False where the schedule has switched the noise off.

    Raises:
        UsageError: the crop or the color noise does not suit the pictures.
    """
    down, right = picture.room(config.crop, config.pad)
    channels = picture.shape[2]
    count = len(samples)
    uniform = np.zeros((count, _WORDS))
    if words := _words(config):
        uniform[:, :words] = key.derive("geometry").uniform(epoch, samples, words)
    if config.random_crop:
        top, left = np.floor(uniform[:, _TOP] * (down + 1)), np.floor(uniform[:, _LEFT] * (right + 1))
    else:
        top, left = np.full(count, down // 2), np.full(count, right // 2)
    signed = 2.0 * uniform - 1.0
    brightness = 1.0 + config.brightness * signed[:, _BRIGHTNESS]
    contrast = 1.0 + config.contrast * signed[:, _CONTRAST]
    shift = brightness[:, None] * (1.0 - contrast)[:, None] * picture.mean_color.astype(np.float64)
    divisor = 1.0
    if color_noise and config.color_noise != "off":
        directions = color_directions(config.color_noise, picture.eigenvalues, picture.eigenvectors)
        coefficients = config.color_noise_std * key.derive("color").normal(epoch, samples, channels)
        shift = shift + np.einsum("nj,cj->nc", coefficients, directions)
        divisor = noise_divisor(config.color_noise, config.color_noise_std)
    return ViewPlan(
        top=top.astype(np.int32),
        left=left.astype(np.int32),
        mirror=((uniform[:, _MIRROR] < 0.5) & config.mirror).astype(np.uint8),
        gain=(brightness * contrast).astype(np.float32),
        shift=shift.astype(np.float32),
        scale=np.full(count, config.scale / divisor, np.float32),
        warp=_warp(signed, config) if config.warps else None,
    )


def _words(config: ViewConfig) -> int:
    """Return how many of a sample's words its view depends on: up to 4 come at the cost of one."""
    if config.contrast or config.warps:
        return _WORDS if config.turns else _FLIP
    return _CONTRAST if config.random_crop or config.mirror or config.brightness else 0


def _warp(signed: np.ndarray, config: ViewConfig) -> np.ndarray:
    angle = math.radians(config.rotation_degrees) * signed[:, _ANGLE]
    warp = np.zeros((len(signed), 2, 3), np.float32)
    warp[:, 0, 0], warp[:, 0, 1] = np.cos(angle), -np.sin(angle)
    warp[:, 1, 0], warp[:, 1, 1] = np.sin(angle), np.cos(angle)
    warp[:, 0, 2] = 2 * config.translation * signed[:, _SHIFT_X]
    warp[:, 1, 2] = 2 * config.translation * signed[:, _SHIFT_Y]
    if config.turns:
        warp[config.half_turn & (signed[:, _TURN] < 0), :, :2] *= -1
        warp[config.flip & (signed[:, _FLIP] < 0), :, 1] *= -1
    return warp
