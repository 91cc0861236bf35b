"""Shapes and counts of a table of rows, without building it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from alexnet.nets.rows import Conv, Linear, Pool, Row, Table


@dataclass(frozen=True)
class RowSummary:
    """What one row does to one image."""

    row: Row
    output_shape: tuple[int, ...]
    parameters: int
    macs: int
    """Multiply-accumulate operations of the forward pass."""
    neurons: int
    """Units with weights of their own: outputs of convolutions and fully connected layers."""


def output_shape(row: Row, shape: tuple[int, ...], num_classes: int) -> tuple[int, ...]:
    """Return the shape of a row's output for one image.

    Raises:
        ValueError: the row cannot read this shape; names the row.
    """
    match row:
        case Conv():
            if shape[0] % row.groups or row.channels % row.groups:
                raise ValueError(
                    f"{row.name}: {shape[0]} -> {row.channels} channels do not split into {row.groups}"
                )
            return (row.channels, *(_convolved(row, side) for side in shape[1:]))
        case Pool():
            return (shape[0], *(_pooled(row, side) for side in shape[1:]))
        case Linear():
            return (row.units or num_classes,)
    return shape


def summarize(table: Table, input_shape: tuple[int, int, int], num_classes: int) -> list[RowSummary]:
    """Return shapes, parameters, multiply-accumulates and neurons row by row."""
    shape: tuple[int, ...] = input_shape
    rows = []
    for row in table:
        out = output_shape(row, shape, num_classes)
        parameters, macs, neurons = _counts(row, shape, out)
        rows.append(RowSummary(row, out, parameters, macs, neurons))
        shape = out
    return rows


def _counts(row: Row, shape: tuple[int, ...], out: tuple[int, ...]) -> tuple[int, int, int]:
    match row:
        case Conv():
            weights = row.channels * (shape[0] // row.groups) * row.kernel**2
            return weights + row.channels, weights * out[1] * out[2], math.prod(out)
        case Linear():
            weights = math.prod(shape) * out[0]
            return weights + out[0], weights, out[0]
    return 0, 0, 0


def _convolved(row: Conv, side: int) -> int:
    out = (side + 2 * row.pad + row.pad_after - row.kernel) // row.stride + 1
    if out < 1:
        raise ValueError(f"{row.name}: a {row.kernel} x {row.kernel} kernel does not fit into {side} pixels")
    return out


def _pooled(row: Pool, side: int) -> int:
    steps = (side - row.size) / row.stride
    out = (math.ceil(steps) if row.ceil else math.floor(steps)) + 1
    out = min(out, (side - 1) // row.stride + 1)  # every window begins inside the map
    if out < 1:
        raise ValueError(f"{row.name}: a {row.size} x {row.size} window does not fit into {side} pixels")
    return out
