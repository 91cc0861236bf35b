"""Learning-rate schedules: pure functions of the epoch and of the validation errors so far.

A schedule keeps no state, so resuming a run needs none of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class Rates:
    """Factors on the starting rates at one moment."""

    scale: float
    """Of the weights."""
    bias_scale: float
    """Of the biases."""
    layer_scale: Mapping[str, float] = field(default_factory=dict)
    """Of single layers, weights and biases alike; overrides the two above."""
    color_noise: bool = True
    """Whether the training views carry color noise."""
    finished: bool = False
    """Whether the schedule has nothing left to do."""


@dataclass(frozen=True, kw_only=True)
class Constant:
    """One rate throughout."""

    kind: ClassVar[str] = "constant"

    def rates(self, epoch: float, epochs: float, errors: Sequence[float]) -> Rates:
        """Return the factors at `epoch` (fractional) of `epochs`, given the validation errors of past epochs."""
        return Rates(1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What holds from one epoch on."""

    epoch: float
    """First epoch of the stage."""
    scale: float
    """Factor on the starting rates of the weights."""
    bias_scale: float | None = None
    """Factor on those of the biases; by default the same."""
    layers: Mapping[str, float] = field(default_factory=dict)
    """Factors of single layers; 0 freezes."""
    color_noise: bool = True
    """Whether views carry color noise."""


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Changes at fixed epochs, as the diaries of the 2012 runs record them."""

    kind: ClassVar[str] = "stages"
    stages: tuple[Stage, ...]
    """In order of their epochs, the first at 0."""

    def __post_init__(self) -> None:
        epochs = [stage.epoch for stage in self.stages]
        if not epochs or epochs[0] != 0 or epochs != sorted(epochs):
            raise ValueError(f"stages must start at epoch 0 and rise, not {epochs}")

    def rates(self, epoch: float, epochs: float, errors: Sequence[float]) -> Rates:
        """Return the factors of the last stage that has begun."""
        stage = next(s for s in reversed(self.stages) if s.epoch <= epoch + 1e-9)
        bias_scale = stage.scale if stage.bias_scale is None else stage.bias_scale
        return Rates(stage.scale, bias_scale, stage.layers, stage.color_noise)


@dataclass(frozen=True, kw_only=True)
class Plateau:
    """Divide the rate when the validation error stops improving (paper, section 5: by 10, three times)."""

    kind: ClassVar[str] = "plateau"
    factor: float = 0.1
    """What the rate is multiplied by."""
    max_drops: int = 3
    """The run ends when the error stalls once more."""
    patience: int = 3
    """Epochs without improvement that count as a stall."""
    min_improvement: float = 0.001
    """Improvement of the top-1 error, as a fraction, that counts."""

    def rates(self, epoch: float, epochs: float, errors: Sequence[float]) -> Rates:
        """Return the factors after replaying the errors of the past epochs."""
        best, waited, drops = math.inf, 0, 0
        for error in errors:
            if error < best - self.min_improvement:
                best, waited = error, 0
                continue
            waited += 1
            if waited >= self.patience:
                drops, waited = drops + 1, 0
        scale = self.factor ** min(drops, self.max_drops)
        return Rates(scale, scale, finished=drops > self.max_drops)


@dataclass(frozen=True, kw_only=True)
class Geometric:
    """Equal steps from the starting rate down to 1 / factor of it; biases fall to a tenth half-way.

    Source:
        layer-params-170.cfg and lr.cu (dexp) of the 2012 source: 4 steps, factor 250; noise off at about 0.75.
    """

    kind: ClassVar[str] = "geometric"
    steps: int = 4
    """Number of rates."""
    factor: float = 250.0
    """First rate over last."""
    color_noise_until: float = 1.0
    """Fraction of the run after which the color noise is off."""
    warmup_epochs: float = 0.0
    """Linear rise from zero at the start."""

    def __post_init__(self) -> None:
        if self.steps < 2 or self.factor <= 0:
            raise ValueError("geometric needs at least 2 steps and a positive factor")

    def rates(self, epoch: float, epochs: float, errors: Sequence[float]) -> Rates:
        """Return the factors of the step that `epoch` lies in."""
        progress = min(epoch / epochs, 1.0)
        step = min(int(progress * self.steps + 1e-9), self.steps - 1)
        warm = _warmup(epoch, self.warmup_epochs)
        scale = warm * self.factor ** (-step / (self.steps - 1))
        bias_scale = warm * (0.1 if progress >= 0.5 else 1.0)
        return Rates(scale, bias_scale, color_noise=progress < self.color_noise_until)


@dataclass(frozen=True, kw_only=True)
class Cosine:
    """Half a cosine from the starting rate to `final`, after a linear warm-up."""

    kind: ClassVar[str] = "cosine"
    warmup_epochs: float = 0.0
    """Linear rise from zero at the start."""
    final: float = 0.0
    """Factor at the end."""

    def rates(self, epoch: float, epochs: float, errors: Sequence[float]) -> Rates:
        """Return the factors at `epoch`."""
        if epoch < self.warmup_epochs:
            scale = _warmup(epoch, self.warmup_epochs)
        else:
            span = max(epochs - self.warmup_epochs, 1e-9)
            progress = min((epoch - self.warmup_epochs) / span, 1.0)
            scale = self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2
        return Rates(scale, scale)


Schedule = Constant | Stages | Plateau | Geometric | Cosine


def _warmup(epoch: float, warmup_epochs: float) -> float:
    return min(1.0, epoch / warmup_epochs) if warmup_epochs else 1.0
