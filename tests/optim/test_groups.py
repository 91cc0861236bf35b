"""Parameter groups: which rate and decay each weight and bias has."""

import pytest
import torch

from alexnet.core.errors import RecipeError
from alexnet.nets.create import create_model
from alexnet.optim.config import LayerConfig, OptimConfig
from alexnet.optim.groups import build_optimizer, set_rates
from alexnet.optim.schedule import Rates


@pytest.fixture(scope="module")
def net():
    return create_model("lenet5_modern", seed=0)


def groups(net, **options):
    optimizer = build_optimizer(net, OptimConfig(**options))
    found = {}
    for group in optimizer.param_groups:
        kind = "bias" if group["is_bias"] else "weight"
        (parameter,) = group["params"]
        assert parameter is net.get_submodule(group["layer"]).get_parameter(kind)
        assert group["initial_lr"] == group["lr"]
        found[f"{group['layer']}.{kind}"] = (group["lr"], group["weight_decay"])
    assert list(found) == [name for name, _ in net.named_parameters()]
    assert all(group["momentum"] == optimizer.defaults["momentum"] for group in optimizer.param_groups)
    return found


def test_the_defaults_are_the_papers(net):
    found = groups(net)
    assert found["conv1.weight"] == (0.01, 0.0005)
    assert build_optimizer(net, OptimConfig()).param_groups[0]["momentum"] == 0.9


def test_biases_have_no_decay_and_by_default_the_rate_of_the_weights(net):
    for name, (lr, decay) in groups(net, lr=0.05, weight_decay=0.1).items():
        assert (lr, decay) == (0.05, 0.0 if name.endswith("bias") else 0.1)


def test_biases_may_have_a_rate_of_their_own(net):
    for name, (lr, _) in groups(net, lr=0.01, bias_lr=0.02).items():
        assert lr == (0.02 if name.endswith("bias") else 0.01)


def test_a_layer_may_differ_in_each_number(net):
    layers = {
        "conv1": LayerConfig(lr=0.1),
        "fc3": LayerConfig(bias_lr=0.2),
        "fc5": LayerConfig(weight_decay=1.0),
    }
    found = groups(net, lr=0.01, bias_lr=0.02, weight_decay=0.004, layers=layers)
    plain = groups(net, lr=0.01, bias_lr=0.02, weight_decay=0.004)
    assert {n: v for n, v in found.items() if v != plain[n]} == {
        "conv1.weight": (0.1, 0.004),
        "fc3.bias": (0.2, 0.0),
        "fc5.weight": (0.01, 1.0),
    }


def test_a_layers_rate_is_its_biases_too_where_biases_have_none(net):
    found = groups(net, lr=0.01, layers={"conv1": LayerConfig(lr=0.1)})
    assert found["conv1.bias"] == (0.1, 0.0) and found["conv2.bias"] == (0.01, 0.0)


@pytest.mark.parametrize("option", ["lr", "bias_lr"])
def test_a_layer_may_be_frozen(net, option):
    found = groups(net, lr=0.01, bias_lr=0.02, layers={"conv1": LayerConfig(**{option: 0.0})})
    assert found["conv1.weight" if option == "lr" else "conv1.bias"][0] == 0.0


def test_an_unknown_layer_is_refused_with_the_nearest(net):
    with pytest.raises(RecipeError) as caught:
        build_optimizer(net, OptimConfig(layers={"conv_1": LayerConfig(lr=0.1)}))
    assert str(caught.value) == "optim.layers.conv_1: no such layer; did you mean 'conv1'?"
    with pytest.raises(RecipeError, match="relu1: no such layer"):
        build_optimizer(net, OptimConfig(layers={"relu1": LayerConfig(lr=0.1)}))


@pytest.mark.parametrize("name", ["lr", "bias_lr", "momentum", "weight_decay"])
@pytest.mark.parametrize("value", [-1e-9, float("nan")])
def test_negative_numbers_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must not be negative"):
        OptimConfig(**{name: value})


@pytest.mark.parametrize("name", ["lr", "bias_lr", "weight_decay"])
def test_a_layers_negative_numbers_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must not be negative"):
        LayerConfig(**{name: -1.0})


def test_schedules_scale_the_starting_rates(net):
    optimizer = build_optimizer(net, OptimConfig(lr=0.01, bias_lr=0.02, layers={"fc3": LayerConfig(lr=0.1)}))
    set_rates(optimizer, Rates(0.1, 0.5, {"conv1": 0.0, "fc5": 0.001}))
    rates = {(g["layer"], g["is_bias"]): g["lr"] for g in optimizer.param_groups}
    expected = {
        ("conv2", False): 0.001,
        ("conv2", True): 0.01,
        ("fc3", False): 0.01,
        ("conv1", False): 0.0,
        ("conv1", True): 0.0,
        ("fc5", False): 0.01 * 0.001,
        ("fc5", True): 0.02 * 0.001,
    }
    assert {key: rates[key] for key in expected} == pytest.approx(expected)
    set_rates(optimizer, Rates(1.0, 1.0))
    assert {g["lr"] for g in optimizer.param_groups if g["is_bias"]} == {0.02}
    assert next(g["lr"] for g in optimizer.param_groups if g["layer"] == "conv1") == 0.01


def test_a_decayed_network_shrinks_its_weights_and_not_its_biases(net):
    net = create_model("lenet5_modern", seed=0)
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.endswith("bias"):
                p.fill_(1.0)
    before = {n: p.detach().clone() for n, p in net.named_parameters()}
    optimizer = build_optimizer(net, OptimConfig(lr=0.1, weight_decay=0.01))
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for name, p in net.named_parameters():
        factor = 1.0 if name.endswith("bias") else 0.999
        torch.testing.assert_close(p.detach(), factor * before[name], rtol=1e-6, atol=0)
