"""What the processes of a run tell each other, in tensors only: nothing is unpickled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from alexnet.core.errors import AlexNetError
from alexnet.parallel.activity import Waited
from alexnet.parallel.meeting import meet
from alexnet.parallel.pulse import SILENCE, Pulse
from alexnet.parallel.world import ALONE, World

_PATIENCE = timedelta(days=1)
"""The library need not notice who hangs, `Pulse` does: one process may save or draw for as long as it takes."""
_PATIENCE_ON_GPU = timedelta(hours=1)
"""There nobody else notices a device that never returns."""


class LostRankError(AlexNetError):
    """Another process of the run has left or does not answer."""


@dataclass(frozen=True)
class Ranks:
    """The processes of a run. Every method is called by all of them, in the same order.

    Raises:
        LostRankError: from every method, within a second of another process's end.
    """

    world: World = ALONE
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    waited: Waited = field(default_factory=Waited, compare=False)
    group: dist.ProcessGroup | None = None
    """Torch's name for these processes; None is all that joined."""

    def add(self, values: Tensor) -> Tensor:
        """Return the sum of everybody's values, the same bits for all; `values` is changed."""
        if not self.world.is_alone:
            with lost_ranks_named(self.waited):
                dist.all_reduce(values, group=self.group)
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
        with lost_ranks_named(self.waited):
            dist.all_gather(gathered, values, group=self.group)
        return torch.stack(gathered)

    def tell(self, text: str) -> str:
        """Return what the first process says."""
        if self.world.is_alone:
            return text
        length = torch.tensor([len(text.encode())], device=self.device)
        with lost_ranks_named(self.waited):
            dist.broadcast(length, group=self.group, group_src=0)
            letters = bytearray(text.encode() if self.world.leads else bytes(int(length)))
            told = torch.frombuffer(letters, dtype=torch.uint8).to(self.device) if letters else None
            if told is not None:
                dist.broadcast(told, group=self.group, group_src=0)
        return "" if told is None else bytes(told.cpu().numpy()).decode()

    def give(self, tensors: Iterable[Tensor]) -> None:
        """Make everybody's tensors those of the first process."""
        if self.world.is_alone:
            return
        for tensor in tensors:
            whole = tensor.detach().contiguous()
            with lost_ranks_named(self.waited):
                dist.broadcast(whole, group=self.group, group_src=0)
            tensor.detach().copy_(whole)

    def wait(self) -> None:
        """Return when everybody is here."""
        self.any(False)


def meeting(world: World) -> dist.Store | None:
    """Return the store of this start: the first process's call lets the others in, who wait for it in theirs."""
    if world.is_alone:
        return None
    with lost_ranks_named():
        store, _, _ = next(dist.rendezvous("env://", timeout=_PATIENCE))
        return meet(world, store)


@contextmanager
def joined(ranks: Ranks, store: dist.Store | None = None, *, silence: float = SILENCE) -> Iterator[Ranks]:
    """Join the processes of a run, NCCL on NVIDIA's GPUs and gloo elsewhere, and leave them at the end.

    Args:
        store: What `meeting` returned; by default the processes meet here.
        silence: Seconds after which a process that gives no sign of life is given up, and this one ends; and after
            which one that stands still while it is waited for ends itself.
    """
    world = ranks.world
    if world.is_alone:
        yield ranks
        return
    store = store or meeting(world)
    on_gpu = ranks.device.type == "cuda"
    with Pulse(world, dist.PrefixStore("pulse", store).clone(), ranks.waited, silence=silence):
        with lost_ranks_named(ranks.waited):
            dist.init_process_group(
                "nccl" if on_gpu else "gloo",
                store=dist.PrefixStore("ranks", store),
                rank=world.rank,
                world_size=world.size,
                timeout=_PATIENCE_ON_GPU if on_gpu else _PATIENCE,
            )
        try:
            yield ranks
        finally:
            dist.destroy_process_group()


def teams(ranks: Ranks, size: int) -> tuple[Ranks, Ranks]:
    """Return this process's team of `size` neighbors, and its peers, who have its place in the other teams.

    Args:
        ranks: A multiple of `size` of them; all call this together.
    """
    world = ranks.world
    rows = [range(first, first + size) for first in range(0, world.size, size)]
    columns = [range(place, world.size, size) for place in range(size)]
    return _among(ranks, world.team(size), rows), _among(ranks, world.peers(size), columns)


def _among(ranks: Ranks, world: World, parts: Sequence[range]) -> Ranks:
    if len(parts) == 1 or world.is_alone:
        return replace(ranks, world=world)
    with lost_ranks_named(ranks.waited):
        group, _ = dist.new_subgroups_by_enumeration([list(part) for part in parts])
    return replace(ranks, world=world, group=group)


@contextmanager
def lost_ranks_named(waited: Waited | None = None) -> Iterator[None]:
    """Turn torch's errors of communication into one line, and count the time that it takes."""
    with nullcontext() if waited is None else waited.waiting():
        try:
            yield
        except RuntimeError as error:
            raise LostRankError(
                f"lost the other processes ({_brief(error)})",
                remedy="look for the first error of another rank; alexnet train --resume RUN goes on",
            ) from error


def _brief(error: RuntimeError) -> str:
    """Return what a library says without its source's place and its advice."""
    first = str(error).splitlines()[0]
    return first.partition("] ")[2].partition(". This is")[0] or first
