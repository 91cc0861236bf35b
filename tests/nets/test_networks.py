"""The networks: shapes and counts against published figures, and against what torch really computes."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import small

from alexnet.core.keys import Key
from alexnet.nets.alexnet import ALEXNET, ALEXNET_145
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.network import Network, initialize
from alexnet.nets.rows import Activation, Linear, Lrn, NetSpec, Pool, change, without
from alexnet.nets.summary import output_shape, summarize

PUBLISHED = {
    "conv1": (34_848 + 96, 105_415_200, 290_400),
    "conv2": (307_200 + 256, 223_948_800, 186_624),
    "conv3": (884_736 + 384, 149_520_384, 64_896),
    "conv4": (663_552 + 384, 112_140_288, 64_896),
    "conv5": (442_368 + 256, 74_760_192, 43_264),
    "fc6": (37_748_736 + 4096, 37_748_736, 4096),
    "fc7": (16_777_216 + 4096, 16_777_216, 4096),
    "fc8": (4_096_000 + 1000, 4_096_000, 1000),
}
"""Parameters, multiply-accumulates and neurons, worked out from the paper's section 3.5."""

SHAPES = {
    "conv1": (96, 55, 55),
    "pool1": (96, 27, 27),
    "conv2": (256, 27, 27),
    "pool2": (256, 13, 13),
    "conv3": (384, 13, 13),
    "conv4": (384, 13, 13),
    "conv5": (256, 13, 13),
    "pool5": (256, 6, 6),
    "fc6": (4096,),
    "fc7": (4096,),
    "fc8": (1000,),
}


@pytest.fixture(scope="module")
def alexnet() -> Network:
    net = Network(ALEXNET, 1000)
    initialize(net, net.table, Key.from_seed(0))
    return net.eval()


@pytest.mark.parametrize("spec", [ALEXNET, ALEXNET_145], ids=lambda spec: spec.name)
def test_every_layer_of_alexnet_has_its_published_counts(spec):
    rows = summarize(spec.table, spec.input_shape, 1000)
    counted = {r.row.name: (r.parameters, r.macs, r.neurons) for r in rows if r.parameters}
    assert counted == PUBLISHED
    assert sum(r.parameters for r in rows) == 60_965_224
    assert sum(r.macs for r in rows) == 724_406_816
    assert sum(r.neurons for r in rows) == 659_272


def test_every_layer_of_alexnet_has_its_published_shape():
    shapes = {r.row.name: r.output_shape for r in summarize(ALEXNET.table, ALEXNET.input_shape, 1000)}
    assert {name: shapes[name] for name in SHAPES} == SHAPES


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("alexnet", 60_965_224),
        ("alexnet_145", 60_965_224),
        ("cifar10_18pct", 89_578),
        ("lenet5_modern", 61_706),
    ],
)
def test_the_built_network_has_the_published_number_of_parameters(name, parameters):
    spec = NETWORKS[name]
    with torch.device("meta"):
        net = Network(spec, spec.num_classes)
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert sum(r.parameters for r in summarize(spec.table, spec.input_shape, spec.num_classes)) == parameters


def test_parameter_names_are_the_layers_names():
    with torch.device("meta"):
        names = [name for name, _ in Network(ALEXNET, 1000).named_parameters()]
    layers = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    assert names == [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]


def test_parameters_have_the_shapes_of_the_two_towers():
    with torch.device("meta"):
        shapes = {name: tuple(p.shape) for name, p in Network(ALEXNET, 1000).named_parameters()}
    assert shapes["conv1.weight"] == (96, 3, 11, 11)
    assert shapes["conv2.weight"] == (256, 48, 5, 5)
    assert shapes["conv3.weight"] == (384, 256, 3, 3)
    assert shapes["conv4.weight"] == (384, 192, 3, 3)
    assert shapes["conv5.weight"] == (256, 192, 3, 3)
    assert shapes["fc6.weight"] == (4096, 9216)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_layers_output_is_what_the_summary_says(name):
    """Multiply-accumulates are counted from what torch computed: weights read per output, times outputs."""
    spec = small(NETWORKS[name], 2 if name.startswith(("lenet", "cifar")) else 16)
    net = Network(spec, 7).eval()
    initialize(net, net.table, Key.from_seed(1))
    x = torch.randn(2, *spec.input_shape, generator=torch.Generator().manual_seed(0))
    rows = summarize(spec.table, spec.input_shape, 7)
    assert [r.row.name for r in rows] == [n for n, _ in net.named_children()]
    with torch.inference_mode():
        for row, layer in zip(rows, net, strict=True):
            x = layer(x)
            assert tuple(x.shape[1:]) == row.output_shape
            weights = dict(layer.named_parameters()).get("weight")
            if weights is not None:
                assert row.neurons == x[0].numel()
                assert row.macs == weights[0].numel() * x[0].numel()
                assert row.parameters == sum(p.numel() for p in layer.parameters())
    assert x.shape == (2, 7)


