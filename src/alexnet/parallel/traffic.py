"""What crosses between processes in a step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Traffic:
    """What was exchanged in a step."""

    bytes: int = 0
    """Handed to the library: a ring that adds moves twice as many, less a share."""
    seconds: float = 0.0
    """Waited for: what the computation did not hide."""

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(self.bytes + other.bytes, self.seconds + other.seconds)
