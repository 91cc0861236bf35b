"""First weights of a network, drawn as its rows say."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alexnet.core.keys import Key
from alexnet.nets.rows import BatchNorm, Weighted
from alexnet.nets.tables import Table, weighted


def initialize(net: nn.Module, table: Table, key: Key | None) -> None:
    """Draw the initial weights of the table's rows.

    Args:
        key: Each parameter has its own stream derived from its name, so that adding a layer moves no other
            weight; None draws from torch's global generator.
    """
    with torch.no_grad():
        for row in table:
            if isinstance(row, BatchNorm):
                net.get_submodule(row.name).reset_parameters()
        for row in weighted(table):
            layer = net.get_submodule(row.name)
            generator = None if key is None else _generator(key.derive(f"{row.name}.weight"))
            layer.weight.copy_(_drawn(row, layer, generator))
            if layer.bias is not None:
                layer.bias.fill_(row.bias)


def _drawn(row: Weighted, layer: nn.Module, generator: torch.Generator | None) -> Tensor:
    values = torch.empty(layer.weight.shape)
    if row.uniform is not None:
        return values.uniform_(-1, 1, generator=generator).mul_(row.uniform / layer.fan_in)
    std = layer.fan_in**-0.5 if row.std is None else row.std
    if isinstance(std, Tensor):
        return values.normal_(0, 1, generator=generator).mul_(std)
    return values.normal_(0, std, generator=generator)


def _generator(key: Key) -> torch.Generator:
    return torch.Generator().manual_seed(key.value >> 1)
