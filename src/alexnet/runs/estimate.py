"""What a run will take: steps and disk are known before it, time and memory after its first steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from alexnet.core.files import human_bytes
from alexnet.core.terminal import duration
from alexnet.runs.assemble import Parts
from alexnet.training.probe import StepCost, measure_steps

_FORWARD_SHARE = 1 / 3
"""Of a training step: backward makes two products where forward makes one. Measured: LABBOOK.md."""


@dataclass(frozen=True)
class Estimate:
    """What a whole run will take."""

    steps: int
    seconds: float
    step_seconds: float
    images_per_second: float
    memory_bytes: int | None
    disk_bytes: int

    def __str__(self) -> str:
        memory = f", {human_bytes(self.memory_bytes)} of memory" if self.memory_bytes else ""
        return (
            f"{self.steps} steps in about {duration(self.seconds)} ({self.images_per_second:.0f} images/s)"
            f"{memory}, {human_bytes(self.disk_bytes)} of disk"
        )


def known_before(parts: Parts) -> str:
    """Return what can be said of a run before its first step."""
    return f"{total_steps(parts)} steps, {human_bytes(disk_bytes(parts))} of disk"


def measured_apart(parts: Parts) -> Estimate:
    """Return the estimate from a few steps that no run will go on from: they change the weights."""
    return estimate(parts, measure_steps(parts.learner, parts.feed))


def estimate(parts: Parts, cost: StepCost) -> Estimate:
    """Return what a run takes whose steps cost this much; a look at a held-out image costs a forward pass."""
    recipe, steps = parts.recipe, total_steps(parts)
    rate = recipe.train.batch_size / cost.seconds
    looked_at = sum(len(indices) for _, indices in parts.portions.looked_at(recipe.data).values())
    return Estimate(
        steps=steps,
        seconds=steps * cost.seconds + recipe.train.epochs * looked_at * _FORWARD_SHARE / rate,
        step_seconds=cost.seconds,
        images_per_second=rate,
        memory_bytes=cost.peak_memory_bytes,
        disk_bytes=disk_bytes(parts),
    )


def total_steps(parts: Parts) -> int:
    """Return the number of updates."""
    return len(parts.feed) * parts.recipe.train.epochs


def disk_bytes(parts: Parts) -> int:
    """Return the size of the checkpoints that are kept: the last ones, the best one, and one being written."""
    shape = parts.layout.shards.shape
    one = 2 * sum(math.prod(shape(n, p)) * p.element_size() for n, p in parts.learner.net.named_parameters())
    return one * (parts.recipe.checkpoint.keep + 2)
