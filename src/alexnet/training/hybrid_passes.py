"""Which images pass together through the fully connected layers that several processes share: the schemes of 2014.

Source:
    Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks" (arXiv 1404.5997), section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alexnet.parallel.world import World
from alexnet.training.config import HybridScheme


@dataclass(frozen=True)
class Pass:
    """Some of a batch's images.

    Args:
        images: Those that each process brings, by their places in the whole batch.
    """

    images: tuple[slice, ...]

    def __len__(self) -> int:
        return sum(self.counts)

    @property
    def counts(self) -> tuple[int, ...]:
        """How many images each process brings."""
        return tuple(part.stop - part.start for part in self.images)

    def own(self, world: World, count: int) -> slice:
        """Return which images of this process's share of `count` are in the pass."""
        part, start = self.images[world.rank], world.share(count).start
        return slice(part.start - start, part.stop - start)


def passes(scheme: HybridScheme, world: World, count: int) -> list[Pass]:
    """Return the passes of a batch of `count` images, which together are all images, each once.

    Scheme "whole" has one pass. In the others there are as many as processes, fewer where images are: in "turns" each
    is one process's share, in "mixed" everybody brings a part of its own to each.
    """
    shares = world.shares(count)
    if scheme == "whole":
        return [Pass(shares)]
    found = [
        _turn(shares, number) if scheme == "turns" else _mixture(shares, number) for number in range(world.size)
    ]
    return [part for part in found if len(part)]


def _turn(shares: Sequence[slice], number: int) -> Pass:
    return Pass(tuple(s if rank == number else slice(s.start, s.start) for rank, s in enumerate(shares)))


def _mixture(shares: Sequence[slice], number: int) -> Pass:
    part = World(number, len(shares))
    inner = [part.share(s.stop - s.start) for s in shares]
    return Pass(tuple(slice(s.start + i.start, s.start + i.stop) for s, i in zip(shares, inner, strict=True)))
