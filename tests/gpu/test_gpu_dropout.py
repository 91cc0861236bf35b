"""Masks drawn in the kernel: bit for bit those of `ops/dropout.py`."""

import numpy as np
import pytest
import torch

from alexnet.core.keys import Key
from alexnet.gpu.dropout import keyed_dropout, relu_dropout
from alexnet.ops.dropout import Dropout, dropout_draws

pytestmark = pytest.mark.usefixtures("kernels")
SAMPLES = np.array([5, 2**31 + 3, 7])


def both(x, grad, device, *, rate, inverted, step):
    key = Key.from_seed(11)
    theirs, ours = x.clone().requires_grad_(), x.to(device).requires_grad_()
    with dropout_draws(key, step, SAMPLES):
        expected = Dropout(rate, inverted=inverted, name="drop6")(theirs)
    samples, number = torch.from_numpy(SAMPLES).to(device), torch.tensor([step], device=device)
    got = keyed_dropout(ours, key.derive("drop6"), number, samples, rate=rate, inverted=inverted)
    expected.backward(grad)
    got.backward(grad.to(device))
    return (expected, theirs.grad), (got.detach().cpu(), ours.grad.cpu())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("rate", [0.5, 0.3])
@pytest.mark.parametrize("units", [1, 37, 1100])
def test_it_gives_the_bits_of_the_layer(device, dtype, rate, inverted, units):
    x, grad = (torch.randn(3, units, generator=torch.Generator().manual_seed(i)).to(dtype) for i in (0, 1))
    theirs, ours = both(x, grad, device, rate=rate, inverted=inverted, step=2**31 + 12345)
    assert all(torch.equal(a, b) for a, b in zip(theirs, ours, strict=True))


def test_maps_are_read_in_their_order(device):
    x = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    theirs, ours = both(x, torch.ones_like(x), device, rate=0.5, inverted=False, step=0)
    assert all(torch.equal(a, b) for a, b in zip(theirs, ours, strict=True))


def test_torch_can_trace_and_differentiate_it(device):
    x = torch.randn(2, 40, device=device, requires_grad=True)
    samples, step = torch.tensor([3, 1], device=device), torch.tensor([4], device=device)
    utilities = ("test_schema", "test_autograd_registration", "test_faketensor")
    operator = torch.ops.alexnet.gpu_dropout.default
    torch.library.opcheck(operator, (x, samples, step, -5, 0.5, False), test_utils=utilities)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("inverted", [False, True])
def test_bias_and_relu_before_it(device, dtype, inverted):
    def values(*shape, seed):
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))

    x, grad, bias = values(3, 1100, seed=0).to(dtype), values(3, 1100, seed=1).to(dtype), values(1100, seed=2)
    key, samples, step = (
        Key.from_seed(11),
        torch.from_numpy(SAMPLES).to(device),
        torch.tensor([4], device=device),
    )
    wide, wide_bias = x.double().requires_grad_(), bias.double().requires_grad_()
    with dropout_draws(key, 4, SAMPLES):
        expected = Dropout(0.5, inverted=inverted, name="drop6")((wide + wide_bias).relu())
    expected.backward(grad.double())
    ours, own_bias = x.to(device).requires_grad_(), bias.to(device).requires_grad_()
    got = relu_dropout(ours, own_bias, key.derive("drop6"), step, samples, inverted=inverted)
    got.backward(grad.to(device))
    assert torch.equal(got.detach().cpu(), expected.detach().to(dtype))
    assert torch.equal(ours.grad.cpu(), wide.grad.to(dtype)) and ours.grad.count_nonzero() > 500
    torch.testing.assert_close(own_bias.grad.cpu().double(), wide_bias.grad, rtol=1e-6, atol=1e-6)
