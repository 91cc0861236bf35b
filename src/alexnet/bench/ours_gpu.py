"""Our side on a CUDA GPU: steps as a graph, and the way of pictures to them.

Imported after the allocator is set, like all that `ours.py` uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import torch

from alexnet.bench.own_run import parts_of, whole_batches, words
from alexnet.bench.pixels import random_labels
from alexnet.bench.task import Task, Work
from alexnet.gpu.resident import Resident
from alexnet.gpu.yuv import stored_bytes
from alexnet.runs.fast_path import graphed_stepper
from alexnet.training.drawn_feed import DrawnBatch, DrawnFeed
from alexnet.training.feed import Images
from alexnet.training.graphed import GraphedStepper, Input

_POOL, _FILL = 4096, 4096
"""Records of a pack that stand for all that are streamed (0.8 GB, more than a processor's caches), and pictures filled
at once."""


@dataclass(frozen=True)
class RepeatedImages:
    """Any number of labelled pictures that share some records: reading costs what the system's cache costs."""

    records: Images
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, indices: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return uint8 (n, side, side, 3)."""
        return self.records.read(indices % len(self.records), out)


def train(task: Task) -> Work:
    """Take steps on two batches of resident pictures in turn, their views made anew in each step."""
    changes = {"train": {"step": "graphed"}, "data": {"resident": "rgb"}}
    parts = parts_of(task, 2 * task.batch, changes)
    stepper = parts.learner.stepper()
    parts.learner.net.train()
    kept = list(parts.feed.batches(0))
    return _work(task, stepper, cycle(kept), f"graphed steps, resident RGB, {words(task)}")


def feed(task: Task) -> Work:
    """Train from random bytes at the task's scale: order, draws, pictures, steps."""
    workers, ahead = (1, 4) if task.resident else (8, 6)
    changes = {"train": {"step": "graphed", "workers": workers, "prefetch": ahead}}
    count = task.pictures
    parts = parts_of(task, task.batch if task.resident else min(_POOL, count), changes)
    own = parts.feed
    images = RepeatedImages(own.images, random_labels(count, len(parts.pack.classes)).astype(np.int32))
    rows = np.arange(count) if task.resident else None
    arguments = images, np.arange(count), own.view, own.picture, own.key, parts.recipe.train
    drawn = DrawnFeed(*arguments, resident_rows=rows, pinned=own.pinned)
    mean = torch.from_numpy(own.mean).to(parts.learner.device)
    resident = _resident(count, own.picture.shape, mean.device) if task.resident else None
    source = Input(own.picture.shape, mean, own.view.pad, resident)
    stepper = graphed_stepper(parts.learner, source)
    parts.learner.net.train()
    held = "resident YUV" if task.resident else "RGB streamed from a pack"
    text = f"graphed steps, {count:,} random pictures, {held}, {workers} loading threads, {words(task)}"
    return _work(task, stepper, whole_batches(drawn), text)


def _resident(count: int, shape: tuple[int, int, int], device: torch.device) -> Resident:
    """Return random planes: their bytes are all that counts."""
    generator = torch.Generator(device).manual_seed(0)
    pixels = torch.empty((count, stored_bytes(*shape[:2])), dtype=torch.uint8, device=device)
    for part in pixels.split(_FILL):
        part.random_(0, 256, generator=generator)
    return Resident(pixels, shape, True)


def _work(task: Task, stepper: GraphedStepper, batches: Iterator[DrawnBatch], text: str) -> Work:
    losses: list[float] = []
    steps = 0

    def run(iterations: int) -> None:
        nonlocal steps
        running = None
        for _ in range(iterations):
            begun = stepper.begin(stepper.bring(next(batches)), steps)
            steps += 1
            if running is not None:
                losses.append(running.result().loss)
            running = begun
        losses.append(running.result().loss)

    def check() -> dict[str, float]:
        found = {
            "loss": losses[-1],
            "smallest_gradient": min(float(g.abs().max()) for g in stepper.gradients()),
        }
        if task.device == "cuda":
            found["device_memory_bytes"] = float(torch.cuda.max_memory_allocated())
        return found

    return Work(run, task.batch, text, check)
