"""First weights: what each row's fields say, one stream a parameter, and the named starts of AlexNet."""

import math
from dataclasses import replace

import pytest
import torch
from small_networks import built, of_rows, small, tiny

from alexnet.core.keys import Key
from alexnet.nets.alexnet import ALEXNET
from alexnet.nets.catalog import INITIALIZATIONS, NETWORKS
from alexnet.nets.create import create_model
from alexnet.nets.initialize import initialize
from alexnet.nets.network import Network
from alexnet.nets.rows import BatchNorm, Conv, Dropout, Linear, LocalConv, Lrn, PartialConv, Subsample
from alexnet.nets.tables import change, insert_after, weighted

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
STARTS = {
    "paper": ([0.01] * 8, [0, 1, 0, 1, 1, 1, 1, 0]),
    "config145": ([0.01, 0.01, 0.03, 0.03, 0.03, 0.01, 0.01, 0.01], [0, 1, 0, 1, 1, 1, 1, 0]),
    "caffe": ([0.01] * 5 + [0.005, 0.005, 0.01], [0, 0.1, 0, 0.1, 0.1, 0.1, 0.1, 0]),
    "quick": ([0.01, 0.01, 0.03, 0.03, 0.03, 0.01, 0.01, 0.01], [0, 0.1, 0, 0.1, 0.1, 0.1, 0.1, 0]),
}
"""Standard deviations and biases, conv1 .. fc8: paper section 5, layers-145.cfg, bvlc_alexnet."""

EVERY = pytest.mark.parametrize("name", sorted(NETWORKS))


def weights_of(net):
    return {name: p.detach().clone() for name, p in net.named_parameters()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first.keys() | second.keys())


def assert_normal(weight, std, name):
    """Mean, deviation and fourth moment within five standard errors."""
    weight, n = weight.detach().double(), weight.numel()
    assert abs(float(weight.mean())) < 5 * std / n**0.5, name
    assert abs(float((weight**2).mean()) / std**2 - 1) < 5 * (2 / n) ** 0.5, name
    assert abs(float((weight**4).mean()) / std**4 - 3) < 5 * (96 / n) ** 0.5, name


def assert_uniform(weight, bound, name):
    """Nothing outside, mean and second moment within five standard errors."""
    weight, n = weight.detach().double() / bound, weight.numel()
    assert weight.abs().max() <= 1, name
    assert abs(float(weight.mean())) < 5 / (3 * n) ** 0.5, name
    assert abs(float((weight**2).mean()) - 1 / 3) < 5 * (4 / 45 / n) ** 0.5, name


# --- AlexNet's named starts


@pytest.mark.parametrize("name", ["alexnet", "alexnet_145"])
@pytest.mark.parametrize("init", sorted(STARTS))
def test_an_initialization_states_the_published_numbers_on_either_network(name, init):
    rows = weighted(INITIALIZATIONS[init](NETWORKS[name].table))
    assert [row.name for row in rows] == list(LAYERS)
    assert ([row.std for row in rows], [row.bias for row in rows]) == STARTS[init]


@pytest.mark.parametrize(("name", "init"), [("alexnet", "paper"), ("alexnet_145", "config145")])
def test_a_networks_own_initialization_is_its_sources(name, init):
    rows = weighted(INITIALIZATIONS["own"](NETWORKS[name].table))
    assert ([row.std for row in rows], [row.bias for row in rows]) == STARTS[init]


@pytest.mark.parametrize("init", sorted(STARTS))
@pytest.mark.parametrize("name", sorted(n for n in NETWORKS if n.startswith("alexnet")))
def test_a_named_start_is_the_same_on_every_alexnet(name, init):
    deviations, biases = (dict(zip(LAYERS, values, strict=True)) for values in STARTS[init])
    own = {row.name: row for row in weighted(NETWORKS[name].table)}
    for row in weighted(INITIALIZATIONS[init](NETWORKS[name].table)):
        assert replace(row, std=None, bias=None) == replace(own[row.name], std=None, bias=None)
        if row.name in LAYERS:
            assert row.std == deviations[row.name]
            assert row.bias == (None if own[row.name].bias is None else biases[row.name])


@pytest.mark.parametrize("init", ["config145", "caffe"])
def test_weights_are_normal_with_the_stated_deviation(init):
    net = create_model("alexnet", seed=0, init=init)
    for name, std, bias in zip(LAYERS, *STARTS[init], strict=True):
        layer = net.get_submodule(name)
        assert_normal(layer.weight, std, name)
        assert (layer.bias == bias).all(), name


# --- every row


@EVERY
def test_every_weight_and_bias_is_drawn_as_its_row_says(name):
    spec = NETWORKS[name]
    net = built(small(spec, 4) if spec.input_shape[1] > 200 else spec)
    for row in weighted(net.table):
        layer = net.get_submodule(row.name)
        assert layer.bias is None or (layer.bias == row.bias).all()
        if row.std is not None and row.uniform is None:
            assert_normal(layer.weight, row.std, row.name)


