"""Building networks by name: their first weights, stored weights, and answers to mistakes."""

import math

import pytest
import torch
from safetensors.torch import save_file

from alexnet.core.errors import UsageError
from alexnet.core.keys import Key
from alexnet.nets.alexnet import ALEXNET
from alexnet.nets.catalog import INITIALIZATIONS, NETWORKS, list_models
from alexnet.nets.create import create_model
from alexnet.nets.network import Network, initialize
from alexnet.nets.rows import Conv, change, insert_after, weighted

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
STARTS = {
    "paper": ([0.01] * 8, [0, 1, 0, 1, 1, 1, 1, 0]),
    "config145": ([0.01, 0.01, 0.03, 0.03, 0.03, 0.01, 0.01, 0.01], [0, 1, 0, 1, 1, 1, 1, 0]),
    "caffe": ([0.01] * 5 + [0.005, 0.005, 0.01], [0, 0.1, 0, 0.1, 0.1, 0.1, 0.1, 0]),
    "quick": ([0.01, 0.01, 0.03, 0.03, 0.03, 0.01, 0.01, 0.01], [0, 0.1, 0, 0.1, 0.1, 0.1, 0.1, 0]),
}
"""Standard deviations and biases, conv1 .. fc8: paper section 5, layers-145.cfg, bvlc_alexnet."""


def weights_of(net):
    return {name: p.detach().clone() for name, p in net.named_parameters()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first.keys() | second.keys())


# --- first weights


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


@pytest.mark.parametrize("init", ["config145", "caffe"])
def test_weights_are_normal_with_the_stated_deviation(init):
    """Five standard errors: of a mean, sigma / sqrt(n); of a deviation, sigma / sqrt(2n)."""
    net = create_model("alexnet", seed=0, init=init)
    for name, std, bias in zip(LAYERS, *STARTS[init], strict=True):
        layer = net.get_submodule(name)
        weight, n = layer.weight.detach().double(), layer.weight.numel()
        assert abs(float(weight.mean())) < 5 * std / n**0.5, name
        assert abs(float(weight.std()) / std - 1) < 5 / (2 * n) ** 0.5, name
        assert abs(float((weight**4).mean()) / std**4 - 3) < 5 * (96 / n) ** 0.5, name
        assert (layer.bias == bias).all(), name


@pytest.mark.parametrize(
    ("name", "stds"),
    [
        ("cifar10_18pct", {"conv1": 0.0001, "conv2": 0.01, "conv3": 0.01, "fc10": 0.01}),
        ("lenet5_modern", {"conv1": 25**-0.5, "conv2": 150**-0.5, "fc3": 400**-0.5, "fc4": 120**-0.5}),
    ],
)
def test_small_networks_start_as_their_sources_say(name, stds):
    net = create_model(name, seed=0)
    for layer, std in stds.items():
        weight = net.get_submodule(layer).weight.detach().double()
        assert abs(float(weight.std()) / std - 1) < 5 / (2 * weight.numel()) ** 0.5, layer
        assert not net.get_submodule(layer).bias.any()


def test_a_seed_repeats_and_another_does_not():
    first, again, other = (weights_of(create_model("cifar10_18pct", seed=s)) for s in (3, 3, 4))
    assert same(first, again)
    assert not any(torch.equal(first[n], other[n]) for n in first if n.endswith("weight"))


def test_without_a_seed_torchs_generator_decides():
    def built(seed):
        torch.manual_seed(seed)
        return weights_of(create_model("lenet5_modern"))

    assert same(built(1), built(1))
    assert not torch.equal(built(1)["conv1.weight"], built(2)["conv1.weight"])
    assert not torch.equal(built(1)["conv1.weight"], weights_of(create_model("lenet5_modern"))["conv1.weight"])


def test_a_seed_leaves_torchs_generator_alone():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    create_model("lenet5_modern", seed=0).reset_classifier(3, Key.from_seed(0))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_key_takes_precedence_over_a_seed():
    first, second = (create_model("lenet5_modern", seed=s, key=Key.from_seed(1)) for s in (3, 4))
    assert same(weights_of(first), weights_of(second))


