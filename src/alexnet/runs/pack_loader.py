"""Batches of a pack for a training loop of one's own, where torch's `DataLoader` would stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alexnet.config.load import build
from alexnet.core.errors import UsageError
from alexnet.core.keys import Key
from alexnet.core.names import nearest
from alexnet.data.pack.read import Pack
from alexnet.runs.assemble import describe_pictures
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Feed
from alexnet.views.config import ViewConfig
from alexnet.views.fixed_views import fixed_views, view_places
from alexnet.views.train_view import subtracted_mean, with_border


class PackLoader:
    """Yields (inputs, labels): float32 (N, C, crop, crop) in channels-last memory, and int64 (N,).

    Training views are drawn as `alexnet train` draws them: crops, mirrors, color noise and the mean at once, by
    threads, the same bits for any number of them. Each pass is the next epoch, in another order, with other views; the
    same `seed` gives the same passes, and `epoch` can be set, e.g. when a run goes on.

    Args:
        data: A pack, as `alexnet pack` wrote it, or its path.
        split: `train`, `val`, or what else the pack has.
        train: Whether views are drawn and the order is; otherwise the central view of each picture, in the pack's
            order. By default so for `train` alone.
        batch_size: Pictures a batch; the last one of a pass may be smaller.
        seed: Root of the order and the views.
        workers: Threads that prepare batches.
        view: Values of a recipe's `view` table: `{"crop": 64, "color_noise": "paper"}`.

    Attributes:
        epoch: The number of the next pass, from 0.

    Raises:
        UsageError: the pack has no such split.
        RecipeError: a value of `view` that is refused, or does not fit the pictures.
    """

    def __init__(
        self,
        data: Pack | str | Path,
        split: str = "train",
        *,
        train: bool | None = None,
        batch_size: int = 128,
        seed: int = 0,
        view: ViewConfig | Mapping[str, Any] | None = None,
        workers: int = 1,
    ):
        self.pack = data if isinstance(data, Pack) else Pack.open(Path(data))
        if split not in self.pack.splits:
            raise UsageError(
                f"has no split {split!r}", where=self.pack.path, remedy=nearest(split, self.pack.splits)
            )
        self.images = self.pack.split(split)
        side = min(self.pack.shape[:2])
        config = (
            view if isinstance(view, ViewConfig) else build(ViewConfig, {"crop": side, **(view or {})}, "view.")
        )
        if config.crop > side + 2 * config.pad:
            raise UsageError(
                f"a crop of {config.crop} pixels does not fit into pictures of {side}", where="view.crop"
            )
        self.train = split == "train" if train is None else train
        self.batch_size, self.epoch = batch_size, 0
        picture = describe_pictures(self.pack)
        self._feed = Feed(
            self.images,
            np.arange(len(self.images)),
            config,
            picture,
            Key.from_seed(seed),
            TrainConfig(epochs=1, batch_size=batch_size, workers=workers),
        )
        self._mean = subtracted_mean(config, picture)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes that labels stand for."""
        return tuple(self.pack.class_names)

    def __len__(self) -> int:
        """Return the number of batches of a pass."""
        return -(-len(self.images) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        return self._drawn(epoch) if self.train else self._central()

    def _drawn(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in self._feed.batches(epoch):
            yield batch.inputs, batch.labels

    def _central(self) -> Iterator[tuple[Tensor, Tensor]]:
        view = self._feed.view
        for number in range(len(self)):
            indices = np.arange(len(self.images))[number * self.batch_size : (number + 1) * self.batch_size]
            pictures = with_border(self.images.read(indices), view.pad)
            places = view_places(1, *pictures.shape[1:3], view.crop)
            labels = torch.from_numpy(self.images.labels[indices].astype(np.int64))
            yield fixed_views(pictures, places, self._mean, view.scale), labels
