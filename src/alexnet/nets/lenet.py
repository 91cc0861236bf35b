"""LeNet-1 and LeNet-5 as published, and LeNet-5 in the form that is usually meant today."""

from __future__ import annotations

from alexnet.nets.rows import Activation, Conv, Linear, PartialConv, Pool, Rbf, Subsample
from alexnet.nets.tables import NetSpec

H3_LINKS = ((0,), (0, 1), (0, 1), (1,), (0, 1), (0, 1), (2,), (2, 3), (2, 3), (3,), (2, 3), (2, 3))
"""LeNet-1: the maps of H2 that each map of H3 reads (LeCun et al. 1990, table 1): 20 links of 48."""

C3_LINKS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip
"""LeNet-5: the maps of S2 that each map of C3 reads (LeCun et al. 1998, table I): 60 links of 96."""

_FAN_IN = 2.4
"""Initial weights are uniform within +- 2.4 / inputs per unit (LeCun et al. 1998, section II.B)."""


def _squash(layer: str) -> Activation:
    return Activation(f"{layer}_tanh", "scaled_tanh")


LENET1 = NetSpec(
    name="lenet1",
    table=(
        Conv("h1", 4, kernel=5, uniform=_FAN_IN),
        _squash("h1"),
        Subsample("h2", uniform=_FAN_IN),
        _squash("h2"),
        PartialConv("h3", H3_LINKS, kernel=5, uniform=_FAN_IN),
        _squash("h3"),
        Subsample("h4", uniform=_FAN_IN),
        _squash("h4"),
        Linear("output", None, uniform=_FAN_IN),
    ),
    input_shape=(1, 28, 28),
    num_classes=10,
    source="LeCun et al. 1990 (NIPS 2), with softmax",
)
LENET5 = NetSpec(
    name="lenet5",
    table=(
        Conv("c1", 6, kernel=5, uniform=_FAN_IN),
        _squash("c1"),
        Subsample("s2", kind="sum", uniform=_FAN_IN),
        _squash("s2"),
        PartialConv("c3", C3_LINKS, kernel=5, uniform=_FAN_IN),
        _squash("c3"),
        Subsample("s4", kind="sum", uniform=_FAN_IN),
        _squash("s4"),
        Conv("c5", 120, kernel=5, uniform=_FAN_IN),
        _squash("c5"),
        Linear("f6", 84, uniform=_FAN_IN),
        _squash("f6"),
        Rbf("output"),
    ),
    input_shape=(1, 32, 32),
    num_classes=10,
    source="LeCun et al. 1998, section II.B, with the codes of nets/digits.py",
)
LENET5_MODERN = NetSpec(
    name="lenet5_modern",
    table=(
        Conv("conv1", 6, kernel=5, pad=2, std=None),
        Activation("relu1"),
        Pool("pool1", 2, 2),
        Conv("conv2", 16, kernel=5, std=None),
        Activation("relu2"),
        Pool("pool2", 2, 2),
        Linear("fc3", 120, std=None),
        Activation("relu3"),
        Linear("fc4", 84, std=None),
        Activation("relu4"),
        Linear("fc5", None, std=None),
    ),
    input_shape=(1, 28, 28),
    num_classes=10,
    source="LeCun et al. 1998, with dense C3, max pooling, ReLU and softmax (61,706 parameters)",
)
FAMILY: tuple[NetSpec, ...] = (LENET1, LENET5, LENET5_MODERN)
