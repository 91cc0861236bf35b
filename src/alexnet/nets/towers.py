"""A network of several towers, one in each process of a team, as the paper's two GPUs hold one each.

Nothing is written a second time: what a tower computes, and where it has to hear of the others, follows from the rows
of the whole network. A tower has its part of every layer's maps or units. A row in as many groups reads its own tower;
before one that reads across the towers' edge, all are collected; in the last one, of which every process wants all
logits, each tower weighs its own units, and what they make is added.

Source:
    Krizhevsky et al. 2012, section 3.2 and figure 2: half of the kernels on each GPU, which read from each other in
    certain layers only: conv3, fc6, fc7, fc8. There one GPU computed all of fc8, from both halves of fc7. Logits that
    are added are the same numbers, half as many as one of these halves, and no gradient of them has to come back.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from alexnet.nets.cut_linear import InputLinear
from alexnet.nets.layers import build_layer
from alexnet.nets.network import Network
from alexnet.nets.plan import Plans
from alexnet.nets.rows import (
    Activation,
    BatchNorm,
    Conv,
    Dropout,
    Linear,
    LocalConv,
    Lrn,
    Pool,
    Row,
    SpatialNorm,
    Subsample,
)
from alexnet.nets.shapes import Shape, output_shape
from alexnet.nets.tables import Table
from alexnet.parallel.exchange import Exchange
from alexnet.parallel.ranks import Ranks
from alexnet.parallel.shards import Cut, Shards


@dataclass(frozen=True)
class Piece:
    """What each tower computes of a row."""

    row: Row
    """With a tower's number of maps, units and groups."""
    reads: Shape
    makes: Shape
    """What the module is built for, of one image."""
    collects: bool = False
    """Whether all towers' maps or units are collected before it."""
    keeps: bool = False
    """Whether every tower computes all maps, and goes on with its own."""
    adds: bool = False
    """Whether its outputs are added over the towers."""
    alike: bool = False
    """Whether it is the same for all, of the whole picture."""


class Tower(nn.Sequential):
    """One process's tower of a network that a team computes together; layers and parameters keep their names.

    Input float (N, C, H, W), the same for the whole team; output logits (N, num_classes), the same bits for all. The
    team takes the same loss of them.

    Args:
        net: The whole network, alike in every process; nothing of it is kept.
        team: The processes, each of which makes this call. `link.ranks` may become what has joined since.

    Attributes:
        link: Counts what crosses between the towers.

    Raises:
        ValueError: the network does not split into so many towers; names the row.
    """

    def __init__(self, net: Network, team: Ranks):
        link = Exchange(team)
        super().__init__(OrderedDict(_layers(net, link)))
        self.spec, self.table, self.num_classes = net.spec, net.table, net.num_classes
        self.input_shape, self.rounds_inputs = net.input_shape, net.rounds_inputs
        self.link, self._plans = link, Plans()
        whole = net.state_dict()
        self._cuts = {
            name: cut for name, own in self.state_dict().items() if (cut := _cut(own, whole[name], link))
        }
        self.take(whole)
        self.train(net.training)

    @property
    def shards(self) -> Shards:
        """Which parameters and buffers are cut."""
        return Shards(self._cuts, self.link.ranks)

    @torch.no_grad()
    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy parameters and buffers of the whole network, by their names: this tower's part."""
        for name, own in self.state_dict().items():
            own.copy_(self.shards.own(name, tensors[name]))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of pictures (N, C, H, W); the team calls this with the same."""
        return self._plans.run(list(self), x)


class Collect(nn.Module):
    """All towers' maps (N, C, H, W) or units (N, C) of one tower's."""

    def __init__(self, link: Exchange):
        super().__init__()
        self.link = link

    def forward(self, x: Tensor) -> Tensor:
        sizes = [x.shape[1]] * self.link.ranks.world.size
        if x.ndim == 2:
            return self.link.collect(x, 1, sizes)
        lines = self.link.collect(x.permute(0, 2, 3, 1), 3, sizes)  # channels-last maps travel as they lie
        return lines.permute(0, 3, 1, 2)


class Keep(nn.Module):
    """One tower's maps of all."""

    def __init__(self, link: Exchange):
        super().__init__()
        self.link = link

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.link.ranks.world.share(x.shape[1])]


