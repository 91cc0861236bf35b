"""The network of the paper, as its text says (`ALEXNET`) and as the 2012 source ran it (`ALEXNET_145`)."""

from alexnet.nets.rows import (
    Activation,
    Conv,
    Dropout,
    Linear,
    Lrn,
    NetSpec,
    Pool,
    SpatialNorm,
    Table,
    change,
    insert_after,
    move_after,
    weighted,
)

ALEXNET_TABLE: Table = (
    Conv("conv1", 96, kernel=11, stride=4, pad_after=3),
    Activation("relu1"),
    Lrn("norm1", groups=2),
    Pool("pool1", 3, 2),
    Conv("conv2", 256, kernel=5, pad=2, groups=2, bias=1),
    Activation("relu2"),
    Lrn("norm2", groups=2),
    Pool("pool2", 3, 2),
    Conv("conv3", 384, kernel=3, pad=1),
    Activation("relu3"),
    Conv("conv4", 384, kernel=3, pad=1, groups=2, bias=1),
    Activation("relu4"),
    Conv("conv5", 256, kernel=3, pad=1, groups=2, bias=1),
    Activation("relu5"),
    Pool("pool5", 3, 2),
    Linear("fc6", 4096, bias=1),
    Activation("relu6"),
    Dropout("drop6"),
    Linear("fc7", 4096, bias=1),
    Activation("relu7"),
    Dropout("drop7"),
    Linear("fc8", None),
)


def paper(table: Table) -> Table:
    """Return initial weights as in the paper's section 5: standard deviation 0.01 in every layer."""
    for row in weighted(table):
        table = change(table, row.name, std=0.01)
    return table


def config145(table: Table) -> Table:
    """Return initial weights as in layers-145.cfg: standard deviation 0.03 in conv3, conv4 and conv5."""
    for name in ("conv3", "conv4", "conv5"):
        table = change(table, name, std=0.03)
    return table


def quick(table: Table) -> Table:
    """Return initial weights that leave the plateau early on little data: 0.03 in conv3-5, biases 0.1 for 1."""
    for row in weighted(table):
        if row.bias == 1:
            table = change(table, row.name, bias=0.1)
    return config145(table)


def caffe(table: Table) -> Table:
    """Return initial weights as in Caffe's bvlc_alexnet: fc6 and fc7 at 0.005, biases 0.1 for 1."""
    for row in weighted(table):
        if row.bias == 1:
            table = change(table, row.name, bias=0.1)
    return change(change(paper(table), "fc6", std=0.005), "fc7", std=0.005)


def _as_run_in_2012(table: Table) -> Table:
    """Linear conv1 (its ReLU stands behind pool1), LRN with alpha / 5, the second normalizer of layer 2."""
    table = move_after(table, "relu1", "pool1")
    for name in ("norm1", "norm2"):
        table = change(table, name, alpha=1e-4 / 5)
    return config145(insert_after(table, "norm2", SpatialNorm("spatial_norm2", 5, alpha=0.001 / 25)))


ALEXNET = NetSpec(
    name="alexnet",
    table=ALEXNET_TABLE,
    input_shape=(3, 224, 224),
    num_classes=1000,
    source="Krizhevsky, Sutskever, Hinton 2012, sections 3 and 5",
)
ALEXNET_145 = NetSpec(
    name="alexnet_145",
    table=_as_run_in_2012(ALEXNET_TABLE),
    input_shape=(3, 224, 224),
    num_classes=1000,
    source="layers-145.cfg of the 2012 source (the paper's Tables 1 and 2, one CNN)",
)
