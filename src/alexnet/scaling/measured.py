"""A machine's numbers from what `benchmarks/links.py` saved on it.

Of its rounds the fastest counts, which others disturbed least.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alexnet.nets.catalog import NETWORKS
from alexnet.scaling.exchange import Group, sum_time
from alexnet.scaling.machine import Link, Machine
from alexnet.scaling.schemes import SCHEMES, step_time
from alexnet.scaling.work import work_of

_SMALLEST, _LARGE = 4096, 64 << 20


@dataclass(frozen=True)
class Compared:
    """What was measured, in seconds, and what the model says."""

    measured: float
    predicted: float

    @property
    def ratio(self) -> float:
        """Measured over predicted: above 1, the model promises too much."""
        return self.measured / self.predicted


def machine_of(result: dict[str, Any], network: str, processes: int) -> Machine:
    """Return the machine on which so many processes with a thread each train a network.

    A link is set by the smallest sum and the one of 64 MB, rate and fixed cost of a process by the steps that one
    takes alone with a whole batch, a half and a quarter; more processes than cores share them. Nothing is hidden: sums
    take the cores that they would run beside.
    """
    seconds = _least(result)
    alone = {
        int(name.split("/")[3]): s for name, s in seconds.items() if name.startswith(f"steps/{network}/1/")
    }
    slope, fixed = np.polyfit(list(alone), list(alone.values()), 1)
    crowd = max(1.0, processes / result["machine"]["cores"])
    return replace(
        link_of(result, processes),
        flops=work_of(NETWORKS[network]).flops / float(slope) / crowd,
        overhead=max(0.0, float(fixed)) * crowd,
    )


def link_of(result: dict[str, Any], processes: int) -> Machine:
    """Return the machine with the link alone."""
    seconds, messages = _least(result), 2 * math.ceil(math.log2(processes))
    latency = seconds[f"sum/{processes}/{_SMALLEST}"] / messages
    sending = seconds[f"sum/{processes}/{_LARGE}"] - messages * latency
    link = Link(bandwidth=2 * (processes - 1) / processes * _LARGE / sending, latency=latency)
    return Machine(flops=1.0, node=link, network=link, update_bytes=0, overlap=False)


def compare_sum(result: dict[str, Any], processes: int, size: int) -> Compared:
    """Compare a sum of `size` bytes."""
    predicted = sum_time(size, Group(processes, 1), link_of(result, processes))
    return Compared(_least(result)[f"sum/{processes}/{size}"], predicted)


def compare_step(result: dict[str, Any], network: str, processes: int, batch: int) -> Compared:
    """Compare a data-parallel step."""
    work, machine = work_of(NETWORKS[network]), machine_of(result, network, processes)
    predicted = step_time(work, replace(machine, ranks_per_node=processes), SCHEMES["data"], processes, batch)
    return Compared(_least(result)[f"shared/{network}/{processes}/{batch}"], predicted.seconds)


def beside(result: dict[str, Any], network: str, processes: int, batch: int) -> float:
    """Return the seconds of the shares of a batch, computed at the same time without sums."""
    return _least(result)[f"steps/{network}/{processes}/{batch // processes}"]


def _least(result: dict[str, Any]) -> dict[str, float]:
    return {name: value["min"] for name, value in result["seconds"].items()}
