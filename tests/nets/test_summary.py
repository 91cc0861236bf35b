"""The summary of a table against what the built network does: shapes, work, windows, and traffic between towers."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import built, of_rows, pictures, small, tiny

from alexnet.nets.alexnet import ALEXNET
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.layers import PartialConvolution, RbfOutput, Subsampling
from alexnet.nets.network import Network
from alexnet.nets.rows import BatchNorm, Conv, Linear, LocalConv, PartialConv, Pool, Rbf, Subsample, Weighted
from alexnet.nets.shapes import output_shape
from alexnet.nets.summary import summarize
from alexnet.nets.tables import change

SHAPES = {
    "alexnet": {
        "conv1": (96, 55, 55), "pool1": (96, 27, 27), "conv2": (256, 27, 27), "pool2": (256, 13, 13),
        "conv3": (384, 13, 13), "conv4": (384, 13, 13), "conv5": (256, 13, 13), "pool5": (256, 6, 6),
        "fc6": (4096,), "fc7": (4096,), "fc8": (1000,),
    },
    "alexnet_145_half": {
        "conv1": (48, 55, 55), "conv2": (128, 27, 27), "conv3": (192, 13, 13), "conv4": (192, 13, 13),
        "conv5": (256, 13, 13), "pool5": (256, 6, 6), "fc6": (4096,), "fc7": (4096,), "fc8": (1000,),
    },
    "alexnet_146": {"pool5": (256, 6, 6), "conv6": (256, 6, 6), "fc6": (4096,), "fc8": (10_184,)},
    "alexnet_146_2011": {"conv6": (256, 6, 6), "fc7": (4096,), "bottleneck": (2048,), "fc8": (21_843,)},
    "alexnet_147": {
        "conv1": (96, 55, 55), "pool1": (96, 28, 28), "conv2": (256, 26, 26), "pool2": (256, 13, 13),
        "conv3": (384, 13, 13), "conv4": (384, 13, 13), "conv5": (256, 11, 11), "pool5": (256, 6, 6),
    },
    "alexnet_pool2": {"pool1": (96, 27, 27), "pool2": (256, 13, 13), "pool5": (256, 6, 6)},
    "alexnet_caffe": {"conv1": (96, 55, 55), "pool1": (96, 27, 27), "pool2": (256, 13, 13), "pool5": (256, 6, 6)},
    "alexnet_owt": {
        "conv1": (64, 55, 55), "conv2": (192, 27, 27), "conv3": (384, 13, 13), "conv4": (256, 13, 13),
        "conv5": (256, 13, 13), "pool5": (256, 6, 6),
    },
    "zfnet": {
        "conv1": (96, 110, 110), "pool1": (96, 55, 55), "conv2": (256, 26, 26), "pool2": (256, 13, 13),
        "conv3": (384, 13, 13), "conv5": (256, 13, 13), "pool5": (256, 6, 6),
    },
    "cifar10_18pct": {"pool1": (32, 16, 16), "pool2": (32, 8, 8), "pool3": (64, 4, 4), "fc10": (10,)},
    "cifar10_11pct": {"pool1": (64, 12, 12), "pool2": (64, 6, 6), "local3": (64, 6, 6), "local4": (32, 6, 6)},
    "lenet1": {"h1": (4, 24, 24), "h2": (4, 12, 12), "h3": (12, 8, 8), "h4": (12, 4, 4), "output": (10,)},
    "lenet5": {
        "c1": (6, 28, 28), "s2": (6, 14, 14), "c3": (16, 10, 10), "s4": (16, 5, 5), "c5": (120, 1, 1),
        "f6": (84,), "output": (10,),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_layers_have_their_published_shapes(name):
    spec = NETWORKS[name]
    shapes = {r.row.name: r.output_shape for r in summarize(spec.table, spec.input_shape, spec.num_classes)}
    assert {layer: shapes[layer] for layer in SHAPES[name]} == SHAPES[name]


def work_of(layer, x, y):
    """Multiply-accumulates of one image, from the tensors that a layer holds and the maps that it reads and gives."""
    match layer:
        case PartialConvolution():
            return layer.weight.numel() * y[0, 0].numel()
        case Subsampling():
            return y[0].numel()
        case RbfOutput():
            return x[0].numel() * y[0].numel()
    if layer.weight.shape[0] == y.shape[1]:
        return layer.weight[0].numel() * y[0].numel()
    return layer.weight.numel()  # of unshared weights, each is used once


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_layers_output_is_what_the_summary_says(name):
    net = built(tiny(name), 7)
    rows = summarize(net.table, net.input_shape, 7)
    x = pictures(net)
    with torch.inference_mode():
        for row, layer in zip(rows, net, strict=True):
            before, x = x, layer(x)
            assert tuple(x.shape[1:]) == row.output_shape
            assert row.parameters == sum(p.numel() for p in layer.parameters())
            counts = isinstance(row.row, Weighted | Rbf)
            assert row.neurons == (x[0].numel() if counts else 0)
            assert row.macs == (work_of(layer, before, x) if counts else 0)
    assert x.shape == (2, 7)


# --- receptive fields

FIELDS = {
    "alexnet": {"conv1": 11, "pool1": 19, "conv2": 51, "pool2": 67, "conv3": 99, "conv5": 163, "fc6": 355},
    "alexnet_146": {"pool5": 195, "conv6": 259, "fc6": 419},
    "lenet5": {"c1": 5, "s2": 6, "c3": 14, "s4": 16, "c5": 32, "output": 32},
}


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_receptive_fields_are_what_arithmetic_gives(name):
    spec = NETWORKS[name]
    fields = {r.row.name: r.receptive_field for r in summarize(spec.table, spec.input_shape, 10)}
    assert {layer: fields[layer] for layer in FIELDS[name]} == FIELDS[name]


def windows_only(name):
    """The network's windows without borders: nothing padded, every weight 1, means for maxima.

    Its input is as large as the field of the first full layer, which then reads as many places as in the network.
    """
    spec = NETWORKS[name]
    rows = summarize(spec.table, spec.input_shape, spec.num_classes)
    last = next((i for i, r in enumerate(rows) if isinstance(r.row, Linear | Rbf)), len(rows))
    table = []
    for row in small(spec, 16 if spec.input_shape[0] == 3 else 1).table[: last + 1]:
        match row:
            case Conv():
                table.append(replace(row, pad=0, pad_after=0))
            case LocalConv():
                table.append(replace(row, pad=0))
            case Pool():
                table.append(replace(row, kind="average", ceil=False))
            case PartialConv() | Subsample() | Linear():
                table.append(row)
    side = rows[last].receptive_field
    return of_rows(*table, input_shape=(spec.input_shape[0], side, side)), rows


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_receptive_field_is_the_square_of_pixels_with_a_gradient(name):
    spec, expected = windows_only(name)
    net = Network(spec, 3).eval()
    for parameter in net.parameters():
        torch.nn.init.ones_(parameter)
    fields = {row.row.name: row.receptive_field for row in expected}
    image = torch.ones(1, *spec.input_shape, requires_grad=True)
    outputs = net.forward_intermediates(image, [row.name for row in spec.table])
    for row, (layer, maps) in zip(spec.table, outputs.items(), strict=True):
        first = maps.flatten(2)[..., 0].sum() if maps.ndim == 4 else maps.sum()
        (gradient,) = torch.autograd.grad(first, image, retain_graph=True)
        seen = gradient[0, 0].nonzero()
        side = fields[layer]
        assert seen.min() == 0 and (seen.max() + 1, len(seen)) == (side, side**2), (row, layer)
    by_name = {row.row.name: row.output_shape for row in expected}
    for row, below in zip(spec.table[1:], spec.table, strict=False):
        if isinstance(row, Linear):
            assert outputs[below.name].shape[2:] == by_name[below.name][1:]


# --- traffic between the towers


def read_across(layer, x):
    """How many values of one image the other half of a layer's outputs depends on."""
    x = x.detach().requires_grad_()
    count = 0
    for own in (0, 1):
        half = layer(x).chunk(2, 1)[own].sum()
        (gradient,) = torch.autograd.grad(half, x)
        count += int(gradient.chunk(2, 1)[1 - own].count_nonzero())
    return count


