"""Error rates of one network or of an ensemble on a split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from alexnet.core.errors import DivergedError
from alexnet.metrics.topk import ranks as ranks_of
from alexnet.metrics.topk import wilson_interval
from alexnet.parallel.ranks import Ranks


class Images(Protocol):
    """Random access to labelled pictures, as a pack's split gives it."""

    labels: np.ndarray

    def __len__(self) -> int: ...

    def read(self, indices: np.ndarray) -> Any:
        """Return uint8 (n, H, W, C), or what else the classifiers take."""
        ...


def read_each(images: Images, portions: Iterable[np.ndarray]) -> Iterator[Any]:
    """Yield the pictures of each portion of the indices, read when they are asked for."""
    for portion in portions:
        yield images.read(portion)


@dataclass(frozen=True)
class Passes:
    """How the passes of an evaluation are made."""

    read: Callable[[Images, Iterable[np.ndarray]], Iterator[Any]] = read_each
    """Brings the pictures of each batch, in order."""
    ranks: Ranks = field(default_factory=Ranks)
    """The processes that share the passes; each returns the evaluation of all images."""


class Classifier(Protocol):
    """Turns prepared pictures into class probabilities."""

    def probabilities(self, images: Any, num_views: int) -> Tensor:
        """Return (N, K) on the CPU for what was read of N pictures, averaged over views."""
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
    passes: Passes | None = None,
) -> Evaluation:
    """Evaluate on the given images; several classifiers average their probabilities.

    Args:
        indices: int64: which images of the split.
        num_views: 1, 5, 9 or 10 crops of each picture.
        batch_size: Images per forward pass. Every pass has this size, the last one padded, so that a score does
            not depend on what else is evaluated, nor on how many processes share the passes.
        progress: Called with the number of images done and the running top-1 error, of this process's passes.
        passes: Where pictures come from and who shares them; by default this process reads and computes all.

    Raises:
        DivergedError: a probability is not a number.

    Source:
        Averages of probabilities over views, then over networks: paper, section 4.1; layer.cu and avg-test.py.
    """
    if not len(indices):
        raise ValueError("there are no images to evaluate")
    passes = passes or Passes()
    ranks = passes.ranks
    tally, count = None, -(-len(indices) // batch_size)
    done = wrong = 0
    numbers = range(ranks.world.rank, count, ranks.world.size) or [0]
    parts = [indices[number * batch_size : (number + 1) * batch_size] for number in numbers]
    padded = (np.concatenate((part, np.repeat(part[:1], batch_size - len(part)))) for part in parts)
    with closing(passes.read(images, padded)) as batches:
        for number, part, pixels in zip(numbers, parts, batches, strict=True):
            probabilities = sum(c.probabilities(pixels, num_views) for c in classifiers) / len(classifiers)
            if tally is None:
                tally = _Tally(probabilities.shape[1], count)
            if (
                ranks.world.rank >= count
            ):  # more processes than passes: this one only learns the number of classes
                break
            labels = torch.from_numpy(images.labels[part].astype(np.int64))
            done, wrong = done + len(part), wrong + tally.add(number, probabilities[: len(part)], labels)
            if progress:
                progress(done, wrong / done)
    return tally.merged(ranks)


class _Tally:
    """Counts of passes, and each pass's loss at its place: however they are shared, they are added in one order."""

    def __init__(self, classes: int, passes: int):
        self.confusion = torch.zeros((classes, classes), dtype=torch.int64)
        self.top5 = torch.zeros(classes, dtype=torch.int64)
        self.losses = torch.zeros(passes, dtype=torch.float64)

    def add(self, number: int, probabilities: Tensor, labels: Tensor) -> int:
        """Count pass `number`; return its top-1 errors."""
        rank, best = ranks_of(probabilities, labels), probabilities.argmax(1)
        one = torch.ones_like(labels)
        self.confusion.index_put_((labels, best), one, accumulate=True)
        self.top5.index_put_((labels,), (rank >= 5).long(), accumulate=True)
        own = probabilities.gather(1, labels[:, None]).double()
        finite = torch.isfinite(probabilities).all()
        self.losses[number] = -own.clamp_min(1e-30).log().sum() if finite else torch.nan
        return int((best != labels).sum())

    def merged(self, ranks: Ranks) -> Evaluation:
        counts = torch.cat((self.confusion.flatten(), self.top5))
        losses = ranks.add(self.losses.to(ranks.device)).tolist()
        if not np.isfinite(losses).all():
            raise DivergedError(
                "the network's probabilities are not numbers", remedy="use an earlier checkpoint"
            )
        classes = len(self.top5)
        counts = ranks.add(counts.to(ranks.device)).cpu().numpy()
        confusion = counts[: classes**2].reshape(classes, classes)
        return Evaluation(confusion, counts[classes**2 :], sum(losses) / int(confusion.sum()))
