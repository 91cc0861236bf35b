"""LARS as published, written out in NumPy, against the optimizer in each of its ways."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.config.load import build
from alexnet.core.errors import RecipeError
from alexnet.kernels import library
from alexnet.ops.copies import bfloat16_copy
from alexnet.optim.config import LayerConfig, OptimConfig
from alexnet.optim.groups import build_optimizer, set_rates
from alexnet.optim.schedule import Rates
from alexnet.optim.sgd import SGD
from nets.small_networks import built, tiny

SHAPES = ((6, 4, 3, 3), (7, 5))


def numbers(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape)


def published(weight, gradients, rates, *, momentum, decay, trust):
    """Algorithm 1 of arXiv 1708.03888: weights and velocity after the steps, in double precision."""
    velocity = np.zeros_like(weight)
    for g, rate in zip(gradients, rates, strict=True):
        local = trust * np.linalg.norm(weight.ravel())
        local /= np.linalg.norm(g.ravel()) + decay * np.linalg.norm(weight.ravel())
        velocity = momentum * velocity + rate * local * (g + decay * weight)
        weight = weight - velocity
    return weight, -velocity


def train(weights, gradients, rates, dtype=torch.float64, gradient_dtype=None, **options):
    """Return the parameters after steps with given gradients, and their optimizer."""
    params = [torch.nn.Parameter(torch.tensor(w, dtype=dtype)) for w in weights]
    for p in params:
        p.grad_dtype = gradient_dtype or dtype
    optimizer = SGD(params, **options)
    for step, rate in enumerate(rates):
        optimizer.param_groups[0]["lr"] = rate
        for p, of_tensor in zip(params, gradients, strict=True):
            p.grad = torch.from_numpy(of_tensor[step]).to(gradient_dtype or dtype)
        optimizer.step()
    return params, optimizer


def drawn(steps):
    weights = [numbers(shape, i) for i, shape in enumerate(SHAPES)]
    gradients = [[numbers(s, 10 + 7 * n + i) * 10.0**n for n in range(steps)] for i, s in enumerate(SHAPES)]
    return weights, gradients


@given(
    rates=st.lists(st.floats(0.1, 30), min_size=1, max_size=5),
    momentum=st.floats(0, 0.99),
    decay=st.floats(0, 0.1),
    trust=st.floats(1e-4, 0.05),
)
@settings(max_examples=60, deadline=None)
def test_updates_are_those_of_the_published_algorithm(rates, momentum, decay, trust):
    weights, gradients = drawn(len(rates))
    params, optimizer = train(weights, gradients, rates, momentum=momentum, weight_decay=decay, trust=trust)
    for p, w, g in zip(params, weights, gradients, strict=True):
        weight, velocity = published(w, g, rates, momentum=momentum, decay=decay, trust=trust)
        np.testing.assert_allclose(p.detach().numpy(), weight, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(optimizer.state[p]["velocity"].numpy(), velocity, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("gradient_dtype", [torch.float32, torch.bfloat16])
def test_single_precision_stays_within_its_rounding(compiled, gradient_dtype, monkeypatch):
    """Each step has at most eight roundings of terms no larger than the weights."""
    if not compiled:
        monkeypatch.setattr(library, "_library", lambda: None)
    weights, gradients = drawn(8)
    weights = [w.astype(np.float32) for w in weights]
    gradients = [[torch.from_numpy(g).to(gradient_dtype).double().numpy() for g in of] for of in gradients]
    options = {"momentum": 0.9, "trust": 0.001}
    params, _ = train(
        weights, gradients, [10.0] * 8, torch.float32, gradient_dtype, **options, weight_decay=0.0005
    )
    for p, w, g in zip(params, weights, gradients, strict=True):
        expected, _ = published(w.astype(np.float64), g, [10.0] * 8, **options, decay=0.0005)
        assert abs(p.detach().numpy() - expected).max() <= 8 * 8 * 2.0**-24 * abs(expected).max()


@given(factor=st.floats(1e-6, 1e6), steps=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_without_decay_the_length_of_the_gradient_does_not_matter(factor, steps):
    weights, gradients = drawn(steps)
    options = {"weight_decay": 0.0, "trust": 0.01}
    first, _ = train(weights, gradients, [2.0] * steps, **options)
    second, _ = train(weights, [[factor * g for g in of] for of in gradients], [2.0] * steps, **options)
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a.detach(), b.detach(), rtol=1e-9, atol=1e-9)


def test_a_first_step_moves_weights_by_rate_times_trust_of_their_length():
    weights, gradients = drawn(1)
    params, optimizer = train(weights, gradients, [5.0], weight_decay=0.0, trust=0.002)
    for p, w in zip(params, weights, strict=True):
        moved = float(optimizer.state[p]["velocity"].norm())
        assert moved == pytest.approx(5.0 * 0.002 * np.linalg.norm(w.ravel()))


@pytest.mark.parametrize("zero", ["weight", "gradient"])
def test_tensors_of_length_zero_keep_the_plain_rate(zero):
    weights, gradients = drawn(2)
    if zero == "weight":
        weights, gradients = [0 * w for w in weights], [g[:1] for g in gradients]
    else:
        gradients = [[0 * g for g in of] for of in gradients]
    steps = len(gradients[0])
    trusted, _ = train(weights, gradients, [0.1] * steps, trust=0.001)
    plain, _ = train(weights, gradients, [0.1] * steps)
    assert all(torch.equal(a, b) for a, b in zip(trusted, plain, strict=True))


def test_a_rate_of_zero_freezes_weights_and_velocity():
    weights, gradients = drawn(3)
    before, _ = train(weights, [g[:2] for g in gradients], [1.0, 1.0], trust=0.01)
    after, _ = train(weights, gradients, [1.0, 1.0, 0.0], trust=0.01)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_velocity_is_all_that_a_run_needs_to_go_on():
    weights, gradients = drawn(6)
    options = {"dtype": torch.float32, "trust": 0.001}
    whole, _ = train(weights, gradients, [10.0] * 6, **options)
    first, optimizer = train(weights, [g[:3] for g in gradients], [10.0] * 3, **options)
    kept = [optimizer.state[p]["velocity"].clone() for p in first]
    assert all(optimizer.state[p].keys() == {"velocity"} for p in first)
    again = [torch.nn.Parameter(p.detach().clone()) for p in first]
    resumed = SGD(again, lr=10.0, trust=0.001)
    for p, velocity in zip(again, kept, strict=True):
        resumed.state[p]["velocity"] = velocity
    for step in range(3, 6):
        for p, g in zip(again, gradients, strict=True):
            p.grad = torch.from_numpy(g[step]).float()
        resumed.step()
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))


def test_kept_copies_follow():
    weight = torch.nn.Parameter(torch.from_numpy(numbers((8, 8), 0)).float())
    optimizer = SGD([weight], lr=10.0, trust=0.01)
    copy = bfloat16_copy(weight)
    weight.grad = torch.from_numpy(numbers((8, 8), 1)).float()
    optimizer.step()
    assert torch.equal(bfloat16_copy(weight), weight.detach().bfloat16())
    assert not library.available() or bfloat16_copy(weight) is copy


# --- what is adapted


@pytest.fixture(scope="module")
def net():
    return built(tiny("alexnet_bn"), 4)


def groups(net, **options):
    optimizer = build_optimizer(net, OptimConfig(**options))
    return {
        name: (group["lr"], group["weight_decay"], group["trust"])
        for (name, _), group in zip(net.named_parameters(), optimizer.param_groups, strict=True)
    }


def test_weights_are_adapted_and_biases_scales_and_shifts_are_not(net):
    for name, found in groups(net, lr=10.0, bias_lr=0.1, trust=0.001).items():
        adapted = name.endswith("weight") and "bn" not in name
        assert found == ((10.0, 0.0005, 0.001) if adapted else (0.1, 0.0, None)), name


def test_a_layers_own_rates_hold(net):
    layers = {"conv2": LayerConfig(lr=3.0), "bn2": LayerConfig(bias_lr=0.5), "fc8": LayerConfig(bias_lr=0.7)}
    found = groups(net, lr=10.0, bias_lr=0.1, trust=0.001, layers=layers)
    rates = {"conv2.weight": 3.0, "bn2.weight": 0.5, "bn2.bias": 0.5, "fc8.bias": 0.7, "fc8.weight": 10.0}
    assert {name: found[name][0] for name in rates} == rates


def test_without_trust_scales_learn_as_weights_do(net):
    found = groups(net, lr=0.01, bias_lr=0.02)
    assert found["bn1.weight"] == (0.01, 0.0, None) and found["conv1.weight"] == (0.01, 0.0005, None)


def test_a_schedule_scales_the_rate_before_the_ratio(net):
    optimizer = build_optimizer(net, OptimConfig(lr=10.0, bias_lr=0.1, trust=0.001))
    set_rates(optimizer, Rates(0.25, 0.5))
    assert {(g["trust"], g["is_bias"], g["lr"]) for g in optimizer.param_groups} == {
        (0.001, False, 2.5),
        (None, False, 0.1 * 0.25),
        (None, True, 0.05),
    }


# --- what is refused


@pytest.mark.parametrize("trust", [0.0, -0.001, float("nan"), float("inf")])
def test_a_trust_that_is_none_is_refused_in_one_line(trust):
    with pytest.raises(RecipeError, match=r"optim: trust must be positive, not \S+$"):
        build(OptimConfig, {"trust": trust, "bias_lr": 0.1}, "optim.")


@pytest.mark.parametrize("trust", [0.0, -0.001, float("nan")])
def test_the_optimizer_refuses_it_too(trust):
    with pytest.raises(ValueError, match="trust must be positive"):
        SGD([torch.nn.Parameter(torch.ones(2))], trust=trust)


def test_trust_without_a_rate_for_the_biases_is_refused():
    with pytest.raises(RecipeError, match=r"optim: trust needs bias_lr"):
        build(OptimConfig, {"trust": 0.001}, "optim.")
