"""A network is a table of rows; a variant is an edit of another table.

Rows are data: frozen, comparable, printable. `network.py` turns them into modules and first weights,
`summary.py` into shapes and counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
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
    bias: float = 0.0
    """Initial bias."""


@dataclass(frozen=True)
class Linear:
    """Fully connected layer; `units` None is the number of classes."""

    name: str
    units: int | None = None
    std: float | None = 0.01
    bias: float = 0.0


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
class Pool:
    """Pooling; `ceil` lets the last window hang over the border, as the 2012 source does."""

    name: str
    size: int
    stride: int
    kind: Literal["max", "average"] = "max"
    ceil: bool = False


@dataclass(frozen=True)
class Dropout:
    """Dropout; not inverted in the paper."""

    name: str
    rate: float = 0.5
    inverted: bool = False


Row: TypeAlias = Conv | Linear | Activation | Lrn | SpatialNorm | Pool | Dropout
Table: TypeAlias = tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class NetSpec:
    """A named network: its table, its input and where both come from."""

    name: str
    table: Table
    input_shape: tuple[int, int, int]
    """(C, H, W)."""
    num_classes: int
    source: str
    """Paper section or file of the published definition."""


def change(table: Table, name: str, **fields: object) -> Table:
    """Return the table with fields of one row changed.

    Raises:
        KeyError: no row has this name.
    """
    _find(table, name)
    return tuple(replace(row, **fields) if row.name == name else row for row in table)


def without(table: Table, *names: str) -> Table:
    """Return the table without the named rows."""
    for name in names:
        _find(table, name)
    return tuple(row for row in table if row.name not in names)


def insert_after(table: Table, name: str, *rows: Row) -> Table:
    """Return the table with rows added after the named one."""
    index = table.index(_find(table, name)) + 1
    return (*table[:index], *rows, *table[index:])


def move_after(table: Table, name: str, anchor: str) -> Table:
    """Return the table with one row moved behind another."""
    return insert_after(without(table, name), anchor, _find(table, name))


def weighted(table: Iterable[Row]) -> list[Conv | Linear]:
    """Return the rows that hold weights."""
    return [row for row in table if isinstance(row, Conv | Linear)]


def _find(table: Table, name: str) -> Row:
    for row in table:
        if row.name == name:
            return row
    raise KeyError(f"no row {name!r}; the rows are {', '.join(row.name for row in table)}")
