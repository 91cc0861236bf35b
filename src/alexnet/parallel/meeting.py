"""How the processes of one start find each other in a store that may still hold the words of an earlier start.

torchrun keeps its store over restarts, and a host that comes back counts its restarts anew: nothing that a process
is given tells this start from the last one. So the first process draws a name, the others answer under it with names
of their own, and it lets in those that it has heard. Words of an earlier start are answers to another name.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

import torch.distributed as dist

from alexnet.parallel.world import World

_LEADER, _OPEN = "alexnet/leader", "open"
_AGAIN, _PATIENCE = timedelta(seconds=1), timedelta(days=1)


def meet(world: World, store: dist.Store) -> dist.Store:
    """Return a store that belongs to this start alone, when all processes are here.

    The first process comes when it is ready to lead, however long that takes; the others wait for it.

    Args:
        store: Where the processes reach each other, possibly used before.

    Raises:
        RuntimeError: torch's, when the store is gone.
    """
    own = secrets.token_hex(8)
    if world.leads:
        store.set(_LEADER, own)
        answers = [_answer(own, rank) for rank in range(1, world.size)]
        store.wait(answers, _PATIENCE)
        for answer in answers:
            store.set(_door(own, store.get(answer).decode()), "")
        return dist.PrefixStore(own, store)
    while True:
        store.wait([_LEADER], _PATIENCE)
        leader = store.get(_LEADER).decode()
        store.set(_answer(leader, world.rank), own)
        try:
            store.wait([_door(leader, own)], _AGAIN)
        except dist.DistStoreError:  # not all are here, or that was the leader of an earlier start
            continue
        return dist.PrefixStore(leader, store)


def _answer(leader: str, rank: int) -> str:
    return f"{leader}/{rank}"


def _door(leader: str, own: str) -> str:
    return f"{leader}/{_OPEN}/{own}"
