"""What a classifier without convolutions reaches: the bars that a trained network has to clear.

Two linear classifiers, one on shrunken pixels and one on the distribution of colors. A data set on
which either does well can be solved without seeing what is in the pictures, and a network that does
not beat both has not been shown to see anything.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from alexnet.core.keys import Key

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Candidate weights of the L2 penalty, times the mean square of the weights' products with unit features."""

_THUMBNAIL = 32
_BINS = 8
_HELD_OUT = 0.2
_ITERATIONS = 100
_CHUNK = 64


def linear_on_pixels(
    train_images: np.ndarray,
    train_labels: np.ndarray,
    val_images: np.ndarray,
    val_labels: np.ndarray,
    *,
    num_classes: int,
    seed: int,
) -> float:
    """Return the top-1 error of multinomial logistic regression on the pixels of 32 x 32 thumbnails.

    Args:
        train_images: uint8 (N, H, W, C); thumbnails are area means.
        train_labels: (N,) class indices.
        val_images: uint8 (M, H, W, C), used for nothing but the returned error.
        val_labels: (M,) class indices.
        num_classes: Number of classes K.
        seed: Chooses the fifth of the training set on which the penalty is selected.

    Returns:
        Fraction in [0, 1].
    """
    train, val = _features(_thumbnails, train_images), _features(_thumbnails, val_images)
    return _linear_error(train, train_labels, val, val_labels, num_classes=num_classes, seed=seed)


def color_histogram(
    train_images: np.ndarray,
    train_labels: np.ndarray,
    val_images: np.ndarray,
    val_labels: np.ndarray,
    *,
    num_classes: int,
    seed: int,
) -> float:
    """Return the top-1 error of multinomial logistic regression on joint color histograms.

    A histogram has 8 bins a channel (512 for RGB) and enters as square roots of fractions, on which the
    linear kernel is Hellinger's. Arguments and result are those of `linear_on_pixels`.
    """
    train, val = _features(_histograms, train_images), _features(_histograms, val_images)
    return _linear_error(train, train_labels, val, val_labels, num_classes=num_classes, seed=seed)


def _features(describe: Callable[[torch.Tensor], torch.Tensor], images: np.ndarray) -> torch.Tensor:
    """Return `describe` of all images, float64 (N, D), taking a few at a time."""
    starts = range(0, len(images), _CHUNK)
    return torch.cat([describe(torch.from_numpy(np.array(images[i : i + _CHUNK]))) for i in starts]).double()


def _thumbnails(images: torch.Tensor) -> torch.Tensor:
    pixels = images.permute(0, 3, 1, 2).float()
    return F.adaptive_avg_pool2d(pixels, _THUMBNAIL).flatten(1)


def _histograms(images: torch.Tensor) -> torch.Tensor:
    channels = images.shape[-1]
    bins = torch.div(images.int() * _BINS, 256, rounding_mode="floor")
    joint = (bins * torch.tensor([_BINS**c for c in range(channels)], dtype=torch.int32)).sum(-1).flatten(1)
    counts = torch.stack([torch.bincount(one, minlength=_BINS**channels) for one in joint])
    return (counts / joint.shape[1]).sqrt()


def _linear_error(
    train: torch.Tensor,
    train_labels: np.ndarray,
    val: torch.Tensor,
    val_labels: np.ndarray,
    *,
    num_classes: int,
    seed: int,
) -> float:
    """Select the penalty on a part of the training set, refit on all of it, return the error on `val`."""
    labels = torch.from_numpy(np.asarray(train_labels, np.int64))
    mean, std = train.mean(0), train.std(0, correction=0)
    std = torch.where(std > 0, std, 1.0)
    train, val = (train - mean) / std, (val - mean) / std
    order = torch.from_numpy(Key.from_seed(seed).derive("held out").permutation(0, len(labels)))
    held_out, kept = order.tensor_split([max(1, int(len(order) * _HELD_OUT))])

    def held_out_error(penalty: float) -> float:
        predict = _fit(train[kept], labels[kept], num_classes, penalty)
        return _error(predict(train[held_out]), labels[held_out])

    best = min(reversed(PENALTIES), key=held_out_error)
    predict = _fit(train, labels, num_classes, best)
    return _error(predict(val), torch.from_numpy(np.asarray(val_labels, np.int64)))


def _fit(
    features: torch.Tensor, labels: torch.Tensor, num_classes: int, penalty: float
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the logits function of a multinomial logistic regression, fitted by full-batch L-BFGS from zero.

    Minimizes the mean cross-entropy plus `penalty` / 2 times the mean squared length of a feature
    vector times the squared weights, so that one grid of penalties serves features of any dimension.
    """
    weight = torch.zeros(features.shape[1], num_classes, dtype=features.dtype, requires_grad=True)
    bias = torch.zeros(num_classes, dtype=features.dtype, requires_grad=True)
    strength = penalty * features.square().sum(1).mean() / 2
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(features @ weight + bias, labels) + strength * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    fitted_weight, fitted_bias = weight.detach(), bias.detach()
    return lambda inputs: inputs @ fitted_weight + fitted_bias


def _error(logits: torch.Tensor, labels: torch.Tensor) -> float:
    return (logits.argmax(1) != labels).double().mean().item()
