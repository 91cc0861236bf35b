"""The pictures of the benchmarks: random bytes, the same under every interpreter."""

from __future__ import annotations

import hashlib

import numpy as np

SIDE, CROP = 256, 224
"""Pictures as they are packed for AlexNet, and the square that it sees, in pixels."""
CIFAR_COUNT, CIFAR_SIDE = 50_000, 32
"""Size of CIFAR-10's training set."""


def random_pictures(count: int, side: int) -> np.ndarray:
    """Return uint8 (count, side, side, 3), the first bytes of one SHAKE-128 stream."""
    data = hashlib.shake_128(b"alexnet bench").digest(count * side * side * 3)
    return np.frombuffer(data, np.uint8).reshape(count, side, side, 3)


def random_labels(count: int, classes: int) -> np.ndarray:
    """Return int64 (count,)."""
    data = hashlib.shake_128(b"alexnet bench labels").digest(4 * count)
    return (np.frombuffer(data, "<u4") % classes).astype(np.int64)
