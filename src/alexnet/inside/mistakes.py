"""What a network is surest of and wrong about, class by class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from alexnet.evaluation.classifier import ViewClassifier
from alexnet.evaluation.evaluate import Images

_BATCH = 64


@dataclass(frozen=True)
class Guesses:
    """The network's probabilities for every image of a split, one view each."""

    probabilities: np.ndarray
    """float32 (N, K)."""
    labels: np.ndarray
    """int64 (N,)."""

    @property
    def best(self) -> np.ndarray:
        """The most probable class of each image."""
        return self.probabilities.argmax(1)

    def confusion(self) -> np.ndarray:
        """Counts, int64 (K, K): row true class, column predicted class."""
        classes = self.probabilities.shape[1]
        return np.bincount(self.labels * classes + self.best, minlength=classes**2).reshape(classes, classes)

    def mistakes(self, count: int) -> np.ndarray:
        """Return the wrongly classified images, those first whose wrong class has the highest probability."""
        wrong = np.flatnonzero(self.best != self.labels)
        sureness = self.probabilities.max(1)[wrong]
        return wrong[np.argsort(-sureness, kind="stable")][:count]

    def surest(self, count: int) -> np.ndarray:
        """Return rightly classified images, first the surest of each class, then each class's next."""
        right = np.flatnonzero(self.best == self.labels)
        order = right[np.argsort(-self.probabilities.max(1)[right], kind="stable")]
        seen: Counter[int] = Counter()
        rank = []
        for label in self.labels[order].tolist():
            rank.append(seen[label])
            seen[label] += 1
        return order[np.argsort(rank, kind="stable")][:count]


def guess(classifier: ViewClassifier, images: Images, progress: Callable[[int], None] | None = None) -> Guesses:
    """Classify all images of a split."""
    found = []
    for begin in range(0, len(images), _BATCH):
        indices = np.arange(begin, min(begin + _BATCH, len(images)))
        found.append(classifier.probabilities(images.read(indices)))
        if progress:
            progress(len(indices))
    return Guesses(torch.cat(found).numpy(), np.asarray(images.labels, np.int64))