def pieces(table: Table, input_shape: Shape, num_classes: int, towers: int) -> list[Piece]:
    """Return what each of so many towers computes of a network, row by row.

    The picture is read whole; from the first layer with weights on, every tower has its part of the maps.

    Raises:
        ValueError: a row does not split into equal parts; names it.
    """
    shape, apart, found = input_shape, False, []
    for row in table:
        out = output_shape(row, shape, num_classes)
        if row is table[-1]:
            found.append(_last(row, shape, apart, towers))
        elif isinstance(row, Conv | Linear | LocalConv):
            found.append(_weighted(row, shape, out, apart, towers))
            apart = True
        else:
            found.append(_between(row, shape, out, towers) if apart else _before(row, shape, out, towers))
        shape = out
    return found


def _last(row: Row, shape: Shape, apart: bool, towers: int) -> Piece:
    if not apart or not isinstance(row, Linear) or row.groups > 1:
        raise ValueError(f"{row.name}: the last layer of {towers} towers is fully connected to all of them")
    return Piece(row, shape, shape, adds=True)


def _weighted(row: Conv | Linear | LocalConv, shape: Shape, out: Shape, apart: bool, towers: int) -> Piece:
    """Every tower has its part of the outputs."""
    groups, makes = getattr(row, "groups", 1), _part(row, out, towers)
    alone = apart and groups % towers == 0
    if not alone and groups > 1:
        raise ValueError(f"{row.name}: its {groups} groups are not those of {towers} towers")
    count = {"units": makes[0]} if isinstance(row, Linear) else {"channels": makes[0]}
    if alone:
        return Piece(replace(row, groups=groups // towers, **count), _part(row, shape, towers), makes)
    return Piece(replace(row, **count), shape, makes, collects=apart)


def _between(row: Row, shape: Shape, out: Shape, towers: int) -> Piece:
    """What is computed of each map or unit alone is computed of a tower's own."""
    if isinstance(row, Lrn) and row.groups % towers:
        return Piece(row, shape, out, collects=True, keeps=True)
    if isinstance(row, Lrn):
        row = replace(row, groups=row.groups // towers)
    elif not isinstance(row, Activation | BatchNorm | Dropout | Pool | SpatialNorm | Subsample):
        raise _uncuttable(row, towers)
    return Piece(row, _part(row, shape, towers), _part(row, out, towers))


def _before(row: Row, shape: Shape, out: Shape, towers: int) -> Piece:
    """The picture itself is the same for all towers; weights before the towers part would be nobody's."""
    if not isinstance(row, Activation | Dropout | Lrn | Pool | SpatialNorm):
        raise _uncuttable(row, towers)
    return Piece(row, shape, out, alike=True)


def _part(row: Row, shape: Shape, towers: int) -> Shape:
    if shape[0] % towers:
        raise ValueError(f"{row.name}: {shape[0]} maps or units do not split into {towers} towers")
    return (shape[0] // towers, *shape[1:])


def _uncuttable(row: Row, towers: int) -> ValueError:
    return ValueError(f"{row.name}: a {type(row).__name__} is not split into {towers} towers")


def _layers(net: Network, link: Exchange) -> Iterator[tuple[str, nn.Module]]:
    """Yield a tower's layers under the rows' names, and between them, under names that no row has, what crosses."""
    like, team = next(net.parameters()), link.ranks.world
    parts = pieces(net.table, net.input_shape, net.num_classes, team.size)
    for piece, whole in zip(parts, net, strict=True):
        name = piece.row.name
        if piece.collects:
            yield f"{name}: all towers", Collect(link)
        if piece.adds:
            yield name, InputLinear(whole, False, link)
            continue
        layer = build_layer(piece.row, piece.reads, piece.makes).to(like.device, like.dtype)
        if isinstance(piece.row, Dropout) and not piece.alike:
            layer.part = team.share(math.prod(piece.reads) * team.size)
        yield name, layer
        if piece.keeps:
            yield f"{name}: own tower", Keep(link)


def _cut(own: Tensor, whole: Tensor, link: Exchange) -> Cut | None:
    """Return along which dimension a tensor is cut, None where it is whole."""
    cut = [dim for dim, (part, all_) in enumerate(zip(own.shape, whole.shape, strict=True)) if part != all_]
    return Cut(cut[0], link.ranks.world.sizes(whole.shape[cut[0]])) if cut else None
