"""Sums whose bits do not depend on how many processes computed them.

The terms are numbered, their number is a power of two, and they are added as a complete binary tree over their numbers.
A process that owns a run of neighbors adds its own branch; across processes, branches are added in pairs at distance
1, 2, 4, ... IEEE addition commutes, so both of a pair get the same bits.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from alexnet.parallel.ranks import Ranks, lost_ranks_named


class Branch:
    """Adds terms that come one after the other as the tree would: a binary counter of partial sums."""

    def __init__(self) -> None:
        self._partial: list[tuple[int, list[Tensor]]] = []

    def add(self, term: list[Tensor]) -> None:
        """Add the next term; its tensors become the branch's."""
        level = 0
        while self._partial and self._partial[-1][0] == level:
            _, earlier = self._partial.pop()
            torch._foreach_add_(earlier, term)
            term, level = earlier, level + 1
        self._partial.append((level, term))

    def total(self) -> list[Tensor]:
        """Return the sum of all terms, of which there were a power of two."""
        ((_, total),) = self._partial
        return total


def add_branches(branch: Tensor, ranks: Ranks) -> None:
    """Make of everybody's branch the sum of the whole tree, in place: halves are exchanged, then collected.

    Each process sends and receives as much as in a ring: twice the branch, less a part.

    Args:
        branch: One-dimensional and contiguous; its length is a multiple of the number of processes.
        ranks: A power of two of them.
    """
    rank, size = ranks.world.rank, ranks.world.size
    mine, taken = branch, []
    distance = 1
    while distance < size:
        low, high = mine.chunk(2)
        keep, give = (high, low) if rank & distance else (low, high)
        received = torch.empty_like(keep)
        _exchange(give, received, rank ^ distance, ranks)
        keep.add_(received)
        taken.append((distance, keep, give))
        mine, distance = keep, distance * 2
    for distance, own, other in reversed(taken):
        _exchange(own, other, rank ^ distance, ranks)


def _exchange(give: Tensor, take: Tensor, partner: int, ranks: Ranks) -> None:
    with lost_ranks_named(ranks.world):
        operations = [dist.P2POp(dist.isend, give, partner), dist.P2POp(dist.irecv, take, partner)]
        for work in dist.batch_isend_irecv(operations):
            work.wait()
