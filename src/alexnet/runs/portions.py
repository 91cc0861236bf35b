"""Which images of a pack a run trains on, and which it holds out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alexnet.core.errors import RecipeError
from alexnet.core.keys import Key
from alexnet.runs.recipe import DataConfig


@dataclass(frozen=True)
class Portions:
    """Indices into the pack's splits, int64, rising."""

    train: np.ndarray
    holdout: np.ndarray
    """Images of the `train` split that are not trained on."""
    val: np.ndarray

    def looked_at(self, config: DataConfig) -> dict[str, tuple[str, np.ndarray]]:
        """Return the images that are evaluated after each epoch: split and indices, by the validation's name."""
        watched = config.watch_val or config.select_on == "val"
        found = {"holdout": ("train", self.holdout)} if len(self.holdout) else {}
        return found | ({"val": ("val", self.val)} if watched and len(self.val) else {})


def portion(train_labels: np.ndarray, num_val: int, config: DataConfig, key: Key) -> Portions:
    """Cut the held-out images from the training images, class by class in proportion, the same for the same key.

    Raises:
        RecipeError: fewer training images than are to be held out.
    """
    count = len(train_labels)
    if config.holdout >= count:
        raise RecipeError(
            f"holds out {config.holdout} of {count} training images",
            where="data.holdout",
            remedy=f"--set data.holdout={count // 10}",
        )
    order = key.derive("holdout").permutation(0, count)
    by_class = order[np.argsort(train_labels[order], kind="stable")]
    # Evenly spaced picks from a list sorted by class take from each class in proportion.
    picks = by_class[_spaced(config.holdout, count)]
    holdout = np.sort(picks)
    train = np.setdiff1d(np.arange(count), holdout)
    return Portions(
        train=_limited(train, config.limit_train, key),
        holdout=_limited(holdout, config.limit_val, key),
        val=_limited(np.arange(num_val), config.limit_val, key),
    )


def _spaced(picks: int, count: int) -> np.ndarray:
    return (2 * np.arange(picks, dtype=np.int64) + 1) * count // (2 * max(picks, 1))


def _limited(indices: np.ndarray, limit: int | None, key: Key) -> np.ndarray:
    if limit is None or limit >= len(indices):
        return indices
    return np.sort(indices[key.derive("limit").permutation(0, len(indices))[:limit]])
