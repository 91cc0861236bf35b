"""The training loop: epochs of steps, and a look at held-out images after each epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import nn

from alexnet.core.errors import DivergedError
from alexnet.core.keys import Key
from alexnet.optim.groups import set_rates
from alexnet.optim.schedule import Rates, Schedule
from alexnet.optim.sgd import SGD
from alexnet.parallel.traffic import Traffic
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Feed
from alexnet.training.state import TrainState
from alexnet.training.step import StepResult
from alexnet.training.stepper import Begun, PlainStepper, Stepper

_REMEDY = "the last checkpoint is good; start again with a lower rate"


@dataclass(frozen=True)
class Validation:
    """What a look at held-out images gave."""

    loss: float
    top1_error: float
    top5_error: float
    count: int
    split: str
    selects: bool
    """Whether plateau, best and early stop may look at it: never true of a published test set."""


@dataclass(frozen=True)
class StepTimes:
    """Where the seconds of one step went."""

    data: float
    """Waiting for the batch."""
    copy: float
    """Moving it to the device."""
    compute: float
    """Forward, backward, update; where steps are begun ahead, waiting for the one before."""
    traffic: Traffic = field(default_factory=Traffic)
    """What crossed between processes; its seconds are part of `compute`."""


class Hook(Protocol):
    """Something that watches a run. Called in the order of the list."""

    def after_step(self, state: TrainState, result: StepResult, rates: Rates, times: StepTimes) -> None:
        """Called after each update."""
        ...

    def after_epoch(self, state: TrainState, validations: Sequence[Validation], improved: bool) -> None:
        """Called after each epoch, its validation included."""
        ...


@dataclass(frozen=True)
class Learner:
    """What learns: the network, its optimizer and how they compute."""

    net: nn.Module
    optimizer: SGD
    schedule: Schedule
    config: TrainConfig
    device: torch.device
    key: Key
    steps: Callable[[], Stepper] | None = None
    """Makes what takes the steps; by default they are taken operation by operation."""

    def stepper(self) -> Stepper:
        """Return a new stepper for the network and optimizer as they are now."""
        if self.steps is not None:
            return self.steps()
        return PlainStepper(self.net, self.optimizer, self.config, self.key.derive("dropout"), self.device)


def fit(
    learner: Learner,
    feed: Feed,
    state: TrainState,
    hooks: Sequence[Hook],
    validate: Callable[[], Sequence[Validation]],
    pauses: Callable[[int], bool] = lambda updates: False,
) -> None:
    """Train until the recipe's epochs or its schedule end, from wherever `state` stands.

    Args:
        validate: Called after each epoch.
        pauses: Whether a hook will look at the weights after so many updates. Only then, and at the end of an epoch,
            are they surely those of the step that hooks are told of: a stepper may be one step ahead.

    Raises:
        DivergedError: a loss is not finite; the weights are those before that step.
    """
    epochs = learner.config.epochs
    state.batches_per_epoch = len(feed)
    with closing(learner.stepper()) as stepper:
        loop = _Loop(learner, stepper, state, hooks, pauses)
        while state.epoch < epochs:
            rates = learner.schedule.rates(state.epoch, epochs, state.errors)
            if rates.finished:
                return
            loop.train_epoch(feed, rates.color_noise)
            start = time.perf_counter()
            validations = validate()
            state.seconds += time.perf_counter() - start
            selecting = next((v.top1_error for v in validations if v.selects), None)
            improved = state.end_epoch(selecting)
            for hook in hooks:
                hook.after_epoch(state, validations, improved)


@dataclass(frozen=True)
class _Loop:
    """Steps of one epoch after the other.

    A stepper that can run ahead is given the next step before the result of the last one is read: the device computes
    while the host reads, tells the hooks, and fetches a batch. One step ahead is enough for that, and the only thing
    that has to know is who looks at weights.
    """

    learner: Learner
    stepper: Stepper
    state: TrainState
    hooks: Sequence[Hook]
    pauses: Callable[[int], bool]

    def train_epoch(self, feed: Feed, color_noise: bool) -> None:
        learner, stepper, state = self.learner, self.stepper, self.state
        learner.net.train()
        epoch, first = state.epoch, state.step - state.batch
        clock, running = _Clock(), None
        with closing(feed.batches(epoch, state.batch, color_noise=color_noise)) as batches:
            for number in range(state.batch, len(feed)):
                batch = next(batches)
                clock.lap("data")
                batch = stepper.bring(batch)
                clock.lap("copy")
                position = epoch + number / state.batches_per_epoch
                rates = learner.schedule.rates(position, learner.config.epochs, state.errors)
                set_rates(learner.optimizer, rates)
                begun = stepper.begin(batch, first + number), rates
                if running is not None:
                    self._finish(*running, clock)
                running = begun
                if not stepper.ahead or self.pauses(first + number + 1):
                    self._finish(*running, clock)
                    running = None
        if running is not None:
            self._finish(*running, clock)

    def _finish(self, begun: Begun, rates: Rates, clock: _Clock) -> None:
        """Wait for a step and tell the hooks of it."""
        state, result = self.state, begun.result()
        if result.loss - result.loss != 0:
            raise _diverged(state, result, self.learner)
        state.advance(result)
        times = clock.read(self.stepper.traffic)
        state.seconds += times.data + times.copy + times.compute
        for hook in self.hooks:
            hook.after_step(state, result, rates, times)
        clock.start()


class _Clock:
    """Seconds since the last reading by what they went to; hooks' own time belongs to nothing."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self._last = time.perf_counter()
        self._seconds = {"data": 0.0, "copy": 0.0, "compute": 0.0}

    def lap(self, part: str) -> None:
        now = time.perf_counter()
        self._seconds[part] += now - self._last
        self._last = now

    def read(self, traffic: Traffic) -> StepTimes:
        self.lap("compute")
        return StepTimes(**self._seconds, traffic=traffic)


def require_finite(net: nn.Module, step: int, agree: Callable[[bool], bool] = bool) -> None:
    """Refuse weights that are not numbers: they are neither saved nor evaluated.

    An update can spoil them although the loss before it was finite.

    Args:
        agree: Says whether any of several processes has found some, which may hold other parts of the network.

    Raises:
        DivergedError: names the first such parameter.
    """
    broken = _broken_weights(net)
    if agree(broken is not None):
        whose = broken or "another process"
        raise DivergedError(f"weights of {whose} are not finite after step {step}", remedy=_REMEDY)


def _diverged(state: TrainState, result: StepResult, learner: Learner) -> DivergedError:
    broken = _broken_weights(learner.net)
    highest = max(group["lr"] for group in learner.optimizer.param_groups)
    cause = f"weights of {broken} are not finite" if broken else f"the highest learning rate is {highest:g}"
    lower = learner.optimizer.param_groups[0]["initial_lr"] / 3
    return DivergedError(
        f"the loss is {result.loss} at step {state.step} (epoch {state.epoch}); {cause}",
        remedy=f"{_REMEDY}, e.g. --set optim.lr={lower:.2g}",
    )


def _broken_weights(net: nn.Module) -> str | None:
    return next((n for n, p in net.named_parameters() if not _finite(p.detach())), None)


def _finite(x: torch.Tensor) -> bool:
    # Terms that are not finite make a sum that is not, and a sum is several times faster than a look at each term.
    return bool(x.sum().isfinite() or x.isfinite().all())
