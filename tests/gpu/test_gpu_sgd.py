"""The one-pass update: the bits of the rule computed product by product, and of `optim.SGD` around it."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alexnet.gpu.sgd import OnePassSGD, sgd_update
from alexnet.optim.sgd import SGD

pytestmark = pytest.mark.usefixtures("kernels")


def numbers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def by_hand(weight, velocity, gradient, rates):
    """The rule in float32, every product and sum rounded."""
    w, v, g = (t.float().numpy() for t in (weight, velocity, gradient))
    rate, momentum, decay = rates.numpy()
    v = momentum * v - rate * decay * w - rate * g
    return torch.from_numpy(w + v), torch.from_numpy(v)


@given(st.integers(1, 2100), st.sampled_from([torch.float32, torch.bfloat16]), st.booleans())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_gives_the_bits_of_the_rule(device, count, kind, copied):
    weight, velocity, gradient = numbers(count), numbers(count, seed=1), numbers(count, seed=2).to(kind)
    rates = torch.tensor([0.01, 0.9, 0.0005])
    expected = by_hand(weight, velocity, gradient, rates)
    weight, velocity, gradient, rates = (t.clone().to(device) for t in (weight, velocity, gradient, rates))
    copy = torch.zeros(count, dtype=torch.bfloat16, device=device) if copied else None
    sgd_update(weight, velocity, gradient, rates, copy)
    assert torch.equal(weight.cpu(), expected[0]) and torch.equal(velocity.cpu(), expected[1])
    assert copy is None or torch.equal(copy, weight.bfloat16())


def test_a_rate_of_zero_freezes_weight_velocity_and_copy(device):
    tensors = [numbers(10, seed=i).to(device) for i in range(3)]
    before = [t.clone() for t in tensors]
    copy = torch.full((10,), 7.0, device=device)
    sgd_update(*tensors, torch.tensor([0.0, 0.9, 0.1], device=device), copy)
    assert all(torch.equal(a, b) for a, b in zip(tensors, before, strict=True)) and (copy == 7).all()


def test_channels_last_weights_are_updated_in_their_own_layout(device):
    weight, velocity, gradient = (numbers(4, 3, 2, 2, seed=i) for i in range(3))
    rates = torch.tensor([0.01, 0.9, 0.0005])
    expected = by_hand(weight, velocity, gradient, rates)
    own = [t.to(device).contiguous(memory_format=torch.channels_last) for t in (weight, velocity, gradient)]
    sgd_update(*own, rates.to(device))
    assert torch.equal(own[0].cpu(), expected[0]) and torch.equal(own[1].cpu(), expected[1])
    with pytest.raises(ValueError, match="layout"):
        sgd_update(own[0], own[1], gradient.to(device), rates.to(device))


def two_groups(device):
    weights = [torch.nn.Parameter(numbers(5, 7, seed=i).to(device)) for i in range(3)]
    groups = [{"params": weights[:2]}, {"params": weights[2:], "lr": 0.02, "weight_decay": 0.0}]
    return weights, SGD(groups, lr=0.01, momentum=0.9, weight_decay=0.0005)


@pytest.mark.parametrize("overlap", [False, True])
def test_it_applies_an_optimizer_as_the_optimizer_itself(device, overlap):
    """Over a change of the rate, a frozen group and a loss that is not finite."""
    (theirs, reference), (ours, optimizer) = two_groups(torch.device("cpu")), two_groups(device)
    fast = OnePassSGD(optimizer, overlap=overlap)
    inputs = numbers(5, 7, seed=9)
    for step, rate in enumerate([0.01, 0.01, 0.001, 0.001]):
        for each in (reference, optimizer):
            each.param_groups[0]["lr"] = rate
            each.param_groups[1]["lr"] = 0.0 if step == 1 else 0.02
            each.zero_grad()
        sum((w * inputs).square().sum() for w in theirs).backward()
        if step != 2:
            reference.step()
        fast.load_rates()
        fast.begin(torch.tensor(step != 2, device=device))
        sum((w * inputs.to(device)).square().sum() for w in ours).backward()
        fast.step()
    for a, b in zip(theirs, ours, strict=True):
        torch.testing.assert_close(b.detach().cpu(), a.detach(), rtol=2e-7, atol=1e-7)
        ours_state, theirs_state = optimizer.state[b]["velocity"].cpu(), reference.state[a]["velocity"]
        torch.testing.assert_close(ours_state, theirs_state, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("overlap", [False, True])
def test_working_weights_follow_their_masters(device, overlap):
    master = torch.nn.Parameter(numbers(6, 4).to(device))
    working = master.detach().bfloat16().requires_grad_()
    fast = OnePassSGD(SGD([master], lr=0.01), {master: working}, overlap=overlap)
    for _ in range(3):
        working.grad = None
        fast.begin(torch.tensor(True, device=device))
        (working.float().square().sum() / 2).backward()
        fast.step()
        assert torch.equal(working.detach(), master.detach().bfloat16())
    # w <- w + v with g = bf16(w): three steps of a decay by known factors.
    assert 0.93 < float(master.detach().norm() / numbers(6, 4).norm()) < 0.96


def test_a_network_resumes_from_its_velocities(device):
    weight = torch.nn.Parameter(numbers(8).to(device))
    optimizer = SGD([weight], lr=0.01)
    optimizer.state[weight]["velocity"] = numbers(8, seed=3).to(device)
    expected = by_hand(
        weight.detach().cpu(), numbers(8, seed=3), torch.ones(8), torch.tensor([0.01, 0.9, 0.0005])
    )
    fast = OnePassSGD(optimizer)
    weight.grad = torch.ones(8, device=device)
    fast.begin(torch.tensor(True, device=device))
    fast.step()
    assert torch.equal(weight.detach().cpu(), expected[0])
    assert np.array_equal(optimizer.state[weight]["velocity"].cpu(), expected[1])
