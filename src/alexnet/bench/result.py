"""What a benchmark found, for people and for machines."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Standing:
    """What one contestant reached."""

    name: str
    memory: str
    """How freed memory is treated: `default`, `kept` or `own`."""
    configuration: str = ""
    """How it does the work, in its own words."""
    rates: list[float] = field(default_factory=list)
    """Images a second, round by round."""
    images: int = 0
    """Images per iteration."""
    versions: Mapping[str, str] = field(default_factory=dict)
    evidence: Mapping[str, float] = field(default_factory=dict)
    """What it gave after the last round to show that it did the work."""
    peak_memory_bytes: int | None = None
    absent: str | None = None
    """Why it did not take part."""
    failed: str | None = None
    """Why it counts no more."""

    @property
    def counts(self) -> bool:
        """Whether it has a result."""
        return bool(self.rates) and self.absent is None and self.failed is None

    @property
    def images_per_second(self) -> float | None:
        """Median over the rounds."""
        return statistics.median(self.rates) if self.counts else None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        reason = {key: value for key in ("absent", "failed") if (value := getattr(self, key)) is not None}
        if not self.counts:
            return {"name": self.name, "images_per_second": None, **reason, "configuration": self.configuration}
        rate = self.images_per_second
        return {
            "name": self.name,
            "images_per_second": rate,
            "min": min(self.rates),
            "max": max(self.rates),
            **({"milliseconds": 1000 / rate} if self.images == 1 else {}),
            "rounds": self.rates,
            "configuration": self.configuration,
            "memory": self.memory,
            "versions": dict(self.versions),
            "peak_memory_bytes": self.peak_memory_bytes,
            "evidence": dict(self.evidence),
        }


@dataclass(frozen=True)
class Result:
    """What a benchmark found."""

    name: str
    """The benchmark's."""
    device: str
    ours: Standing
    peers: Sequence[Standing]

    @property
    def best_peer(self) -> Standing | None:
        """The fastest of the others by its median."""
        counting = [peer for peer in self.peers if peer.counts]
        return max(counting, key=lambda peer: peer.images_per_second, default=None)

    def ratios(self, peer: Standing) -> tuple[float, float, float] | None:
        """Return our rate over a peer's: of the medians, then the least and the largest of one round."""
        if not (self.ours.counts and peer.counts):
            return None
        by_round = [mine / theirs for mine, theirs in zip(self.ours.rates, peer.rates, strict=True)]
        return self.ours.images_per_second / peer.images_per_second, min(by_round), max(by_round)

    def to_json(self) -> dict[str, Any]:
        """Return plain values; `ratio` is to the best peer."""
        best = self.best_peer
        ratio, low, high = (best and self.ratios(best)) or (None, None, None)
        return {
            "name": self.name,
            "device": self.device,
            "ours": self.ours.to_json(),
            "peers": [peer.to_json() for peer in self.peers],
            "best_peer": best and best.name,
            "ratio": ratio,
            "ratio_min": low,
            "ratio_max": high,
        }

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return headers and rows, the fastest first, who has no result last."""
        single = self.ours.images == 1
        headers = [
            "contestant",
            "images/s",
            "min .. max",
            *["ms"] * single,
            "ours is",
            "memory",
            "configuration",
        ]
        ranked = sorted((self.ours, *self.peers), key=lambda s: -(s.images_per_second or 0))
        return headers, [self._row(standing, single) for standing in ranked]

    def _row(self, standing: Standing, single: bool) -> list[str]:
        rate = standing.images_per_second
        if rate is None:
            reason = f"absent: {standing.absent}" if standing.absent else f"failed: {standing.failed}"
            return [standing.name, "-", "-", *["-"] * single, "-", standing.memory, reason]
        ratios = self.ratios(standing) if standing is not self.ours else None
        return [
            standing.name,
            _number(rate),
            f"{_number(min(standing.rates))} .. {_number(max(standing.rates))}",
            *([f"{1000 / rate:.2f}"] * single),
            f"{ratios[0]:.2f} x" if ratios else "",
            standing.memory,
            standing.configuration,
        ]


def _number(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 1000 else f"{rate:.1f}"
