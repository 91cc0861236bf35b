"""Batches of training views, prepared ahead; the same bits for any number of workers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from alexnet.core.ahead import ahead
from alexnet.core.keys import Key
from alexnet.ops import native
from alexnet.training.buffers import Buffers
from alexnet.training.config import TrainConfig
from alexnet.views.config import ViewConfig
from alexnet.views.plan import Picture, draw_plan
from alexnet.views.read_view import Pictures, read_view
from alexnet.views.train_view import subtracted_mean


class Images(Pictures, Protocol):
    """Random access to labelled pictures, as a pack's split gives it."""

    labels: np.ndarray

    def __len__(self) -> int: ...

    def read(self, indices: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return uint8 (n, H, W, C), in `out` where it is given."""
        ...


@dataclass(frozen=True)
class Batch:
    """What one gradient step reads."""

    inputs: Tensor
    """(N, C, H, W), float32 or what the feed was asked for."""
    labels: Tensor
    """int64 (N,)."""
    samples: np.ndarray
    """int64 (N,): indices into the split."""
    whole: int = 0
    """Images in the step's whole batch, of which other processes may have others; 0: these are all."""

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def total(self) -> int:
        """Images in the step's whole batch."""
        return self.whole or len(self)

    def part(self, part: slice) -> Batch:
        """Return some of the images."""
        return Batch(self.inputs[part], self.labels[part], self.samples[part], self.total)

    def split(self, size: int | None) -> Iterator[Batch]:
        """Yield parts of at most `size` images, in order; the whole batch for None."""
        size = size or max(len(self), 1)
        for start in range(0, len(self), size):
            yield self.part(slice(start, start + size))

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        inputs, labels = (t.to(device, non_blocking=True) for t in (self.inputs, self.labels))
        return Batch(inputs, labels, self.samples, self.whole)


class Feed:
    """The training batches of any epoch, from any batch on.

    Args:
        images: Where pictures are read.
        indices: int64: the images to train on.
        view: What is drawn and subtracted.
        picture: Shape and statistics of the pictures.
        key: Root of the order's and the views' randomness.
        config: Batch size (the last batch of an epoch may be smaller), threads, batches prepared ahead.
        dtype: Of the inputs, float32 or bfloat16: computed in float32, rounded once.
    """

    def __init__(
        self,
        images: Images,
        indices: np.ndarray,
        view: ViewConfig,
        picture: Picture,
        key: Key,
        config: TrainConfig,
        dtype: torch.dtype = torch.float32,
    ):
        self.images, self.indices = images, indices
        self.share: Callable[[int], slice] = slice
        self.view, self.picture, self.key = view, picture, key
        self.batch_size, self.workers, self.prefetch = config.batch_size, config.workers, config.prefetch
        self.mean, self.dtype = subtracted_mean(view, picture), dtype
        self._buffers = Buffers(self.workers + self.prefetch)

    def shared(self, share: Callable[[int], slice]) -> Feed:
        """Return the feed of one process of several.

        Args:
            share: Returns which of so many images of a batch are this process's.
        """
        feed = copy.copy(self)
        feed.share = share
        return feed

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-len(self.indices) // self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """Return the images of an epoch in their order: a pure function of (key, epoch)."""
        return self.indices[self.key.derive("order").permutation(epoch, len(self.indices))]

    def batches(self, epoch: int, start: int = 0, *, color_noise: bool = True) -> Iterator[Any]:
        """Yield the batches of an epoch from number `start` on."""
        with (
            ThreadPoolExecutor(self.workers, "alexnet-feed", initializer=native.compute_alone) as pool,
            closing(self.work(epoch, start, color_noise)) as work,
        ):
            yield from ahead(pool, self.make, work, self.prefetch)

    def work(self, epoch: int, start: int, color_noise: bool) -> Iterator[tuple[Any, ...]]:
        """Yield what `make` needs for each batch."""
        order = self.order(epoch)
        for number in range(start, len(self)):
            yield epoch, order[number * self.batch_size : (number + 1) * self.batch_size], color_noise

    def make(self, epoch: int, samples: np.ndarray, color_noise: bool) -> Batch:
        """Return this process's share of the batch of these samples."""
        whole, samples = len(samples), samples[self.share(len(samples))]
        labels = torch.from_numpy(self.images.labels[samples].astype(np.int64))
        shape = len(samples), *self.mean.shape
        if not len(samples):
            return Batch(torch.empty(shape, dtype=self.dtype).permute(0, 3, 1, 2), labels, samples, whole)
        plan = draw_plan(
            self.key.derive("views"), epoch, samples, self.view, self.picture, color_noise=color_noise
        )
        out = self._buffers.empty(shape, self.dtype)
        inputs = read_view(self.images, samples, plan, self.mean, out, pad=self.view.pad)
        return Batch(inputs, labels, samples, whole)
