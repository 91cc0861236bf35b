"""LARS on the device: its ratios follow weights and gradients inside a captured step."""

import pytest
import torch

from alexnet.gpu.graph import GraphedStep
from alexnet.gpu.sgd import OnePassSGD
from alexnet.optim.sgd import SGD

pytestmark = pytest.mark.usefixtures("kernels")


def numbers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), 0.0])
def test_a_gradient_without_a_length_holds_or_keeps_the_plain_rate(device, broken):
    weight = torch.nn.Parameter(numbers(5, 7).to(device))
    optimizer = SGD([weight], lr=10.0, weight_decay=0.0, trust=0.001)
    fast, before = OnePassSGD(optimizer), weight.detach().clone()
    weight.grad = torch.full_like(weight, broken)
    fast.begin(torch.tensor(broken == 0, device=device))
    fast.step()
    assert torch.equal(weight.detach(), before)


def test_ratios_are_of_the_wide_weights_and_the_narrow_gradients(device):
    master = torch.nn.Parameter(numbers(6, 4).to(device))
    working = master.detach().bfloat16().requires_grad_()
    fast = OnePassSGD(SGD([master], lr=10.0, weight_decay=0.0, trust=0.001), {master: working})
    working.grad = numbers(6, 4, seed=1).to(device).bfloat16()
    fast.begin(torch.tensor(True, device=device))
    fast.step()
    moved = (master.detach().cpu() - numbers(6, 4)).norm() / numbers(6, 4).norm()
    assert float(moved) == pytest.approx(0.01, rel=1e-5)
    assert torch.equal(working.detach(), master.detach().bfloat16())


def sequence(device, take, steps=6):
    """Two weights after steps of gradients of other lengths; `take` makes of an optimizer what takes them."""
    weights = [torch.nn.Parameter(numbers(64, 33, seed=50 + i).to(device)) for i in range(2)]
    step = take(weights, SGD(weights, lr=10.0, trust=0.001))
    for n in range(steps):
        step(gradient=10.0**n * numbers(64, 33, seed=n).to(device))
    return torch.stack([weight.detach().cpu() for weight in weights])


def by_optimizer(weights, optimizer):
    def step(gradient):
        for n, weight in enumerate(weights):
            weight.grad = gradient * 3**n
        optimizer.step()

    return step


def by_kernel(weights, optimizer):
    """A graph on a device, whose ratios have to follow in every replay."""
    fast, finite = OnePassSGD(optimizer), torch.tensor(True, device=weights[0].device)
    for weight in weights:
        weight.grad = torch.zeros_like(weight)

    def step(gradient):
        for n, weight in enumerate(weights):
            weight.grad.copy_(gradient * 3**n)
        fast.begin(finite)
        fast.step()
        return weights[0].detach()

    return GraphedStep(step, {"gradient": weights[0].detach()}, warmups=2)


def test_steps_are_those_of_the_optimizer(device):
    """A rate is rounded to float32 once more here; six steps of a hundredth of the weights' length each."""
    expected = sequence(torch.device("cpu"), by_optimizer)
    torch.testing.assert_close(sequence(device, by_kernel), expected, rtol=2e-6, atol=2e-6)
