"""Shows a run to the person who watches it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from alexnet.optim.schedule import Rates
from alexnet.training.fit import StepTimes, Validation
from alexnet.training.state import TrainState
from alexnet.training.step import StepResult

_WINDOW = 50
_HELD_BACK = 0.2


class Bar(Protocol):
    """A progress bar that can also print lines above itself."""

    def advance(self, amount: int, **fields: Any) -> None:
        """Move on and show the fields."""
        ...

    def say(self, line: str) -> None:
        """Print a line."""
        ...


class Display:
    """Feeds the progress bar, and says what holds the run back.

    Args:
        bar: Counts images.
        learning_rate: Of the weights at the start.
        draw: Draws the learning curves; called after each epoch.
    """

    def __init__(self, bar: Bar, learning_rate: float, draw: Callable[[], None]):
        self.bar, self.learning_rate, self.draw = bar, learning_rate, draw
        self._recent: deque[tuple[StepResult, StepTimes]] = deque(maxlen=_WINDOW)
        self._seconds = [0.0, 0.0, 0.0]

    def after_step(self, state: TrainState, result: StepResult, rates: Rates, times: StepTimes) -> None:
        """Show running loss, error, rate and what the time goes to."""
        self._recent.append((result, times))
        for i, part in enumerate((times.data, times.copy, times.compute)):
            self._seconds[i] += part
        count = sum(r.count for r, _ in self._recent)
        self.bar.advance(
            result.count,
            epoch=f"{state.epoch + 1}",
            loss=f"{sum(r.loss * r.count for r, _ in self._recent) / count:.3f}",
            top1=f"{100 * sum(r.top1_errors for r, _ in self._recent) / count:.1f} %",
            lr=f"{self.learning_rate * rates.scale:.2g}",
            waits_for=self.waiting_for(),
        )

    def after_epoch(self, state: TrainState, validations: Sequence[Validation], improved: bool) -> None:
        """Print the epoch's line and draw the curves."""
        parts = [
            f"{v.split} top-1 error {100 * v.top1_error:.1f} %, top-5 {100 * v.top5_error:.1f} %, loss {v.loss:.3f}"
            for v in validations
        ]
        best = ", best so far" if improved else ""
        text = "; ".join(parts) if parts else "no held-out images"
        self.bar.say(f"epoch {state.epoch}: {text}{best} ({self.bottleneck()})")
        self.draw()

    def waiting_for(self) -> str:
        """Return what most of the time of the last steps went to."""
        data = sum(t.data for _, t in self._recent)
        copy = sum(t.copy for _, t in self._recent)
        total = data + copy + sum(t.compute for _, t in self._recent)
        name, share = max((("data", data), ("copying", copy)), key=lambda pair: pair[1])
        return f"{name} {share / max(total, 1e-9):.0%}"

    def bottleneck(self) -> str:
        """Say what holds the run back: reading data, copying it, or computing."""
        total = max(sum(self._seconds), 1e-9)
        data, copy, compute = (seconds / total for seconds in self._seconds)
        if max(data, copy) < _HELD_BACK:
            return f"held back by computing, {compute:.0%} of the time; data {data:.0%}"
        if data >= copy:
            return f"held back by data, {data:.0%} of the time; raise train.workers or pack as raw"
        return f"held back by copying to the device, {copy:.0%} of the time"
