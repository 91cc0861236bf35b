"""Notices the classic failure of AlexNet: a loss that never leaves ln(classes)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence

from alexnet.optim.schedule import Rates
from alexnet.training.fit import StepTimes, Validation
from alexnet.training.state import TrainState
from alexnet.training.step import StepResult

_WINDOW, _NEAR = 50, 0.985


def stall_step(num_classes: int) -> int:
    """Return the step by which a run that learns has left ln(classes); a thousand classes take longer."""
    return max(150, 3 * num_classes)


class StallWarning:
    """Says once that the loss has not moved from ln(classes), and what to change.

    Args:
        num_classes: ln of it is the loss of a network that knows nothing.
        advice: What to change, for this network and recipe.
        say: Shows one line to the person who watches.
    """

    def __init__(self, num_classes: int, advice: str, say: Callable[[str], None]):
        self.chance, self.deadline = math.log(num_classes), stall_step(num_classes)
        self.advice, self.say = advice, say
        self.stalled = False
        self._losses: deque[float] = deque(maxlen=_WINDOW)

    def after_step(self, state: TrainState, result: StepResult, rates: Rates, times: StepTimes) -> None:
        """Compare the mean of the last losses with chance."""
        self._losses.append(result.loss)
        if self.stalled or state.step < self.deadline or len(self._losses) < _WINDOW:
            return
        mean = sum(self._losses) / _WINDOW
        if mean >= _NEAR * self.chance:
            self.stalled = True
            self.say(
                f"the loss has stayed at {mean:.3f} for {state.step} steps, that of a guess "
                f"(ln {round(math.exp(self.chance))} = {self.chance:.3f}): {self.advice}"
            )

    def after_epoch(self, state: TrainState, validations: Sequence[Validation], improved: bool) -> None:
        """Nothing."""
