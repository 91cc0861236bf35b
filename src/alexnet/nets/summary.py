"""Shapes, counts and views of a table of rows, without building it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from alexnet.nets.rows import BatchNorm, Conv, Linear, LocalConv, PartialConv, Pool, Rbf, Row, Subsample
from alexnet.nets.shapes import output_shape
from alexnet.nets.tables import Table


@dataclass(frozen=True)
class RowSummary:
    """What one row does to one image."""

    row: Row
    output_shape: tuple[int, ...]
    parameters: int
    """Trainable ones."""
    macs: int
    """Multiply-accumulate operations of the forward pass."""
    neurons: int
    """Units with weights of their own: outputs of convolutions and fully connected layers."""
    connections: int
    """Wires into those units and their biases, as LeCun et al. count."""
    receptive_field: int
    """Side of the square of input pixels that one output unit sees, borders left aside."""
    crossing: int
    """Values that the towers read of each other; 0 in a network of one tower."""


def summarize(table: Table, input_shape: tuple[int, int, int], num_classes: int) -> list[RowSummary]:
    """Return shapes, counts, receptive field and tower traffic row by row."""
    shape: tuple[int, ...] = input_shape
    towers = max((getattr(row, "groups", 1) for row in table), default=1)
    field, jump, apart = 1, 1, 1
    rows = []
    for row in table:
        out = output_shape(row, shape, num_classes)
        size, stride = _window(row, shape)
        field, jump = field + (size - 1) * jump, jump * stride
        crossing = 0
        if isinstance(row, Conv | PartialConv | LocalConv | Linear | Rbf):
            crossing = math.prod(shape) if apart > 1 and getattr(row, "groups", 1) == 1 else 0
            apart = towers
        rows.append(RowSummary(row, out, *_counts(row, shape, out), field, crossing))
        shape = out
    return rows


def _window(row: Row, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return side and stride of the row's window over its input."""
    match row:
        case Conv():
            return row.kernel, row.stride
        case PartialConv() | LocalConv():
            return row.kernel, 1
        case Pool():
            return row.size, row.stride
        case Subsample():
            return row.size, row.size
        case Linear() if len(shape) == 3:
            return shape[1], 1
    return 1, 1


def _counts(row: Row, shape: tuple[int, ...], out: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return parameters, multiply-accumulates, neurons and connections."""
    neurons = math.prod(out)
    match row:
        case Conv():
            weights = row.channels * (shape[0] // row.groups) * row.kernel**2
            biases = 0 if row.bias is None else row.channels
            macs = weights * out[1] * out[2]
            return weights + biases, macs, neurons, macs + biases * out[1] * out[2]
        case PartialConv():
            weights = sum(map(len, row.links)) * row.kernel**2
            macs = weights * out[1] * out[2]
            return weights + out[0], macs, neurons, macs + neurons
        case LocalConv():
            weights = neurons * shape[0] * row.kernel**2
            return weights + neurons, weights, neurons, weights + neurons
        case Linear():
            weights = math.prod(shape) // row.groups * out[0]
            return weights + out[0], weights, neurons, weights + out[0]
        case Rbf():
            macs = math.prod(shape) * out[0]
            return 0, macs, neurons, macs
        case Subsample():
            return 2 * shape[0], neurons, neurons, neurons * (row.size**2 + 1)
        case BatchNorm():
            return 2 * shape[0] if row.affine else 0, 0, 0, 0
    return 0, 0, 0, 0
