"""The training loop: epochs of steps, and a look at held-out images after each epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from alexnet.core.errors import DivergedError
from alexnet.core.keys import Key
from alexnet.optim.groups import set_rates
from alexnet.optim.schedule import Rates, Schedule
from alexnet.optim.sgd import SGD
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Feed
from alexnet.training.state import TrainState
from alexnet.training.step import StepResult, train_step

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
    """Forward, backward, update."""


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


def fit(
    learner: Learner,
    feed: Feed,
    state: TrainState,
    hooks: Sequence[Hook],
    validate: Callable[[], Sequence[Validation]],
) -> None:
    """Train until the recipe's epochs or its schedule end, from wherever `state` stands.

    Args:
        validate: Called after each epoch.

    Raises:
        DivergedError: a loss is not finite; the weights are those before that step.
    """
    epochs = learner.config.epochs
    state.batches_per_epoch = len(feed)
    while state.epoch < epochs:
        rates = learner.schedule.rates(state.epoch, epochs, state.errors)
        if rates.finished:
            return
        _train_epoch(learner, feed, state, hooks, rates.color_noise)
        start = time.perf_counter()
        validations = validate()
        state.seconds += time.perf_counter() - start
        selecting = next((v.top1_error for v in validations if v.selects), None)
        improved = state.end_epoch(selecting)
        for hook in hooks:
            hook.after_epoch(state, validations, improved)


def _train_epoch(
    learner: Learner, feed: Feed, state: TrainState, hooks: Sequence[Hook], color_noise: bool
) -> None:
    learner.net.train()
    batches = feed.batches(state.epoch, state.batch, color_noise=color_noise)
    while True:
        start = time.perf_counter()
        batch = next(batches, None)
        if batch is None:
            return
        ready = time.perf_counter()
        batch = batch.to(learner.device)
        moved = time.perf_counter()
        rates = learner.schedule.rates(state.position, learner.config.epochs, state.errors)
        set_rates(learner.optimizer, rates)
        result = train_step(
            learner.net,
            learner.optimizer,
            batch,
            learner.config,
            key=learner.key.derive("dropout"),
            step=state.step,
        )
        if result.loss - result.loss != 0:
            raise _diverged(state, result, learner)
        state.advance(result)
        done = time.perf_counter()
        state.seconds += done - start
        times = StepTimes(data=ready - start, copy=moved - ready, compute=done - moved)
        for hook in hooks:
            hook.after_step(state, result, rates, times)


def require_finite(net: nn.Module, step: int) -> None:
    """Refuse weights that are not numbers: they are neither saved nor evaluated.

    An update can spoil them although the loss before it was finite.

    Raises:
        DivergedError: names the first such parameter.
    """
    if broken := _broken_weights(net):
        raise DivergedError(f"weights of {broken} are not finite after step {step}", remedy=_REMEDY)


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
    return next((n for n, p in net.named_parameters() if not torch.isfinite(p).all()), None)
