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
            _draw(row, layer, generator)
            if layer.bias is not None:
                layer.bias.fill_(row.bias)


def _draw(row: Weighted, layer: nn.Module, generator: torch.Generator | None) -> None:
    """Draw the weights as float32 in the order of their indices, whatever their type, layout and device."""
    weight = layer.weight
    plain = weight.dtype == torch.float32 and weight.device.type == "cpu" and weight.is_contiguous()
    values = weight if plain else torch.empty(weight.shape)
    std = layer.fan_in**-0.5 if row.std is None else row.std
    if row.uniform is not None:
        values.uniform_(-1, 1, generator=generator).mul_(row.uniform / layer.fan_in)
    elif isinstance(std, Tensor):
        values.normal_(0, 1, generator=generator).mul_(std)
    else:
        values.normal_(0, std, generator=generator)
    weight.copy_(values)


def _generator(key: Key) -> torch.Generator:
    return torch.Generator().manual_seed(key.value >> 1)
