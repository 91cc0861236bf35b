"""Rows that travel between the processes of a team while something else is computed.

The whole team begins the same deliveries in the same order; everybody knows how many rows each process has in them.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from alexnet.parallel.exchange import Exchange
from alexnet.parallel.ranks import lost_ranks_named


def hand_out(link: Exchange, own: Tensor, counts: Sequence[int]) -> Delivery:
    """Begin to send these rows to everybody; what arrives is everybody's, in the order of ranks.

    Args:
        own: (this process's count, ...).
        counts: Everybody's number of rows.
    """
    size = len(counts)
    return _deliver(link, own.repeat(size, *[1] * (own.ndim - 1)), [len(own)] * size, counts)


def hand_back(link: Exchange, rows: Tensor, counts: Sequence[int]) -> Delivery:
    """Begin to send each process the rows that are its own; what arrives is everybody's view of these, one behind
    the other: to be added.

    Args:
        rows: (sum of counts, ...), as `hand_out` brought them.
    """
    own = counts[link.ranks.world.rank]
    return _deliver(link, rows.contiguous(), counts, [own] * len(counts))


@dataclass(frozen=True)
class Delivery:
    """Rows on their way."""

    link: Exchange
    sent: Tensor
    """Belongs to the library until `wait` returns."""
    received: Tensor
    work: Any = None

    def wait(self) -> Tensor:
        """Return the rows when all have arrived."""
        if self.work is not None:
            start = time.perf_counter()
            with lost_ranks_named(self.link.ranks.waited):
                self.work.wait()
            self.link.traffic.seconds += time.perf_counter() - start
        return self.received

    def sum(self) -> Tensor:
        """Return the sum of everybody's rows when all have arrived, added in the order of ranks."""
        return functools.reduce(torch.add, self.wait().chunk(self.link.ranks.world.size))


def _deliver(link: Exchange, sent: Tensor, gives: Sequence[int], takes: Sequence[int]) -> Delivery:
    if link.ranks.world.is_alone:
        return Delivery(link, sent, sent)
    received = sent.new_empty(sum(takes), *sent.shape[1:])
    with lost_ranks_named(link.ranks.waited):
        work = dist.all_to_all_single(
            received, sent, list(takes), list(gives), group=link.ranks.group, async_op=True
        )
    leaving = sum(gives) - gives[link.ranks.world.rank]
    link.traffic.bytes += leaving * sent[:1].numel() * sent.element_size()
    return Delivery(link, sent, received, work)