def test_alexnet_maps_a_batch_to_a_thousand_logits(alexnet):
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits = alexnet(x)
        features = alexnet.forward_features(x)
        torch.testing.assert_close(alexnet.fc8(features), logits)
    assert logits.shape == (2, 1000) and features.shape == (2, 4096)
    assert torch.isfinite(logits).all() and logits.std() > 0


@pytest.mark.parametrize("name", ["cifar10_18pct", "lenet5_modern"])
def test_features_are_vectors_that_the_last_layer_reads(name):
    net = Network(NETWORKS[name], 10).eval()
    initialize(net, net.table, Key.from_seed(1))
    x = torch.randn(2, *net.input_shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = net.forward_features(x)
        assert features.shape == (2, net.get_submodule(net.classifier_name).in_features)
        assert torch.equal(net.get_submodule(net.classifier_name)(features), net(x))


def test_cifar_pools_take_the_ceiling():
    rows = summarize(NETWORKS["cifar10_18pct"].table, (3, 32, 32), 10)
    assert [r.output_shape[1] for r in rows if isinstance(r.row, Pool)] == [16, 8, 4]


def test_the_cifar_network_has_the_order_and_constants_of_its_source():
    """layers-18pct.cfg: the first ReLU behind the pool, the normalizers 3 x 3 with 5e-5 and constant 1."""
    table = NETWORKS["cifar10_18pct"].table
    assert [row.name for row in table] == [
        "conv1", "pool1", "relu1", "norm1", "conv2", "relu2", "pool2", "norm2", "conv3", "relu3", "pool3", "fc10",
    ]  # fmt: skip
    rows = {row.name: row for row in table}
    for name in ("norm1", "norm2"):
        assert (rows[name].size, rows[name].beta, rows[name].k) == (3, 0.75, 1.0)
        assert math.isclose(9 * rows[name].alpha, 5e-5)
    assert [rows[f"pool{n}"].kind for n in (1, 2, 3)] == ["max", "average", "average"]


def test_a_hanging_average_window_divides_by_the_pixels_it_covers():
    spec = NetSpec(
        name="pool",
        table=(Pool("pool", 3, 2, "average", ceil=True),),
        input_shape=(1, 4, 4),
        num_classes=1,
        source="",
    )
    x = torch.arange(16.0).view(1, 1, 4, 4)
    expected = [[x[0, 0, r, c].mean() for c in (slice(0, 3), slice(2, 4))] for r in (slice(0, 3), slice(2, 4))]
    assert torch.equal(Network(spec, 1)(x)[0, 0], torch.tensor(expected))


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
    spec = NetSpec(name="pool", table=(row,), input_shape=(1, side, side), num_classes=1, source="")
    try:
        expected = tuple(
            Network(replace(spec, table=()), 1).append(_pool(row))(torch.ones(1, 1, side, side)).shape[1:]
        )
    except RuntimeError:
        with pytest.raises(ValueError, match=r"pool: a .* window does not fit"):
            output_shape(row, (1, side, side), 1)
    else:
        assert output_shape(row, (1, side, side), 1) == expected


def _pool(row):
    kind = torch.nn.MaxPool2d if row.kind == "max" else torch.nn.AvgPool2d
    return kind(row.size, row.stride, ceil_mode=row.ceil)


def test_a_kernel_that_does_not_fit_is_refused_by_name():
    with pytest.raises(ValueError, match="conv1: a 11 x 11 kernel does not fit into 7 pixels"):
        summarize(ALEXNET.table, (3, 7, 7), 1000)


def test_channels_that_do_not_split_are_refused_by_name():
    with pytest.raises(ValueError, match="conv2: 95 -> 256 channels do not split into 2"):
        summarize(change(ALEXNET.table, "conv1", channels=95), (3, 224, 224), 1000)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("relu", lambda x: x.clamp_min(0)),
        ("tanh", torch.tanh),
        ("abs_tanh", lambda x: torch.tanh(x).abs()),
        ("sigmoid", lambda x: 1 / (1 + torch.exp(-x))),
        ("scaled_tanh", lambda x: 1.7159 * torch.tanh(2 * x / 3)),
    ],
)
def test_activations_are_their_formulas(kind, expected):
    spec = NetSpec(name="a", table=(Activation("a", kind),), input_shape=(1, 3, 3), num_classes=1, source="")
    x = torch.linspace(-4, 4, 9, dtype=torch.float64).view(1, 1, 3, 3)
    torch.testing.assert_close(Network(spec, 1)(x), expected(x))


