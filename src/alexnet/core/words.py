"""Numbers as a person reads them."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """Return seconds in at most two units: "0.4 s", "42 s", "3 min 20 s", "2 h 5 min", "5 d 3 h"."""
    if not math.isfinite(seconds):
        return "unknown time"
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f} s"
    for unit, size, part, part_size, step in (
        ("d", 86400, "h", 3600, 60),
        ("h", 3600, "min", 60, 1),
        ("min", 60, "s", 1, 1),
    ):
        if round(seconds / step) * step >= size:
            whole, rest = divmod(round(seconds / part_size), size // part_size)
            return f"{whole} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{seconds:.0f} s"


def percent(fraction: float) -> str:
    """Return a fraction as the paper writes rates: 0.375 is "37.5 %"."""
    return f"{100 * fraction:.1f} %" if math.isfinite(fraction) else "unknown"


def short(number: float) -> str:
    """Return a number at three digits: "2.31", "0.500", "1,234", "1e-05"."""
    if not math.isfinite(number) or abs(number) < 0.01:
        return f"{number:.3g}"
    return f"{number:,.0f}" if abs(number) >= 99.95 else f"{number:#.3g}"
