"""The paper's update rule, against the formula in double precision and against torch's."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.kernels import library
from alexnet.optim.sgd import SGD


def parameters(shapes=((4, 3), (5,)), dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.nn.Parameter(torch.randn(s, generator=generator, dtype=torch.float64).to(dtype)) for s in shapes
    ]


def set_gradients(params, step, seed=100):
    generator = torch.Generator().manual_seed(seed + step)
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator, dtype=torch.float64).to(p.dtype)


def by_hand(weights, gradients, rates, momentum, decay):
    """v <- 0.9 v - 0.0005 lr w - lr g; w <- w + v, step by step (paper, section 5)."""
    velocities = [torch.zeros_like(w) for w in weights]
    for step_gradients, lr in zip(gradients, rates, strict=True):
        for i, g in enumerate(step_gradients):
            velocities[i] = momentum * velocities[i] - decay * lr * weights[i] - lr * g
            weights[i] = weights[i] + velocities[i]
    return weights, velocities


def run(params, rates, make, **options):
    optimizer = make(params, lr=rates[0], **options)
    for step, lr in enumerate(rates):
        for group in optimizer.param_groups:
            group["lr"] = lr
        set_gradients(params, step)
        optimizer.step()
    return optimizer


@given(
    momentum=st.floats(0, 0.99),
    decay=st.floats(0, 0.1),
    rates=st.lists(st.floats(1e-4, 0.5), min_size=1, max_size=6),
)
@settings(max_examples=50, deadline=None)
def test_updates_are_the_papers_formula(momentum, decay, rates):
    params = parameters()
    start = [p.detach().clone() for p in params]
    optimizer = run(params, rates, SGD, momentum=momentum, weight_decay=decay)
    gradients = []
    for step in range(len(rates)):
        copies = [torch.nn.Parameter(w) for w in start]
        set_gradients(copies, step)
        gradients.append([c.grad for c in copies])
    weights, velocities = by_hand(start, gradients, rates, momentum, decay)
    for p, w, v in zip(params, weights, velocities, strict=True):
        torch.testing.assert_close(p.detach(), w, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(optimizer.state[p]["velocity"], v, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("channels_last", [True, False])
def test_single_precision_stays_within_its_rounding(compiled, channels_last, monkeypatch):
    """Twenty steps, each with at most eight roundings of terms no larger than the weights and velocities."""
    if not compiled:
        monkeypatch.setattr(library, "_library", lambda: None)
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    narrow = [
        torch.nn.Parameter(p.to(memory_format=memory_format))
        for p in parameters(((6, 4, 3, 3),), torch.float32)
    ]
    wide = [torch.nn.Parameter(p.detach().double()) for p in narrow]
    rates = [0.01] * 10 + [0.001] * 10
    for params in (narrow, wide):
        optimizer = SGD(params, lr=0.01)
        for step, lr in enumerate(rates):
            optimizer.param_groups[0]["lr"] = lr
            set_gradients(params, step)
            params[0].grad = params[0].grad.to(torch.float32).to(params[0].dtype)
            if params is narrow:
                params[0].grad = params[0].grad.to(memory_format=memory_format)
            optimizer.step()
    difference = (narrow[0].detach().double() - wide[0].detach()).abs().max()
    assert difference <= 20 * 8 * 2.0**-24 * float(wide[0].detach().abs().max())
    assert narrow[0].is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize("decay", [0.0, 0.0005, 0.1])
def test_at_a_constant_rate_it_is_torchs(decay):
    ours, theirs = parameters(), parameters()
    rates = [0.05] * 30
    run(ours, rates, SGD, momentum=0.9, weight_decay=decay)
    run(theirs, rates, torch.optim.SGD, momentum=0.9, weight_decay=decay)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.detach(), b.detach(), rtol=1e-12, atol=1e-12)


def test_after_a_drop_it_is_torchs_with_the_buffer_scaled_by_the_old_rate_over_the_new():
    ours, exact, plain = parameters(), parameters(), parameters()
    optimizers = [
        SGD(ours, lr=0.1),
        *(torch.optim.SGD(p, 0.1, 0.9, weight_decay=0.0005) for p in (exact, plain)),
    ]
    distance = []
    for step in range(40):
        lr = 0.1 if step < 20 else 0.01
        if step == 20:
            for p in exact:
                optimizers[1].state[p]["momentum_buffer"].mul_(10)
        for params, optimizer in zip((ours, exact, plain), optimizers, strict=True):
            optimizer.param_groups[0]["lr"] = lr
            set_gradients(params, step)
            optimizer.step()
        distance.append(float((ours[0] - plain[0]).detach().abs().max()))
        for a, b in zip(ours, exact, strict=True):
            torch.testing.assert_close(a.detach(), b.detach(), rtol=1e-11, atol=1e-11)
    assert distance[19] < 1e-12 < 1e-3 < distance[20] < distance[30]


def test_the_velocity_that_is_left_after_a_drop_carries_on_nine_times():
    """0.9 + 0.81 + ... = 9: without gradients and decay the weights move by nine more velocities."""
    (weight,) = parameters(((3,),))
    optimizer = SGD([weight], lr=0.1, weight_decay=0.0)
    set_gradients([weight], 0)
    optimizer.step()
    velocity, place = optimizer.state[weight]["velocity"].clone(), weight.detach().clone()
    for _ in range(400):
        optimizer.param_groups[0]["lr"] = 1e-9
        weight.grad = torch.zeros_like(weight)
        optimizer.step()
    torch.testing.assert_close(weight.detach() - place, 9 * velocity, rtol=1e-6, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_rate_of_zero_freezes_weights_and_velocity(dtype):
    params = parameters(dtype=dtype)
    optimizer = run(params, [0.1, 0.1], SGD)
    weights = [p.detach().clone() for p in params]
    velocities = [optimizer.state[p]["velocity"].clone() for p in params]
    optimizer.param_groups[0]["lr"] = 0.0
    set_gradients(params, 5)
    optimizer.step()
    for p, w, v in zip(params, weights, velocities, strict=True):
        assert torch.equal(p, w) and torch.equal(optimizer.state[p]["velocity"], v)


def test_a_parameter_without_a_gradient_is_left_alone():
    used, unused = parameters()
    optimizer = SGD([used, unused], lr=0.1)
    before = unused.detach().clone()
    used.grad = torch.ones_like(used)
    optimizer.step()
    assert torch.equal(unused, before) and unused not in optimizer.state
    assert not torch.equal(used.detach(), parameters()[0])


def test_gradients_of_another_layout_are_read_by_index_not_by_memory():
    weights, results = [], []
    for gradient_format in (torch.contiguous_format, torch.channels_last):
        weight = torch.nn.Parameter(parameters(((4, 3, 2, 2),), torch.float32)[0].detach())
        optimizer = SGD([weight], lr=0.1)
        set_gradients([weight], 0)
        weight.grad = weight.grad.to(memory_format=gradient_format)
        optimizer.step()
        weights.append(weight)
        results.append(weight.detach().clone())
    torch.testing.assert_close(results[0], results[1], rtol=1e-6, atol=1e-7)


def test_a_closure_is_called_with_gradients_on_and_its_loss_returned():
    (weight,) = parameters(((3,),))
    optimizer = SGD([weight], lr=0.1)

    def closure():
        loss = (weight**2).sum()
        loss.backward()
        return loss

    before = weight.detach().clone()
    assert optimizer.step(closure).item() == pytest.approx(float((before**2).sum()))
    torch.testing.assert_close(weight.detach(), before - 0.1 * (2 + 0.0005) * before)


@pytest.mark.parametrize("name", ["lr", "momentum", "weight_decay"])
@pytest.mark.parametrize("value", [-0.1, float("nan")])
def test_negative_numbers_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must not be negative"):
        SGD(parameters(), **{name: value})


def test_its_state_goes_through_torchs_state_dict():
    first, second = parameters(), parameters()
    optimizer = run(first, [0.1, 0.1], SGD)
    other = SGD(second, lr=0.3)
    with torch.no_grad():
        for a, b in zip(first, second, strict=True):
            b.copy_(a)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for params, o in ((first, optimizer), (second, other)):
        set_gradients(params, 9)
        o.step()
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
