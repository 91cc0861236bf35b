"""Parameters, multiply-accumulates, neurons and connections: published figures against summary and built network."""

from math import prod

import pytest
import torch
from small_networks import of_rows

from alexnet.nets.catalog import NETWORKS
from alexnet.nets.network import Network
from alexnet.nets.rows import Activation, BatchNorm, Linear, LocalConv, Lrn, Pool
from alexnet.nets.summary import summarize

ALEXNETS = {
    "alexnet": (60_965_224, 724_406_816, 659_272),
    "alexnet_145": (60_965_224, 724_406_816, 659_272),
    "alexnet_145_half": (59_798_312, 391_514_384, 355_864),
    "alexnet_146": (99_182_152, 783_258_144, 677_672),
    "alexnet_146_2011": (110_605_267, 794_667_552, 691_379),
    "alexnet_147": (60_965_224, 686_891_552, 633_416),
    "alexnet_148": (60_965_224, 724_406_816, 659_272),
    "alexnet_150": (60_714_408, 724_323_872, 710_024),
    "alexnet_pool2": (60_965_224, 724_406_816, 659_272),
    "alexnet_one_tower": (62_378_344, 1_135_256_096, 659_272),
    "alexnet_slide": (45_597_032, 1_118_478_880, 655_176),
    "alexnet_bn": (60_966_600, 724_406_816, 659_272),
    "alexnet_caffe": (60_965_224, 724_406_816, 659_272),
    "caffenet": (60_965_224, 724_406_816, 659_272),
    "alexnet_bn_caffe": (60_965_224, 724_406_816, 659_272),
    "alexnet_owt": (61_100_840, 714_188_480, 494_184),
    "alexnet_small": (715_978, 14_724_960, 58_730),
    "alexnet_small_63": (2_026_698, 63_993_696, 247_146),
    "zfnet": (62_357_608, 1_168_032_896, 1_516_904),
}
"""Parameters, multiply-accumulates and neurons."""

SMALL_NETS = {
    "cifar10_80sec": 145_578,
    "cifar10_19pct": 89_578,
    "cifar10_18pct": 89_578,
    "cifar10_13pct": 1_116_490,
    "cifar10_11pct": 2_112_970,
    "lenet1": 2_578,
    "lenet5": 60_000,
    "lenet5_modern": 61_706,
    "one_hidden_layer": 3_157_002,
    "shallow_conv": 15_114,
}
"""Parameters."""

LAYERS = {
    "conv1": (34_848, 96, 105_415_200, 290_400, 0.057, 14.55),
    "conv2": (307_200, 256, 223_948_800, 186_624, 0.504, 30.91),
    "conv3": (884_736, 384, 149_520_384, 64_896, 1.452, 20.64),
    "conv4": (663_552, 384, 112_140_288, 64_896, 1.089, 15.48),
    "conv5": (442_368, 256, 74_760_192, 43_264, 0.726, 10.32),
    "fc6": (37_748_736, 4096, 37_748_736, 4096, 61.925, 5.21),
    "fc7": (16_777_216, 4096, 16_777_216, 4096, 27.526, 2.32),
    "fc8": (4_096_000, 1000, 4_096_000, 1000, 6.720, 0.57),
}
"""The paper's net: weights, biases, multiply-accumulates, neurons, percent of the parameters and of the work."""

LENETS = {
    "lenet1": {
        "h1": (104, 59_904),
        "h2": (8, 2_880),
        "h3": (512, 32_768),
        "h4": (24, 960),
        "output": (1_930, 1_930),
    },
    "lenet5": {
        "c1": (156, 122_304),
        "s2": (12, 5_880),
        "c3": (1_516, 151_600),
        "s4": (32, 2_000),
        "c5": (48_120, 48_120),
        "f6": (10_164, 10_164),
        "output": (0, 840),
    },
}
"""Trainable parameters and connections (LeCun et al. 1990, 1998)."""


