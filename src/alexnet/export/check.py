"""Whether a file computes what the run does, on real pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alexnet.core.errors import AlexNetError
from alexnet.core.keys import Key
from alexnet.evaluation.classifier import ViewClassifier
from alexnet.evaluation.input import InputSpec
from alexnet.views.fixed_views import fixed_views, view_places
from alexnet.views.train_view import with_border

LARGEST = 1e-4
"""The largest difference of a probability that is taken for rounding."""
_BATCH = 25


@dataclass(frozen=True)
class Agreement:
    """How far a file's probabilities are from the network's in float32."""

    images: int
    largest_difference: float
    same_top5: int
    """Images whose five most probable classes are the same in the same order."""
    drawn: bool
    """Whether the pictures were drawn at random, for want of real ones."""


def agreement(
    run: Callable[[np.ndarray], np.ndarray],
    classifier: ViewClassifier,
    images: np.ndarray | None,
    *,
    prepares: bool,
) -> Agreement:
    """Compare a file with the network it was made of.

    Args:
        run: Computes the file's probabilities (N, K).
        images: Prepared pictures, uint8 (N, size, size, C); by default drawn at random.
        prepares: Whether the file takes prepared pictures, or the network's input.

    Raises:
        AlexNetError: they differ by more than rounding.
    """
    pictures = drawn_pictures(classifier.input) if images is None else images
    exact = replace(classifier, bfloat16=False)
    largest, same = 0.0, 0
    # A batch of one, too: an axis of any length has that one as well.
    for part in _parts(pictures):
        expected = exact.probabilities(part).numpy()
        found = run(part if prepares else _inputs(part, classifier.input))
        largest = float(
            np.max([largest, np.abs(expected - found).max()])
        )  # unlike max(), keeps what is no number
        same += int((_top5(expected) == _top5(found)).all(1).sum())
    if not largest <= LARGEST:
        raise AlexNetError(
            f"the exported network's probabilities differ from the run's by up to {largest:.2g}",
            remedy="this is a mistake of this program or of the runtime; nothing was written",
        )
    return Agreement(len(pictures), largest, same, images is None)


def drawn_pictures(spec: InputSpec, count: int = 20) -> np.ndarray:
    """Return pictures of noise, uint8 (count, size, size, C), always the same."""
    values = Key.from_seed(0).derive("export").uniform(0, np.arange(count), spec.size**2 * spec.channels)
    return (256 * values).astype(np.uint8).reshape(count, spec.size, spec.size, spec.channels)


def _parts(pictures: np.ndarray) -> Sequence[np.ndarray]:
    return [pictures[:1], *(pictures[k : k + _BATCH] for k in range(1, len(pictures), _BATCH))]


def _inputs(pictures: np.ndarray, spec: InputSpec) -> np.ndarray:
    bordered = with_border(pictures, spec.pad)
    places = view_places(1, *bordered.shape[1:3], spec.crop)
    return fixed_views(bordered, places, spec.mean, spec.scale).contiguous().numpy()


def _top5(probabilities: np.ndarray) -> np.ndarray:
    return np.argsort(-probabilities, axis=1, kind="stable")[:, :5]
