"""The paper's update of one parameter in one pass: 20 bytes a weight with a 16-bit gradient and a 16-bit copy."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def update(weight, velocity, gradient, copy, rates, count, block: tl.constexpr):
    """v <- momentum * v - (rate * decay) * w - rate * g;  w <- w + v;  copy <- w, unless the rate is 0.

    Args:
        weight, velocity: float32.
        gradient: Any float dtype.
        copy: Any float dtype, or None.
        rates: float32 (3): rate, momentum, decay; read on the device, so that a captured graph follows a schedule.
        count: Number of weights.
    """
    index = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    rate, momentum, decay = tl.load(rates), tl.load(rates + 1), tl.load(rates + 2)
    moves = index < tl.where(rate != 0, count, 0)
    w = tl.load(weight + index, mask=moves)
    g = tl.load(gradient + index, mask=moves).to(tl.float32)
    v = momentum * tl.load(velocity + index, mask=moves) - rate * decay * w - rate * g
    w += v
    tl.store(velocity + index, v, mask=moves)
    tl.store(weight + index, w, mask=moves)
    if copy is not None:
        tl.store(copy + index, w.to(copy.dtype.element_ty), mask=moves)
