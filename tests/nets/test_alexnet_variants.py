"""Order and constants of AlexNet's tables: the paper's, the 2012 configurations, and the nets made after them."""

import math

import pytest
import torch
from small_networks import built, pictures, tiny

from alexnet.nets.alexnet import ALEXNET, ALEXNET_145, FAMILY
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.rows import BatchNorm, Conv, Dropout, Linear, Lrn, Pool, SpatialNorm
from alexnet.nets.tables import weighted

PAPER = [
    "conv1", "relu1", "norm1", "pool1", "conv2", "relu2", "norm2", "pool2", "conv3", "relu3", "conv4", "relu4",
    "conv5", "relu5", "pool5", "fc6", "relu6", "drop6", "fc7", "relu7", "drop7", "fc8",
]  # fmt: skip
CONFIG_145 = [
    "conv1", "norm1", "pool1", "relu1", "conv2", "relu2", "norm2", "spatial_norm2", *PAPER[7:],
]  # fmt: skip
POOL_FIRST = ["conv1", "relu1", "pool1", "norm1", "conv2", "relu2", "pool2", "norm2", *PAPER[8:]]
LAYERS = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]


def names(name):
    return [row.name for row in NETWORKS[name].table]


def rows(name):
    return {row.name: row for row in NETWORKS[name].table}


def of(name, field, *layers):
    return [getattr(rows(name)[layer], field) for layer in layers]


