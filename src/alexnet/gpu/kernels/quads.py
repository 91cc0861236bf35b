"""Four neighboring maps of many positions as a tile (positions, 4), and sums over a window of maps.

A thread holds all four maps of its position. A window of up to five maps reaches into the quads on either side, which
the caller loads too: an exchange between threads would cost more than reading them again from the first cache.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def split(quad):
    """Return the four maps of a quad, (positions,) each."""
    even, odd = tl.split(tl.reshape(quad, (quad.shape[0], 2, 2)))
    first, third = tl.split(even)
    second, fourth = tl.split(odd)
    return first, second, third, fourth


@triton.jit
def join(first, second, third, fourth):
    """Return the quad of four maps."""
    pairs = tl.join(tl.join(first, third), tl.join(second, fourth))
    return tl.reshape(pairs, (first.shape[0], 4))


@triton.jit
def window_sum(before, quad, after, half: tl.constexpr):
    """Return for each map of `quad` the sum over the maps at most `half` (0, 1 or 2) away."""
    if half == 0:
        return quad
    _, _, a2, a3 = split(before)
    b0, b1, b2, b3 = split(quad)
    c0, c1, _, _ = split(after)
    middle = b1 + b2
    if half == 1:
        return join(a3 + b0 + b1, b0 + middle, middle + b3, b2 + b3 + c0)
    left, right = b0 + middle, middle + b3
    return join(a2 + a3 + left, a3 + left + b3, b0 + right + c0, right + c0 + c1)


@triton.jit
def inverse_powers(scale, beta: tl.constexpr):
    """Return scale ** -beta and 1 / scale; for the usual 0.75 from two roots."""
    if beta == 0.75:
        root = tl.rsqrt(scale)
        return root * tl.sqrt(root), root * root
    if beta == 0.5:
        root = tl.rsqrt(scale)
        return root, root * root
    return tl.exp2(-beta * tl.log2(scale)), 1.0 / scale


@triton.jit
def maximum(a, b):
    """Return the greater of two numbers, and NaN where one is NaN."""
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)
