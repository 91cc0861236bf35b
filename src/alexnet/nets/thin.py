"""Thin networks: what a hidden layer, or few convolutions, come to where the paper's network has eight layers."""

from __future__ import annotations

from alexnet.nets.rows import Activation, Conv, Linear, Pool
from alexnet.nets.tables import NetSpec, Table

_ONE_HIDDEN_LAYER: Table = (
    Linear("fc1", 1024, std=None),
    Activation("relu1"),
    Linear("fc2", None, std=None),
)
_SHALLOW_CONV: Table = (
    Conv("conv1", 64, kernel=5, pad=2, std=None),
    Activation("relu1"),
    Pool("pool1", 8, 8, "average"),
    Linear("fc2", None, std=None),
)


def _spec(name: str, table: Table, source: str) -> NetSpec:
    return NetSpec(name=name, table=table, input_shape=(3, 32, 32), num_classes=10, source=source)


FAMILY: tuple[NetSpec, ...] = (
    _spec(
        "one_hidden_layer", _ONE_HIDDEN_LAYER, "a baseline of this program: pixels, 1,024 hidden units, classes"
    ),
    _spec(
        "shallow_conv",
        _SHALLOW_CONV,
        "a baseline of this program: one convolution, means over 4 x 4 places, classes",
    ),
)