ORDERS = {
    "alexnet": PAPER,
    "alexnet_145": CONFIG_145,
    "alexnet_145_half": CONFIG_145,
    "alexnet_146": [*CONFIG_145[:16], "conv6", "relu_conv6", *CONFIG_145[16:]],
    "alexnet_146_2011": [*CONFIG_145[:16], "conv6", "relu_conv6", *CONFIG_145[16:-1], "bottleneck", "fc8"],
    "alexnet_147": CONFIG_145,
    "alexnet_148": [name for name in CONFIG_145 if "norm" not in name],
    "alexnet_150": CONFIG_145,
    "alexnet_pool2": PAPER,
    "alexnet_one_tower": PAPER,
    "alexnet_slide": [name for name in POOL_FIRST if not name.endswith("7")],
    "alexnet_small": PAPER,
    "alexnet_small_63": PAPER,
    "alexnet_caffe": PAPER,
    "caffenet": POOL_FIRST,
    "zfnet": POOL_FIRST,
    "alexnet_owt": [
        "conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "conv3", "relu3", "conv4", "relu4", "conv5", "relu5",
        "pool5", "drop6", "fc6", "relu6", "drop7", "fc7", "relu7", "fc8",
    ],
    "alexnet_bn": [
        "conv1", "bn1", "relu1", "pool1", "conv2", "bn2", "relu2", "pool2", "conv3", "bn3", "relu3", "conv4", "bn4",
        "relu4", "conv5", "bn5", "relu5", *PAPER[14:],
    ],
    "alexnet_bn_caffe": [
        "conv1", "relu1", "pool1", "bn2", "conv2", "relu2", "pool2", "bn3", "conv3", "relu3", "bn4", "conv4", "relu4",
        "bn5", "conv5", "relu5", *PAPER[14:],
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_layers_are_in_the_order_of_the_source(name):
    assert names(name) == ORDERS[name]


def test_every_relative_of_alexnet_is_ordered_here():
    assert set(ORDERS) == {spec.name for spec in FAMILY}


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_every_net_says_where_it_comes_from(name):
    assert NETWORKS[name].source


# --- the paper


def test_the_papers_table_has_the_papers_numbers():
    assert of("alexnet", "channels", *LAYERS[:5]) == [96, 256, 384, 384, 256]
    assert of("alexnet", "kernel", *LAYERS[:5]) == [11, 5, 3, 3, 3]
    assert of("alexnet", "stride", *LAYERS[:5]) == [4, 1, 1, 1, 1]
    assert of("alexnet", "pad", *LAYERS[:5]) == [0, 2, 1, 1, 1]
    assert of("alexnet", "pad_after", *LAYERS[:5]) == [3, 0, 0, 0, 0]
    assert of("alexnet", "groups", *LAYERS) == [1, 2, 1, 2, 2, 1, 1, 1]
    assert of("alexnet", "units", *LAYERS[5:]) == [4096, 4096, None]
    assert of("alexnet", "std", *LAYERS) == [0.01] * 8
    assert of("alexnet", "bias", *LAYERS) == [0, 1, 0, 1, 1, 1, 1, 0]
    for norm in ("norm1", "norm2"):
        assert rows("alexnet")[norm] == Lrn(norm, size=5, alpha=1e-4, beta=0.75, k=2.0, groups=2)
    for pool in ("pool1", "pool2", "pool5"):
        assert (rows("alexnet")[pool].size, rows("alexnet")[pool].stride) == (3, 2)
        assert rows("alexnet")[pool].kind == "max"
    for drop in ("drop6", "drop7"):
        assert rows("alexnet")[drop] == Dropout(drop, rate=0.5, inverted=False)


# --- the 2012 configurations


OF_145 = [name for name in sorted(ORDERS) if name.startswith("alexnet_14") or name == "alexnet_150"]


@pytest.mark.parametrize("name", [name for name in OF_145 if name != "alexnet_148"])
def test_configurations_normalize_with_the_constants_of_the_2012_source(name):
    """0.0001 / 5 over maps, constant 2; 0.001 / 25 within a map, constant 1; towers apart."""
    for norm in ("norm1", "norm2"):
        row = rows(name)[norm]
        assert (row.size, row.beta, row.k) == (5, 0.75, 2.0)
        assert math.isclose(row.alpha, 2e-5)
        assert row.groups == (1 if name == "alexnet_145_half" else 2)
    spatial = rows(name)["spatial_norm2"]
    assert (spatial.size, spatial.beta, spatial.k) == (5, 0.75, 1.0)
    assert math.isclose(spatial.alpha, 4e-5)


@pytest.mark.parametrize("name", OF_145)
def test_configurations_start_as_layers_145(name):
    deeper = [layer for layer in ("conv3", "conv4", "conv5", "conv6") if layer in rows(name)]
    for row in weighted(NETWORKS[name].table):
        assert row.std == (0.03 if row.name in deeper else 0.01)
        ones = ("conv2", "conv4", "conv5", "conv6", "fc6", "fc7")
        assert row.bias == (1 if row.name in ones else 0)


@pytest.mark.parametrize("name", OF_145)
def test_configurations_drop_out_as_the_paper(name):
    assert all(rows(name)[drop] == Dropout(drop) for drop in ("drop6", "drop7"))


def test_conv1_of_config_145_is_linear_before_its_normalizer():
    net = built(tiny("alexnet_145"), 5, seed=3)
    with torch.inference_mode():
        normalized = net.norm1(net.conv1(pictures(net)))
        assert (normalized < 0).any()
        pooled = net.pool1(normalized)
        assert torch.equal(net.relu1(pooled), pooled.clamp_min(0))
        assert torch.equal(net.forward_intermediates(pictures(net), ["relu1"])["relu1"], pooled.clamp_min(0))


def test_config_145_half_halves_conv1_to_conv4_on_one_gpu():
    assert of("alexnet_145_half", "channels", *LAYERS[:5]) == [48, 128, 192, 192, 256]
    assert of("alexnet_145_half", "units", "fc6", "fc7", "fc8") == [4096, 4096, None]
    assert of("alexnet_145_half", "groups", *LAYERS) == [1] * 8


@pytest.mark.parametrize(("name", "classes"), [("alexnet_146", 10_184), ("alexnet_146_2011", 21_843)])
def test_the_sixth_convolution_sees_both_towers(name, classes):
    expected = Conv("conv6", 256, kernel=3, pad=1, groups=1, std=0.03, bias=1)
    assert rows(name)["conv6"] == expected
    assert NETWORKS[name].num_classes == classes


def test_the_bottleneck_is_linear():
    assert rows("alexnet_146_2011")["bottleneck"] == Linear("bottleneck", 2048, std=0.01, bias=0.0)
    assert names("alexnet_146_2011")[-2:] == ["bottleneck", "fc8"]


def test_config_147_changes_the_padding_with_the_pools():
    for pool in ("pool1", "pool2", "pool5"):
        assert rows("alexnet_147")[pool] == Pool(pool, 2, 2, ceil=True)
    assert of("alexnet_147", "pad", *LAYERS[:5]) == [0, 1, 1, 1, 0]


def differing(name, other):
    return {row.name for row in NETWORKS[name].table if row not in NETWORKS[other].table}


@pytest.mark.parametrize(
    ("name", "base", "changed"),
    [
        ("alexnet_145", "alexnet", {"norm1", "norm2", "spatial_norm2", "conv3", "conv4", "conv5"}),
        ("alexnet_145_half", "alexnet_145", {*LAYERS[:5], "norm1", "norm2"}),
        ("alexnet_146", "alexnet_145", {"conv6", "relu_conv6"}),
        ("alexnet_146_2011", "alexnet_146", {"bottleneck"}),
        ("alexnet_147", "alexnet_145", {"pool1", "pool2", "pool5", "conv2", "conv5"}),
        ("alexnet_148", "alexnet_145", set()),
        ("alexnet_150", "alexnet_145", {"conv2", "conv3", "fc6", "fc7"}),
        ("alexnet_pool2", "alexnet", {"pool1", "pool2", "pool5"}),
        ("alexnet_one_tower", "alexnet", {"conv2", "conv4", "conv5", "norm1", "norm2"}),
        ("alexnet_slide", "alexnet_one_tower", set()),
        ("alexnet_bn", "alexnet", {*LAYERS[:5], "bn1", "bn2", "bn3", "bn4", "bn5"}),
    ],
)
def test_a_variant_differs_from_its_base_in_these_rows_only(name, base, changed):
    assert differing(name, base) == changed


def test_config_150_keeps_each_tower_to_itself():
    assert of("alexnet_150", "channels", *LAYERS[:5]) == [96, 320, 384, 384, 256]
    assert of("alexnet_150", "units", "fc6", "fc7", "fc8") == [8192, 4096, None]
    assert of("alexnet_150", "groups", *LAYERS) == [1, 2, 2, 2, 2, 2, 2, 1]


def test_the_clean_pooling_ablation_keeps_every_map_as_it_was():
    for pool in ("pool1", "pool2", "pool5"):
        assert rows("alexnet_pool2")[pool] == Pool(pool, 2, 2)


# --- later nets


def test_batch_normalization_takes_the_place_of_biases_and_normalizers():
    for number in range(1, 6):
        assert rows("alexnet_bn")[f"conv{number}"].bias is None
        assert rows("alexnet_bn")[f"bn{number}"] == BatchNorm(f"bn{number}")
    assert of("alexnet_bn", "bias", "fc6", "fc7", "fc8") == [1, 1, 0]


def test_the_batch_normalized_net_of_the_large_batches_learns_no_scale_and_starts_no_bias_at_zero():
    """Kernels, strides, fillers and eps of models/alexnet_bn/train_val2_fp16.prototxt."""
    name = "alexnet_bn_caffe"
    assert differing(name, "alexnet_caffe") == {*LAYERS[:5], "fc8", "bn2", "bn3", "bn4", "bn5"}
    for number in range(2, 6):
        assert rows(name)[f"bn{number}"] == BatchNorm(f"bn{number}", epsilon=1e-4, affine=False)
    assert of(name, "bias", *LAYERS) == [0.01] * 5 + [0.1, 0.1, 0.01]
    assert of(name, "std", *LAYERS) == [0.01] * 5 + [0.005, 0.005, 0.01]
    net = built(tiny(name), 4)
    assert not any("bn" in parameter for parameter, _ in net.named_parameters())


@pytest.mark.parametrize(("name", "bias"), [("alexnet_caffe", 0.1), ("caffenet", 1)])
def test_caffes_nets_have_caffes_constants(name, bias):
    assert NETWORKS[name].input_shape == (3, 227, 227)
    assert of(name, "pad_after", *LAYERS[:5]) == [0] * 5
    assert of(name, "groups", *LAYERS[:5]) == [1, 2, 1, 2, 2]
    for norm in ("norm1", "norm2"):
        row = rows(name)[norm]
        assert (row.size, row.beta, row.k, row.groups) == (5, 0.75, 1.0, 1)
        assert math.isclose(row.alpha, 1e-4 / 5)
    assert all(rows(name)[drop] == Dropout(drop, 0.5, inverted=True) for drop in ("drop6", "drop7"))
    assert of(name, "std", *LAYERS) == [0.01] * 5 + [0.005, 0.005, 0.01]
    assert of(name, "bias", *LAYERS) == [0, bias, 0, bias, bias, bias, bias, 0]


def test_one_weird_tricks_tower_is_torchvisions():
    assert of("alexnet_owt", "channels", *LAYERS[:5]) == [64, 192, 384, 256, 256]
    assert of("alexnet_owt", "pad", *LAYERS[:5]) == [2, 2, 1, 1, 1]
    assert of("alexnet_owt", "groups", *LAYERS) == [1] * 8
    assert of("alexnet_owt", "units", "fc6", "fc7", "fc8") == [4096, 4096, None]
    assert rows("alexnet_owt")["conv1"].pad_after == 0
    assert all(rows("alexnet_owt")[drop].inverted for drop in ("drop6", "drop7"))


def test_zeiler_and_fergus_look_closer_at_the_picture():
    conv1, conv2 = rows("zfnet")["conv1"], rows("zfnet")["conv2"]
    assert (conv1.kernel, conv1.stride, conv2.kernel, conv2.stride) == (7, 2, 5, 2)
    assert of("zfnet", "groups", *LAYERS) == [1] * 8


def test_the_paper_and_config_145_are_the_catalogs():
    assert NETWORKS["alexnet"] is ALEXNET and NETWORKS["alexnet_145"] is ALEXNET_145
    assert not any(isinstance(row, SpatialNorm) for row in ALEXNET.table)
