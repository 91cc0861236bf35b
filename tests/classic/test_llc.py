"""Local coding against the equations it solves."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.classic.config import Llc
from alexnet.classic.llc import LlcCoder


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 5))
def test_weights_solve_the_regularized_problem_of_the_nearest_words(seed, neighbors):
    """Wang et al. 2010, section 3.1: minimize |x - Bc|^2 + reg * trace * |c|^2 with weights that add up to 1."""
    draws = np.random.default_rng(seed)
    words, x = draws.normal(size=(12, 6)).astype(np.float32), draws.normal(size=(4, 6)).astype(np.float32)
    coding = LlcCoder(Llc(words=12, neighbors=neighbors, regularization=0.01))
    weights, nearest = coding.weights(torch.from_numpy(x), torch.from_numpy(words))
    for row, (c, near) in enumerate(zip(weights.numpy(), nearest.numpy(), strict=True)):
        assert set(near) == set(np.argsort(((words - x[row]) ** 2).sum(1))[:neighbors])
        assert c.sum() == pytest.approx(1, abs=1e-4)
        z = words[near] - x[row]
        gram = z @ z.T
        gram += 0.01 * np.trace(gram) * np.eye(neighbors)
        # At the minimum with a fixed sum the gradient is the same for every weight.
        gradient = gram @ c
        assert np.ptp(gradient) <= 1e-3 * (abs(gradient).max() + 1e-6)


def test_a_region_holds_each_words_largest_weight():
    draws = np.random.default_rng(0)
    words = {"codebook": draws.normal(size=(9, 3)).astype(np.float32)}
    x = torch.from_numpy(draws.normal(size=(2, 8, 3)).astype(np.float32))
    coding = LlcCoder(Llc(words=9, neighbors=2))
    regions = [np.arange(8), np.array([3])]
    codes = coding.encode(x, words, regions)
    assert codes.shape == (2, 2, 9)
    weights, nearest = coding.weights(x[1], torch.from_numpy(words["codebook"]))
    slow = np.zeros((8, 9))
    np.put_along_axis(slow, nearest.numpy(), weights.numpy(), 1)
    for code, region in zip(codes[1].numpy(), regions, strict=True):
        largest = slow[region].max(0)
        np.testing.assert_allclose(code, largest / np.linalg.norm(largest), rtol=1e-4, atol=1e-6)


def test_its_words_are_the_centers_of_clusters():
    pytest.importorskip("sklearn", reason="NO SCIKIT-LEARN: the baselines extra is not installed")
    centers = np.array([[0, 0], [10, 0], [0, 10]], np.float32)
    sample = np.concatenate([c + np.random.default_rng(0).normal(0, 0.1, (300, 2)) for c in centers])
    found = LlcCoder(Llc(words=3, neighbors=1)).learn(sample.astype(np.float32), seed=0)["codebook"]
    assert sorted(np.rint(found).tolist()) == sorted(centers.tolist())
