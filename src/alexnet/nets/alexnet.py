"""The network of the paper, as its text says (`ALEXNET`), and the networks of its ablations and relatives.

Every table but the first is an edit of another. Counts: `alexnet show NAME`; sources: docs/paper-to-code.md.
"""

from __future__ import annotations

from alexnet.nets.initial_values import caffe, config145
from alexnet.nets.rows import Activation, BatchNorm, Conv, Dropout, Linear, Lrn, Pool, SpatialNorm
from alexnet.nets.tables import NetSpec, Table, change, insert_after, move_after, without

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


def _spec(name: str, table: Table, source: str, *, side: int = 224, num_classes: int = 1000) -> NetSpec:
    return NetSpec(name=name, table=table, input_shape=(3, side, side), num_classes=num_classes, source=source)


def _as_run_in_2012(table: Table) -> Table:
    """Linear conv1 (its ReLU stands behind pool1), LRN with alpha / 5, the second normalizer of layer 2."""
    table = change(move_after(table, "relu1", "pool1"), "norm1", "norm2", alpha=1e-4 / 5)
    return config145(insert_after(table, "norm2", SpatialNorm("spatial_norm2", 5, alpha=0.001 / 25)))


def _half(table: Table) -> Table:
    """Every width of conv1 to conv4 halved on one GPU; conv5 and the full layers as they were."""
    for name, channels in (("conv1", 48), ("conv2", 128), ("conv3", 192), ("conv4", 192)):
        table = change(table, name, channels=channels)
    return change(table, "conv2", "conv4", "conv5", "norm1", "norm2", groups=1)


def _six_convolutions(table: Table) -> Table:
    row = Conv("conv6", 256, kernel=3, pad=1, std=0.03, bias=1)
    return insert_after(table, "pool5", row, Activation("relu_conv6"))


def _pools_side_by_side(table: Table) -> Table:
    """Windows of 2 x 2, and the padding of conv2 and conv5 that config 147 changed with them."""
    table = change(table, "pool1", "pool2", "pool5", size=2, ceil=True)
    return change(change(table, "conv2", pad=1), "conv5", pad=0)


def _no_communication(table: Table) -> Table:
    """conv3, fc6 and fc7 stay within a tower; conv2 160 maps a tower, fc6 4096 units a tower."""
    table = change(table, "conv3", "fc6", "fc7", groups=2)
    return change(change(table, "conv2", channels=320), "fc6", units=8192)


def _one_tower(table: Table) -> Table:
    return change(table, "conv2", "conv4", "conv5", "norm1", "norm2", groups=1)


def _pool_first(table: Table) -> Table:
    return move_after(move_after(table, "norm1", "pool1"), "norm2", "pool2")


def _batch_norm(table: Table) -> Table:
    """Batch normalization behind each convolution in place of its bias, and of local response normalization."""
    for number in range(1, 6):
        table = insert_after(table, f"conv{number}", BatchNorm(f"bn{number}"))
    return without(change(table, *(f"conv{n}" for n in range(1, 6)), bias=None), "norm1", "norm2")


def _as_in_caffe(table: Table) -> Table:
    """227 pixels, LRN over all maps with alpha / 5 and k = 1, inverted dropout."""
    table = change(change(table, "conv1", pad_after=0), "drop6", "drop7", inverted=True)
    return caffe(change(table, "norm1", "norm2", groups=1, alpha=1e-4 / 5, k=1.0))


def _batch_norm_in_caffe(table: Table) -> Table:
    """Maps normalized in front of conv2 to conv5, without scale or shift; no bias starts at zero.

    LARS moves a bias too in the program this is of, and could not move one of length zero.
    """
    table = without(table, "norm1", "norm2")
    for number, behind in enumerate(("pool1", "pool2", "relu3", "relu4"), start=2):
        table = insert_after(table, behind, BatchNorm(f"bn{number}", epsilon=1e-4, affine=False))
    return change(table, *(f"conv{n}" for n in range(1, 6)), "fc8", bias=0.01)


def _one_weird_trick(table: Table) -> Table:
    """64, 192, 384, 256, 256 maps in one tower, no normalization, dropout before the layers it was behind."""
    table = change(without(_one_tower(table), "norm1", "norm2"), "conv1", channels=64, pad=2, pad_after=0)
    table = change(change(table, "conv2", channels=192), "conv4", channels=256)
    table = change(
        move_after(move_after(table, "drop7", "relu6"), "drop6", "pool5"), "drop6", "drop7", inverted=True
    )
    return change(table, *(f"conv{n}" for n in range(1, 6)), "fc6", "fc7", "fc8", std=None, bias=0.0)