def summary(name, num_classes=None):
    spec = NETWORKS[name]
    return summarize(spec.table, spec.input_shape, spec.num_classes if num_classes is None else num_classes)


def total(rows, field):
    return sum(getattr(row, field) for row in rows)


def parameters_of(name, num_classes=None):
    """Trainable parameters of the network as built, by name."""
    spec = NETWORKS[name]
    with torch.device("meta"):
        net = Network(spec, spec.num_classes if num_classes is None else num_classes)
    return {name: p.numel() for name, p in net.named_parameters() if p.requires_grad}


def test_every_network_of_the_catalog_is_counted_here():
    assert set(NETWORKS) == {*ALEXNETS, *SMALL_NETS}


@pytest.mark.parametrize("name", sorted(ALEXNETS))
def test_an_alexnet_has_its_published_counts(name):
    parameters, macs, neurons = ALEXNETS[name]
    rows = summary(name)
    assert total(rows, "parameters") == sum(parameters_of(name).values()) == parameters
    assert (total(rows, "macs"), total(rows, "neurons")) == (macs, neurons)


@pytest.mark.parametrize("name", sorted(SMALL_NETS))
def test_a_small_network_has_its_published_number_of_parameters(name):
    assert total(summary(name), "parameters") == sum(parameters_of(name).values()) == SMALL_NETS[name]


@pytest.mark.parametrize("name", ["alexnet", "alexnet_145", "alexnet_148", "alexnet_pool2", "alexnet_caffe"])
def test_every_layer_of_the_papers_net_has_its_published_counts(name):
    built = parameters_of(name)
    counted = {row.row.name: row for row in summary(name) if row.parameters}
    assert counted.keys() == LAYERS.keys()
    for layer, (weights, biases, macs, neurons, _, _) in LAYERS.items():
        assert (built[f"{layer}.weight"], built[f"{layer}.bias"]) == (weights, biases)
        row = counted[layer]
        assert (row.parameters, row.macs, row.neurons) == (weights + biases, macs, neurons)


def test_most_parameters_are_in_the_full_layers_and_most_work_in_the_convolutions():
    """conv3 and conv4 hold more than 1 % each, where section 1 of the paper says that no convolution does."""
    rows = {row.row.name: row for row in summary("alexnet") if row.parameters}
    for layer, (*_, parameters, macs) in LAYERS.items():
        assert round(100 * rows[layer].parameters / 60_965_224, 3) == parameters
        assert round(100 * rows[layer].macs / 724_406_816, 2) == macs


def test_weights_and_biases_add_up_to_the_published_totals():
    built = parameters_of("alexnet")
    assert sum(count for name, count in built.items() if name.endswith("weight")) == 60_954_656
    assert sum(count for name, count in built.items() if name.endswith("bias")) == 10_568


def test_a_sixth_convolution_adds_590_080_parameters():
    rows = summary("alexnet_146", 1000)
    assert total(rows, "parameters") == sum(parameters_of("alexnet_146", 1000).values()) == 61_555_304
    assert total(rows, "macs") == 745_640_480
    assert {row.row.name: row.parameters for row in rows}["conv6"] == 590_080


def test_one_tower_doubles_the_weights_of_the_split_convolutions():
    counted = {row.row.name: row.parameters for row in summary("alexnet_one_tower")}
    assert [counted[name] for name in ("conv2", "conv4", "conv5")] == [614_656, 1_327_488, 884_992]


def test_without_communication_each_tower_is_wider():
    built = parameters_of("alexnet_150")
    assert built["conv2.weight"] == 2 * 160 * 48 * 25
    assert built["fc6.weight"] == 2 * 4096 * (6 * 6 * 128)
    assert built["fc7.weight"] == 2 * 2048 * 4096
    assert built["fc8.weight"] == 1000 * 4096


