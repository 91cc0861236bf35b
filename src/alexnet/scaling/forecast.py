"""Which scheme to use on how many devices, and where each stops scaling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alexnet.scaling.machine import Machine
from alexnet.scaling.schemes import SCHEMES, Data, Scheme, Step, refusal, step_time
from alexnet.scaling.work import Work

USEFUL = 0.5
"""Efficiency below which a scheme no longer scales: more than half of every device is lost."""


@dataclass(frozen=True)
class Forecast:
    """A scheme on so many ranks, beside one rank alone with the same batch."""

    scheme: Scheme
    ranks: int
    step: Step
    alone: Step

    @property
    def speedup(self) -> float:
        """Times as fast as one rank takes the same step."""
        return self.alone.seconds / self.step.seconds

    @property
    def efficiency(self) -> float:
        """Speedup for each rank: 1 where nothing is lost."""
        return self.speedup / self.ranks

    @property
    def scales(self) -> bool:
        """Whether at least half of every device is used."""
        return self.efficiency >= USEFUL


def forecast(work: Work, machine: Machine, scheme: Scheme, ranks: int, batch: int) -> Forecast:
    """Return what a scheme makes of a batch.

    Raises:
        UsageError: it cannot share this batch.
    """
    step = step_time(work, machine, scheme, ranks, batch)
    return Forecast(scheme, ranks, step, step_time(work, machine, Data(), 1, batch))


def forecasts(
    work: Work, machine: Machine, ranks: int, batch: int, schemes: Iterable[Scheme] = tuple(SCHEMES.values())
) -> list[Forecast]:
    """Return what each kind of scheme makes of a batch, hybrid in its best order, the fastest first."""
    possible = [scheme for scheme in schemes if refusal(work, scheme, ranks, batch) is None]
    found = sorted(
        (forecast(work, machine, scheme, ranks, batch) for scheme in possible), key=lambda one: one.step.seconds
    )
    best: dict[str, Forecast] = {}
    for one in found:
        best.setdefault(one.scheme.kind, one)
    return list(best.values())


def largest_useful(candidates: Sequence[Forecast]) -> int:
    """Return the most ranks up to which all of a scheme's forecasts scale; 0 where none does."""
    largest = 0
    for one in sorted(candidates, key=lambda one: one.ranks):
        if not one.scales:
            break
        largest = one.ranks
    return largest
