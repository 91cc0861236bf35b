"""Ways to share a step among ranks, and how long each takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from alexnet.core.errors import UsageError
from alexnet.scaling.exchange import Group, gather_time, last_arrival, split, sum_time
from alexnet.scaling.machine import Machine
from alexnet.scaling.work import LayerWork, Work


@dataclass(frozen=True)
class Data:
    """Every rank has the whole network and its share of the batch; gradients are added during the backward pass."""

    kind: ClassVar[str] = "data"
    name: ClassVar[str] = "data"


@dataclass(frozen=True)
class Towers:
    """Two ranks have half of every layer each, as the two GPUs of 2012; pairs are copies that add their gradients.

    Halves are exchanged before the layers that read both towers, their gradients on the way back, and the halves of
    the scores for the loss (NIPS 2012, section 3.2).
    """

    kind: ClassVar[str] = "towers"
    name: ClassVar[str] = "towers"


@dataclass(frozen=True)
class Hybrid:
    """Convolutions share the batch, fully connected layers their units (arXiv 1404.5997, section 4).

    The ranks of a node are one such group; the groups are copies that add their gradients. Each rank of a group of k
    gets everybody's outputs of the convolutions: all at once before the full layers begin (scheme a), those of one rank
    after the other, while the full layers compute with those of the rank before (b), or in k turns in which everybody
    sends a k-th of its own (c), which uses all links in every turn. Outputs of the full layers are gathered in each
    turn, gradients go the same ways back, and weights change once a step.
    """

    order: Literal["a", "b", "c"] = "c"
    kind: ClassVar[str] = "hybrid"

    @property
    def name(self) -> str:
        """The kind with the order of its exchanges: hybrid-c."""
        return f"{self.kind}-{self.order}"


Scheme: TypeAlias = Data | Towers | Hybrid
SCHEMES: dict[str, Scheme] = {s.name: s for s in (Data(), Towers(), Hybrid("a"), Hybrid("b"), Hybrid("c"))}


@dataclass(frozen=True)
class Step:
    """The parts of a step, in seconds, of the rank with the largest share; none hides another."""

    batch: int
    """Images of all ranks together."""
    compute: float
    update: float
    link: float
    """Exchanges that no computation hides."""
    input: float
    """Waiting for pictures beyond the rest."""

    @property
    def seconds(self) -> float:
        """The whole step."""
        return self.compute + self.update + self.link + self.input

    @property
    def images_per_second(self) -> float:
        """Of all ranks together."""
        return self.batch / self.seconds


@dataclass(frozen=True)
class _Part:
    """What one rank has of a layer: FLOPs of its images, parameters, and who has the same parameters."""

    forward: float
    backward: float
    parameters: float
    peers: Group


def largest_batch_share(batch: int, parts: int) -> int:
    """Return how many images the part with the most of them has; others may have one less."""
    return math.ceil(batch / parts)


def step_time(work: Work, machine: Machine, scheme: Scheme, ranks: int, batch: int) -> Step:
    """Return how long a step takes.

    Raises:
        UsageError: the network or the number of ranks does not allow this scheme, or a rank would have no image.
    """
    if reason := refusal(work, scheme, ranks, batch):
        raise UsageError(reason)
    if isinstance(scheme, Towers):
        parts, waiting = _towers(work, machine, ranks, batch)
    elif isinstance(scheme, Hybrid):
        parts, waiting = _hybrid(work, machine, scheme, ranks, batch)
    else:
        parts, waiting = _data(work, machine, ranks, batch)
    return _step(parts, waiting, machine, ranks, batch)


def refusal(work: Work, scheme: Scheme, ranks: int, batch: int) -> str | None:
    """Return why a step cannot be shared so; None where it can."""
    if ranks < 1 or batch < ranks:
        return f"{batch} images are not shared by {ranks} ranks"
    if isinstance(scheme, Towers) and work.towers != 2:
        return f"{work.network} has no two towers"
    if isinstance(scheme, Towers) and ranks % 2:
        return f"towers need an even number of ranks, not {ranks}"
    if isinstance(scheme, Hybrid) and ranks < 2:
        return "hybrid needs at least two ranks"
    if isinstance(scheme, Hybrid) and not work.full:
        return f"{work.network} has no fully connected layers"
    return None


def _data(work: Work, machine: Machine, ranks: int, batch: int) -> tuple[list[_Part], float]:
    _, everybody = split(ranks, 1, machine.ranks_per_node)
    share = largest_batch_share(batch, ranks)
    return [_part(layer, share, 1, everybody) for layer in work.layers], 0.0


def _towers(work: Work, machine: Machine, ranks: int, batch: int) -> tuple[list[_Part], float]:
    pair, copies = split(ranks, 2, machine.ranks_per_node)
    share = largest_batch_share(batch, ranks // 2)
    waiting = sum(
        gather_time(share * values * machine.activation_bytes, pair, machine)
        for values in tower_exchanges(work)
    )
    return [_part(layer, share, 2, copies) for layer in work.layers], waiting


def tower_exchanges(work: Work) -> list[int]:
    """Return how many values an image gives to each exchange of a step; each tower has half of them, sends it and
    receives the other half."""
    crossing = [layer.crossing for layer in work.layers if layer.crossing]
    return [*crossing, work.layers[-1].outputs, *reversed(crossing)]


def _hybrid(work: Work, machine: Machine, scheme: Hybrid, ranks: int, batch: int) -> tuple[list[_Part], float]:
    size = max(k for k in range(1, machine.ranks_per_node + 1) if ranks % k == 0)
    group, copies = split(ranks, size, machine.ranks_per_node)
    _, everybody = split(ranks, 1, machine.ranks_per_node)
    share = largest_batch_share(batch, ranks)
    parts = [
        _part(layer, share * size, size, copies) if layer.full else _part(layer, share, 1, everybody)
        for layer in work.layers
    ]
    return parts, _gathered(work.full, machine, scheme, group, share)


def _gathered(full: Sequence[LayerWork], machine: Machine, scheme: Hybrid, group: Group, share: int) -> float:
    """Return how long the full layers wait for what other ranks have of their inputs and outputs."""
    ranks = group.per_node
    turns = 1 if scheme.order == "a" else ranks
    images = share * ranks // turns
    value = images * machine.activation_bytes
    inner = [layer.outputs for layer in full] + [layer.inputs for layer in full[1:]]  # forward, then back
    waiting = turns * sum(gather_time(value * count, group, machine) for count in inner)
    handed = gather_time(value * full[0].inputs, group, machine)
    if scheme.order == "b":  # one rank sends the whole to each of the others
        handed = (ranks - 1) * (value * full[0].inputs / machine.node.bandwidth + machine.node.latency)
    computing = images / ranks * sum(layer.forward + layer.backward for layer in full) / machine.flops
    return waiting + 2 * handed + (turns - 1) * max(0.0, handed - computing)


def _part(layer: LayerWork, images: int, split_by: int, peers: Group) -> _Part:
    share = images / split_by
    return _Part(layer.forward * share, layer.backward * share, layer.parameters / split_by, peers)


def _step(parts: Sequence[_Part], waiting: float, machine: Machine, ranks: int, batch: int) -> Step:
    compute = sum(part.forward + part.backward for part in parts) / machine.flops + machine.overhead
    update = sum(part.parameters for part in parts) * machine.update_bytes / machine.memory_bandwidth
    link = waiting + _sums_beyond_backward(parts, machine)
    nodes = math.ceil(ranks / machine.ranks_per_node)
    pictures = largest_batch_share(batch, nodes) / machine.input_rate
    return Step(batch, compute, update, link, max(0.0, pictures - compute - update - link))


def _sums_beyond_backward(parts: Sequence[_Part], machine: Machine) -> float:
    """Return how long gradients still travel when the backward pass, which begins at 0, has ended."""
    sums, clock, held = [], 0.0, 0.0
    for number, part in enumerate(reversed(parts), 1):
        clock += part.backward / machine.flops
        held += part.parameters * machine.gradient_bytes
        last = number == len(parts)
        if last or held >= machine.bucket_bytes or parts[-number - 1].peers != part.peers:
            sums.append((clock, sum_time(held, part.peers, machine)))
            held = 0.0
    if not machine.overlap:
        return sum(seconds for _, seconds in sums)
    return last_arrival(sums) - clock
