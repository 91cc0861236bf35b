"""The three PCA color noises that go by one name (paper, section 4.1)."""

from __future__ import annotations

import numpy as np

from alexnet.core.errors import UsageError
from alexnet.views.config import ColorNoise

LIGHTING_EIGENVALUES = np.array([0.2175, 0.0188, 0.0045])
LIGHTING_EIGENVECTORS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
)
"""Columns; as in fb.resnet.torch's imagenet.lua, on the [0, 1] scale."""


def color_directions(kind: ColorNoise, eigenvalues: np.ndarray, eigenvectors: np.ndarray) -> np.ndarray:
    """Return D (C, C) such that a picture's color shift in gray levels is D @ a, a ~ N(0, std).

    Args:
        kind: `paper`: p_i * lambda_i on [0, 1] pixels. `code2012`: p_i * sqrt(lambda_i). `lighting`: fixed
            constants, eigenvalues on the [0, 1] scale. `off`: zero.
        eigenvalues: (C,) of the training set's color covariance on the 0-255 scale.
        eigenvectors: (C, C), as columns.

    Raises:
        UsageError: `lighting` for pictures that are not in color.

    Source:
        Krizhevsky et al. 2012, section 4.1; convdata_jpeg.py of the 2012 source.
    """
    if kind == "off":
        return np.zeros_like(eigenvectors)
    if kind == "lighting":
        if len(eigenvalues) != 3:
            raise UsageError(
                f"'lighting' is for pictures of 3 channels, not {len(eigenvalues)}",
                where="view.color_noise",
                remedy="choose off, paper or code2012",
            )
        return LIGHTING_EIGENVECTORS * LIGHTING_EIGENVALUES * 255.0
    if kind == "paper":
        return eigenvectors * (eigenvalues / 255.0**2) * 255.0
    return eigenvectors * np.sqrt(np.maximum(eigenvalues, 0.0))


def noise_divisor(kind: ColorNoise, std: float) -> float:
    """Return what the noisy picture is divided by: 1 + std in the 2012 source, else 1."""
    return 1.0 + std if kind == "code2012" else 1.0
