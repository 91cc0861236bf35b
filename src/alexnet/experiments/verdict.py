"""From paired numbers to a verdict: confirmed, not confirmed, or cannot tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Literal

Word = Literal["confirmed", "not confirmed", "cannot tell"]
LEAST_SEEDS = 3
"""With fewer, nothing is said."""
# Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom: any table of the distribution.
_T95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


@dataclass(frozen=True)
class Verdict:
    """What a comparison of paired numbers says."""

    word: Word
    effect: float | None
    """Mean difference left - right, or the ratio left / right of geometric means; None without a pair."""
    low: float | None
    """Lower end of the effect's 95 % interval; None with fewer than two pairs, or where nothing bounds it."""
    high: float | None
    pairs: int
    why: str = ""
    """Where no verdict is possible, the reason."""
    bound: Literal["", "at least", "at most"] = ""
    """Whether the effect is only bounded, because a number on one side of it is."""


def judge(
    left: Sequence[float],
    right: Sequence[float],
    expects: Literal["lower", "higher", "equal"],
    *,
    by: Literal["difference", "ratio"] = "difference",
    margin: float = 0.0,
    at_least: tuple[bool, bool] = (False, False),
) -> Verdict:
    """Compare numbers that belong together, pair by pair (the same seed, data and order of images).

    The interval is Student's for the mean of the paired differences; of their logarithms where the claim is a ratio.
    A claimed direction is confirmed where the whole interval lies on its side of no effect, not confirmed where it
    lies on the other. A claimed equality is confirmed where the interval lies within +- `margin`, not confirmed where
    it lies outside. Otherwise, and with fewer than three pairs, one cannot tell.

    Args:
        left: Numbers of what is claimed to be lower, higher or equal.
        right: Numbers of what it is compared with, in the same order.
        margin: For `equal`, in the unit of the effect (the logarithm of a ratio).
        at_least: Whether numbers of the left, and of the right, are only known to be no less than what stands here;
            then the interval is open on that side.

    Raises:
        ValueError: the sequences are not of one length, or a ratio is asked of numbers that are not positive.
    """
    if len(left) != len(right):
        raise ValueError(f"{len(left)} and {len(right)} numbers do not pair")
    if by == "ratio" and not all(value > 0 for value in (*left, *right)):
        raise ValueError("a ratio needs positive numbers")
    forward, backward = (math.log, math.exp) if by == "ratio" else (float, float)
    differences = [forward(a) - forward(b) for a, b in zip(left, right, strict=True)]
    count = len(differences)
    if not count:
        return Verdict("cannot tell", None, None, None, 0, "nothing has been measured")
    if all(at_least):
        return Verdict("cannot tell", None, None, None, count, "neither is known but for a lower bound")
    effect, bound = mean(differences), _bound(at_least)
    if count == 1:
        return Verdict("cannot tell", backward(effect), None, None, 1, "one seed", bound)
    reach = _t95(count - 1) * stdev(differences) / math.sqrt(count)
    low = -math.inf if bound == "at most" else effect - reach
    high = math.inf if bound == "at least" else effect + reach
    word = _word(low, high, expects, margin) if count >= LEAST_SEEDS else "cannot tell"
    why = "" if count >= LEAST_SEEDS else f"{count} seeds"
    ends = [backward(end) if math.isfinite(end) else None for end in (low, high)]
    return Verdict(word, backward(effect), *ends, count, why, bound)


def _bound(at_least: tuple[bool, bool]) -> Literal["", "at least", "at most"]:
    if at_least[0]:
        return "at least"
    return "at most" if at_least[1] else ""


def _word(low: float, high: float, expects: str, margin: float) -> Word:
    if expects == "equal":
        if -margin <= low and high <= margin:
            return "confirmed"
        return "not confirmed" if low > margin or high < -margin else "cannot tell"
    if expects == "higher":
        low, high = -high, -low
    if high < 0:
        return "confirmed"
    return "not confirmed" if low > 0 else "cannot tell"


def _t95(degrees: int) -> float:
    return _T95[degrees - 1] if degrees <= len(_T95) else 1.96 + 2.5 / degrees
