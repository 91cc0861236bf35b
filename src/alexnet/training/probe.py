"""What a step costs, measured on the first ones of a run or on some that no run goes on from."""

from __future__ import annotations

import statistics
import sys
import time
from contextlib import closing
from dataclasses import dataclass

from alexnet.training.feed import Feed
from alexnet.training.fit import Learner

_WARM_UP, _MIN_STEPS, _MAX_STEPS, _MIN_SECONDS = 4, 8, 100, 3.0


@dataclass(frozen=True)
class StepCost:
    """Measured cost of one step."""

    seconds: float
    """Median over the measured steps, waiting for the data included."""
    steps_measured: int
    peak_memory_bytes: int | None
    """Of the whole process, the data of a batch included; None where the system does not say."""


class StepMeter:
    """Counts the seconds of the first steps until they say what a step costs.

    The first four find their memory and are left out; then there have to be eight, and three seconds of them or a
    hundred.
    """

    def __init__(self) -> None:
        self._seconds: list[float] = []

    def add(self, seconds: float) -> bool:
        """Count a step; return whether there have been enough."""
        self._seconds.append(seconds)
        measured = self._seconds[_WARM_UP:]
        enough = len(measured) >= _MIN_STEPS and sum(measured) >= _MIN_SECONDS
        return enough or len(measured) >= _MAX_STEPS

    def cost(self) -> StepCost | None:
        """Return the cost by the steps so far; of a run that ends before its fifth, by the last; None before any."""
        if not self._seconds:
            return None
        measured = self._seconds[_WARM_UP:] or self._seconds[-1:]
        return StepCost(statistics.median(measured), len(measured), peak_memory())


def measure_steps(learner: Learner, feed: Feed) -> StepCost:
    """Run a few steps of the first epoch and time them. Weights and optimizer are changed."""
    learner.net.train()
    meter = StepMeter()
    with closing(learner.stepper()) as stepper, closing(feed.batches(0)) as batches:
        start = time.perf_counter()
        for step, batch in enumerate(batches):
            stepper.begin(stepper.bring(batch), step).result()
            now = time.perf_counter()
            if meter.add(now - start):
                break
            start = now
    return meter.cost()


def peak_memory() -> int | None:
    """Return the process's largest resident size so far in bytes, where the system tells."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
