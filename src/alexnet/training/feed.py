"""Batches of training views, prepared ahead; the same bits for any number of workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

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

    def __len__(self) -> int:
        return len(self.samples)

    def split(self, size: int | None) -> Iterator[Batch]:
        """Yield parts of at most `size` images, in order; the whole batch for None."""
        size = size or len(self)
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield Batch(self.inputs[part], self.labels[part], self.samples[part])

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        return Batch(
            self.inputs.to(device, non_blocking=True), self.labels.to(device, non_blocking=True), self.samples
        )


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
        self.view, self.picture, self.key = view, picture, key
        self.batch_size, self.workers, self.prefetch = config.batch_size, config.workers, config.prefetch
        self.mean, self.dtype = subtracted_mean(view, picture), dtype
        self._buffers = Buffers(self.workers + self.prefetch)

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
            waiting = deque()
            try:
                for arguments in work:
                    waiting.append(pool.submit(self.make, *arguments))
                    if len(waiting) > self.prefetch:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def work(self, epoch: int, start: int, color_noise: bool) -> Iterator[tuple[Any, ...]]:
        """Yield what `make` needs for each batch."""
        order = self.order(epoch)
        for number in range(start, len(self)):
            yield epoch, order[number * self.batch_size : (number + 1) * self.batch_size], color_noise

    def make(self, epoch: int, samples: np.ndarray, color_noise: bool) -> Batch:
        """Return the batch of these samples."""
        plan = draw_plan(
            self.key.derive("views"), epoch, samples, self.view, self.picture, color_noise=color_noise
        )
        out = self._buffers.empty((len(samples), *self.mean.shape), self.dtype)
        inputs = read_view(self.images, samples, plan, self.mean, out, pad=self.view.pad)
        return Batch(inputs, torch.from_numpy(self.images.labels[samples].astype(np.int64)), samples)
