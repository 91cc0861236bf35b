"""A piece of work, handed to a process, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from alexnet.experiments.part import Network, Part

PackKey: TypeAlias = tuple[str, int | str, str, int | None]
"""Data, size, filter and channels: what decides a pack."""


def pack_key(network: Network) -> PackKey:
    """Return which pack a network needs."""
    data = network.recipe.data
    return network.data, data.size, data.filter, data.channels


@dataclass(frozen=True)
class Order:
    """A piece of work with all that is needed to do it in any process."""

    part: Part
    measures: tuple[str, ...]
    """Besides the usual."""
    packs: Mapping[PackKey, Path]
    scratch: Path
    """Where runs are kept while their weights are needed."""
    device: str = "auto"
    keep: bool = False
    """Whether another piece needs the weights."""

    @cached_property
    def runs(self) -> frozenset[str]:
        """Digests of the networks that may be trained for it: those it needs, and those they start from."""
        return frozenset(one.digest for network in self.part.all() for one in network.all())

    def pack(self, network: Network) -> Path:
        """Return the pack a network needs."""
        return self.packs[pack_key(network)]


@dataclass(frozen=True)
class Done:
    """What came of it."""

    record: dict[str, Any]
    pictures: dict[str, bytes]
