"""The difference of two error fractions, with its interval."""

from __future__ import annotations

import math

import numpy as np

from alexnet.metrics.topk import wilson_interval

_Z = 1.959964


def difference_interval(errors: tuple[int, int], counts: tuple[int, int]) -> tuple[float, float]:
    """Return the 95 % interval of first less second error fraction, each on images of its own.

    Source:
        Newcombe, "Interval estimation for the difference between independent proportions", 1998, method 10.
    """
    first, second = (k / n if n else 0.5 for k, n in zip(errors, counts, strict=True))
    (low1, high1), (low2, high2) = (wilson_interval(k, n) for k, n in zip(errors, counts, strict=True))
    below = math.hypot(first - low1, high2 - second)
    above = math.hypot(high1 - first, second - low2)
    return first - second - below, first - second + above


def paired_interval(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of first less second error fraction on the same images.

    Args:
        first, second: bool (N,): which images each was wrong about.

    Source:
        Agresti, Min, "Simple improved confidence intervals for comparing matched proportions", 2005: half an image more
        in each cell of the two by two table.
    """
    count = len(first) + 2
    only_first = int((first & ~second).sum()) + 0.5
    only_second = int((~first & second).sum()) + 0.5
    center = (only_first - only_second) / count
    half = _Z * math.sqrt(only_first + only_second - (only_first - only_second) ** 2 / count) / count
    return center - half, center + half
