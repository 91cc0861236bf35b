"""Measures what crosses between the processes of a run, and what they wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alexnet.core.files import human_bytes
from alexnet.optim.schedule import Rates
from alexnet.training.fit import StepTimes, Validation
from alexnet.training.state import TrainState
from alexnet.training.step import StepResult


@dataclass(frozen=True)
class Crossing:
    """What a process of a run exchanges, on the average of its steps."""

    bytes_per_step: int
    """Handed over, forward, backward and as gradients; see `parallel/traffic.py`."""
    waiting: float
    """Fraction of the time: what the computation did not hide, slower processes included."""

    def __str__(self) -> str:
        return f"{human_bytes(self.bytes_per_step)} a step from each process, {self.waiting:.0%} of the time waited for"


class CrossingMeter:
    """Adds up the traffic of all steps."""

    def __init__(self) -> None:
        self._steps, self._bytes, self._waited, self._seconds = 0, 0, 0.0, 0.0

    def after_step(self, state: TrainState, result: StepResult, rates: Rates, times: StepTimes) -> None:
        """Count the step."""
        self._steps += 1
        self._bytes += times.traffic.bytes
        self._waited += times.traffic.seconds
        self._seconds += times.data + times.copy + times.compute

    def after_epoch(self, state: TrainState, validations: Sequence[Validation], improved: bool) -> None:
        """Nothing."""

    def crossing(self) -> Crossing | None:
        """Return the averages, None where nothing crossed."""
        if not self._bytes:
            return None
        return Crossing(self._bytes // self._steps, self._waited / max(self._seconds, 1e-9))
