"""Where a run stands: all that a checkpoint needs besides the tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alexnet.core.errors import CheckpointError
from alexnet.training.step import StepResult


@dataclass
class Window:
    """Sums over the steps since the last line of metrics."""

    loss: float = 0.0
    top1_errors: int = 0
    top5_errors: int = 0
    count: int = 0

    def add(self, result: StepResult) -> None:
        """Add one step."""
        self.loss += result.loss * result.count
        self.top1_errors += result.top1_errors
        self.top5_errors += result.top5_errors
        self.count += result.count

    def means(self) -> dict[str, float]:
        """Return mean loss and error fractions."""
        count = max(self.count, 1)
        return {
            "loss": self.loss / count,
            "top1_error": self.top1_errors / count,
            "top5_error": self.top5_errors / count,
        }


@dataclass
class TrainState:
    """The place of a run, changed by each step."""

    step: int = 0
    """Updates done."""
    epoch: int = 0
    """Epochs done."""
    batch: int = 0
    """Batches done of the current epoch."""
    batches_per_epoch: int = 1
    images_seen: int = 0
    errors: list[float] = field(default_factory=list)
    """Selection error (top-1) after each epoch: what plateau, best and early stop look at."""
    best_error: float | None = None
    best_step: int | None = None
    window: Window = field(default_factory=Window)
    metrics_bytes: int = 0
    """Length of metrics.jsonl at this place."""
    seconds: float = 0.0
    """Time spent so far, all parts of the run together."""

    @property
    def position(self) -> float:
        """Epochs done, with the fraction of the current one."""
        return self.epoch + self.batch / self.batches_per_epoch

    def advance(self, result: StepResult) -> None:
        """Count one step."""
        self.step += 1
        self.batch += 1
        self.images_seen += result.count
        self.window.add(result)

    def end_epoch(self, error: float | None) -> bool:
        """Count one epoch; return whether its selection error is the best so far."""
        self.epoch += 1
        self.batch = 0
        if error is None:
            return False
        self.errors.append(error)
        improved = self.best_error is None or error < self.best_error
        if improved:
            self.best_error, self.best_step = error, self.step
        return improved

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainState:
        """Return the state that `to_json` wrote.

        Raises:
            CheckpointError: the values are of another format.
        """
        try:
            return cls(**{**values, "window": Window(**values["window"])})
        except (TypeError, KeyError) as error:
            raise CheckpointError(f"state.json is of another format ({error})") from None
