"""A convolution of pictures over runs of pixels: what `conv2d` gives, and when it is taken."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from maps import activations, channels_last

from alexnet.ops import run_conv
from alexnet.ops.run_conv import run_conv2d, run_kernels

pytestmark = pytest.mark.usefixtures("kernels")


@st.composite
def convolutions(draw):
    channels, kernel = draw(st.sampled_from([(3, 3), (3, 4), (3, 5), (2, 5), (2, 7), (1, 9), (1, 15), (5, 2)]))
    pad = draw(st.integers(0, (kernel - 1) // 2))
    height, width = (draw(st.integers(max(1, kernel - 2 * pad), 19)) for _ in range(2))
    x = activations((draw(st.integers(1, 3)), channels, height, width), scale=1.0)
    weight = activations((draw(st.integers(1, 5)), channels, kernel, kernel), seed=1, scale=1.0)
    return channels_last(x).bfloat16(), weight.bfloat16(), draw(st.booleans()), pad


@given(convolutions())
@settings(max_examples=100, deadline=None)
def test_it_equals_the_convolution_and_its_derivatives(case):
    """Values that bfloat16 holds: what differs is one rounding of each result, and the order of sums."""
    x, kernels, biased, pad = case
    values = activations((len(kernels),), seed=2, scale=1.0).bfloat16()
    wide = [t.double().requires_grad_() for t in (kernels, values)]
    expected = F.conv2d(x.double(), wide[0], wide[1] if biased else None, 1, pad)
    expected.sum().backward()
    expected = expected.detach()
    narrow = [t.float().requires_grad_() for t in (kernels, values)]
    with torch.autocast("cpu", torch.bfloat16):
        assert run_conv.takes(x, narrow[0], 1, 1, pad)
        got = run_conv2d(x, narrow[0], narrow[1] if biased else None, pad)
    got.sum().backward()
    assert got.dtype == torch.bfloat16
    scale = float(expected.abs().max())
    torch.testing.assert_close(got.double(), expected, rtol=2**-8, atol=1e-5 * scale)
    for ours, theirs in zip(narrow, wide, strict=True):
        if theirs.grad is not None:
            torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=2**-8, atol=1e-4 * scale)


def test_rounding_the_pictures_here_gives_the_same_bits():
    x = channels_last(activations((2, 3, 9, 11), scale=1.0)).float()
    weight = activations((4, 3, 5, 5)).float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(run_conv2d(x, weight, None, 2), run_conv2d(x.bfloat16(), weight, None, 2))


def test_kernels_over_runs_hold_every_weight_once_and_the_bias_where_no_zeros_are_read():
    weight, bias = torch.arange(1.0, 151).view(2, 3, 5, 5), torch.tensor([1000.0, 2000.0])
    kernels = run_kernels(weight, bias, 2)
    assert kernels.shape == (2, 16, 5, 1)
    assert kernels[1, 15, :, 0].tolist() == [0, 0, 2000, 0, 0]
    assert kernels[1, 3 * 4 + 2, 1, 0] == weight[1, 2, 1, 4]
    assert kernels[:, :15].sum() == weight.sum()


@pytest.mark.parametrize(
    "refused",
    [
        "stride",
        "groups",
        "many channels",
        "few channels",
        "pad",
        "gradient",
        "frozen",
        "wide",
        "no graph",
        "float32",
    ],
)
def test_what_is_left_to_conv2d(refused):
    channels = {"many channels": 4, "few channels": 1}.get(refused, 3)
    x = channels_last(torch.ones(1, channels, 9, 1400 if refused == "wide" else 9))
    x.requires_grad_(refused == "gradient")
    groups, stride = 3 if refused == "groups" else 1, 2 if refused == "stride" else 1
    weight = torch.ones(6, channels // groups, 5, 5, requires_grad=refused != "frozen")
    with (
        torch.autocast("cpu", torch.bfloat16, enabled=refused != "float32"),
        torch.set_grad_enabled(refused != "no graph"),
    ):
        taken = run_conv.takes(x, weight, stride, groups, 3 if refused == "pad" else 2)
    assert not taken


@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16])
def test_torch_can_trace_the_runs(given):
    x = channels_last(activations((2, 3, 7, 6))).to(given)
    torch.library.opcheck(torch.ops.alexnet.pixel_runs.default, (x, 5, 2))
