"""How the kernels of a stage (`geometry.py`) find their positions and read maps.

Maps are channels-last. A thread works on eight neighboring maps (two quads) of one position and walks down some rows;
the quads before and after serve the window of the normalization alone.
"""

from __future__ import annotations

import triton
import triton.language as tl

from alexnet.gpu.kernels.quads import maximum, window_sum


@triton.jit
def place(stage: tl.constexpr):
    """Return image and tower of a program and, for each thread, strip, column and first map.

    Threads beyond the end have strip >= stage.strips.
    """
    block: tl.constexpr = stage.block
    program = tl.program_id(0)
    tower = program % stage.towers
    chunk = program // stage.towers % stage.chunks
    image = program // (stage.towers * stage.chunks)
    index = chunk * block + tl.arange(0, block)
    strip = index // (stage.octets * stage.columns)
    column = index // stage.octets % stage.columns
    return image.to(tl.int64), tower, strip, column, index % stage.octets * 8


@triton.jit
def of_tower(pointers, tower):
    """Return the pointer of a tower, of one or two."""
    return pointers[0] if len(pointers) == 1 else tl.where(tower == 0, pointers[0], pointers[1])


@triton.jit
def read(pointer, at, first, valid, stage: tl.constexpr):
    """Return maps first .. first + 3 behind `at` (block, 4) in their own type, zero outside the tower."""
    channel = first[:, None] + tl.arange(0, 4)[None, :]
    inside = (channel >= 0) & (channel < stage.channels) & valid[:, None]
    return tl.load(pointer + at[:, None] + channel, mask=inside, other=0)


@triton.jit
def write(pointer, at, first, valid, quad, stage: tl.constexpr):
    """Store a quad where it is valid and inside the tower."""
    channel = first[:, None] + tl.arange(0, 4)[None, :]
    inside = (channel < stage.channels) & valid[:, None]
    tl.store(pointer + at[:, None] + channel, quad.to(pointer.dtype.element_ty), mask=inside)


@triton.jit
def rectified(x, bias, at, first, valid, stage: tl.constexpr):
    """Return a quad in float32 after bias and ReLU; a NaN passes."""
    quad = read(x, at, first, valid, stage).to(tl.float32)
    if bias is not None:
        channel = first[:, None] + tl.arange(0, 4)[None, :]
        inside = (channel >= 0) & (channel < stage.channels)
        quad += tl.load(bias + channel, mask=inside, other=0).to(tl.float32)
    if stage.relu:
        quad = maximum(quad, 0.0)
    return quad


@triton.jit
def energy(before, quad, after, stage: tl.constexpr):
    """Return k + alpha * (window sum of squares); the arguments are squares."""
    return stage.k + stage.alpha * window_sum(before, quad, after, stage.half)
