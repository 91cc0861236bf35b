"""Fully connected layers under autocast: torch's bits, and a copy of the weights that is never stale."""

import pytest
import torch
import torch.nn.functional as F
from maps import activations
from torch import nn

from alexnet.ops.copies import bfloat16_copy, current_copy
from alexnet.ops.linear import linear
from alexnet.optim.config import OptimConfig
from alexnet.optim.groups import build_optimizer, narrow_gradients


def autocast():
    return torch.autocast("cpu", torch.bfloat16)


def tensors():
    x = activations((5, 12), scale=1.0).float().requires_grad_()
    weight = nn.Parameter(activations((7, 12), seed=1, scale=1.0).float())
    bias = nn.Parameter(activations((7,), seed=2, scale=1.0).float())
    return x, weight, bias


def gradients(function, narrow=False):
    leaves = tensors()
    if narrow:
        leaves[1].grad_dtype = torch.bfloat16
    with autocast():
        y = function(*leaves)
    y.float().square().sum().backward()
    return y, *(leaf.grad for leaf in leaves)


@pytest.mark.parametrize("narrow", [False, True])
def test_it_gives_the_bits_of_torch(narrow):
    for ours, theirs in zip(gradients(linear, narrow), gradients(F.linear), strict=True):
        assert torch.equal(ours.float(), theirs.float())


def test_a_narrow_gradient_is_not_widened():
    _, _, weight, bias = gradients(linear, narrow=True)
    assert (weight.dtype, bias.dtype) == (torch.bfloat16, torch.float32)


@pytest.mark.parametrize("change", ["in place", "state dict", "other memory", "under no_grad"])
def test_a_weight_that_was_changed_is_copied_again(change):
    layer = nn.Linear(12, 7)
    before = bfloat16_copy(layer.weight)
    if change == "in place":
        layer.weight.data.mul_(1)
        with torch.no_grad():
            layer.weight.mul_(2)
    elif change == "state dict":
        layer.load_state_dict({name: value + 1 for name, value in layer.state_dict().items()})
    elif change == "other memory":
        layer.weight.data = layer.weight.data + 1
    else:
        with torch.no_grad():
            layer.weight[0] = 3
    assert current_copy(layer.weight) is None
    assert torch.equal(bfloat16_copy(layer.weight), layer.weight.bfloat16())
    assert not torch.equal(bfloat16_copy(layer.weight), before)


@pytest.mark.parametrize("narrow", [False, True])
def test_the_optimizer_updates_the_copy_with_the_weight(narrow, either_way):
    net = nn.Sequential(nn.Linear(12, 7), nn.Linear(7, 3))
    if narrow:
        narrow_gradients(net)
    optimizer = build_optimizer(net, OptimConfig(lr=0.1))
    for step in range(3):
        with autocast():
            y = linear(
                linear(activations((4, 12), seed=step).float(), *net[0].parameters()), *net[1].parameters()
            )
        y.float().square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        for layer in net:
            assert torch.equal(bfloat16_copy(layer.weight), layer.weight.bfloat16())


def test_a_copy_made_while_evaluating_serves_training(either_way):
    x, weight, bias = tensors()
    with torch.inference_mode(), autocast():
        linear(x, weight, bias)
    with autocast():
        linear(x, weight, bias).sum().backward()
    assert weight.grad is not None


def test_the_copy_stays_in_its_memory(kernels):
    net = nn.Sequential(nn.Linear(12, 7))
    optimizer = build_optimizer(net, OptimConfig(lr=0.1))
    before = bfloat16_copy(net[0].weight)
    net[0].weight.grad = torch.ones(7, 12)
    optimizer.step()
    assert bfloat16_copy(net[0].weight) is before


def test_narrow_gradients_change_no_bit_of_a_run(either_way):
    results = []
    for narrow in (False, True):
        _, weight, bias = tensors()
        layer = nn.Linear(12, 7)
        layer.weight, layer.bias = weight, bias
        if narrow:
            narrow_gradients(layer)
        optimizer = build_optimizer(nn.Sequential(layer), OptimConfig(lr=0.01))
        for step in range(4):
            with autocast():
                y = linear(activations((6, 12), seed=step).float(), weight, bias)
            optimizer.zero_grad()
            y.float().square().mean().backward()
            optimizer.step()
        results.append((weight.detach().clone(), bias.detach().clone()))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_an_update_behind_torchs_back_is_seen_by_autograd(kernels):
    layer = nn.Linear(3, 2)
    optimizer = build_optimizer(nn.Sequential(layer), OptimConfig(lr=0.1))
    loss = (layer.weight**2).sum()
    layer.weight.grad = torch.ones(2, 3)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("inputs", [3, 64, 200])
@pytest.mark.parametrize("with_bias", [True, False])
def test_a_few_pictures_without_gradients_are_exact_to_a_rounding(rows, inputs, with_bias, kernels):
    x = activations((rows, inputs), scale=1.0).bfloat16()
    weight = nn.Parameter(activations((9, inputs), seed=1, scale=1.0).float())
    bias = activations((9,), seed=2, scale=1.0).float() if with_bias else None
    with torch.inference_mode(), autocast():
        got = linear(x, weight, bias)
    products = x.double().unsqueeze(1) * weight.detach().bfloat16().double()
    exact = products.sum(2) + (0 if bias is None else bias.double())
    bound = 2.0**-8 * exact.abs() + inputs * 2.0**-24 * (products.abs().sum(2) + 1)
    assert got.dtype == torch.bfloat16 and ((got.double() - exact).abs() <= bound).all()


def test_without_autocast_it_is_torchs_own():
    x, weight, bias = tensors()
    assert torch.equal(linear(x, weight, bias), F.linear(x, weight, bias))
    assert current_copy(weight) is None
