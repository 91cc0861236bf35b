"""A baseline as a classifier: what evaluates and predicts with networks does so with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alexnet.classic.features import Features
from alexnet.classic.squared_hinge_svm import SquaredHingeSvm
from alexnet.core.errors import UsageError
from alexnet.evaluation.input import InputSpec


@dataclass
class BaselineClassifier:
    """Features and linear classifiers, their scores averaged."""

    channels: Sequence[tuple[Features, SquaredHingeSvm]]
    sharpness: float
    """Factor on the mean score before the softmax, chosen on held-out images: the order of classes does not depend on
    it."""
    input: InputSpec
    classes: Sequence[str]
    class_names: Sequence[str]

    def probabilities(self, images: np.ndarray, num_views: int = 1) -> Tensor:
        """Return float32 (N, K) of prepared pictures, uint8 (N, H, W, C).

        Raises:
            UsageError: more than one view: regions of the whole picture are what these features are made of.
        """
        if num_views != 1:
            raise UsageError("a baseline looks at a picture once", remedy="leave out --views, or --views 1")
        scores = sum(svm.scores(features.encode(images)) for features, svm in self.channels) / len(
            self.channels
        )
        return softmax(torch.from_numpy(np.asarray(scores)), self.sharpness)


def softmax(scores: Tensor, sharpness: float) -> Tensor:
    """Return probabilities of scores (N, K)."""
    return (sharpness * scores).softmax(1)


def best_sharpness(scores: Tensor, labels: Tensor) -> float:
    """Return the factor, of a grid of powers of the square root of two, whose probabilities have the least loss."""
    factors = [2.0 ** (k / 2) for k in range(-6, 13)]
    losses = [float(torch.nn.functional.cross_entropy(f * scores, labels)) for f in factors]
    return factors[int(np.argmin(losses))]