def test_a_further_layer_moves_no_other_weight():
    spec = NETWORKS["lenet5_modern"]
    table = insert_after(spec.table, "relu2", Conv("extra", 16, kernel=3, pad=1))
    plain, longer = Network(spec, 10), Network(spec, 10, table)
    for net in (plain, longer):
        initialize(net, net.table, Key.from_seed(5))
    ours, theirs = weights_of(plain), weights_of(longer)
    assert set(theirs) - set(ours) == {"extra.weight", "extra.bias"}
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_layers_of_one_shape_start_with_different_weights():
    table = insert_after(
        ALEXNET.table, "pool5", Conv("a", 8, kernel=1), Conv("b", 8, kernel=1), Conv("c", 8, kernel=1)
    )
    net = Network(ALEXNET, 10, change(change(table, "fc6", units=8), "fc7", units=8))
    initialize(net, net.table, Key.from_seed(5))
    assert not torch.equal(net.b.weight, net.c.weight)


# --- names and options


def test_models_are_listed_in_order():
    assert list_models() == sorted(NETWORKS)
    assert {"alexnet", "alexnet_145", "cifar10_18pct", "lenet5_modern"} <= set(list_models())


@pytest.mark.parametrize("name", ["lenet5-modern", "LeNet5_Modern", "lenet5_modern"])
def test_hyphens_and_capitals_are_accepted(name):
    assert create_model(name, seed=0).spec.name == "lenet5_modern"


@pytest.mark.parametrize(("name", "nearest"), [("alexnt", "alexnet"), ("cifar10-18", "cifar10_18pct")])
def test_an_unknown_name_is_answered_with_the_nearest(name, nearest):
    with pytest.raises(UsageError) as caught:
        create_model(name)
    assert str(caught.value) == f"there is no network {name!r}; did you mean {nearest!r}?"


def test_an_unknown_initialization_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="no initialization 'config-145'; did you mean 'config145'"):
        create_model("alexnet", init="config-145")


@pytest.mark.parametrize("init", sorted(STARTS))
def test_alexnets_initializations_are_refused_for_other_networks(init):
    with pytest.raises(UsageError, match=f"initialization '{init}' is AlexNet's"):
        create_model("lenet5_modern", init=init)


def test_the_number_of_classes_can_be_chosen():
    assert create_model("lenet5_modern", num_classes=7, seed=0).fc5.out_features == 7
    assert create_model("lenet5_modern", seed=0).fc5.out_features == 10


@pytest.mark.parametrize("count", [0, -1])
def test_no_classes_at_all_is_refused(count):
    with pytest.raises(UsageError, match=f"{count} classes"):
        create_model("lenet5_modern", num_classes=count)


# --- stored weights


@pytest.fixture
def stored(tmp_path):
    net = create_model("lenet5_modern", seed=11)
    save_file(weights_of(net), tmp_path / "model.safetensors")
    return net, tmp_path / "model.safetensors"


@pytest.mark.parametrize("as_text", [False, True])
def test_stored_weights_come_back(stored, as_text):
    net, path = stored
    loaded = create_model("lenet5-modern", weights=str(path) if as_text else path)
    assert same(weights_of(net), weights_of(loaded))
    x = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    assert torch.equal(net(x), loaded(x))


def refusal(path, **options):
    with pytest.raises(UsageError) as caught:
        create_model("lenet5_modern", weights=path, **options)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line
    return line


def test_weights_for_another_number_of_classes_are_refused(stored):
    line = refusal(stored[1], num_classes=7)
    assert line.endswith("2 tensors differ, first fc5.bias: expected (7,), found (10,)")


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file(weights_of(create_model("cifar10_18pct", seed=0)), path)
    assert "does not hold the weights of lenet5_modern" in refusal(path)


def test_missing_and_unknown_tensors_are_refused(stored, tmp_path):
    weights = weights_of(stored[0])
    path = tmp_path / "partial.safetensors"
    save_file({n: t for n, t in weights.items() if n != "conv2.bias"}, path)
    assert refusal(path).endswith("first conv2.bias: expected (16,), found nothing")
    save_file({**weights, "extra": torch.zeros(2)}, path)
    assert refusal(path).endswith("first extra: expected nothing, found (2,)")


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "cut", "folder"])
def test_a_file_that_is_not_safetensors_is_refused(stored, damage):
    path = stored[1]
    data = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes({"empty": b"", "text": b"not tensors at all", "cut": data[:-10]}[damage])
    assert "cannot be read as safetensors" in refusal(path)


def test_standard_deviation_none_is_one_over_the_root_of_the_inputs():
    net = create_model("lenet5_modern", seed=0)
    assert math.isclose(float(net.fc3.weight.detach().double().std()), 1 / 20, rel_tol=0.02)
