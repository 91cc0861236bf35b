"""How long ranks take to add or to gather values, and what of it a computation hides.

A sum over n ranks leaves every rank's values in n parts: each part is added up at one rank, then collected by all. Each
rank sends and receives 2 (n - 1) / n of its bytes, in a ring (Patarasuk, Yuan 2009) as in halves and quarters (Thakur,
Rabenseifner, Gropp 2005), which differ in how many messages follow each other: 2 (n - 1) or 2 log2 n. A gathering is
the second half of a sum. Over several nodes the parts are added inside each node first, then between the nodes, so that
a node sends each value once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from alexnet.scaling.machine import Link, Machine


@dataclass(frozen=True)
class Group:
    """Ranks that exchange values: how many of them share a node, over how many nodes."""

    per_node: int
    nodes: int
    beside: int = 1
    """Groups in the same nodes that exchange at the same time and share what a node sends."""


def split(ranks: int, size: int, per_node: int) -> tuple[Group, Group]:
    """Return a group of `size` neighbors and the group of those who have the same place in theirs.

    Args:
        size: Divides `ranks`; neighbors fill a node before the next.
    """
    if size > per_node:
        nodes = math.ceil(size / per_node)
        return Group(math.ceil(size / nodes), nodes), Group(1, ranks // size, per_node)
    nodes = math.ceil(ranks / per_node)
    return Group(size, 1), Group(math.ceil(ranks / size / nodes), nodes, size)


def gather_time(values: float, group: Group, machine: Machine) -> float:
    """Return the seconds until everybody has all of `values` bytes, of which each had a part; or the other way round,
    until each has the sum of its part."""
    inside = _one_way(values, group.per_node, machine.node, machine)
    return inside + _one_way(values * group.beside, group.nodes, machine.network, machine)


def sum_time(values: float, group: Group, machine: Machine) -> float:
    """Return the seconds until everybody has the sum of everybody's `values` bytes."""
    return 2 * gather_time(values, group, machine)


def last_arrival(sums: Iterable[tuple[float, float]]) -> float:
    """Return when the last of several sums is there, one after the other on one link.

    Args:
        sums: (moment it may leave, seconds it takes), in the order of sending.
    """
    free = 0.0
    for ready, seconds in sums:
        free = max(free, ready) + seconds
    return free


def _one_way(values: float, count: int, link: Link, machine: Machine) -> float:
    messages = count - 1 if machine.collective == "ring" else math.ceil(math.log2(count))
    return (count - 1) / count * values / link.bandwidth + messages * link.latency