TWO_TOWERS = {
    "alexnet": ["conv3", "fc6", "fc7", "fc8"],
    "alexnet_145": ["conv3", "fc6", "fc7", "fc8"],
    "alexnet_146": ["conv3", "conv6", "fc6", "fc7", "fc8"],
    "alexnet_146_2011": ["conv3", "conv6", "fc6", "fc7", "bottleneck", "fc8"],
    "alexnet_147": ["conv3", "fc6", "fc7", "fc8"],
    "alexnet_148": ["conv3", "fc6", "fc7", "fc8"],
    "alexnet_150": ["fc8"],
    "alexnet_bn": ["conv3", "fc6", "fc7", "fc8"],
    "alexnet_bn_caffe": ["conv3", "fc6", "fc7", "fc8"],
    "alexnet_pool2": ["conv3", "fc6", "fc7", "fc8"],
    "alexnet_small": ["conv3", "fc6", "fc7", "fc8"],
    "alexnet_small_63": ["conv3", "fc6", "fc7", "fc8"],
}
"""Caffe's nets are left out: their normalizers, on one device, run over the seam, which is not counted."""


@pytest.mark.parametrize("name", sorted(TWO_TOWERS))
def test_towers_read_of_each_other_what_the_summary_says_and_nothing_else(name):
    net = built(tiny(name), 8)
    rows = summarize(net.table, net.input_shape, 8)
    assert [row.row.name for row in rows if row.crossing] == TWO_TOWERS[name]
    x = net[0](pictures(net, 1))
    for row, layer in list(zip(rows, net, strict=True))[1:]:
        assert read_across(layer, x) == row.crossing, row.row.name
        x = layer(x)


