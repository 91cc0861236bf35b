"""Batches for a device that makes the views itself: their numbers, and their pictures where it does not hold them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alexnet.gpu.numbers import Numbers
from alexnet.training.feed import Feed
from alexnet.views.plan import ViewPlan, draw_plan
from alexnet.views.train_view import train_view, with_border

_TOGETHER = 16384
"""Images whose views are drawn at once: one by one, batches would spend more on calls than on draws."""


@dataclass(frozen=True)
class DrawnBatch:
    """What one gradient step reads, on the host."""

    numbers: Numbers
    samples: np.ndarray
    """int64 (N,): indices into the split."""
    came: tuple[str, Tensor] | None = None
    """`pictures`, uint8 (N, H, W, C), or finished `views`, float32 (N, C, h, w); None where pictures are resident."""

    def __len__(self) -> int:
        return len(self.samples)

    def with_came(self, name: str, tensor: Tensor) -> DrawnBatch:
        """Return the batch with its pictures elsewhere."""
        return replace(self, came=(name, tensor))


class DrawnFeed(Feed):
    """A feed of the same samples and draws as `Feed`.

    Its work for a batch does not grow with the dataset, and where pictures are resident none of it is done picture
    by picture: orders and draws are made ahead, many batches at a time. Views that turn pictures are made here, as
    `Feed` makes them.

    Args:
        arguments: As of `Feed`.
        resident_rows: For each image of the split the row where it lies on the device; None: pictures are streamed.
        pinned: Fill memory that a device copies from by itself.
    """

    def __init__(self, *arguments: Any, resident_rows: np.ndarray | None = None, pinned: bool = False):
        super().__init__(*arguments)
        self.resident_rows, self.pinned = resident_rows, pinned
        self._next_order: tuple[int, Future[np.ndarray]] | None = None

    def work(self, epoch: int, start: int, color_noise: bool) -> Iterator[tuple[Any, ...]]:
        """Yield each batch's samples and draws; those of the next batches are made meanwhile."""
        key, size = self.key.derive("views"), self.batch_size
        together = max(1, _TOGETHER // size)
        with ThreadPoolExecutor(1, "alexnet-orders") as orders, ThreadPoolExecutor(1, "alexnet-draws") as pool:
            order = self._order(epoch, orders)

            def draw(first: int) -> ViewPlan:
                samples = order[first * size : (first + together) * size]
                return draw_plan(key, epoch, samples, self.view, self.picture, color_noise=color_noise)

            following = pool.submit(draw, start)
            for first in range(start, len(self), together):
                plan = following.result()
                if first + together < len(self):
                    following = pool.submit(draw, first + together)
                for number in range(first, min(first + together, len(self))):
                    part = slice((number - first) * size, (number - first + 1) * size)
                    yield order[number * size : (number + 1) * size], plan.part(part)

    def make(self, samples: np.ndarray, plan: ViewPlan) -> DrawnBatch:
        """Return the batch of these samples and draws."""
        channels = self.picture.shape[2]
        numbers = Numbers.empty(len(samples), channels, pinned=self.pinned)
        numbers.samples.numpy()[:] = samples
        numbers.labels.numpy()[:] = self.images.labels[samples]
        numbers.places.numpy()[:] = np.stack((plan.top, plan.left, plan.mirror), axis=1)
        numbers.colors.numpy()[:] = np.column_stack((plan.gain, plan.scale, plan.shift))
        if self.resident_rows is not None:
            numbers.rows.numpy()[:] = self.resident_rows[samples]
            return DrawnBatch(numbers, samples)
        numbers.rows.numpy()[:] = np.arange(len(samples))
        return DrawnBatch(numbers, samples, self._came(samples, plan))

    def _came(self, samples: np.ndarray, plan: ViewPlan) -> tuple[str, Tensor]:
        if plan.warp is not None:
            images = with_border(self.images.read(samples), self.view.pad)
            views = train_view(images, plan, self.mean)
            return "views", views.pin_memory() if self.pinned else views
        shape = (len(samples), *self.picture.shape)
        pictures = torch.empty(shape, dtype=torch.uint8, pin_memory=self.pinned)
        self.images.read(samples, pictures.numpy())
        return "pictures", pictures

    def _order(self, epoch: int, orders: ThreadPoolExecutor) -> np.ndarray:
        """Return an epoch's order, and begin the next one's: sorting a million images takes half a second."""
        ready = self._next_order
        self._next_order = epoch + 1, orders.submit(self.order, epoch + 1)
        return ready[1].result() if ready and ready[0] == epoch else self.order(epoch)
