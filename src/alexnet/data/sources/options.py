"""What a person may say about how a source is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alexnet.core.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Choices that every reader takes, and uses where they apply.

    Raises:
        UsageError: `val_fraction` is outside [0, 1).
    """

    val_fraction: float = 0.1
    """Part of each class set aside as `val` where the source has no `val` of its own; 0 sets nothing aside."""
    seed: int = 0
    """Seed of that choice."""
    subset: bool = False
    """Accept a part of a data set whose full size is known."""
    work_folder: Path | None = None
    """Where compressed archives are inflated to; the system's temporary folder when None."""

    def __post_init__(self) -> None:
        if not 0 <= self.val_fraction < 1:
            raise UsageError(f"val_fraction is {self.val_fraction}, and must be at least 0 and less than 1")