def _zeiler_fergus(table: Table) -> Table:
    """Smaller first kernels and stride; conv2 with stride 2; one tower; ceiling pools."""
    table = change(_pool_first(_one_tower(table)), "conv1", kernel=7, stride=2, pad=1, pad_after=0)
    table = change(change(table, "conv2", stride=2, pad=0), "pool1", "pool2", "pool5", ceil=True)
    return change(table, *(f"conv{n}" for n in range(1, 6)), "fc6", "fc7", bias=0.0)


def _small(table: Table) -> Table:
    """The same rows for 31 pixels: maps of 31, 15, 7 and 3, whether pools take 3 x 3 or 2 x 2 every two pixels."""
    table = change(table, "conv1", channels=32, kernel=5, stride=1, pad=2, pad_after=0)
    for name, channels in (("conv2", 64), ("conv3", 96), ("conv4", 96), ("conv5", 64)):
        table = change(table, name, channels=channels)
    table = change(table, "fc6", "fc7", units=512)
    return change(table, *(f"conv{n}" for n in range(2, 6)), "fc6", "fc7", "fc8", std=None)


_145 = _as_run_in_2012(ALEXNET_TABLE)
_146 = _six_convolutions(_145)
_ONE_TOWER = _one_tower(ALEXNET_TABLE)
_CAFFE = _as_in_caffe(ALEXNET_TABLE)

ALEXNET = _spec("alexnet", ALEXNET_TABLE, "Krizhevsky, Sutskever, Hinton 2012, sections 3 and 5")
ALEXNET_145 = _spec(
    "alexnet_145", _145, "layers-145.cfg of the 2012 source (the paper's Tables 1 and 2, one CNN)"
)

FAMILY: tuple[NetSpec, ...] = (
    ALEXNET,
    ALEXNET_145,
    _spec(
        "alexnet_145_half", _half(_145), "layers-145-half.cfg of the 2012 source (section 3.2's one-GPU net)"
    ),
    _spec(
        "alexnet_146",
        _146,
        "layers-146-2009 of the 2012 source: a sixth convolution, for pretraining on Fall 2009",
        num_classes=10_184,
    ),
    _spec(
        "alexnet_146_2011",
        insert_after(_146, "drop7", Linear("bottleneck", 2048)),
        "layers-146-2011 of the 2012 source: Fall 2011 through a linear bottleneck",
        num_classes=21_843,
    ),
    _spec(
        "alexnet_147", _pools_side_by_side(_145), "layers-147.cfg of the 2012 source (section 3.4's ablation)"
    ),
    _spec(
        "alexnet_148",
        without(_145, "norm1", "norm2", "spatial_norm2"),
        "layers-148.cfg of the 2012 source (section 3.3's ablation)",
    ),
    _spec(
        "alexnet_150",
        _no_communication(_145),
        "layers-150.cfg of the 2012 source; widths inferred from its 60,714,408 parameters",
    ),
    _spec(
        "alexnet_pool2",
        change(ALEXNET_TABLE, "pool1", "pool2", "pool5", size=2),
        "section 3.4's ablation made clean: 2 x 2 windows, every map size as before",
    ),
    _spec("alexnet_one_tower", _ONE_TOWER, "the paper's layers at their full widths without the GPU split"),
    _spec(
        "alexnet_slide",
        without(_pool_first(_ONE_TOWER), "fc7", "relu7", "drop7"),
        "a table often shown on slides, taken literally: one tower, pool before norm, no fc7",
    ),
    _spec(
        "alexnet_bn",
        _batch_norm(ALEXNET_TABLE),
        "the paper's net with batch normalization (Ioffe, Szegedy 2015)",
    ),
    _spec("alexnet_caffe", _CAFFE, "bvlc_alexnet of Caffe", side=227),
    _spec(
        "caffenet",
        change(_pool_first(_CAFFE), "conv2", "conv4", "conv5", "fc6", "fc7", bias=1),
        "bvlc_reference_caffenet of Caffe: pool before norm, biases of 1",
        side=227,
    ),
    _spec(
        "alexnet_bn_caffe",
        _batch_norm_in_caffe(_CAFFE),
        "models/alexnet_bn/train_val2_fp16.prototxt of borisgin/nvcaffe, for batches of 8,192 and more",
        side=227,
    ),
    _spec(
        "alexnet_owt",
        _one_weird_trick(ALEXNET_TABLE),
        "torchvision's `alexnet`, after Krizhevsky 2014 (one weird trick), section 5",
    ),
    _spec(
        "alexnet_small",
        _small(ALEXNET_TABLE),
        "the paper's rows at a size for small pictures: ablations where ImageNet is not at hand",
        side=31,
        num_classes=10,
    ),
    _spec(
        "alexnet_small_63",
        _small(ALEXNET_TABLE),
        "alexnet_small for 63 pixels: maps of 63, 31, 15 and 7",
        side=63,
        num_classes=10,
    ),
    _spec("zfnet", _zeiler_fergus(ALEXNET_TABLE), "Zeiler, Fergus 2013, figure 3"),
)
