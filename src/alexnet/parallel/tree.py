"""Sums whose bits do not depend on how many processes computed them.

The terms are numbered, their number is a power of two, and they are added as a complete binary tree over their numbers:
leaves in pairs of neighbors, then those pairs in pairs, and so on. A process owns a run of leaves and adds what it can:
the sums of one complete subtree where processes are as many as a power of two, else of a few. Each process then gets
everybody's sums of its slice of the numbers, adds them on in the same tree, and gives the total to all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
import torch.distributed as dist
from torch import Tensor

from alexnet.parallel.ranks import Ranks, lost_ranks_named


class Branch:
    """Adds terms that come one after the other as the tree would: a binary counter of partial sums.

    Args:
        first: Number of the first leaf.
    """

    def __init__(self, first: int = 0) -> None:
        self._end, self._partial = first, list[tuple[int, list[Tensor]]]()

    def add(self, term: list[Tensor], leaves: int = 1) -> None:
        """Add the next leaf, or the sum of a complete subtree; its tensors become the branch's."""
        start = self._end
        self._end += leaves
        while self._partial and self._partial[-1][0] == leaves and start % (2 * leaves):
            _, earlier = self._partial.pop()
            torch._foreach_add_(earlier, term)
            term, start, leaves = earlier, start - leaves, 2 * leaves
        self._partial.append((leaves, term))

    def subtrees(self) -> list[list[Tensor]]:
        """Return the sums of the complete subtrees that the leaves make up, in order."""
        return [term for _, term in self._partial]

    def total(self) -> list[Tensor]:
        """Return the sum of all leaves, of which there were a power of two from the first on."""
        ((_, total),) = self._partial
        return total


def complete_subtrees(leaves: range) -> list[int]:
    """Return how many leaves each of the largest complete subtrees has that make up a run of leaves, in order."""
    sizes, start = [], leaves.start
    while start < leaves.stop:
        size = 1
        while start % (2 * size) == 0 and start + 2 * size <= leaves.stop:
            size *= 2
        sizes.append(size)
        start += size
    return sizes


def add_subtrees(own: Sequence[Tensor], leaves: int, ranks: Ranks) -> Tensor:
    """Return the sum of the whole tree from everybody's sums of its complete subtrees.

    A process with one subtree sends and receives as much as in a ring, one with k subtrees k times the first half.

    Args:
        own: This process's, one-dimensional, contiguous and of one length, a multiple of the number of processes; they
            may be changed.
        leaves: Of the whole tree, dealt out as `World.share` does.
    """
    rank, size = ranks.world.rank, ranks.world.size
    rows = own[0][None] if len(own) == 1 else torch.stack(list(own))
    width = rows.shape[1] // size
    slices = [part.contiguous() for part in rows.split(width, dim=1)]
    runs = [range(leaves)[replace(ranks.world, rank=r).share(leaves)] for r in range(size)]
    subtrees = [complete_subtrees(run) for run in runs]
    received = [rows.new_empty(len(s), width) for s in subtrees]
    received[rank] = slices[rank]
    _exchange(slices, received, ranks)
    branch = Branch()
    for sizes, sums in zip(subtrees, received, strict=True):
        for count, row in zip(sizes, sums, strict=True):
            branch.add([row], count)
    total = rows[0]
    parts = total.split(width)
    parts[rank].copy_(branch.total()[0])
    _exchange([parts[rank]] * size, parts, ranks)
    return total


def _exchange(give: Iterable[Tensor], take: Iterable[Tensor], ranks: Ranks) -> None:
    """Send to each of the others what is theirs, and receive theirs."""
    operations = []
    for other, (sent, received) in enumerate(zip(give, take, strict=True)):
        if other != ranks.world.rank:
            operations += [
                dist.P2POp(dist.isend, sent, group=ranks.group, group_peer=other),
                dist.P2POp(dist.irecv, received, group=ranks.group, group_peer=other),
            ]
    with lost_ranks_named(ranks.waited):
        for work in dist.batch_isend_irecv(operations):
            work.wait()
