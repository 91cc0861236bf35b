"""Error rates of one network or of an ensemble on a split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from alexnet.core.errors import DivergedError
from alexnet.metrics.topk import ranks, wilson_interval


class Images(Protocol):
    """Random access to labelled pictures, as a pack's split gives it."""

    labels: np.ndarray

    def __len__(self) -> int: ...

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return uint8 (n, H, W, C)."""
        ...


class Classifier(Protocol):
    """Turns prepared pictures into class probabilities."""

    def probabilities(self, images: np.ndarray, num_views: int) -> Tensor:
        """Return (N, K) for uint8 (N, H, W, C), averaged over views."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """Counts over a split; everything else follows from them."""

    confusion: np.ndarray
    """int64 (K, K): row true class, column predicted class."""
    top5_errors: np.ndarray
    """int64 (K,): per true class."""
    loss: float
    """Mean of -log of the averaged probability of the label."""

    @property
    def count(self) -> int:
        """Number of images."""
        return int(self.confusion.sum())

    @property
    def top1_error(self) -> float:
        """Fraction whose best class is wrong."""
        return 1.0 - int(self.confusion.trace()) / max(self.count, 1)

    @property
    def top5_error(self) -> float:
        """Fraction whose label is not among the five most probable classes."""
        return int(self.top5_errors.sum()) / max(self.count, 1)

    @property
    def top1_interval(self) -> tuple[float, float]:
        """95 % confidence interval of the top-1 error."""
        return wilson_interval(self.count - int(self.confusion.trace()), self.count)

    @property
    def class_errors(self) -> np.ndarray:
        """Top-1 error of each class, float64 (K,); NaN where a class has no image."""
        totals = self.confusion.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(totals > 0, 1.0 - self.confusion.diagonal() / totals, np.nan)


def evaluate(
    classifiers: Sequence[Classifier],
    images: Images,
    indices: np.ndarray,
    *,
    num_views: int,
    batch_size: int = 64,
    progress: Callable[[int, float], None] | None = None,
) -> Evaluation:
    """Evaluate on the given images; several classifiers average their probabilities.

    Args:
        indices: int64: which images of the split.
        num_views: 1, 5, 9 or 10 crops of each picture.
        batch_size: Images per forward pass. Every pass has this size, the last one padded, so that a score does
            not depend on what else is evaluated.
        progress: Called with the number of images done and the running top-1 error.

    Raises:
        DivergedError: a probability is not a number.

    Source:
        Averages of probabilities over views, then over networks: paper, section 4.1; layer.cu and avg-test.py.
    """
    confusion, top5, loss = None, None, 0.0
    done = wrong = 0
    for start in range(0, len(indices), batch_size):
        part = indices[start : start + batch_size]
        padded = np.concatenate((part, np.repeat(part[:1], batch_size - len(part))))
        pixels = images.read(padded)
        probabilities = sum(c.probabilities(pixels, num_views) for c in classifiers)[: len(part)] / len(
            classifiers
        )
        if not torch.isfinite(probabilities).all():
            raise DivergedError(
                "the network's probabilities are not numbers", remedy="use an earlier checkpoint"
            )
        labels = torch.from_numpy(images.labels[part].astype(np.int64))
        classes = probabilities.shape[1]
        if confusion is None:
            confusion, top5 = np.zeros((classes, classes), np.int64), np.zeros(classes, np.int64)
        rank, best = ranks(probabilities, labels), probabilities.argmax(1)
        np.add.at(confusion, (labels.numpy(), best.numpy()), 1)
        np.add.at(top5, labels.numpy(), (rank >= 5).numpy())
        own = probabilities.gather(1, labels[:, None]).double()
        loss -= float(own.clamp_min(1e-30).log().sum())
        done, wrong = done + len(part), wrong + int((best != labels).sum())
        if progress:
            progress(done, wrong / done)
    if confusion is None:
        raise ValueError("there are no images to evaluate")
    return Evaluation(confusion, top5, loss / done)
