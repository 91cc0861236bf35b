"""The CIFAR-10 networks of the 2012 source (example-layers/ and layers-cifar10-11pct.cfg)."""

from __future__ import annotations

from alexnet.nets.rows import Activation, Conv, Linear, LocalConv, Lrn, Pool, SpatialNorm
from alexnet.nets.tables import NetSpec, Table, change, insert_after, move_after

_19PCT: Table = (
    Conv("conv1", 32, kernel=5, pad=2, std=0.0001),
    Pool("pool1", 3, 2, ceil=True),
    Activation("relu1"),
    Conv("conv2", 32, kernel=5, pad=2),
    Activation("relu2"),
    Pool("pool2", 3, 2, "average", ceil=True),
    Conv("conv3", 64, kernel=5, pad=2),
    Activation("relu3"),
    Pool("pool3", 3, 2, "average", ceil=True),
    Linear("fc10", None),
)
_13PCT: Table = (
    Conv("conv1", 64, kernel=5, pad=2, std=0.0001),
    Activation("relu1"),
    Pool("pool1", 3, 2, ceil=True),
    Conv("conv2", 64, kernel=5, pad=2),
    Activation("relu2"),
    Pool("pool2", 3, 2, ceil=True),
    LocalConv("local3", 32, kernel=3, pad=1, std=0.04),
    Activation("relu3"),
    LocalConv("local4", 32, kernel=3, pad=1, std=0.04),
    Activation("relu4"),
    Linear("fc10", None),
)


def _hidden_layer(table: Table) -> Table:
    table = insert_after(table, "pool3", Linear("fc64", 64, std=0.1), Activation("relu64"))
    return change(table, "fc10", std=0.1)


def _normalized_within_maps(table: Table) -> Table:
    table = insert_after(table, "relu1", SpatialNorm("norm1", 3, alpha=5e-5 / 9))
    return insert_after(table, "pool2", SpatialNorm("norm2", 3, alpha=5e-5 / 9))


def _normalized_across_maps(table: Table) -> Table:
    """LRN behind pool1 and before pool2, and twice the maps in local3."""
    table = insert_after(table, "pool1", Lrn("norm1", 9, alpha=0.001 / 9, k=1.0))
    table = insert_after(table, "relu2", Lrn("norm2", 9, alpha=0.001 / 9, k=1.0))
    return change(table, "local3", channels=64)


def _spec(name: str, table: Table, side: int, source: str) -> NetSpec:
    return NetSpec(name=name, table=table, input_shape=(3, side, side), num_classes=10, source=source)


CIFAR10_18PCT = _spec(
    "cifar10_18pct",
    _normalized_within_maps(_19PCT),
    32,
    "layers-18pct.cfg of the 2012 source; Caffe's cifar10_full for the normalizer's constants",
)
FAMILY: tuple[NetSpec, ...] = (
    _spec(
        "cifar10_80sec",
        _hidden_layer(move_after(_19PCT, "pool1", "relu1")),
        32,
        "layers-80sec.cfg of the 2012 source: about 26 % error after 80 seconds",
    ),
    _spec("cifar10_19pct", move_after(_19PCT, "pool1", "relu1"), 32, "layers-19pct.cfg of the 2012 source"),
    CIFAR10_18PCT,
    _spec("cifar10_13pct", _13PCT, 24, "layers-conv-local-13pct.cfg of the 2012 source"),
    _spec(
        "cifar10_11pct",
        _normalized_across_maps(_13PCT),
        24,
        "layers-conv-local-11pct.cfg; layers-cifar10-11pct.cfg of cuda-convnet2",
    ),
)
