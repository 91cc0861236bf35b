"""What a classifier without convolutions reaches: the bars that a trained network has to clear.

Two linear classifiers, one on shrunken pixels and one on the distribution of colors. A data set on
which either does well can be solved without seeing what is in the pictures, and a network that does
not beat both has not been shown to see anything.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from alexnet.core.keys import Key

PENALTIES = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
"""Candidate L2 penalties, as multiples of the total squared length of the training features."""

_THUMBNAIL = 32
_BINS_LOG2 = 3
_HELD_OUT = 0.2


def linear_on_pixels(
    train_images: np.ndarray,
    train_labels: np.ndarray,
    val_images: np.ndarray,
    val_labels: np.ndarray,
    *,
    num_classes: int,
    seed: int,
) -> float:
    """Return the top-1 error of a linear classifier on the pixels of 32 x 32 thumbnails.

    The classifier is ridge regression to one-hot targets on standardized features, the class with the
    largest value wins. Its penalty is selected on a fifth of the training set, then it is refitted on all.

    Args:
        train_images: uint8 (N, H, W, C), C being 1 or 3; thumbnails are area means.
        train_labels: (N,) class indices.
        val_images: uint8 (M, H, W, C), used for nothing but the returned error.
        val_labels: (M,) class indices.
        num_classes: Number of classes K.
        seed: Chooses the fifth on which the penalty is selected.

    Returns:
        Fraction in [0, 1].
    """
    train, val = _features(_thumbnail, train_images), _features(_thumbnail, val_images)
    return _error(_scores(train, train_labels, val, num_classes, seed), val_labels)


def color_histogram(
    train_images: np.ndarray,
    train_labels: np.ndarray,
    val_images: np.ndarray,
    val_labels: np.ndarray,
    *,
    num_classes: int,
    seed: int,
) -> float:
    """Return the top-1 error of a linear classifier on joint color histograms.

    A histogram has 8 bins a channel (512 for RGB) and enters as square roots of fractions, on which a
    linear kernel is Bhattacharyya's. Classifier, arguments and result are those of `linear_on_pixels`.
    """
    train, val = _features(_histogram, train_images), _features(_histogram, val_images)
    return _error(_scores(train, train_labels, val, num_classes, seed), val_labels)


def _features(describe: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
    return np.stack([describe(image) for image in images]).astype(np.float32)


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """Return an image's area means, 32 * 32 * C numbers."""
    plain = image[..., 0] if image.shape[-1] == 1 else image
    small = Image.fromarray(plain).resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(small).ravel()


def _histogram(image: np.ndarray) -> np.ndarray:
    """Return the square roots of an image's joint histogram, 8**C numbers."""
    bins = image >> (8 - _BINS_LOG2)
    joint = np.zeros(image.shape[:2], np.uint16)
    for channel in range(image.shape[-1]):
        joint = (joint << _BINS_LOG2) | bins[..., channel]
    counts = np.bincount(joint.ravel(), minlength=1 << _BINS_LOG2 * image.shape[-1])
    return np.sqrt(counts / joint.size)


def _scores(train: np.ndarray, labels: np.ndarray, val: np.ndarray, num_classes: int, seed: int) -> np.ndarray:
    """Return (M, K) scores by ridge regression, its penalty selected on a held-out part of `train`."""
    mean, std = train.mean(0), train.std(0)
    std[std == 0] = 1
    train, val = (train - mean) / std, (val - mean) / std
    targets = np.eye(num_classes, dtype=np.float32)[labels]
    order = Key.from_seed(seed).derive("held out").permutation(0, len(train))
    held_out, kept = np.split(order, [max(1, int(len(order) * _HELD_OUT))])

    def held_out_error(penalty: float) -> float:
        return _error(_ridge(train[kept], targets[kept], train[held_out], penalty), labels[held_out])

    return _ridge(train, targets, val, min(PENALTIES, key=held_out_error))


def _ridge(train: np.ndarray, targets: np.ndarray, val: np.ndarray, penalty: float) -> np.ndarray:
    """Return the scores of `val`; solves for images or for features, whichever are fewer."""
    prior = targets.mean(0)
    strength = np.float32(penalty * np.square(train).sum())
    if len(train) <= train.shape[1]:
        gram = train @ train.T
        gram[np.diag_indices_from(gram)] += strength
        return prior + (val @ train.T) @ np.linalg.solve(gram, targets - prior)
    gram = train.T @ train
    gram[np.diag_indices_from(gram)] += strength
    return prior + val @ np.linalg.solve(gram, train.T @ (targets - prior))


def _error(scores: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(scores.argmax(1) != labels))
