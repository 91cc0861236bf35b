"""Locality-constrained linear coding: a descriptor as a sum of its nearest words, the largest weights of a region."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from alexnet.classic.config import Llc
from alexnet.core.errors import UsageError


class LlcCoder:
    """Learns the words and encodes."""

    def __init__(self, config: Llc):
        self.words, self.neighbors, self.regularization = config.words, config.neighbors, config.regularization

    def learn(self, descriptors: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """Find the words among descriptors, float32 (N, D): scikit-learn's MiniBatchKMeans.

        Raises:
            UsageError: scikit-learn is not installed.
        """
        learned = _k_means(self.words, seed).fit(descriptors)
        return {"codebook": learned.cluster_centers_.astype(np.float32)}

    def encode(self, descriptors: Tensor, learned: dict[str, np.ndarray], regions: list[np.ndarray]) -> Tensor:
        """Return each region's code: of every word its largest weight, of length 1.

        Args:
            descriptors: float32 (N, T, D).

        Returns:
            float32 (N, R, words).
        """
        codebook = torch.from_numpy(learned["codebook"])
        images, squares, _ = descriptors.shape
        weights, nearest = self.weights(descriptors.flatten(0, 1), codebook)
        codes = torch.zeros(images * squares, self.words).scatter_(1, nearest, weights)
        codes = codes.reshape(images, squares, self.words)
        pooled = torch.stack([codes[:, torch.from_numpy(region)].amax(1) for region in regions], 1)
        return torch.nn.functional.normalize(pooled, dim=2)

    def weights(self, descriptors: Tensor, codebook: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weights, which add up to 1, and the words: both (N, neighbors), nearest first."""
        distances = (codebook**2).sum(1)[None] - 2 * descriptors @ codebook.T
        nearest = distances.topk(self.neighbors, largest=False).indices
        apart = codebook[nearest] - descriptors[:, None]
        covariance = apart @ apart.transpose(1, 2)
        trace = covariance.diagonal(dim1=1, dim2=2).sum(1).clamp_min(1e-12)
        covariance += self.regularization * trace[:, None, None] * torch.eye(self.neighbors)
        weights = torch.linalg.solve(covariance, torch.ones(len(descriptors), self.neighbors, 1))[..., 0]
        return weights / weights.sum(1, keepdim=True), nearest


def _k_means(words: int, seed: int) -> Any:
    try:
        from sklearn.cluster import MiniBatchKMeans
    except ImportError:
        raise UsageError(
            "codebooks need scikit-learn, which is not installed",
            remedy='run: pip install "alexnet[baselines]"',
        ) from None
    return MiniBatchKMeans(words, random_state=seed, batch_size=4096, n_init=1, max_iter=20)
