"""The rows that networks are made of: frozen, comparable, printable, without torch.

`tables.py` edits tables of them, `summary.py` counts, `layers.py` turns each into a module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ActivationKind = Literal["relu", "tanh", "abs_tanh", "sigmoid", "scaled_tanh"]


@dataclass(frozen=True)
class Conv:
    """Convolution. `groups` 2 is the two-tower net on one device."""

    name: str
    channels: int
    kernel: int
    stride: int = 1
    pad: int = 0
    pad_after: int = 0
    """Zeros added at the right and the bottom only: what a ceiling division of sizes implies."""
    groups: int = 1
    std: float | None = 0.01
    """Standard deviation of the initial weights; None: 1 / sqrt(inputs per unit)."""
    bias: float | None = 0.0
    """Initial bias; None: the layer has none."""
    uniform: float | None = None
    """Initial weights uniform within +- this / inputs per unit, instead of normal with `std`."""


@dataclass(frozen=True)
class PartialConv:
    """Convolution in which each map reads some of the maps below (LeNet's connection tables); stride 1."""

    name: str
    links: tuple[tuple[int, ...], ...]
    """For each output map, the input maps it reads, from 0. Only these links have weights."""
    kernel: int
    std: float | None = None
    bias: float = 0.0
    uniform: float | None = None


@dataclass(frozen=True)
class LocalConv:
    """Convolution with unshared weights: every place has its own kernels and biases; stride 1."""

    name: str
    channels: int
    kernel: int
    pad: int = 0
    std: float | None = 0.01
    bias: float = 0.0
    uniform: float | None = None


@dataclass(frozen=True)
class Linear:
    """Fully connected layer; `units` None is the number of classes."""

    name: str
    units: int | None = None
    groups: int = 1
    """Towers: each part of the outputs reads its own part of the inputs."""
    std: float | None = 0.01
    bias: float = 0.0
    uniform: float | None = None


@dataclass(frozen=True)
class Rbf:
    """Squared distances to fixed codes, negated: LeNet-5's output. Holds no trainable weights."""

    name: str


@dataclass(frozen=True)
class Activation:
    """Elementwise nonlinearity."""

    name: str
    kind: ActivationKind = "relu"


@dataclass(frozen=True)
class Lrn:
    """Local response normalization across maps; alpha weighs the sum of squares."""

    name: str
    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0
    groups: int = 1


@dataclass(frozen=True)
class SpatialNorm:
    """Response normalization within a map; alpha weighs the sum of squares."""

    name: str
    size: int
    alpha: float
    beta: float = 0.75
    k: float = 1.0


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalization per map."""

    name: str
    momentum: float = 0.1
    """Weight of a new batch in the running statistics, as torch counts it."""
    epsilon: float = 1e-5
    affine: bool = True
    """Whether a learned scale and shift of each map follow."""


@dataclass(frozen=True)
class Pool:
    """Pooling; `ceil` lets the last window hang over the border, as the 2012 source does."""

    name: str
    size: int
    stride: int
    kind: Literal["max", "average"] = "max"
    ceil: bool = False


@dataclass(frozen=True)
class Subsample:
    """LeNet's subsampling: windows side by side, averaged or summed, times a weight and plus a bias per map."""

    name: str
    size: int = 2
    kind: Literal["average", "sum"] = "average"
    std: float | None = None
    bias: float = 0.0
    uniform: float | None = None


@dataclass(frozen=True)
class Dropout:
    """Dropout; not inverted in the paper."""

    name: str
    rate: float = 0.5
    inverted: bool = False


Weighted: TypeAlias = Conv | PartialConv | LocalConv | Linear | Subsample
"""Rows with trainable weights that `initialize` draws."""
Row: TypeAlias = Weighted | Rbf | Activation | Lrn | SpatialNorm | BatchNorm | Pool | Dropout
