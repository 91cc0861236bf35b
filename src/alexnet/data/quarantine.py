"""The pictures that could not be used: listed with their reasons, counted, and limited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from alexnet.core.errors import DataError, UsageError
from alexnet.data.strict_json import from_plain, parse_json, to_json

QUARANTINE = "quarantine.jsonl"
REASONS_SHOWN = 5

OTHER_SIZE = "other-size"
"""The code of a picture that is not of the size of the others, where all are kept as they are."""

_REMEDY = "allow more (alexnet pack --max-bad) and run the same command again, or mend the source and use a new folder"
_REMEDIES = {OTHER_SIZE: "give all one size: alexnet pack --size 32, or alexnet train --set data.size=32"}
"""By the most frequent reason."""


@dataclass(frozen=True, kw_only=True)
class QuarantineLimits:
    """How many pictures may be unusable before packing stops.

    A count is over the limit when it exceeds both the fraction and the minimum, so that a single bad file
    never stops a small data set.
    """

    fraction: float = 0.001
    """Of all pictures."""
    minimum: int = 10
    class_fraction: float = 0.05
    """Of the pictures of any one class."""
    class_minimum: int = 3

    def __post_init__(self) -> None:
        for name in ("fraction", "class_fraction"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UsageError(f"the quarantine's {name} is {getattr(self, name)}, not between 0 and 1")


@dataclass(frozen=True, kw_only=True)
class QuarantineRow:
    """One picture that could not be used."""

    split: str
    item: int
    """Its number in the split of the source."""
    name: str
    label: str
    """Class id."""
    code: str
    """Stable short name of the reason, e.g. "truncated"."""
    reason: str
    """One sentence."""


@dataclass(frozen=True, kw_only=True)
class QuarantineSummary:
    """Counts of unusable pictures."""

    total: int
    codes: Mapping[str, int]
    classes: Mapping[str, int]
    """By class id; classes without any are absent."""


class Quarantine:
    """Collects rows in any order and lists them in one.

    Args:
        totals: Pictures of each class id, usable or not, over all splits.
        limits: When to give up.
    """

    def __init__(self, totals: Mapping[str, int], limits: QuarantineLimits):
        self._totals = totals
        self._limits = limits
        self._rows: list[QuarantineRow] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, rows: Iterable[QuarantineRow]) -> None:
        """Take in the rows of one shard."""
        self._rows.extend(rows)

    def rows(self) -> list[QuarantineRow]:
        """Return all rows, ordered by split and item."""
        return sorted(self._rows, key=lambda row: (row.split, row.item))

    def summary(self) -> QuarantineSummary:
        """Return the counts by code and by class, in sorted order."""
        return QuarantineSummary(
            total=len(self._rows),
            codes=dict(sorted(Counter(row.code for row in self._rows).items())),
            classes=dict(sorted(Counter(row.label for row in self._rows).items())),
        )

    def to_bytes(self) -> bytes:
        """Return the listing: one JSON object a line, in order."""
        return b"".join(to_json(row) + b"\n" for row in self.rows())

    def excess(self) -> str | None:
        """Return in words which limit is exceeded, or None."""
        limits = self._limits
        total = sum(self._totals.values())
        if (bad := len(self._rows)) > (allowed := max(limits.minimum, int(limits.fraction * total))):
            return f"{bad} of {total} pictures cannot be used, more than the {allowed} allowed"
        for label, bad in Counter(row.label for row in self._rows).most_common():
            total = self._totals[label]
            if bad > (allowed := max(limits.class_minimum, int(limits.class_fraction * total))):
                return f"{bad} of {total} pictures of class {label} cannot be used, more than the {allowed} allowed"
        return None

    def check(self, where: object) -> None:
        """Stop when there are too many.

        Args:
            where: The listing that a person should look at.

        Raises:
            DataError: over a limit; names the five most frequent reasons with an example of each.
        """
        if (excess := self.excess()) is None:
            return
        (worst, _), *_ = Counter(row.code for row in self.rows()).most_common(1)
        raise DataError(
            f"{excess}; most frequent: {self._reasons()}", where=where, remedy=_REMEDIES.get(worst, _REMEDY)
        )

    def _reasons(self) -> str:
        examples = {row.code: row for row in reversed(self.rows())}
        return ", ".join(
            f"{count} {code} ({examples[code].name}: {examples[code].reason})"
            for code, count in Counter(row.code for row in self.rows()).most_common(REASONS_SHOWN)
        )


def read_quarantine(path: Path) -> list[QuarantineRow]:
    """Return the rows of a listing.

    Raises:
        DataError: the file is missing or a line is not a row; names the line.
    """
    rows = []
    try:
        for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
            rows.append(from_plain(QuarantineRow, parse_json(line), f"line {number}"))
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path) from None
    except ValueError as error:
        raise DataError(f"is not a quarantine listing: {error}", where=path) from None
    return rows
