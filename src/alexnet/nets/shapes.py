"""What shape a row makes of its input, and why it cannot."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from alexnet.nets.digits import DIGIT_CODES
from alexnet.nets.rows import (
    BatchNorm,
    Conv,
    Linear,
    LocalConv,
    Lrn,
    PartialConv,
    Pool,
    Rbf,
    Row,
    SpatialNorm,
    Subsample,
)

Shape = tuple[int, ...]
_OVER_MAPS = Conv | PartialConv | LocalConv | Pool | Subsample | Lrn | SpatialNorm | BatchNorm
_POSITIVE = ("channels", "kernel", "stride", "size", "groups")


def output_shape(row: Row, shape: Shape, num_classes: int) -> Shape:
    """Return the shape of a row's output for one image.

    Raises:
        ValueError: the row cannot read this shape, or its numbers make no sense; names the row.
    """
    for field in _POSITIVE:
        if getattr(row, field, 1) < 1:
            raise ValueError(f"{row.name}: {field} must be at least 1, not {getattr(row, field)}")
    if isinstance(row, _OVER_MAPS) and len(shape) != 3:
        raise ValueError(f"{row.name}: reads maps, but stands behind a layer of {math.prod(shape)} units")
    rule = _RULES.get(type(row))
    return shape if rule is None else rule(row, shape, num_classes)


def _of_conv(row: Conv, shape: Shape, _: int) -> Shape:
    _check_groups(row, shape[0], row.channels)
    return (row.channels, *(_convolved(row, side) for side in shape[1:]))


def _of_partial_conv(row: PartialConv, shape: Shape, _: int) -> Shape:
    _check_links(row, shape[0])
    return (len(row.links), *(_slid(row, side) for side in shape[1:]))


def _of_local_conv(row: LocalConv, shape: Shape, _: int) -> Shape:
    return (row.channels, *(_slid(row, side + 2 * row.pad) for side in shape[1:]))


def _of_pool(row: Pool, shape: Shape, _: int) -> Shape:
    return (shape[0], *(_pooled(row, side) for side in shape[1:]))


def _of_subsample(row: Subsample, shape: Shape, _: int) -> Shape:
    return (shape[0], *(_filled(row, side, side // row.size) for side in shape[1:]))


def _of_linear(row: Linear, shape: Shape, num_classes: int) -> Shape:
    units = row.units or num_classes
    _check_groups(row, math.prod(shape), units)
    return (units,)


def _of_rbf(row: Rbf, shape: Shape, num_classes: int) -> Shape:
    _check_codes(row, shape, num_classes)
    return (num_classes,)


def _of_norm(row: Lrn | SpatialNorm, shape: Shape, _: int) -> Shape:
    if row.size % 2 == 0:
        raise ValueError(f"{row.name}: the window must be odd, not {row.size}")
    if isinstance(row, Lrn):
        _check_groups(row, shape[0], shape[0])
    return shape


_RULES: dict[type, Callable[[Any, Shape, int], Shape]] = {
    Conv: _of_conv,
    PartialConv: _of_partial_conv,
    LocalConv: _of_local_conv,
    Pool: _of_pool,
    Subsample: _of_subsample,
    Linear: _of_linear,
    Rbf: _of_rbf,
    Lrn: _of_norm,
    SpatialNorm: _of_norm,
}
"""Rows that are not here leave the shape as it is."""


def _check_groups(row: Conv | Linear | Lrn, inputs: int, outputs: int) -> None:
    if inputs % row.groups or outputs % row.groups:
        raise ValueError(f"{row.name}: {inputs} -> {outputs} channels do not split into {row.groups}")


def _check_links(row: PartialConv, channels: int) -> None:
    for sources in row.links:
        if not sources or len(set(sources)) < len(sources):
            raise ValueError(f"{row.name}: each map reads one or more maps, each of them once, not {sources}")
        for source in sources:
            if not 0 <= source < channels:
                raise ValueError(f"{row.name}: a link reads map {source}, but there are {channels}")
    if not row.links:
        raise ValueError(f"{row.name}: has no links")


def _check_codes(row: Rbf, shape: Shape, num_classes: int) -> None:
    if math.prod(shape) != len(DIGIT_CODES[0]):
        raise ValueError(f"{row.name}: reads codes of {len(DIGIT_CODES[0])} values, not of {math.prod(shape)}")
    if num_classes > len(DIGIT_CODES):
        raise ValueError(
            f"{row.name}: there are codes for {len(DIGIT_CODES)} digits, not for {num_classes} classes: "
            "put a linear row in its place"
        )


def _convolved(row: Conv, side: int) -> int:
    return _fitting(row, side, (side + 2 * row.pad + row.pad_after - row.kernel) // row.stride + 1)


def _slid(row: PartialConv | LocalConv, side: int) -> int:
    return _fitting(row, side, side - row.kernel + 1)


def _fitting(row: Conv | PartialConv | LocalConv, side: int, out: int) -> int:
    if out < 1:
        raise ValueError(f"{row.name}: a {row.kernel} x {row.kernel} kernel does not fit into {side} pixels")
    return out


def _pooled(row: Pool, side: int) -> int:
    steps = (side - row.size) / row.stride
    out = (math.ceil(steps) if row.ceil else math.floor(steps)) + 1
    return _filled(row, side, min(out, (side - 1) // row.stride + 1))  # every window begins inside the map


def _filled(row: Pool | Subsample, side: int, out: int) -> int:
    if out < 1:
        raise ValueError(f"{row.name}: a {row.size} x {row.size} window does not fit into {side} pixels")
    return out
