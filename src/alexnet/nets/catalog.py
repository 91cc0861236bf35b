"""Every network and every initialization by its name. Knows tables only: torch is not imported."""

from __future__ import annotations

from collections.abc import Callable

from alexnet.core.errors import UsageError
from alexnet.core.names import nearest
from alexnet.nets.alexnet import ALEXNET, ALEXNET_145, caffe, config145, paper, quick
from alexnet.nets.cifar10 import CIFAR10_18PCT
from alexnet.nets.lenet import LENET5_MODERN
from alexnet.nets.rows import NetSpec, Table

NETWORKS: dict[str, NetSpec] = {
    spec.name: spec for spec in (ALEXNET, ALEXNET_145, CIFAR10_18PCT, LENET5_MODERN)
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


def list_models() -> list[str]:
    """Return the names that `create_model` knows, sorted."""
    return sorted(NETWORKS)


def find_network(name: str) -> NetSpec:
    """Return a network's definition; hyphens may stand for underscores.

    Raises:
        UsageError: unknown name; gives the nearest one.
    """
    spec = NETWORKS.get(name.replace("-", "_").lower())
    if spec is None:
        raise UsageError(f"there is no network {name!r}", remedy=nearest(name, NETWORKS))
    return spec
