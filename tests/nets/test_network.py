"""What a user asks of a network: logits, features, intermediate maps, and another last layer."""

import pytest
import torch
from small_networks import built, pictures, tiny

from alexnet.core.keys import Key
from alexnet.nets.alexnet import ALEXNET
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.layers import FlatLinear, RbfOutput
from alexnet.nets.network import Network
from alexnet.nets.rows import Linear
from alexnet.nets.summary import summarize

EVERY = pytest.mark.parametrize("name", sorted(NETWORKS))


@EVERY
def test_logits_are_the_last_layer_over_the_features(name):
    net = built(tiny(name), 7)
    x = pictures(net, 3)
    with torch.inference_mode():
        logits, features = net(x), net.forward_features(x)
        assert logits.shape == (3, 7) and torch.isfinite(logits).all() and logits.std() > 0
        assert features.shape == (3, net.num_features)
        assert torch.equal(net.forward_head(features), logits)
        assert torch.equal(net.get_classifier()(features), logits)
        assert net.forward_head(features, pre_logits=True) is features


@pytest.mark.parametrize(
    ("name", "features", "classifier"),
    [
        ("alexnet", 4096, "fc8"),
        ("alexnet_146_2011", 2048, "fc8"),
        ("cifar10_80sec", 64, "fc10"),
        ("cifar10_18pct", 1024, "fc10"),
        ("cifar10_11pct", 1152, "fc10"),
        ("lenet1", 192, "output"),
        ("lenet5", 84, "output"),
        ("lenet5_modern", 84, "fc5"),
    ],
)
def test_the_last_layer_reads_so_many_features(name, features, classifier):
    with torch.device("meta"):
        net = Network(NETWORKS[name], 10)
    assert (net.num_features, net.classifier_name) == (features, classifier)
    assert net.get_classifier() is net.get_submodule(classifier)
    assert net.input_shape == NETWORKS[name].input_shape and net.num_classes == 10


def test_alexnet_maps_a_batch_to_a_thousand_logits():
    net = built(ALEXNET)
    with torch.inference_mode():
        logits = net(pictures(net))
    assert logits.shape == (2, 1000)
    assert torch.isfinite(logits).all() and logits.std() > 0


def test_parameter_names_are_the_layers_names():
    with torch.device("meta"):
        names = [name for name, _ in Network(ALEXNET, 1000).named_parameters()]
    layers = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    assert names == [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]


@EVERY
def test_modules_are_named_as_the_rows(name):
    with torch.device("meta"):
        net = Network(NETWORKS[name], 10)
    assert [name for name, _ in net.named_children()] == [row.name for row in net.table]


def test_parameters_have_the_shapes_of_the_two_towers():
    with torch.device("meta"):
        shapes = {name: tuple(p.shape) for name, p in Network(ALEXNET, 1000).named_parameters()}
    assert shapes["conv1.weight"] == (96, 3, 11, 11)
    assert shapes["conv2.weight"] == (256, 48, 5, 5)
    assert shapes["conv3.weight"] == (384, 256, 3, 3)
    assert shapes["conv4.weight"] == (384, 192, 3, 3)
    assert shapes["conv5.weight"] == (256, 192, 3, 3)
    assert shapes["fc6.weight"] == (4096, 9216)


# --- intermediate maps


@EVERY
def test_intermediate_maps_are_the_layers_outputs_in_order(name):
    net = built(tiny(name), 7)
    x = pictures(net)
    wanted = [row.name for row in net.table]
    with torch.inference_mode():
        outputs = net.forward_intermediates(x, reversed(wanted))
        assert list(outputs) == wanted
        for (layer, module), output in zip(net.named_children(), outputs.values(), strict=True):
            x = module(x)
            assert torch.equal(output, x), layer


def test_nothing_behind_the_last_wanted_layer_is_computed():
    net = built(tiny("alexnet"), 7)
    ran = []
    for name, layer in net.named_children():
        layer.register_forward_hook(lambda *_, name=name: ran.append(name))
    outputs = net.forward_intermediates(pictures(net), {"pool1", "conv1"})
    assert list(outputs) == ["conv1", "pool1"]
    assert ran == ["conv1", "relu1", "norm1", "pool1"]


