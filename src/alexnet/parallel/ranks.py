"""What the processes of a run tell each other, in tensors only: nothing is unpickled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from alexnet.core.errors import AlexNetError
from alexnet.parallel.world import ALONE, World

SILENCE = timedelta(seconds=60)
"""How long a process may be silent before the others give it up."""


_PATIENCE, _READY = timedelta(days=1), "alexnet/ready"


class LostRankError(AlexNetError):
    """Another process of the run has left or does not answer."""


@dataclass(frozen=True)
class Ranks:
    """The processes of a run. Every method is called by all of them, in the same order.

    Raises:
        LostRankError: from every method, within a second of another process's end, or after `SILENCE`.
    """

    world: World = ALONE
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def add(self, values: Tensor) -> Tensor:
        """Return the sum of everybody's values, the same bits for all; `values` is changed."""
        if not self.world.is_alone:
            with lost_ranks_named(self.world):
                dist.all_reduce(values)
        return values

    def any(self, wish: bool) -> bool:
        """Say whether anybody wishes it."""
        if self.world.is_alone:
            return wish
        return bool(self.add(torch.tensor([int(wish)], device=self.device)).item())

    def gather(self, values: Tensor) -> Tensor:
        """Return everybody's values, (ranks, *shape of values)."""
        if self.world.is_alone:
            return values[None]
        values = values.contiguous()
        gathered = [torch.empty_like(values) for _ in range(self.world.size)]
        with lost_ranks_named(self.world):
            dist.all_gather(gathered, values)
        return torch.stack(gathered)

    def tell(self, text: str) -> str:
        """Return what the first process says."""
        if self.world.is_alone:
            return text
        length = torch.tensor([len(text.encode())], device=self.device)
        with lost_ranks_named(self.world):
            dist.broadcast(length, 0)
            letters = bytearray(text.encode() if self.world.leads else bytes(int(length)))
            told = torch.frombuffer(letters, dtype=torch.uint8).to(self.device) if letters else None
            if told is not None:
                dist.broadcast(told, 0)
        return "" if told is None else bytes(told.cpu().numpy()).decode()

    def give(self, tensors: Iterable[Tensor]) -> None:
        """Make everybody's tensors those of the first process."""
        if self.world.is_alone:
            return
        for tensor in tensors:
            whole = tensor.detach().contiguous()
            with lost_ranks_named(self.world):
                dist.broadcast(whole, 0)
            tensor.detach().copy_(whole)

    def wait(self) -> None:
        """Return when everybody is here."""
        self.any(False)


@contextmanager
def joined(
    world: World,
    device: torch.device,
    *,
    first: Callable[[], object] = lambda: None,
    silence: timedelta = SILENCE,
) -> Iterator[Ranks]:
    """Join the processes of a run, NCCL on NVIDIA's GPUs and gloo elsewhere, and leave them at the end.

    Args:
        first: What the first process does before the others are let in, however long it takes.
    """
    if world.is_alone:
        yield Ranks(world, device)
        return
    if world.leads:
        first()
    with lost_ranks_named(world):
        store, _, _ = next(dist.rendezvous("env://", timeout=_PATIENCE))
        ready = f"{_READY}/{world.attempt}"  # the store outlives a restart, with what the dead have left there
        if world.leads:
            store.set(ready, "1")
        store.wait([ready], _PATIENCE)
        group = dist.PrefixStore(f"ranks/{world.attempt}", store)
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=group, rank=world.rank, world_size=world.size, timeout=silence)
    try:
        yield Ranks(world, device)
    finally:
        dist.destroy_process_group()


@contextmanager
def lost_ranks_named(world: World) -> Iterator[None]:
    """Turn torch's errors of communication into one line."""
    try:
        yield
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise LostRankError(
            f"rank {world.rank} of {world.size} lost the others ({first})",
            remedy="look for the first error of another rank; alexnet train --resume RUN goes on",
        ) from error
