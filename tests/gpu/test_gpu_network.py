"""Networks through the kernels: the numbers of their modules, and never behind a user's back."""

from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from alexnet.core.keys import Key
from alexnet.nets import gpu_stages
from alexnet.nets.catalog import NETWORKS
from alexnet.nets.gpu_stages import Pass, captures, input_blocks, run, working_weights
from alexnet.nets.layers import FlatLinear
from alexnet.nets.rows import Activation, Conv, Dropout, Linear, Lrn, Pool
from alexnet.ops.dropout import Dropout as Drops
from alexnet.ops.dropout import dropout_draws
from nets.small_networks import built, of_rows, tiny

pytestmark = pytest.mark.usefixtures("kernels")
SAMPLES, STEP, KEY = np.array([7, 2]), 3, Key.from_seed(5)
CALLS = ("relu_lrn_pool_towers", "conv_towers", "block_weight", "relu_dropout", "keyed_dropout", "_as_itself")
ROUTES = {
    "alexnet": (5, 4, 1, 2, 0, ["fc8"]),
    "alexnet_145": (7, 4, 1, 2, 0, ["spatial_norm2", "fc8"]),
    "alexnet_150": (7, 4, 1, 0, 2, ["spatial_norm2", "fc6", "relu6", "fc7", "relu7", "fc8"]),
    "alexnet_bn": (5, 4, 1, 2, 0, ["bn1", "bn2", "bn3", "bn4", "bn5", "fc8"]),
    "alexnet_caffe": (5, 4, 1, 2, 0, ["fc8"]),
    "alexnet_owt": (5, 4, 1, 1, 1, ["fc7", "relu7", "fc8"]),
    "zfnet": (7, 4, 1, 2, 0, ["fc8"]),
    "cifar10_11pct": (3, 2, 0, 0, 0, ["norm1", "norm2", "local3", "relu3", "local4", "relu4", "fc10"]),
    "cifar10_19pct": (3, 3, 0, 0, 0, ["pool2", "pool3", "fc10"]),
    "lenet5_modern": (2, 2, 0, 0, 0, ["fc3", "relu3", "fc4", "relu4", "fc5"]),
}
"""Calls of each kernel, and the layers that run as themselves."""


@pytest.fixture
def calls(monkeypatch):
    """Counts what runs in a kernel, and notes what runs as itself."""
    seen, itself = Counter(), []
    for name in CALLS:
        original = getattr(gpu_stages, name)

        def noting(*arguments, _name=name, _original=original, **options):
            seen[_name] += 1
            if _name == "_as_itself":
                itself.append(arguments[0])
            return _original(*arguments, **options)

        monkeypatch.setattr(gpu_stages, name, noting)
    return seen, itself


def network(spec, device, *, dtype=torch.float32):
    """With weights large enough that every layer passes something on."""
    net = built(spec, 5 if spec.num_classes > 10 else None).train()
    generator = torch.Generator().manual_seed(1)
    for parameter in net.parameters():
        if parameter.ndim > 1:
            fan_in = parameter[0].numel()
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * (2 / fan_in) ** 0.5)
    return net.to(device, memory_format=torch.channels_last)


def pictures(net, device):
    x = torch.randn(2, *net.input_shape, generator=torch.Generator().manual_seed(2))
    return x.to(device).contiguous(memory_format=torch.channels_last)


def a_pass(device, **options):
    return Pass(KEY, torch.tensor([STEP], device=device), torch.from_numpy(SAMPLES).to(device), **options)


def gradients(logits, net, labels=(1, 4)):
    net.zero_grad()
    F.cross_entropy(logits.float(), torch.tensor(labels, device=logits.device)).backward()
    return {name: p.grad.detach().clone() for name, p in net.named_parameters()}


def layer_by_layer(net, x):
    with dropout_draws(KEY, STEP, SAMPLES):
        for layer in net:
            x = layer(x)
    return x


@pytest.mark.parametrize(
    "name", [name if name in ROUTES else pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS]
)
def test_a_network_gives_the_numbers_of_its_layers(name, device, calls):
    net = network(tiny(name), device)
    x = pictures(net, device)
    expected = layer_by_layer(net, x)
    theirs = gradients(expected, net)
    got = run(list(net), x, a_pass(device))
    ours = gradients(got, net)
    torch.testing.assert_close(got, expected, rtol=2e-4, atol=2e-5)
    for parameter, grad in theirs.items():
        scale = float(grad.abs().max())
        assert scale > 0, parameter
        torch.testing.assert_close(ours[parameter], grad, rtol=1e-3, atol=1e-4 * scale, msg=parameter)
    if name in ROUTES:
        seen, itself = calls
        names = {layer: name for name, layer in net.named_children()}
        assert (*(seen[call] for call in CALLS[:-1]), [names[layer] for layer in itself]) == ROUTES[name]


