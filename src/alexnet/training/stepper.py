"""How steps are taken: begun one after the other, their results read now or later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from alexnet.core.keys import Key
from alexnet.optim.sgd import SGD
from alexnet.parallel.traffic import Traffic
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Batch
from alexnet.training.step import StepResult, train_step


class Begun(Protocol):
    """A step that has been begun."""

    def result(self) -> StepResult:
        """Wait for the step and return what it saw."""
        ...


class Stepper(Protocol):
    """Takes the steps of a run; whatever it keeps is right as long as nobody else changes weights and velocities."""

    ahead: bool
    """Whether a step may be begun before the last one's result is known, so that the device never waits."""
    traffic: Traffic
    """What the last step exchanged with other processes."""

    def bring(self, batch: Any) -> Any:
        """Return a batch on its way to the device."""
        ...

    def begin(self, batch: Any, step: int) -> Begun:
        """Begin a step on such a batch with the optimizer's present rates.

        A loss that is not finite holds all weights, in this step and in all that were begun behind it.

        Args:
            step: Number of the update, from 0.
        """
        ...

    def close(self) -> None:
        """Leave the network as it is."""
        ...


@dataclass(frozen=True)
class Done:
    """A step whose result is known."""

    value: StepResult

    def result(self) -> StepResult:
        """Return it."""
        return self.value


@dataclass(frozen=True)
class PlainStepper:
    """Takes each step as torch runs it, operation by operation, and reads its result at once.

    Args:
        key: Root of the dropout masks.
    """

    net: nn.Module
    optimizer: SGD
    config: TrainConfig
    key: Key
    device: torch.device
    ahead, traffic = False, Traffic()

    def bring(self, batch: Batch) -> Batch:
        """Return the batch on the device."""
        return batch.to(self.device)

    def begin(self, batch: Batch, step: int) -> Done:
        """Take the step."""
        return Done(train_step(self.net, self.optimizer, batch, self.config, key=self.key, step=step))

    def close(self) -> None:
        """Nothing."""
