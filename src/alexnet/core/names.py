"""Answers to mistyped names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Return what to suggest for an unknown name: the nearest known one, or all of them where none is near."""
    known = sorted(known)
    folded = {k.lower().replace("_", "-"): k for k in known}
    close = difflib.get_close_matches(name.lower().replace("_", "-"), folded, n=1, cutoff=0.6)
    if close:
        return f"did you mean {prefix + folded[close[0]]!r}?"
    return f"choose one of {', '.join(known)}" if known else "there is none"