def small(device, **options):
    rows = (
        Conv("conv1", 8, kernel=5, stride=2, pad=1, pad_after=1),
        Activation("relu1"),
        Lrn("norm1", groups=2, alpha=0.01),
        Pool("pool1", 3, 2),
        Conv("conv2", 8, kernel=3, groups=2, bias=1),
        Activation("relu2"),
        Linear("fc3", 16, bias=1),
        Activation("relu3"),
        Dropout("drop3"),
        Linear("fc4", None),
    )
    return network(of_rows(*rows, input_shape=(3, 18, 18)), device, **options)


def test_bfloat16_computes_with_working_weights_and_leaves_them_the_gradients(device):
    net = small(device)
    x, labels = pictures(net, device), (1, 2)
    with torch.autocast(device.type, torch.bfloat16):
        expected = layer_by_layer(net, x)
    theirs = gradients(expected, net, labels)
    working = working_weights(net, torch.bfloat16)
    assert {id(p) for p in working} == {id(p) for p in net.parameters() if p.ndim > 1}
    net.zero_grad()
    with torch.autocast(device.type, torch.bfloat16):
        got = run(list(net), x, a_pass(device, working=working))
    F.cross_entropy(got.float(), torch.tensor(labels, device=device)).backward()
    torch.testing.assert_close(got, expected, rtol=0.03, atol=0.03)
    for name, p in net.named_parameters():
        leaf = working.get(p, p)
        assert leaf is p or (p.grad is None and leaf.grad.dtype == torch.bfloat16)
        assert leaf.grad.stride() == p.stride()
        scale = float(theirs[name].abs().max())
        torch.testing.assert_close(leaf.grad.float(), theirs[name], rtol=0.1, atol=0.05 * scale, msg=name)


def test_an_input_in_blocks_is_the_same_input(device):
    net = small(device)
    x, blocks = pictures(net, device), input_blocks(net, 18)
    assert blocks == (2, 1, 11)
    padded = F.pad(x, (1, 2, 1, 2))
    cut = gpu_stages.space_to_depth(padded, 5, 2).contiguous(memory_format=torch.channels_last)
    assert cut.shape == (2, 12, 11, 11)
    same = run(list(net), cut, a_pass(device, in_blocks=True))
    assert torch.equal(same, run(list(net), x, a_pass(device)))
    assert input_blocks(network(tiny("cifar10_19pct"), device), 32) is None


def test_masks_that_come_from_the_host_are_in_no_graph(device):
    net = small(device)
    assert captures(net)
    net.fc3 = nn.Sequential(net.fc3, Drops(name="inside"))
    assert not captures(net)


@pytest.mark.parametrize("layer", ["conv1", "relu1", "norm1", "pool1", "conv2", "fc3", "relu3", "drop3"])
def test_what_a_user_hooks_is_called_and_changes_nothing_else(layer, device, calls):
    net = small(device)
    x = pictures(net, device)
    expected = run(list(net), x, a_pass(device))
    assert captures(net)
    shapes = []
    handle = net.get_submodule(layer).register_forward_hook(
        lambda *arguments: shapes.append(arguments[2].shape)
    )
    assert not captures(net)
    got = run(list(net), x, a_pass(device))
    assert len(shapes) == 1 and net.get_submodule(layer) in calls[1]
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    handle.remove()
    if layer == "conv1":
        assert input_blocks(net, 18) is not None


def test_what_a_user_replaces_runs_as_itself(device, calls):
    net = small(device)
    net.relu1 = nn.Softplus()
    net.fc4 = nn.Sequential(Drops(name="inner"), FlatLinear(16, 3, device=device))
    with torch.no_grad():
        net.fc4[1].weight.fill_(0.1)
        net.fc4[1].bias.zero_()
    x = pictures(net, device)
    got = run(list(net), x, a_pass(device))
    torch.testing.assert_close(got, layer_by_layer(net, x), rtol=1e-4, atol=1e-5)
    assert calls[1] == [net.relu1, net.fc4]


def test_dropout_passes_everything_outside_of_training(device):
    net = small(device).eval()
    x = pictures(net, device)
    torch.testing.assert_close(run(list(net), x, a_pass(device)), layer_by_layer(net, x), rtol=1e-4, atol=1e-5)
