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
class _WarmUp:
    """A gradual start (Goyal et al. 2017, arXiv 1706.02677, section 2.2)."""

    warmup_epochs: float = 0.0
    """Epochs in which the rate rises linearly to its start."""
    warmup_from: float = 0.01
    """Factor at the first step: 0 would waste it. Goyal et al. begin with the rate of the small batch."""

    def __post_init__(self) -> None:
        if not self.warmup_epochs >= 0 or not 0 <= self.warmup_from <= 1:
            raise ValueError("warmup_epochs must not be negative, warmup_from in 0 .. 1")

    def _warm(self, epoch: float) -> float:
        if epoch >= self.warmup_epochs:
            return 1.0
        return self.warmup_from + (1 - self.warmup_from) * epoch / self.warmup_epochs

    def _progress(self, epoch: float, epochs: float) -> float:
        """Return the part of the run behind the warm-up that is done."""
        return min(max(epoch - self.warmup_epochs, 0.0) / max(epochs - self.warmup_epochs, 1e-9), 1.0)


@dataclass(frozen=True, kw_only=True)
class Geometric(_WarmUp):
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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 2 or self.factor <= 0:
            raise ValueError("geometric needs at least 2 steps and a positive factor")

    def rates(self, epoch: float, epochs: float, errors: Sequence[float]) -> Rates:
        """Return the factors of the step that `epoch` lies in."""
        progress = min(epoch / epochs, 1.0)
        step = min(int(progress * self.steps + 1e-9), self.steps - 1)
        warm = self._warm(epoch)
        scale = warm * self.factor ** (-step / (self.steps - 1))
        bias_scale = warm * (0.1 if progress >= 0.5 else 1.0)
        return Rates(scale, bias_scale, color_noise=progress < self.color_noise_until)


@dataclass(frozen=True, kw_only=True)
class Cosine(_WarmUp):
    """Half a cosine from the starting rate to `final`, after a linear warm-up."""

    kind: ClassVar[str] = "cosine"
    final: float = 0.0
    """Factor at the end."""

    def rates(self, epoch: float, epochs: float, errors: Sequence[float]) -> Rates:
        """Return the factors at `epoch`."""
        fall = (1 + math.cos(math.pi * self._progress(epoch, epochs))) / 2
        scale = self._warm(epoch) * (self.final + (1 - self.final) * fall)
        return Rates(scale, scale)


@dataclass(frozen=True, kw_only=True)
class Polynomial(_WarmUp):
    """A power of the part of the run that is left, after a linear warm-up: the schedule that LARS was published with.

    Source:
        You, Gitman, Ginsburg 2017 (arXiv 1708.03888): power 2. Their solver counts the part from the first step on, so
        that the rate jumps down where the warm-up ends; here it is counted from there.
    """

    kind: ClassVar[str] = "polynomial"
    power: float = 2.0
    """Exponent; 1 is a straight line to zero."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.power > 0:
            raise ValueError(f"power must be positive, not {self.power}")

    def rates(self, epoch: float, epochs: float, errors: Sequence[float]) -> Rates:
        """Return the factors at `epoch`."""
        scale = self._warm(epoch) * (1 - self._progress(epoch, epochs)) ** self.power
        return Rates(scale, scale)


Schedule = Constant | Stages | Plateau | Geometric | Cosine | Polynomial
