"""Fisher vectors: how a mixture of Gaussians would have to change to suit a picture's descriptors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from alexnet.classic.config import Fisher
from alexnet.core.errors import UsageError

_LEAST_VARIANCE = 1e-6


class FisherCoder:
    """Learns the mixture and encodes."""

    def __init__(self, config: Fisher):
        self.components = config.components

    def learn(self, descriptors: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """Fit the mixture by expectation maximization, from k-means++ centers: scikit-learn's GaussianMixture.

        Args:
            descriptors: float32 (N, D).

        Raises:
            UsageError: scikit-learn is not installed.
        """
        import warnings

        learned = _mixture(self.components, seed)
        with warnings.catch_warnings():
            # Fifty rounds leave the likelihood rising by less than codes depend on.
            warnings.filterwarnings("ignore", message="Best performing initialization did not converge")
            learned.fit(descriptors)
        return {
            "weights": learned.weights_.astype(np.float32),
            "means": learned.means_.astype(np.float32),
            "variances": learned.covariances_.astype(np.float32),
        }

    def encode(self, descriptors: Tensor, learned: dict[str, np.ndarray], regions: list[np.ndarray]) -> Tensor:
        """Return each region's code, after the signed square root, of length 1.

        Args:
            descriptors: float32 (N, T, D).
            regions: Indices of the squares in each region.

        Returns:
            float32 (N, R, 2 K D).
        """
        weights, means, variances = (torch.from_numpy(learned[n]) for n in ("weights", "means", "variances"))
        variances = variances.clamp_min(_LEAST_VARIANCE)
        share = posteriors(descriptors, weights, means, variances)
        codes = [
            statistics(descriptors[:, region], share[:, region], (weights, means, variances))
            for region in map(torch.from_numpy, regions)
        ]
        rooted = torch.stack(codes, 1)
        rooted = rooted.sign() * rooted.abs().sqrt()
        return torch.nn.functional.normalize(rooted, dim=2)


def posteriors(descriptors: Tensor, weights: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    """Return the probability of each Gaussian given each descriptor: (N, T, K)."""
    inverse = 1 / variances
    constant = weights.log() - 0.5 * (variances.log() + means**2 * inverse).sum(1)
    logs = descriptors @ (means * inverse).T - 0.5 * descriptors**2 @ inverse.T + constant
    return logs.softmax(2)


def statistics(descriptors: Tensor, share: Tensor, mixture: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Return the gradients to means and to deviations, before any root: (N, 2 K D).

    Source:
        Perronnin, Sanchez, Mensink 2010, equations 5 and 6; Sanchez et al. 2013, equations 17 and 18.
    """
    weights, means, variances = mixture
    count = descriptors.shape[1]
    zeroth = share.sum(1)[..., None]
    first, second = share.transpose(1, 2) @ descriptors, share.transpose(1, 2) @ descriptors**2
    to_means = (first - zeroth * means) / variances.sqrt()
    to_deviations = (second - 2 * means * first + zeroth * (means**2 - variances)) / variances
    to_means = to_means / (count * weights.sqrt()[:, None])
    to_deviations = to_deviations / (count * (2 * weights).sqrt()[:, None])
    return torch.cat((to_means.flatten(1), to_deviations.flatten(1)), 1)


def _mixture(components: int, seed: int) -> Any:
    try:
        from sklearn.mixture import GaussianMixture
    except ImportError:
        raise UsageError(
            "mixtures need scikit-learn, which is not installed", remedy='run: pip install "alexnet[baselines]"'
        ) from None
    return GaussianMixture(
        components,
        covariance_type="diag",
        max_iter=50,
        init_params="k-means++",
        random_state=seed,
        reg_covar=_LEAST_VARIANCE,
    )