def test_the_papers_towers_exchange_so_many_values():
    rows = summarize(ALEXNET.table, ALEXNET.input_shape, 1000)
    crossing = {row.row.name: row.crossing for row in rows if row.crossing}
    assert crossing == {"conv3": 256 * 13 * 13, "fc6": 9216, "fc7": 4096, "fc8": 4096}


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {*TWO_TOWERS, "alexnet_caffe", "caffenet"}))
def test_one_tower_has_nobody_to_talk_to(name):
    spec = NETWORKS[name]
    assert not any(row.crossing for row in summarize(spec.table, spec.input_shape, spec.num_classes))


# --- sizes of pooled maps


@given(
    size=st.integers(1, 4),
    stride=st.integers(1, 4),
    side=st.integers(1, 12),
    ceil=st.booleans(),
    kind=st.sampled_from(["max", "average"]),
)
@settings(max_examples=200, deadline=None)
def test_pooled_sizes_are_torchs(size, stride, side, ceil, kind):
    row = Pool("pool", size, stride, kind, ceil=ceil)
    pool = (torch.nn.MaxPool2d if kind == "max" else torch.nn.AvgPool2d)(size, stride, ceil_mode=ceil)
    try:
        expected = tuple(pool(torch.ones(1, 1, side, side)).shape[1:])
    except RuntimeError:
        with pytest.raises(ValueError, match=r"pool: a .* window does not fit"):
            output_shape(row, (1, side, side), 1)
    else:
        assert output_shape(row, (1, side, side), 1) == expected


@pytest.mark.parametrize("ceil", [False, True])
def test_overlapping_pools_of_the_papers_net_divide_without_a_rest(ceil):
    table = change(ALEXNET.table, "pool1", "pool2", "pool5", ceil=ceil)
    shapes = [r.output_shape for r in summarize(table, (3, 224, 224), 10) if isinstance(r.row, Pool)]
    assert [shape[1] for shape in shapes] == [27, 13, 6]


# --- tables that do not fit


def test_a_kernel_that_does_not_fit_is_refused_by_name():
    with pytest.raises(ValueError, match="conv1: a 11 x 11 kernel does not fit into 7 pixels"):
        summarize(ALEXNET.table, (3, 7, 7), 1000)


def test_channels_that_do_not_split_are_refused_by_name():
    with pytest.raises(ValueError, match="norm1: 95 -> 95 channels do not split into 2"):
        summarize(change(ALEXNET.table, "conv1", channels=95), (3, 224, 224), 1000)


def test_units_that_do_not_split_are_refused_by_name():
    with pytest.raises(ValueError, match="fc6: 9216 -> 4095 channels do not split into 2"):
        summarize(change(ALEXNET.table, "fc6", units=4095, groups=2), (3, 224, 224), 1000)


def test_a_link_to_a_map_that_is_not_there_is_refused_by_name():
    table = change(NETWORKS["lenet5"].table, "c1", channels=5)
    with pytest.raises(ValueError, match="c3: a link reads map 5, but there are 5"):
        summarize(table, (1, 32, 32), 10)


def test_batch_normalization_changes_no_shape():
    assert output_shape(BatchNorm("bn"), (4, 3, 2), 10) == (4, 3, 2)


@pytest.mark.parametrize("shape", [(3, 5, 9), (3, 9, 5)])
def test_oblong_maps_have_torchs_shapes(shape):
    spec = of_rows(
        Conv("conv", 4, 3, stride=2, pad=1),
        LocalConv("local", 5, 2, pad=1),
        PartialConv("partial", ((0, 4), (1,)), 2),
        Subsample("subsample"),
        input_shape=shape,
    )
    net = built(spec)
    x = pictures(net)
    for row in summarize(spec.table, shape, 3):
        x = net.get_submodule(row.row.name)(x)
        assert tuple(x.shape[1:]) == row.output_shape
