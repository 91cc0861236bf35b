"""Fully connected layers of which each process of a team holds a part, of its units or of its inputs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet.nets.layers import FlatLinear
from alexnet.ops.linear import linear
from alexnet.ops.powers import widened
from alexnet.parallel.exchange import Exchange


class UnitLinear(FlatLinear):
    """This process's units of a fully connected layer: its outputs are theirs.

    Args:
        layer: The whole layer; its values are not copied.
        collects: Whether each process brings its part of the inputs, or all have them whole.
        link: To the others.
    """

    def __init__(self, layer: FlatLinear, collects: bool, link: Exchange):
        own = link.ranks.world.share(layer.out_features)
        like = {"device": layer.weight.device, "dtype": layer.weight.dtype}
        super().__init__(layer.in_features, own.stop - own.start, **like)
        self.link, self.collects = link, collects

    def forward(self, x: Tensor) -> Tensor:
        if self.collects:
            x = self.link.collect(x, 1, self.link.ranks.world.sizes(self.in_features))
        return super().forward(x)


class InputLinear(nn.Module):
    """This process's inputs of a fully connected layer: its outputs, added over the team, are all units'.

    Args:
        layer: The whole layer; its values are not copied. Each process holds the biases of some units.
        cuts: Whether all have the inputs whole, or each brings its part.
        link: To the others.
    """

    def __init__(self, layer: FlatLinear, cuts: bool, link: Exchange):
        super().__init__()
        world = link.ranks.world
        self.inputs, self.units = world.share(layer.in_features), world.share(layer.out_features)
        self.weight = nn.Parameter(torch.empty_like(layer.weight[:, self.inputs]))
        self.bias = nn.Parameter(torch.empty_like(layer.bias[self.units]))
        self.link, self.cuts = link, cuts

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        bias = F.pad(self.bias, (self.units.start, len(self.weight) - self.units.stop))
        return self.link.add(widened(linear(x[:, self.inputs] if self.cuts else x, self.weight, bias)))

    def extra_repr(self) -> str:
        return f"inputs {self.inputs.start} to {self.inputs.stop} of {len(self.weight)} units"