def test_no_wanted_layer_is_no_work():
    net = built(tiny("lenet5_modern"), 7)
    net.conv1.register_forward_hook(lambda *_: pytest.fail("conv1 ran"))
    assert net.forward_intermediates(pictures(net), ()) == {}


def test_intermediate_maps_carry_gradients():
    net = built(tiny("lenet5_modern"), 7)
    net.forward_intermediates(pictures(net), ["relu1"])["relu1"].sum().backward()
    assert net.conv1.weight.grad.abs().max() > 0 and net.conv2.weight.grad is None


def test_an_unknown_layer_is_refused_with_the_known_ones():
    net = built(tiny("lenet5_modern"), 7)
    with pytest.raises(KeyError, match=r"no layer 'conv9'; the layers are conv1, relu1, pool1"):
        net.forward_intermediates(pictures(net), ["conv1", "conv9"])


# --- another last layer


def stored(net):
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


@EVERY
def test_a_new_classifier_has_its_classes_and_leaves_the_rest(name):
    net = built(tiny(name), 10, seed=1)
    before, last = stored(net), net.classifier_name
    net.reset_classifier(4, Key.from_seed(9))
    assert net(pictures(net)).shape == (2, 4)
    assert net.num_classes == 4 and net.classifier_name == last
    assert isinstance(net.get_classifier(), FlatLinear)
    after = stored(net)
    assert {n for n in after if n.startswith(f"{last}.")} == {f"{last}.weight", f"{last}.bias"}
    for n in after:
        assert n.startswith(f"{last}.") or torch.equal(after[n], before[n])
    rows = summarize(net.table, net.input_shape, net.num_classes)
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in net.parameters())


@EVERY
def test_a_new_classifier_is_its_keys(name):
    net = built(tiny(name), 10)
    weights = []
    for seed in (9, 9, 10):
        net.reset_classifier(4, Key.from_seed(seed))
        weights.append(net.get_classifier().weight.detach().clone())
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_a_new_classifier_of_the_same_key_is_that_of_a_new_network():
    """The stream of a weight is its name's: fine-tuning from scratch and from a reset begin alike."""
    net = built(tiny("alexnet"), 10, seed=3)
    fresh = net.fc8.weight.detach().clone()
    net.reset_classifier(10, Key.from_seed(3))
    assert torch.equal(net.fc8.weight, fresh)


def test_without_a_key_torchs_generator_draws_the_new_classifier():
    net, weights = built(tiny("lenet5_modern"), 10), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        net.reset_classifier(4)
        weights.append(net.fc5.weight.detach().clone())
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_a_new_classifier_keeps_type_and_starting_values():
    net = built(tiny("alexnet"), 1000).double()
    net.reset_classifier(500, Key.from_seed(0))
    assert net.fc8.weight.dtype == torch.float64
    assert abs(float(net.fc8.weight.detach().std()) / 0.01 - 1) < 5 / (2 * net.fc8.weight.numel()) ** 0.5
    assert not net.fc8.bias.any()


def test_lenet_5s_codes_give_way_to_a_full_layer():
    """Codes exist for ten digits; a full layer of any width starts with 1 / sqrt(84)."""
    net = built(NETWORKS["lenet5"])
    assert isinstance(net.get_classifier(), RbfOutput)
    net.reset_classifier(200, Key.from_seed(0))
    assert net.table[-1] == Linear("output", None, std=None)
    assert abs(float(net.output.weight.detach().std()) * 84**0.5 - 1) < 5 / (2 * 200 * 84) ** 0.5
    assert net(pictures(net)).shape == (2, 200)


def test_a_new_classifier_trains():
    net = built(tiny("lenet5"))
    net.reset_classifier(3, Key.from_seed(0))
    net(pictures(net)).square().sum().backward()
    assert net.output.weight.grad.abs().max() > 0 and net.c1.weight.grad.abs().max() > 0
