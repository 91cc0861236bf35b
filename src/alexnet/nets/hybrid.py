"""A network whose convolutions every process holds, and of whose fully connected layers each holds a part.

Up to the first fully connected layer the network is the same everywhere, each process computes its own pictures, and
gradients have to be added. From there on each process computes all pictures, and its own part of the layers: their
gradients are whole where they arise, and only activities cross between processes.

Source:
    Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks" (arXiv 1404.5997), sections 3-4.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from alexnet.core.errors import RecipeError
from alexnet.nets import rows
from alexnet.nets.cut_linear import InputLinear, UnitLinear
from alexnet.nets.network import Network
from alexnet.nets.plan import Plans
from alexnet.nets.stages import run
from alexnet.nets.tables import Table
from alexnet.parallel.exchange import Exchange
from alexnet.parallel.ranks import Ranks
from alexnet.parallel.shards import Cut, Shards
from alexnet.parallel.world import World


class HybridNetwork(nn.Sequential):
    """One process's part of a network that a team computes together; layers and parameters keep their names.

    Of each fully connected layer a process holds some units; of the last it holds the inputs that its units before it
    give, so that what is added are the logits, fewer than the activities before them.

    Args:
        net: The whole network, alike in every process. Its layers become this one's, but for the fully connected ones.
        team: The processes, each of which makes this call.

    Attributes:
        shards: Which parameters are cut, and how the whole ones come back.
        link: Counts what crosses between processes.

    Raises:
        RecipeError: the network cannot be cut so.
    """

    def __init__(self, net: Network, team: Ranks):
        first, last = _cut_rows(net.table)
        link = Exchange(team)
        tensors, width = net.state_dict(), net[first].in_features
        super().__init__(OrderedDict(_layers(net, link, first, last)))
        self.spec, self.table, self.num_classes = net.spec, net.table, net.num_classes
        self.input_shape, self.rounds_inputs = net.input_shape, net.rounds_inputs
        self.link, self.shards = link, Shards(dict(_cuts(net, first, last, team.world)), team)
        self._first, self._width, self._plans = first, width, Plans()
        self.take(tensors)

    @torch.no_grad()
    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy a whole network's parameters and buffers, by their names: of those that are cut, the own part."""
        for name, own in self.state_dict().items():
            own.copy_(self.shards.own(name, tensors[name]))

    def convolutions(self) -> list[nn.Parameter]:
        """Return the parameters that every process holds: their gradients are of its own pictures only."""
        return [p for layer in list(self)[: self._first] for p in layer.parameters()]

    def convolve(self, x: Tensor) -> Tensor:
        """Return what the first fully connected layer reads (N, features) of pictures (N, C, H, W); N may be 0.

        It is rounded as that layer would: under autocast half as much crosses between processes.
        """
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        if not len(x):
            return x.new_empty((0, self._width), dtype=dtype)
        return self._plans.run(list(self)[: self._first], x).flatten(1).to(dtype)

    def classify(self, activities: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of activities (N, features) that all have; the team calls this.

        Everybody gets the same logits and takes the same loss of them. The gradient of the activities is then that
        through this process's units: the whole one is everybody's sum.
        """
        return run(list(self)[self._first :], activities)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of pictures (N, C, H, W) that all have; the team calls this.

        Each process convolves its share of the pictures. In training, where dropout is drawn for certain samples,
        steps call `convolve` and `classify`.
        """
        world = self.link.ranks.world
        own = self.convolve(x[world.share(len(x))])
        return self.classify(self.link.collect(own, 0, world.sizes(len(x))))


def _cut_rows(table: Table) -> tuple[int, int]:
    """Return the places of the first and the last fully connected layer."""
    linear = [number for number, row in enumerate(table) if isinstance(row, rows.Linear)]
    if not linear:
        raise _refused("there is no fully connected layer to cut")
    for row in table[linear[0] : linear[-1]]:
        if not isinstance(row, rows.Linear | rows.Activation | rows.Dropout):
            raise _refused(f"{row.name}, between fully connected layers, reads other units than its own")
    for number in linear:
        if table[number].groups > 1:
            raise _refused(f"{table[number].name} is in {table[number].groups} towers already")
    return linear[0], linear[-1]


def _refused(what: str) -> RecipeError:
    return RecipeError(what, where="train.parallel", remedy="--set train.parallel=data")


def _layers(net: Network, link: Exchange, first: int, last: int) -> Iterator[tuple[str, nn.Module]]:
    """Yield the network's layers, this process's part of the fully connected ones in their places."""
    units = 0
    for number, (row, layer) in enumerate(zip(net.table, net, strict=True)):
        if isinstance(row, rows.Linear):
            units = layer.out_features
            layer = (
                InputLinear(layer, first == last, link)
                if number == last
                else UnitLinear(layer, number > first, link)
            )
        elif isinstance(row, rows.Dropout) and first < number < last:
            layer.part = link.ranks.world.share(units)
        yield row.name, layer


def _cuts(net: Network, first: int, last: int, world: World) -> Iterator[tuple[str, Cut]]:
    for number, (row, layer) in enumerate(zip(net.table, net, strict=True)):
        if isinstance(row, rows.Linear):
            units = Cut(0, world.sizes(layer.out_features))
            yield f"{row.name}.bias", units
            yield f"{row.name}.weight", Cut(1, world.sizes(layer.in_features)) if number == last else units
