"""What a run will take, measured on a few of its own steps."""

from __future__ import annotations

import statistics
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

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


def measure_steps(learner: Learner, feed: Feed) -> StepCost:
    """Run a few steps of the first epoch and time them. Weights and optimizer are changed: reset them after."""
    learner.net.train()
    times = []
    with closing(learner.stepper()) as stepper, closing(feed.batches(0)) as batches:
        start = time.perf_counter()
        for step, batch in enumerate(islice(batches, _WARM_UP + _MAX_STEPS)):
            stepper.begin(stepper.bring(batch), step).result()
            now = time.perf_counter()
            if step >= _WARM_UP:
                times.append(now - start)
            start = now
            if len(times) >= _MIN_STEPS and sum(times) >= _MIN_SECONDS:
                break
    if not times:
        times = [time.perf_counter() - start]
    return StepCost(statistics.median(times), len(times), peak_memory())


def peak_memory() -> int | None:
    """Return the process's largest resident size so far in bytes, where the system tells."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