def test_batch_normalization_trades_the_convolutions_biases_for_scales_and_shifts():
    built = parameters_of("alexnet_bn")
    maps = dict(conv1=96, conv2=256, conv3=384, conv4=384, conv5=256)
    for number, count in enumerate(maps.values(), start=1):
        assert f"conv{number}.bias" not in built
        assert built[f"bn{number}.weight"] == built[f"bn{number}.bias"] == count
    assert sum(built.values()) == 60_965_224 + sum(maps.values())


@pytest.mark.parametrize("name", ["cifar10_13pct", "cifar10_11pct"])
def test_unshared_weights_are_counted_at_every_place(name):
    built, rows = parameters_of(name), {row.row.name: row for row in summary(name)}
    maps = {"cifar10_13pct": 32, "cifar10_11pct": 64}[name]
    assert built["local3.weight"] == 36 * maps * 64 * 9 and built["local3.bias"] == 36 * maps
    assert built["local4.weight"] == 36 * 32 * maps * 9 and built["local4.bias"] == 36 * 32
    for layer in ("local3", "local4"):
        assert rows[layer].parameters == built[f"{layer}.weight"] + built[f"{layer}.bias"]
        assert rows[layer].macs == built[f"{layer}.weight"]


# --- LeNet, whose papers count connections


@pytest.mark.parametrize("name", sorted(LENETS))
def test_every_layer_of_lenet_has_its_published_parameters_and_connections(name):
    built = parameters_of(name)
    counted = {row.row.name: row for row in summary(name) if row.connections}
    assert {layer: (row.parameters, row.connections) for layer, row in counted.items()} == LENETS[name]
    for layer, (parameters, _) in LENETS[name].items():
        assert sum(count for key, count in built.items() if key.startswith(f"{layer}.")) == parameters


@pytest.mark.parametrize(("name", "connections"), [("lenet1", 98_442), ("lenet5", 340_908)])
def test_lenet_has_its_published_number_of_connections(name, connections):
    assert total(summary(name), "connections") == connections


def test_lenet_1_has_its_published_number_of_units():
    """4635: those of its layers, the pixels, and one more, the constant unit that biases come from."""
    assert total(summary("lenet1"), "neurons") + 28 * 28 + 1 == 4635


def test_connections_are_multiply_accumulates_and_one_bias_a_neuron():
    rows = summary("alexnet")
    assert total(rows, "connections") == 724_406_816 + 659_272
    bare = {row.row.name: row for row in summary("alexnet_bn")}["conv1"]
    assert bare.connections == bare.macs == 105_415_200


# --- rows on their own


def test_rows_without_weights_count_nothing():
    table = (Lrn("norm"), Activation("relu"), Pool("pool", 2, 2), Linear("fc", None))
    rows = summarize(table, (4, 8, 8), 3)
    assert [(r.parameters, r.macs, r.neurons, r.connections) for r in rows[:3]] == [(0, 0, 0, 0)] * 3
    assert (rows[3].parameters, rows[3].macs) == (4 * 16 * 3 + 3, 4 * 16 * 3)


def test_batch_normalization_has_parameters_and_no_neurons():
    (row,) = summarize((BatchNorm("bn"),), (4, 8, 8), 3)
    assert (row.parameters, row.macs, row.neurons, row.connections) == (8, 0, 0, 0)


def test_towers_divide_the_weights_of_a_full_layer():
    (row,) = summarize((Linear("fc", 6, groups=2),), (4, 3, 3), 3)
    assert (row.parameters, row.macs, row.neurons) == (6 * 18 + 6, 6 * 18, 6)


def test_a_local_convolution_of_an_oblong_map_is_counted_by_place():
    spec = of_rows(LocalConv("local", 2, 3, pad=1), input_shape=(3, 4, 6))
    (row,) = summarize(spec.table, spec.input_shape, 3)
    with torch.device("meta"):
        net = Network(spec, 3)
    assert row.parameters == sum(prod(p.shape) for p in net.parameters()) == 24 * (2 * 27 + 2)
