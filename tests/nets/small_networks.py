"""Networks of few maps and units: cheap to run, and made of the same parts as the real ones."""

from dataclasses import replace

import torch
from torch import Tensor

from alexnet.core.keys import Key
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.initialize import initialize
from alexnet.nets.network import Network
from alexnet.nets.rows import Conv, Linear, LocalConv, PartialConv, Row
from alexnet.nets.tables import NetSpec, change


def small(spec: NetSpec, divisor: int) -> NetSpec:
    """Return the definition with every number of maps and units divided.

    Networks with a connection table stay as they are: their links and codes are for these numbers.
    """
    table = spec.table
    if any(isinstance(row, PartialConv) for row in table):
        return spec
    for row in table:
        match row:
            case Conv() | LocalConv():
                table = change(table, row.name, channels=row.channels // divisor)
            case Linear(units=int(units)):
                table = change(table, row.name, units=units // divisor)
    return replace(spec, table=table)


def tiny(name: str) -> NetSpec:
    """Return a network of the catalog with few maps, which reads pictures of at most 67 pixels a side."""
    spec = NETWORKS[name]
    if spec.input_shape[1] < 200:
        return small(spec, 4)
    return replace(small(spec, 16), input_shape=(3, 67, 67))


def of_rows(*rows: Row, input_shape: tuple[int, int, int]) -> NetSpec:
    """Return the definition of a network that is in no catalog."""
    return NetSpec(name="rows", table=rows, input_shape=input_shape, num_classes=3, source="")


def built(spec: NetSpec, num_classes: int | None = None, *, seed: int = 0) -> Network:
    """Return the network with its initial weights, ready to evaluate."""
    net = Network(spec, spec.num_classes if num_classes is None else num_classes)
    initialize(net, net.table, Key.from_seed(seed))
    return net.eval()


def pictures(net: Network, count: int = 2, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return random inputs of a network, (count, C, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, *net.input_shape, generator=generator, dtype=dtype)
