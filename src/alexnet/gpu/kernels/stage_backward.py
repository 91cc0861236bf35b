"""The gradient of a stage from a convolution's output, which is read again, and the places of the maxima.

Positions are blocks of stride x stride pixels: which windows can reach a pixel depends on its place in the block
alone. Each pixel collects what its windows give it, so that no two threads write to one address.
"""

from __future__ import annotations

import triton
import triton.language as tl

from alexnet.gpu.kernels.quads import inverse_powers, window_sum
from alexnet.gpu.kernels.stage import energy, of_tower, place, read, rectified, write


@triton.jit
def _window(pooled, y, x, valid, first, stage: tl.constexpr):
    """Return the gradient of one quad of one pooled pixel, and the place of its maximum."""
    grad, places = pooled
    inside = valid & (y >= 0) & (y < stage.out_height) & (x >= 0) & (x < stage.out_width)
    at = y * stage.out_width + x
    share = read(grad, at * stage.y_pitch, first, inside, stage)
    taken = share
    if stage.size > 1:
        taken = read(places, at * stage.channels, first, inside, stage)
    return share, taken


@triton.jit
def _windows(pooled, block, first, stage: tl.constexpr):
    """Return the windows that can reach a block, in their order: above left, above, left, and its own."""
    row, column, valid = block
    own = _window(pooled, row, column, valid, first, stage)
    if stage.size <= stage.stride:
        return own, own, own, own
    left = _window(pooled, row, column - 1, valid, first, stage)
    above = _window(pooled, row - 1, column, valid, first, stage)
    return _window(pooled, row - 1, column - 1, valid, first, stage), above, left, own


@triton.jit
def _around(pooled, block, first, stage: tl.constexpr):
    """Return the windows of the quad before, of both own quads and of the quad after."""
    one, two = _windows(pooled, block, first, stage), _windows(pooled, block, first + 4, stage)
    if stage.half < 0:
        return one, one, two, two
    return _windows(pooled, block, first - 4, stage), one, two, _windows(pooled, block, first + 8, stage)


@triton.jit
def _share(window, number: tl.constexpr, stage: tl.constexpr):
    """Return what the window gives to its pixel of this number."""
    share, taken = window
    if stage.size == 1:
        return share.to(tl.float32)
    return tl.where(taken == number, share.to(tl.float32), 0.0)


@triton.jit
def _collected(windows, phase: tl.constexpr, stage: tl.constexpr):
    """Return the gradient of one quad at the block's pixel number `phase` from all windows that reach it."""
    size: tl.constexpr = stage.size
    stride: tl.constexpr = stage.stride
    i: tl.constexpr = phase // stride
    j: tl.constexpr = phase % stride
    total = _share(windows[3], i * size + j, stage)
    if j + stride < size:
        total += _share(windows[2], i * size + j + stride, stage)
    if i + stride < size:
        total += _share(windows[1], (i + stride) * size + j, stage)
        if j + stride < size:
            total += _share(windows[0], (i + stride) * size + j + stride, stage)
    return total


@triton.jit
def _squared(x, bias, at, first, valid, stage: tl.constexpr):
    """Return a quad and its square after bias and ReLU."""
    quad = rectified(x, bias, at, first, valid, stage)
    return quad, quad * quad


@triton.jit
def _spread(collected, quad, scale, stage: tl.constexpr):
    """Return g * s**-beta and g * s**(-beta - 1) * x, the terms of the normalization's gradient."""
    power, inverse = inverse_powers(scale, stage.beta)
    direct = collected * power
    return direct, direct * quad * inverse


@triton.jit
def _pixel(x, bias, spot, windows, phase: tl.constexpr, stage: tl.constexpr):
    """Return the gradient of the convolution's output for two quads of one pixel.

    dx[i] = g[i] s[i]**-beta - 2 alpha beta x[i] sum of g[j] x[j] s[j]**(-beta - 1) over the window of i
    """
    at, first, valid = spot
    one, square_one = _squared(x, bias, at, first, valid, stage)
    two, square_two = _squared(x, bias, at, first + 4, valid, stage)
    grad_one, grad_two = _collected(windows[1], phase, stage), _collected(windows[2], phase, stage)
    if stage.half >= 0:
        before, square_before = _squared(x, bias, at, first - 4, valid, stage)
        after, square_after = _squared(x, bias, at, first + 8, valid, stage)
        grad_before, grad_after = _collected(windows[0], phase, stage), _collected(windows[3], phase, stage)
        # The outer quads' far halves have no neighbors here; nothing reads them.
        _, spread_before = _spread(
            grad_before, before, energy(square_before, square_before, square_one, stage), stage
        )
        grad_one, spread_one = _spread(
            grad_one, one, energy(square_before, square_one, square_two, stage), stage
        )
        grad_two, spread_two = _spread(
            grad_two, two, energy(square_one, square_two, square_after, stage), stage
        )
        _, spread_after = _spread(
            grad_after, after, energy(square_two, square_after, square_after, stage), stage
        )
        factor = 2.0 * stage.alpha * stage.beta
        grad_one -= factor * one * window_sum(spread_before, spread_one, spread_two, stage.half)
        grad_two -= factor * two * window_sum(spread_one, spread_two, spread_after, stage.half)
    if stage.relu:
        grad_one, grad_two = tl.where(one <= 0, 0.0, grad_one), tl.where(two <= 0, 0.0, grad_two)
    return grad_one, grad_two


@triton.jit
def backward(grad, x, dx, places, bias, bias_sums, stage: tl.constexpr):
    """Compute dx and, unless None, each strip's sums of it (image, strip, column, all towers' maps), float32.

    Args:
        grad, x, dx: A pointer, or one for each of two towers, as a tuple.
        places: As `forward` wrote them; None without pooling.
        bias: The towers' biases one after the other, or None.
    """
    stride: tl.constexpr = stage.stride
    image, tower, strip, column, first = place(stage)
    x = of_tower(x, tower) + image * (stage.height * stage.width * stage.x_pitch)
    dx = of_tower(dx, tower) + image * (stage.height * stage.width * stage.x_pitch)
    grad = of_tower(grad, tower) + image * (stage.out_height * stage.out_width * stage.y_pitch)
    if bias is not None:
        bias += tower * stage.channels
    if places is not None:
        places += (image * stage.towers + tower) * (stage.out_height * stage.out_width * stage.channels)
    row = strip * stage.rows
    known = strip < stage.strips
    sum_one = tl.zeros((first.shape[0], 4), tl.float32)
    sum_two = sum_one
    for _ in range(stage.rows):
        block = row, column, known
        windows = _around((grad, places), block, first, stage)
        for phase in tl.static_range(stride * stride):
            y, across = row * stride + phase // stride, column * stride + phase % stride
            valid = known & (y < stage.height) & (across < stage.width)
            at = (y * stage.width + across) * stage.x_pitch
            one, two = _pixel(x, bias, (at, first, valid), windows, phase, stage)
            write(dx, at, first, valid, one, stage)
            write(dx, at, first + 4, valid, two, stage)
            sum_one += one
            sum_two += two
        row += 1
    if bias_sums is not None:
        bias_sums += (
            image * (stage.strips * stage.columns * stage.towers * stage.channels) + tower * stage.channels
        )
        at = (strip * stage.columns + column) * (stage.towers * stage.channels)
        write(bias_sums, at, first, known, sum_one, stage)
        write(bias_sums, at, first + 4, known, sum_two, stage)
