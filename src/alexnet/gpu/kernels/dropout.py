"""Dropout masks of `ops/dropout.py` drawn where they are used: Philox4x32-10 over (block, sample, step)."""

from __future__ import annotations

import triton
import triton.language as tl

from alexnet.gpu.kernels.quads import join, maximum


@triton.jit
def _words(key, step, sample, first, count: tl.constexpr):
    """Return random words first .. first + count - 1 (count,) of (step, sample); first is a multiple of four."""
    blocks = (first // 4 + tl.arange(0, count // 4)).to(tl.uint32)
    zeros = tl.zeros_like(blocks)
    a, b, c, d = tl.philox(key, blocks, zeros + sample.to(tl.uint32), zeros + step.to(tl.uint32), zeros)
    return tl.reshape(join(a, b, c, d), (count,))


@triton.jit
def dropout(x, y, bias, draws, key, units, settings: tl.constexpr):
    """Compute y = x * mask * factor for a part of one sample's units; mask as `keyed_mask`, by bits or by words.

    Args:
        x, y: (N, units).
        bias: (units), any float dtype, for relu(x + bias) in place of x; or None.
        draws: Samples, int64 (N), and the step, int64 (1), read on the device.
        key: 64-bit Philox key, as a signed integer.
        settings: By bits or words, threshold of a word, factor, block, and programs a sample.
    """
    by_bits: tl.constexpr = settings[0]
    threshold: tl.constexpr = settings[1]
    block: tl.constexpr = settings[3]
    row = (tl.program_id(0) // settings[4]).to(tl.int64)
    first = tl.program_id(0) % settings[4] * block
    sample, number = tl.load(draws[0] + row), tl.load(draws[1])
    if by_bits:
        words = _words(key, number, sample, first // 32, block // 32)
        kept = (words[:, None] >> tl.arange(0, 32)[None, :].to(tl.uint32)) & 1
        unit = first + tl.arange(0, block // 32)[:, None] * 32 + tl.arange(0, 32)[None, :]
    else:
        kept = _words(key, number, sample, first, block).to(tl.int64) >= threshold
        unit = first + tl.arange(0, block)
    value = tl.load(x + row * units + unit, mask=unit < units).to(tl.float32)
    if bias is not None:
        value = maximum(value + tl.load(bias + unit, mask=unit < units).to(tl.float32), 0.0)
    value = value * kept.to(tl.float32) * settings[2]
    tl.store(y + row * units + unit, value.to(y.dtype.element_ty), mask=unit < units)
