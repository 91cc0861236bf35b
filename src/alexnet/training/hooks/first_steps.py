"""Measures a run's first steps, so that the run can say what it will take without having waited for that."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from alexnet.optim.schedule import Rates
from alexnet.training.fit import StepTimes, Validation
from alexnet.training.probe import StepCost, StepMeter
from alexnet.training.state import TrainState
from alexnet.training.step import StepResult


class FirstSteps:
    """Tells once what a step costs: when enough have been taken, or at the end of the first epoch.

    Args:
        tell: Receives the cost.
    """

    def __init__(self, tell: Callable[[StepCost], None]):
        self.tell, self.told = tell, False
        self._meter = StepMeter()

    def after_step(self, state: TrainState, result: StepResult, rates: Rates, times: StepTimes) -> None:
        """Count the step."""
        if not self.told and self._meter.add(times.data + times.copy + times.compute):
            self._tell()

    def after_epoch(self, state: TrainState, validations: Sequence[Validation], improved: bool) -> None:
        """Tell what the epoch's steps say, however few; a run may be resumed behind its last one."""
        if not self.told:
            self._tell()

    def _tell(self) -> None:
        if cost := self._meter.cost():
            self.told = True
            self.tell(cost)
