"""Sums of gradients over the processes, on their way while the backward pass still computes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from alexnet.parallel.ranks import Ranks, lost_ranks_named
from alexnet.parallel.traffic import Traffic

_BUCKET_BYTES = 8 << 20


@dataclass
class _Bucket:
    parameters: list[nn.Parameter]
    missing: int = 0
    flat: Tensor | None = None
    work: Any = None


@dataclass
class GradientSums:
    """Adds every parameter's gradient over the processes.

    Parameters are taken together, from the last to the first, into pieces of some megabytes; a piece leaves as soon as
    the gradients in it are complete and the piece before it has left, so that all processes send in the same order.

    Args:
        parameters: In the network's order, alike for all processes.
        ranks: The processes; one alone has its sums already.
    """

    parameters: Sequence[nn.Parameter]
    ranks: Ranks
    traffic: Traffic = field(default_factory=Traffic)

    def __post_init__(self) -> None:
        self._buckets = [] if self.ranks.world.is_alone else _buckets(self.parameters)
        self._of = {p: bucket for bucket in self._buckets for p in bucket.parameters}
        self._next: int | None = None
        self._handles = [p.register_post_accumulate_grad_hook(self._complete) for p in self.parameters]

    def expect(self) -> None:
        """Let the gradients of the backward pass that follows leave: it is the step's last one."""
        self._next, self.traffic = 0, Traffic()
        for bucket in self._buckets:
            bucket.missing, bucket.flat, bucket.work = len(bucket.parameters), None, None

    def finish(self) -> None:
        """Wait for all sums; a parameter without a gradient here takes part with zeros."""
        start = time.perf_counter()
        while self._next is not None and self._next < len(self._buckets):
            self._send()
        for bucket in self._buckets:
            with lost_ranks_named(self.ranks.waited):
                bucket.work.wait()
            if bucket.flat is not None:
                _unpack(bucket)
            bucket.work = bucket.flat = None
        self._next = None
        self.traffic.seconds = time.perf_counter() - start

    def close(self) -> None:
        """Let go of the parameters."""
        for handle in self._handles:
            handle.remove()

    def _complete(self, parameter: nn.Parameter) -> None:
        if self._next is None or parameter not in self._of:
            return
        self._of[parameter].missing -= 1
        while self._next < len(self._buckets) and not self._buckets[self._next].missing:
            self._send()

    def _send(self) -> None:
        bucket = self._buckets[self._next]
        for parameter in bucket.parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        whole = bucket.parameters[0].grad
        if len(bucket.parameters) > 1 or not whole.is_contiguous():
            whole = bucket.flat = torch.cat([p.grad.reshape(-1) for p in bucket.parameters])
        with lost_ranks_named(self.ranks.waited):
            bucket.work = dist.all_reduce(whole, group=self.ranks.group, async_op=True)
        self.traffic.bytes += whole.numel() * whole.element_size()
        self._next += 1


def _buckets(parameters: Sequence[nn.Parameter]) -> list[_Bucket]:
    buckets: list[_Bucket] = []
    size = _BUCKET_BYTES
    for parameter in reversed(parameters):
        own = parameter.numel() * parameter.element_size()
        if size + own > _BUCKET_BYTES:
            buckets.append(_Bucket([]))
            size = 0
        buckets[-1].parameters.append(parameter)
        size += own
    return buckets


def _unpack(bucket: _Bucket) -> None:
    parts = bucket.flat.split([p.numel() for p in bucket.parameters])
    for parameter, part in zip(bucket.parameters, parts, strict=True):
        parameter.grad.copy_(part.view(parameter.shape))
