"""Named initial weights: the same table with other standard deviations and biases."""

from __future__ import annotations

from alexnet.nets.tables import Table, change, weighted


def paper(table: Table) -> Table:
    """Return initial weights as in the paper's section 5: standard deviation 0.01 in every layer."""
    return change(table, *(row.name for row in weighted(table)), std=0.01)


def config145(table: Table) -> Table:
    """Return initial weights as in layers-145.cfg: standard deviation 0.03 in conv3, conv4 and conv5."""
    return change(table, "conv3", "conv4", "conv5", std=0.03)


def quick(table: Table) -> Table:
    """Return initial weights that leave the plateau early on little data: 0.03 in conv3-5, biases 0.1 for 1."""
    return config145(_small_biases(table))


def caffe(table: Table) -> Table:
    """Return initial weights as in Caffe's bvlc_alexnet: fc6 and fc7 at 0.005, biases 0.1 for 1."""
    hidden = [row.name for row in table if row.name in ("fc6", "fc7")]
    return change(paper(_small_biases(table)), *hidden, std=0.005)


def _small_biases(table: Table) -> Table:
    return change(table, *(row.name for row in weighted(table) if row.bias == 1), bias=0.1)
