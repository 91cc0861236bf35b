"""The tensors of a run: what a checkpoint holds of the whole network, and what each process has of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from alexnet.parallel.layout import Layout
from alexnet.training.fit import Learner
from alexnet.training.state import TrainState


@dataclass(frozen=True)
class Tensors:
    """By the names of the whole network's parameters and buffers, whatever a process holds of them."""

    model: Mapping[str, Tensor]
    velocity: Mapping[str, Tensor]
    """Of the parameters that have moved."""


def held(learner: Learner) -> Tensors:
    """Return this process's own, not copied."""
    net, state = learner.net, learner.optimizer.state
    velocity = {n: state[p]["velocity"] for n, p in net.named_parameters() if "velocity" in state[p]}
    return Tensors(net.state_dict(), velocity)


def gathered(learner: Learner, layout: Layout) -> Tensors | None:
    """Return the whole network's, in the first process; the others of its team help it, and have None as all.

    All processes call this.
    """
    own = held(learner)
    if not layout.shards.cuts:
        return own if layout.ranks.world.leads else None
    if not layout.peers.world.leads:
        return None
    whole = Tensors(_joined(own.model, layout), _joined(own.velocity, layout))
    return whole if layout.ranks.world.leads else None


def _joined(own: Mapping[str, Tensor], layout: Layout) -> dict[str, Tensor]:
    """Return whole tensors, on the host, where the first process has room for all of them; others keep none."""
    whole = {}
    for name, tensor in own.items():
        joined = layout.shards.whole(name, tensor.detach())
        if layout.ranks.world.leads:
            whole[name] = joined.cpu()
    return whole


@dataclass
class Start:
    """Where a run begins or goes on."""

    state: TrainState
    whole: Tensors | None = None
    """The whole network's, until every process has its part. None: the learner has them."""


def give_start(learner: Learner, start: Start, layout: Layout) -> TrainState:
    """Return the first process's place in the run, with its weights, buffers and velocities in everybody's learner.

    All processes call this once they have joined.

    Args:
        start: The first process's; of the others nothing is read.
    """
    layout.meet()
    if layout.ranks.world.is_alone and start.whole is None:
        return start.state
    whole, start.whole = start.whole or held(learner), None
    told = {"state": start.state.to_json(), "moving": [*whole.velocity]}
    told = json.loads(layout.ranks.tell(json.dumps(told)))
    for name in told["moving"]:
        parameter = learner.net.get_parameter(name)
        learner.optimizer.state[parameter].setdefault("velocity", torch.zeros_like(parameter))
    own = held(learner)
    for name, tensor in own.model.items():
        _take(name, tensor, whole.model.get(name), layout)
    for name in told["moving"]:
        _take(name, own.velocity[name], whole.velocity.get(name), layout)
    return TrainState.from_json(told["state"])


@torch.no_grad()
def _take(name: str, own: Tensor, whole: Tensor | None, layout: Layout) -> None:
    """Give everybody its part of the first process's whole tensor."""
    if layout.ranks.world.leads:
        given = whole.to(own.device, memory_format=torch.contiguous_format).contiguous()
    else:
        given = own.new_empty(layout.shards.shape(name, own))
    layout.ranks.give([given])
    own.copy_(layout.shards.own(name, given))
