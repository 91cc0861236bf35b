"""Every network and every initialization by its name. Knows tables only: torch is not imported."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable

from alexnet.core.errors import UsageError
from alexnet.core.names import nearest
from alexnet.nets import alexnet, cifar10, lenet, thin
from alexnet.nets.initial_values import caffe, config145, paper, quick
from alexnet.nets.tables import NetSpec, Table

NETWORKS: dict[str, NetSpec] = {
    spec.name: spec for family in (alexnet.FAMILY, cifar10.FAMILY, lenet.FAMILY, thin.FAMILY) for spec in family
}

INITIALIZATIONS: dict[str, Callable[[Table], Table]] = {
    "own": lambda table: table,
    "paper": paper,
    "config145": config145,
    "caffe": caffe,
    "quick": quick,
}
OF_ALEXNET = ("paper", "config145", "caffe", "quick")
"""Initializations that only AlexNet's tables have rows for."""


def list_models(pattern: str = "*") -> list[str]:
    """Return the names that `create_model` knows, sorted; only those that match a shell pattern, as in `"cifar10*"`."""
    return sorted(fnmatch.filter(NETWORKS, pattern))


def find_network(name: str) -> NetSpec:
    """Return a network's definition; hyphens may stand for underscores.

    Raises:
        UsageError: unknown name; gives the nearest one.
    """
    if ":" in name:
        raise UsageError(
            f"{name} is a network of somebody's own", remedy="this works with the package's networks"
        )
    spec = NETWORKS.get(name.replace("-", "_").lower())
    if spec is None:
        raise UsageError(f"there is no network {name!r}", remedy=nearest(name, NETWORKS))
    return spec
