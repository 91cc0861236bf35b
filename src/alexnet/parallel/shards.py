"""Tensors of which each process of a team holds a slice: how they are cut, and how the whole comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from alexnet.parallel.exchange import Exchange
from alexnet.parallel.ranks import Ranks


@dataclass(frozen=True)
class Cut:
    """Where a tensor is cut.

    Args:
        dim: The dimension that is cut.
        sizes: Each process's length along it; together the whole's.
    """

    dim: int
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Shards:
    """Which tensors of a network are cut, by name; the others are whole, and alike, in every process of the team."""

    cuts: Mapping[str, Cut]
    team: Ranks

    def own(self, name: str, whole: Tensor) -> Tensor:
        """Return this process's slice of a whole tensor, a view of it."""
        cut = self.cuts.get(name)
        return whole if cut is None else whole.split(cut.sizes, cut.dim)[self.team.world.rank]

    def shape(self, name: str, own: Tensor) -> tuple[int, ...]:
        """Return the whole tensor's shape."""
        cut = self.cuts.get(name)
        if cut is None:
            return tuple(own.shape)
        return (*own.shape[: cut.dim], sum(cut.sizes), *own.shape[cut.dim + 1 :])

    def whole(self, name: str, own: Tensor) -> Tensor:
        """Return the whole tensor from everybody's slices; the whole team calls this."""
        cut = self.cuts.get(name)
        if cut is None or self.team.world.is_alone:
            return own
        return Exchange(self.team).gather(own, cut.dim, cut.sizes)
