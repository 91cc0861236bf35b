"""Named initial weights: the same table with other standard deviations and biases."""

from __future__ import annotations

from alexnet.nets.tables import Table, change, weighted

_HALF_OPEN = ("conv2", "conv4", "conv5", "conv6", "fc6", "fc7")
"""Layers whose biases start at 1 in the paper, so that their ReLUs start with positive inputs."""


def paper(table: Table) -> Table:
    """Return initial weights as in the paper's section 5: standard deviation 0.01 in every layer, biases 0 and 1."""
    return _start(table, biases=1.0)


def config145(table: Table) -> Table:
    """Return initial weights as in layers-145.cfg: standard deviation 0.03 in conv3, conv4 and conv5."""
    return _start(table, biases=1.0, conv345=0.03)


def quick(table: Table) -> Table:
    """Return initial weights that leave the plateau early on little data: 0.03 in conv3-5, biases 0.1 for 1."""
    return _start(table, biases=0.1, conv345=0.03)


def caffe(table: Table) -> Table:
    """Return initial weights as in Caffe's bvlc_alexnet: fc6 and fc7 at 0.005, biases 0.1 for 1."""
    return _start(table, biases=0.1, hidden=0.005)


def _start(table: Table, *, biases: float, conv345: float = 0.01, hidden: float = 0.01) -> Table:
    stds = dict.fromkeys(("conv3", "conv4", "conv5", "conv6"), conv345) | dict.fromkeys(("fc6", "fc7"), hidden)
    for row in weighted(table):
        bias = None if row.bias is None else biases if row.name in _HALF_OPEN else 0.0
        table = change(table, row.name, std=stds.get(row.name, 0.01), bias=bias)
    return table
