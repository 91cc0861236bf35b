"""Activations that cross between the processes of a team, and their gradients that come back.

Every function is called by the whole team at the same place. Gradients are those of one loss: of the sum of what the
processes call backward on, where these are parts of it (`collect`), or of the same scalar that each computes from a sum
that all have (`add`).
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from alexnet.parallel.ranks import Ranks, lost_ranks_named
from alexnet.parallel.traffic import Traffic


@dataclass
class Exchange:
    """The link between the processes of a team.

    Args:
        ranks: The team.
        traffic: Counts the bytes that this process sends and the seconds it waits, until it is replaced.
    """

    ranks: Ranks
    traffic: Traffic = field(default_factory=Traffic)

    def collect(self, x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
        """Return everybody's `x` joined along `dim`; in backward each gets the sum of the gradients of its own.

        Args:
            sizes: Everybody's length along `dim`.
        """
        return x if self.ranks.world.is_alone else _Collect.apply(x, self, dim, tuple(sizes))

    def add(self, x: Tensor) -> Tensor:
        """Return the sum of everybody's `x`; its gradient, alike for all, is that of each `x`."""
        return x if self.ranks.world.is_alone else _Add.apply(x, self)

    def gather(self, x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
        """Return everybody's `x` joined along `dim`, without a gradient."""
        shapes = [_resized(x.shape, dim, size) for size in sizes]
        counts = [math.prod(shape) for shape in shapes]
        sent = x.new_zeros(max(counts))
        sent[: x.numel()] = x.reshape(-1)
        received = [torch.empty_like(sent) for _ in sizes]
        with self._counted(x.numel() * x.element_size() * (len(sizes) - 1)):
            dist.all_gather(received, sent, group=self.ranks.group)
        parts = zip(received, counts, shapes, strict=True)
        return torch.cat([flat[:count].view(shape) for flat, count, shape in parts], dim)

    def scatter_sum(self, x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
        """Return the sum over everybody of this process's slice of `x` along `dim`, added in the order of ranks."""
        parts = x.split(list(sizes), dim)
        own = parts[self.ranks.world.rank]
        sent = torch.cat([part.reshape(-1) for part in parts])
        received = sent.new_empty(len(parts) * own.numel())
        with self._counted((x.numel() - own.numel()) * x.element_size()):
            dist.all_to_all_single(
                received,
                sent,
                [own.numel()] * len(parts),
                [part.numel() for part in parts],
                group=self.ranks.group,
            )
        first, *others = received.view(len(parts), *own.shape)
        return functools.reduce(torch.add, others, first)

    def sum(self, x: Tensor) -> Tensor:
        """Return the sum of everybody's `x`, without a gradient."""
        total = x.contiguous().clone()
        with self._counted(x.numel() * x.element_size()):
            dist.all_reduce(total, group=self.ranks.group)
        return total

    @contextmanager
    def _counted(self, sent: int) -> Iterator[None]:
        start = time.perf_counter()
        with lost_ranks_named(self.ranks.waited):
            yield
        self.traffic.bytes += sent
        self.traffic.seconds += time.perf_counter() - start


class _Collect(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, link: Exchange, dim: int, sizes: tuple[int, ...]) -> Tensor:
        ctx.link, ctx.dim, ctx.sizes = link, dim, sizes
        return link.gather(x, dim, sizes)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.link.scatter_sum(gradient, ctx.dim, ctx.sizes), None, None, None


class _Add(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, link: Exchange) -> Tensor:
        return link.sum(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def _resized(shape: Sequence[int], dim: int, size: int) -> tuple[int, ...]:
    return (*shape[:dim], size, *shape[dim + 1 :])