# --- the last layer


@pytest.mark.parametrize("name", ["cifar10_18pct", "lenet5_modern"])
def test_a_new_classifier_has_its_classes_and_leaves_the_rest(name):
    net = Network(NETWORKS[name], 10).eval()
    initialize(net, net.table, Key.from_seed(1))
    before = {n: p.clone() for n, p in net.named_parameters()}
    net.reset_classifier(4, Key.from_seed(9))
    last = net.classifier_name
    assert net(torch.zeros(2, *net.input_shape)).shape == (2, 4)
    assert net.num_classes == 4
    for n, p in net.named_parameters():
        assert (n.startswith(last) and p.shape[0] == 4) or torch.equal(p, before[n])
    kept = net.get_submodule(last).weight.clone()
    net.reset_classifier(4, Key.from_seed(9))
    assert torch.equal(net.get_submodule(last).weight, kept)
    net.reset_classifier(4, Key.from_seed(10))
    assert not torch.equal(net.get_submodule(last).weight, kept)


def test_a_new_classifier_keeps_type_and_starting_values():
    net = Network(small(ALEXNET, 16), 1000).double()
    net.reset_classifier(50, Key.from_seed(0))
    assert net.fc8.weight.dtype == torch.float64
    assert abs(float(net.fc8.weight.detach().std()) / 0.01 - 1) < 5 / (2 * net.fc8.weight.numel()) ** 0.5
    assert not net.fc8.bias.any()


def test_removing_rows_gives_the_published_ablations_counts():
    """Without conv groups the net has 62,378,344 parameters and 1,135,256,096 multiply-accumulates."""
    table = ALEXNET.table
    for name in ("conv2", "conv4", "conv5"):
        table = change(table, name, groups=1)
    rows = summarize(without(table, "norm1", "norm2"), (3, 224, 224), 1000)
    assert sum(r.parameters for r in rows) == 62_378_344
    assert sum(r.macs for r in rows) == 1_135_256_096


def test_the_two_gpu_network_halves_to_the_one_gpu_network():
    """Config 145-half: 48, 128, 192, 192, 256 maps on one GPU; 59,798,312 parameters."""
    table = ALEXNET.table
    for name, channels in (("conv1", 48), ("conv2", 128), ("conv3", 192), ("conv4", 192), ("conv5", 256)):
        table = change(table, name, channels=channels, groups=1)
    rows = summarize(table, (3, 224, 224), 1000)
    assert sum(r.parameters for r in rows) == 59_798_312
    assert sum(r.macs for r in rows) == 391_514_384


def test_rows_without_weights_count_nothing():
    table = (Lrn("norm"), Activation("relu"), Pool("pool", 2, 2), Linear("fc", None))
    rows = summarize(table, (4, 8, 8), 3)
    assert [(r.parameters, r.macs, r.neurons) for r in rows[:3]] == [(0, 0, 0)] * 3
    assert (rows[3].parameters, rows[3].macs) == (4 * 16 * 3 + 3, 4 * 16 * 3)
