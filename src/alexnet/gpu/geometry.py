"""The sizes a stage's kernels are compiled for, and how its positions are shared among programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from alexnet.ops.fused import Norm, Pool

_BLOCK, _ROWS = 128, 8
"""Positions of a program, one a thread; rows that a thread walks down at most. By count of registers and bytes."""


class Stage(NamedTuple):
    """Constants of a compiled kernel. A position is eight maps at one place of one strip of rows."""

    towers: int
    """1 or 2: sets of maps of their own, which may lie in one tensor or in two."""
    channels: int
    """Maps of one tower."""
    height: int
    width: int
    x_pitch: int
    """Elements from one pixel of x to the next: a tower's maps, or all."""
    y_pitch: int
    relu: bool
    half: int
    """Reach of the normalization's window, 0 to 2; -1 for no normalization."""
    alpha: float
    beta: float
    k: float
    size: int
    stride: int
    out_height: int
    out_width: int
    overhang: bool
    """Whether a pooling window can reach beyond the maps."""
    rows: int
    """Rows (forward: of y, backward: of blocks of stride x stride pixels) that a thread walks down."""
    strips: int
    columns: int
    """Places (forward: of y, backward: of blocks) side by side."""
    octets: int
    """Groups of eight maps in a tower; the last may be smaller."""
    chunks: int
    """Programs for one tower of one image."""
    block: int
    """Positions of a program."""


def forward_stage(xs: Sequence[Tensor], outputs: int, relu: bool, norm: Norm | None, pool: Pool) -> Stage:
    """Return the stage of the forward kernel: each position makes eight values of y in each of its rows."""
    height, width = xs[0].shape[2:]
    maps = sum(x.shape[1] for x in xs)
    towers = tower_count(len(xs), outputs, norm)
    out_height, out_width = pool.places(height), pool.places(width)
    shared = _shared(out_height, out_width, maps // towers)
    return Stage(
        towers=towers,
        channels=maps // towers,
        height=height,
        width=width,
        x_pitch=xs[0].shape[1],
        y_pitch=maps // outputs,
        relu=relu,
        half=norm.size // 2 if norm else -1,
        alpha=norm.alpha if norm else 0.0,
        beta=norm.beta if norm else 0.0,
        k=norm.k if norm else 0.0,
        size=pool.size,
        stride=pool.stride,
        out_height=out_height,
        out_width=out_width,
        overhang=(out_height - 1) * pool.stride + pool.size > height
        or (out_width - 1) * pool.stride + pool.size > width,
        **shared,
    )


def backward_stage(forward: Stage) -> Stage:
    """Return the stage of the backward kernel: each position makes eight maps of dx in blocks of stride x stride."""
    rows, columns = (-(-side // forward.stride) for side in (forward.height, forward.width))
    return forward._replace(**_shared(rows, columns, forward.channels))


def tower_count(inputs: int, outputs: int, norm: Norm | None) -> int:
    """Return into how many towers a stage falls."""
    return max(inputs, outputs, norm.groups if norm else 1)


def _shared(rows: int, columns: int, channels: int) -> dict[str, int]:
    strips = -(-rows // _ROWS)
    octets = -(-channels // 8)
    return {
        "rows": -(-rows // strips),
        "strips": strips,
        "columns": columns,
        "octets": octets,
        "chunks": -(-strips * columns * octets // _BLOCK),
        "block": _BLOCK,
    }
