"""The CIFAR-10 networks of the 2012 source (example-layers/)."""

from alexnet.nets.rows import Activation, Conv, Linear, NetSpec, Pool, SpatialNorm

CIFAR10_18PCT = NetSpec(
    name="cifar10_18pct",
    table=(
        Conv("conv1", 32, kernel=5, pad=2, std=0.0001),
        Pool("pool1", 3, 2, ceil=True),
        Activation("relu1"),
        SpatialNorm("norm1", 3, alpha=5e-5 / 9),
        Conv("conv2", 32, kernel=5, pad=2),
        Activation("relu2"),
        Pool("pool2", 3, 2, "average", ceil=True),
        SpatialNorm("norm2", 3, alpha=5e-5 / 9),
        Conv("conv3", 64, kernel=5, pad=2),
        Activation("relu3"),
        Pool("pool3", 3, 2, "average", ceil=True),
        Linear("fc10", None),
    ),
    input_shape=(3, 32, 32),
    num_classes=10,
    source="layers-18pct.cfg of the 2012 source; Caffe's cifar10_full for the normalizer's constants",
)
