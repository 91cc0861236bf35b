"""Fisher vectors against scikit-image's, and against their definition as derivatives."""

import numpy as np
import pytest
import torch

from alexnet.classic.config import Fisher
from alexnet.classic.fisher import FisherCoder, posteriors, statistics

pytest.importorskip("sklearn", reason="NO SCIKIT-LEARN: the baselines extra is not installed")
K, D, T = 5, 7, 40


@pytest.fixture(scope="module")
def mixture():
    draws = np.random.default_rng(0)
    sample = np.concatenate([draws.normal(m, 0.3, (200, D)) for m in draws.normal(0, 2, (K, D))])
    return FisherCoder(Fisher(components=K)).learn(sample.astype(np.float32), seed=0)


@pytest.fixture(scope="module")
def descriptors():
    return torch.from_numpy(np.random.default_rng(1).normal(0, 2, (3, T, D)).astype(np.float32))


def tensors(mixture):
    return tuple(torch.from_numpy(mixture[name]) for name in ("weights", "means", "variances"))


def test_codes_are_those_of_scikit_image_on_the_same_mixture(mixture, descriptors):
    """Its vector begins with the gradients to the K weights, which ours leaves out, and its gradients to deviations
    have the other sign than the published equations and the derivative (the test below): no linear classifier minds."""
    feature = pytest.importorskip("skimage.feature", reason="NO SCIKIT-IMAGE: Fisher codes have no judge")
    from sklearn.mixture import GaussianMixture

    gmm = GaussianMixture(K, covariance_type="diag")
    gmm.weights_, gmm.means_, gmm.covariances_ = (
        mixture[n].astype(float) for n in ("weights", "means", "variances")
    )
    gmm.precisions_cholesky_ = 1 / np.sqrt(gmm.covariances_)
    share = posteriors(descriptors, *tensors(mixture))
    found = statistics(descriptors, share, tensors(mixture))
    for own, image in zip(found, descriptors, strict=True):
        theirs = feature.fisher_vector(image.numpy().astype(float), gmm)[K:]
        theirs[K * D :] *= -1
        np.testing.assert_allclose(own.numpy(), theirs, rtol=2e-4, atol=2e-5)


def test_they_are_derivatives_of_the_mean_log_likelihood(mixture, descriptors):
    """To the mean: dL/dm times deviation over the root of the weight; to the deviation with the root of twice it."""
    weights, means, variances = (t.double() for t in tensors(mixture))
    x = descriptors[0].double()
    moved = means.clone().requires_grad_(), variances.sqrt().clone().requires_grad_()

    def likelihood(m, s):
        logs = -0.5 * (((x[:, None] - m) / s) ** 2 + 2 * s.log() + np.log(2 * np.pi)).sum(2)
        return (logs + weights.log()).logsumexp(1).mean()

    to_mean, to_deviation = torch.autograd.grad(likelihood(*moved), moved)
    expected = torch.cat(
        (
            (to_mean * moved[1] / weights.sqrt()[:, None]).flatten(),
            (to_deviation * moved[1] / (2 * weights).sqrt()[:, None]).flatten(),
        )
    )
    share = posteriors(x[None], weights, means, variances)
    found = statistics(x[None], share, (weights, means, variances))[0]
    torch.testing.assert_close(found, expected.detach(), rtol=1e-9, atol=1e-10)


def test_regions_have_length_one_and_signed_roots(mixture, descriptors):
    regions = [np.arange(T), np.arange(10), np.arange(10, T)]
    codes = FisherCoder(Fisher(components=K)).encode(descriptors, mixture, regions)
    assert codes.shape == (3, 3, 2 * K * D) == (3, 3, Fisher(components=K).numbers(D))
    torch.testing.assert_close(codes.norm(dim=2), torch.ones(3, 3))
    share = posteriors(descriptors, *tensors(mixture))
    plain = statistics(descriptors[:, :10], share[:, :10], tensors(mixture))
    rooted = plain.sign() * plain.abs().sqrt()
    torch.testing.assert_close(codes[:, 1], rooted / rooted.norm(dim=1, keepdim=True))


def test_the_same_seed_gives_the_same_mixture():
    sample = np.random.default_rng(2).normal(size=(300, 4)).astype(np.float32)
    one, other = (FisherCoder(Fisher(components=3)).learn(sample, seed=5) for _ in range(2))
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)
