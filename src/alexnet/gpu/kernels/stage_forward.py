"""Bias, ReLU, normalization across maps and max-pooling in one pass over a convolution's output."""

from __future__ import annotations

import triton
import triton.language as tl

from alexnet.gpu.kernels.quads import inverse_powers, maximum
from alexnet.gpu.kernels.stage import energy, of_tower, place, rectified, write


@triton.jit
def _normalized(x, bias, at, first, valid, stage: tl.constexpr):
    """Return the eight maps from `first` on as two quads, rounded as if they were stored in x's type."""
    one = rectified(x, bias, at, first, valid, stage)
    two = rectified(x, bias, at, first + 4, valid, stage)
    if stage.half >= 0:
        before = rectified(x, bias, at, first - 4, valid, stage)
        after = rectified(x, bias, at, first + 8, valid, stage)
        square_one, square_two = one * one, two * two
        one *= inverse_powers(energy(before * before, square_one, square_two, stage), stage.beta)[0]
        two *= inverse_powers(energy(square_one, square_two, after * after, stage), stage.beta)[0]
    dtype = x.dtype.element_ty
    one, two = one.to(dtype).to(tl.float32), two.to(dtype).to(tl.float32)
    if stage.overhang:
        one = tl.where(valid[:, None], one, float("-inf"))
        two = tl.where(valid[:, None], two, float("-inf"))
    return one, two


@triton.jit
def _later(best, where, value, its_place):
    """Return the maximum and its place; of equal values the first stays, and a NaN is never given up."""
    return maximum(best, value), tl.where(value <= best, where, its_place)


@triton.jit
def _row(x, bias, row, column, first, valid, stage: tl.constexpr):
    """Return maximum and place (0 .. size - 1) over one row of a pooling window: both for two quads."""
    size: tl.constexpr = stage.size
    inside = valid & (row < stage.height)
    column *= stage.stride
    at = (row * stage.width + column) * stage.x_pitch
    one, two = _normalized(x, bias, at, first, inside, stage)
    where_one = tl.zeros_like(one).to(tl.int32)
    where_two = where_one
    for j in tl.static_range(1, size):
        there = inside & (column + j < stage.width)
        next_one, next_two = _normalized(x, bias, at + j * stage.x_pitch, first, there, stage)
        one, where_one = _later(one, where_one, next_one, j)
        two, where_two = _later(two, where_two, next_two, j)
    return one, two, where_one, where_two


@triton.jit
def forward(x, y, places, bias, stage: tl.constexpr):
    """Compute y and, unless None, the place of each maximum in its window (uint8, size * row + column).

    Where the last row of a window is the first of the next (the paper's 3 x 3 with stride 2), its maxima are kept.

    Args:
        x, y: A pointer, or one for each of two towers, as a tuple.
        places: (image, tower, row, column, map).
        bias: The towers' biases one after the other, or None.
    """
    size: tl.constexpr = stage.size
    carry: tl.constexpr = stage.size == stage.stride + 1
    image, tower, strip, column, first = place(stage)
    x = of_tower(x, tower) + image * (stage.height * stage.width * stage.x_pitch)
    y = of_tower(y, tower) + image * (stage.out_height * stage.out_width * stage.y_pitch)
    if bias is not None:
        bias += tower * stage.channels
    if places is not None:
        places += (image * stage.towers + tower) * (stage.out_height * stage.out_width * stage.channels)
    row = strip * stage.rows
    valid = (strip < stage.strips) & (row < stage.out_height)
    if carry:
        last = _row(x, bias, row * stage.stride, column, first, valid, stage)
    for _ in range(stage.rows):
        if not carry:
            last = _row(x, bias, row * stage.stride, column, first, valid, stage)
        one, two, where_one, where_two = last
        for i in tl.static_range(1, size):
            last = _row(x, bias, row * stage.stride + i, column, first, valid, stage)
            one, where_one = _later(one, where_one, last[0], last[2] + i * size)
            two, where_two = _later(two, where_two, last[1], last[3] + i * size)
        at = row * stage.out_width + column
        write(y, at * stage.y_pitch, first, valid, one, stage)
        write(y, at * stage.y_pitch, first + 4, valid, two, stage)
        if places is not None:
            write(places, at * stage.channels, first, valid, where_one, stage)
            write(places, at * stage.channels, first + 4, valid, where_two, stage)
        row += 1
        valid = valid & (row < stage.out_height)
