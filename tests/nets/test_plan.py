"""Planned passes: the numbers of the layers one by one, and never those of layers as they were before."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from small_networks import built, pictures, tiny
from torch import nn

from alexnet.nets import plan as plans
from alexnet.nets.catalog import NETWORKS
from alexnet.ops import native

pytestmark = pytest.mark.skipif(
    not native.available(), reason="COMPILED KERNELS ABSENT: pip install -e . with a C compiler"
)


@pytest.fixture
def made(monkeypatch):
    """Counts the plans that were made."""
    seen = []
    original = plans._Plan.make
    monkeypatch.setattr(plans._Plan, "make", lambda self, x: (seen.append(self), original(self, x))[1])
    return seen


def one_by_one(net, x):
    for layer in net:
        x = layer(x)
    return x


def narrowed(narrow):
    return torch.autocast("cpu", torch.bfloat16, enabled=narrow)


def network(name="alexnet"):
    """Return a small network whose outputs are as large as its inputs: a change anywhere shows in bfloat16."""
    net = built(tiny(name))
    generator = torch.Generator().manual_seed(1)
    for module in net:
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, 0, (2 / module.weight[0].numel()) ** 0.5, generator=generator)
    return net.to(memory_format=torch.channels_last)


def like(net, count=1, seed=0):
    return pictures(net, count, seed=seed).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("narrow", [False, True], ids=["f32", "bf16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_plan_gives_the_bits_of_the_layers(name, narrow, count, made):
    net = network(name)
    with torch.inference_mode(), narrowed(narrow):
        for seed in range(3):
            x = like(net, count, seed)
            assert torch.equal(net(x), one_by_one(net, x))
            assert torch.equal(net.forward_features(x), one_by_one(list(net)[:-1], x).flatten(1))
    assert len(made) == 2


def scaled(weight):
    with torch.no_grad():
        weight.mul_(2)


CHANGES = {
    "weights in place": lambda net: scaled(net.conv3.weight),
    "bias in place": lambda net: scaled(net.fc6.bias),
    "a state dict": lambda net: net.load_state_dict({k: v * 1.5 for k, v in net.state_dict().items()}),
    "weights in other memory": lambda net: setattr(net.fc7.weight, "data", net.fc7.weight.data + 1),
    "another parameter": lambda net: setattr(net.conv1, "weight", nn.Parameter(net.conv1.weight.detach() * 2)),
    "no bias": lambda net: setattr(net.conv2, "bias", None),
    "another module": lambda net: setattr(net, "relu6", nn.Tanh()),
    "another row": lambda net: setattr(net.norm1, "row", replace(net.norm1.row, alpha=1.0)),
    "another dropout rate": lambda net: setattr(net.drop6, "rate", 0.25),
    "a hook": lambda net: net.relu1.register_forward_hook(lambda module, inputs, output: output + 1),
    "another forward": lambda net: setattr(net.norm1, "forward", lambda x: x + 1),
}


@pytest.mark.parametrize("narrow", [False, True], ids=["f32", "bf16"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_a_layer_is_seen(change, narrow):
    net = network()
    for bias in (net.conv2.bias, net.fc6.bias):
        nn.init.constant_(bias, 0.5)
    x = like(net)
    with torch.inference_mode(), narrowed(narrow):
        before = net(x)
        assert torch.equal(net(x), before)
    CHANGES[change](net)
    with torch.inference_mode(), narrowed(narrow):
        after = net(x)
        assert torch.equal(after, one_by_one(net, x))
        assert torch.equal(net(x), after)
    assert not torch.equal(after, before)


def test_a_hook_on_all_modules_is_called():
    net, names = network(), []
    with torch.inference_mode():
        net(like(net))
        handle = nn.modules.module.register_module_forward_hook(
            lambda module, inputs, output: names.append(type(module))
        )
        try:
            net(like(net))
        finally:
            handle.remove()
    assert len(names) == len(net) + 1


def test_dropout_draws_in_training_whatever_was_planned_before():
    net, x = network(), like(network())
    with torch.no_grad():
        net(x)
        net.train()
        assert not torch.equal(net(x), net(x))


def test_few_plans_are_kept(made):
    net = network()
    with torch.inference_mode():
        for count in (*range(1, 9), 8):
            net(like(net, count))
    assert len(made) == 8
    assert len(net._plans._by_input) == plans._MAX_PLANS


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_has_plans_of_its_own(duplicate):
    net = network()
    x = like(net)
    with torch.inference_mode():
        before = net(x)
    other = duplicate(net)
    scaled(other.fc8.weight)
    with torch.inference_mode():
        assert torch.equal(net(x), before)
        assert not torch.equal(other(x), before)


def test_one_plan_serves_several_threads_at_once():
    net = network()
    inputs = [like(net, seed=seed) for seed in range(4)]

    def classify(x):
        with torch.inference_mode(), narrowed(True):
            return [net(x) for _ in range(50)]

    expected = [classify(x)[0] for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        for results, right in zip(pool.map(classify, inputs), expected, strict=True):
            assert all(torch.equal(result, right) for result in results)


def test_gradients_are_computed_after_a_plan_was_made():
    net = network()
    with torch.no_grad():
        net(like(net))
    net(like(net)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
