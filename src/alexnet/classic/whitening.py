"""ZCA whitening: values made uncorrelated and of one variance, turned as little as possible.

Bell & Sejnowski, "The 'independent components' of natural scenes are edge filters", Vision Research 1997; for patches
as in Coates, Lee & Ng, "An analysis of single-layer networks in unsupervised feature learning", AISTATS 2011.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_AT_ONCE = 65536


@dataclass(frozen=True)
class Whitening:
    """The map x -> (x - mean) @ matrix."""

    mean: np.ndarray
    """float32 (F,)."""
    matrix: np.ndarray
    """float32 (F, F), symmetric."""

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return float32 (N, F) values whitened, also as float32 (N, F)."""
        return (values - self.mean) @ self.matrix


def fit_whitening(values: np.ndarray, epsilon: float) -> Whitening:
    """Return the map under which `values` have (almost) unit covariance.

    Args:
        values: float32 (N, F).
        epsilon: Added to each eigenvalue of the covariance, so that directions of little variance, which are noise,
            stay small.

    Returns:
        V (L + epsilon)^(-1/2) V^T for the covariance V L V^T, computed in float64.
    """
    mean = values.mean(0, dtype=np.float64)
    covariance = np.zeros((len(mean), len(mean)))
    for start in range(0, len(values), _AT_ONCE):
        centered = values[start : start + _AT_ONCE] - mean
        covariance += centered.T @ centered
    eigenvalues, vectors = np.linalg.eigh(covariance / len(values))
    # rounding can leave an eigenvalue of zero a little below it
    scale = 1 / np.sqrt(np.maximum(eigenvalues, 0) + epsilon)
    matrix = (vectors * scale) @ vectors.T
    return Whitening(mean.astype(np.float32), matrix.astype(np.float32))
