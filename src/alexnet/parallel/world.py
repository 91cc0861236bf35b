"""Which of the processes of a run this one is, as torchrun says; imports no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from alexnet.core.errors import UsageError


@dataclass(frozen=True)
class World:
    """One process among those of a run."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Number among the processes of this machine."""
    local_size: int = 1
    attempt: int = 0
    """How often torchrun has started the processes again."""

    @property
    def leads(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        """Whether there is no other process."""
        return self.size == 1

    def share(self, count: int) -> slice:
        """Return which of `count` things in a row are this process's: all shares together are all, each once."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def shares(self, count: int) -> tuple[slice, ...]:
        """Return everybody's share, in the order of ranks."""
        return tuple(replace(self, rank=rank).share(count) for rank in range(self.size))

    def sizes(self, count: int) -> tuple[int, ...]:
        """Return how many each has, in the order of ranks."""
        return tuple(share.stop - share.start for share in self.shares(count))

    def team(self, size: int) -> World:
        """Return this process's place in its team, of `size` neighbors."""
        return replace(self, rank=self.rank % size, size=size)

    def peers(self, size: int) -> World:
        """Return its place among those who have the same place in the other teams."""
        return replace(self, rank=self.rank // size, size=self.size // size)


ALONE = World()

_VARIABLES = {
    "rank": "RANK",
    "size": "WORLD_SIZE",
    "local_rank": "LOCAL_RANK",
    "local_size": "LOCAL_WORLD_SIZE",
    "attempt": "TORCHELASTIC_RESTART_COUNT",
}


def from_environment(environment: Mapping[str, str] = os.environ) -> World:
    """Return the place that torchrun gave this process, or that of a process alone.

    Raises:
        UsageError: the variables contradict each other, or the place of a rendezvous is missing.
    """
    if "WORLD_SIZE" not in environment:
        return ALONE
    numbers = {field: environment.get(name, "") for field, name in _VARIABLES.items()}
    numbers["attempt"] = numbers["attempt"] or "0"
    if wrong := [name for field, name in _VARIABLES.items() if not numbers[field].isdigit()]:
        raise _refused(f"{wrong[0]} is not a number", environment.get(wrong[0], ""))
    world = World(**{field: int(text) for field, text in numbers.items()})
    if not (world.rank < world.size and world.local_rank < world.local_size <= world.size):
        raise _refused("the ranks do not fit", f"RANK={world.rank} WORLD_SIZE={world.size}")
    if world.size > 1 and (missing := [n for n in ("MASTER_ADDR", "MASTER_PORT") if n not in environment]):
        raise _refused(f"{missing[0]} is not set", f"WORLD_SIZE={world.size}")
    return world


def rank_here(environment: Mapping[str, str] = os.environ) -> int:
    """Return this process's rank as far as it can be told, 0 where it cannot: who says what all have met."""
    rank = environment.get("RANK", "")
    return int(rank) if rank.isdigit() and "WORLD_SIZE" in environment else 0


def _refused(what: str, found: str) -> UsageError:
    return UsageError(
        what, where=found or None, remedy="start with torchrun --nproc-per-node N -m alexnet train ..."
    )
