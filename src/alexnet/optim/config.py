"""The optimizer's numbers, as a recipe states them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class LayerConfig:
    """What one layer does differently."""

    lr: float | None = None
    """Learning rate of its weights."""
    bias_lr: float | None = None
    """Learning rate of its biases."""
    weight_decay: float | None = None
    """Decay of its weights."""

    def __post_init__(self) -> None:
        _refuse_negative(self, "lr", "bias_lr", "weight_decay")


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """Stochastic gradient descent with momentum (paper, section 5)."""

    lr: float = 0.01
    """Learning rate of the weights at the start."""
    bias_lr: float | None = None
    """Learning rate of the biases at the start; by default that of the weights (2012 runs: twice that)."""
    momentum: float = 0.9
    """Part of the velocity that is kept from step to step."""
    weight_decay: float = 0.0005
    """Decay of the weights; biases are never decayed."""
    trust: float | None = None
    """Trust coefficient of LARS, for large batches: a step moves a layer's weights by `lr` * `trust` of their own
    length, however long their gradient is (published: 0.001, with `lr` from 2 to 32). Biases and batch
    normalization's scales keep a plain rate, `bias_lr`. By default no LARS."""
    layers: Mapping[str, LayerConfig] = field(default_factory=dict)
    """Exceptions by layer name."""

    def __post_init__(self) -> None:
        _refuse_negative(self, "lr", "bias_lr", "momentum", "weight_decay")
        if self.trust is None:
            return
        if not 0 < self.trust < math.inf:
            raise ValueError(f"trust must be positive, not {self.trust}")
        if self.bias_lr is None:
            raise ValueError("trust needs bias_lr: LARS leaves biases out, and its lr is far too high for them")


def _refuse_negative(config: LayerConfig | OptimConfig, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if value is not None and not value >= 0:
            raise ValueError(f"{name} must not be negative, not {value}")