@pytest.mark.parametrize(
    ("row", "inputs"),
    [
        (Conv("x", 400, 3), 27),
        (Conv("x", 402, 3, groups=3), 9),
        (LocalConv("x", 10, 3), 27),
        (Linear("x", 50), 300),
        (Linear("x", 50, groups=2), 150),
        (PartialConv("x", ((0, 1),) * 300, 3), 18),
        (PartialConv("x", ((2,),) * 600, 3), 9),
    ],
)
def test_weights_without_a_deviation_are_scaled_by_the_inputs_of_a_unit(row, inputs):
    normal = built(of_rows(replace(row, std=None), input_shape=(3, 10, 10)))
    assert_normal(normal.x.weight, inputs**-0.5, "normal")
    uniform = built(of_rows(replace(row, uniform=2.4), input_shape=(3, 10, 10)))
    assert_uniform(uniform.x.weight, 2.4 / inputs, "uniform")


def test_a_map_of_fewer_links_starts_with_larger_weights():
    links = tuple((0, 1, 2) if output % 2 else (0,) for output in range(400))
    net = built(of_rows(PartialConv("x", links, 3, uniform=2.4), input_shape=(3, 8, 8)))
    output = [o for o, sources in enumerate(links) for _ in sources]
    many = torch.tensor([o % 2 == 1 for o in output])
    assert_uniform(net.x.weight[~many], 2.4 / 9, "one link")
    assert_uniform(net.x.weight[many], 2.4 / 27, "three links")


@pytest.mark.parametrize(("size", "inputs"), [(2, 4), (3, 9)])
def test_subsampling_weights_count_the_pixels_of_their_window(size, inputs):
    row = Subsample("x", size=size, uniform=2.4, bias=0.5)
    net = built(of_rows(row, input_shape=(2000, 6, 6)))
    assert_uniform(net.x.weight, 2.4 / inputs, "subsample")
    assert (net.x.bias == 0.5).all()


def test_an_initial_bias_of_none_is_no_bias():
    net = built(of_rows(Conv("x", 4, 3, bias=None), BatchNorm("bn"), input_shape=(3, 5, 5)))
    assert net.x.bias is None
    assert torch.equal(net.bn.weight, torch.ones(4)) and not net.bn.bias.any()


# --- where the draws come from


@EVERY
def test_a_key_repeats_and_another_does_not(name):
    spec = tiny(name)
    first, again, other = (weights_of(built(spec, 7, seed=seed)) for seed in (3, 3, 4))
    assert same(first, again)
    drawn = [f"{row.name}.weight" for row in weighted(spec.table)]
    assert drawn and not any(torch.equal(first[n], other[n]) for n in drawn)


@EVERY
def test_a_key_leaves_torchs_generator_alone(name):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    built(tiny(name), 7).reset_classifier(3, Key.from_seed(0))
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_seed_torchs_generator_decides():
    def drawn(seed):
        torch.manual_seed(seed)
        return weights_of(create_model("lenet5_modern"))

    assert same(drawn(1), drawn(1))
    assert not torch.equal(drawn(1)["conv1.weight"], drawn(2)["conv1.weight"])
    assert not torch.equal(drawn(1)["conv1.weight"], weights_of(create_model("lenet5_modern"))["conv1.weight"])


def test_a_key_takes_precedence_over_a_seed():
    first, second = (create_model("lenet5_modern", seed=s, key=Key.from_seed(1)) for s in (3, 4))
    assert same(weights_of(first), weights_of(second))


@pytest.mark.parametrize(
    "extra",
    [
        Conv("extra", 16, kernel=3, pad=1),
        LocalConv("extra", 16, kernel=3, pad=1),
        PartialConv("extra", tuple((i,) for i in range(16)), kernel=1),
        Subsample("extra", size=1),
        BatchNorm("extra"),
        Lrn("extra"),
        Dropout("extra"),
    ],
)
def test_a_further_layer_moves_no_other_weight(extra):
    spec = NETWORKS["lenet5_modern"]
    table = insert_after(spec.table, "relu2", extra)
    plain, longer = Network(spec, 10), Network(spec, 10, table)
    for net in (plain, longer):
        initialize(net, net.table, Key.from_seed(5))
    ours, theirs = weights_of(plain), weights_of(longer)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert all(name.startswith("extra.") for name in theirs.keys() - ours.keys())


def test_layers_of_one_shape_start_with_different_weights():
    table = insert_after(
        ALEXNET.table, "pool5", Conv("a", 8, kernel=1), Conv("b", 8, kernel=1), Conv("c", 8, kernel=1)
    )
    net = Network(ALEXNET, 10, change(change(table, "fc6", units=8), "fc7", units=8))
    initialize(net, net.table, Key.from_seed(5))
    assert not torch.equal(net.b.weight, net.c.weight)


def test_standard_deviation_none_is_one_over_the_root_of_the_inputs():
    net = create_model("lenet5_modern", seed=0)
    assert math.isclose(float(net.fc3.weight.detach().double().std()), 1 / 20, rel_tol=0.02)


def test_a_weight_is_the_same_whatever_the_type_and_layout_of_its_network():
    spec = tiny("alexnet")
    plain = built(spec, 7)
    other = Network(spec, 7).to(torch.float64, memory_format=torch.channels_last)
    initialize(other, other.table, Key.from_seed(0))
    for name, weight in plain.named_parameters():
        assert torch.equal(other.get_parameter(name), weight.double())
