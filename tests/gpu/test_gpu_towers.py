"""Two towers on tensors of their own: the grouped convolution's numbers."""

import pytest
import torch
import torch.nn.functional as F

from alexnet.gpu.towers import conv_towers


def values(*shape, seed=0):
    return torch.randn(
        shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    ).requires_grad_()


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize(("groups", "stride", "padding"), [(1, 1, 0), (2, 1, 2), (2, 2, 1), (3, 1, 1)])
def test_it_equals_the_grouped_convolution_and_its_gradients(groups, stride, padding, separate, biased):
    x, weight = values(2, 4 * groups, 7, 6), values(6 * groups, 4, 3, 3, seed=1)
    leaves = (x, weight, values(6 * groups, seed=2))[: 3 if biased else 2]
    bias = leaves[2] if biased else None
    expected = F.conv2d(x, weight, bias, stride, padding, groups=groups)
    xs = x.chunk(groups, 1) if separate else [x]
    ys = conv_towers(xs, weight, bias, groups=groups, stride=stride, padding=padding)
    assert len(ys) == groups
    torch.testing.assert_close(torch.cat(ys, 1), expected, rtol=1e-12, atol=1e-12)
    grad = values(*expected.shape, seed=3).detach()
    theirs, ours = (torch.autograd.grad(y, leaves, grad) for y in (expected, torch.cat(ys, 1)))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_a_wrong_number_of_towers_is_refused():
    with pytest.raises(ValueError, match="3 tensors for 2 towers"):
        conv_towers([values(1, 2, 3, 3)] * 3, values(4, 2, 3, 3), groups=2)
