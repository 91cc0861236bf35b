"""A strided convolution over blocks of pixels: what `conv2d` gives, and when it is taken."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from maps import activations, channels_last

from alexnet.ops import strided_conv
from alexnet.ops.strided_conv import strided_conv2d

pytestmark = pytest.mark.usefixtures("kernels")


@st.composite
def convolutions(draw):
    stride, kernel = draw(st.integers(2, 4)), draw(st.integers(1, 7))
    pad, after = draw(st.integers(0, 3)), draw(st.integers(0, 4))
    height, width = (draw(st.integers(max(1, kernel - 2 * pad - after), 17)) for _ in range(2))
    x = activations((draw(st.integers(1, 3)), draw(st.integers(1, 4)), height, width), scale=1.0)
    weight = activations((draw(st.integers(1, 5)), x.shape[1], kernel, kernel), seed=1, scale=1.0)
    return channels_last(x), weight, activations((weight.shape[0],), seed=2, scale=1.0), stride, pad, after


@given(convolutions())
@settings(max_examples=150, deadline=None)
def test_it_equals_the_convolution_and_its_derivatives(case):
    """Sums of at most 4 * 49 products of ordinary size, in another order."""
    x, weight, bias, stride, pad, after = case
    wide = [weight.requires_grad_(), bias.requires_grad_()]
    expected = F.conv2d(F.pad(x, (0, after, 0, after)), *wide, stride, pad)
    expected.square().sum().backward()
    narrow = [t.detach().float().requires_grad_() for t in wide]
    assert strided_conv.takes(x.float(), narrow[0], stride, 1)
    got = strided_conv2d(x.float(), *narrow, stride, pad, after)
    got.square().sum().backward()
    torch.testing.assert_close(got.double(), expected, rtol=1e-5, atol=1e-4)
    for ours, theirs in zip(narrow, wide, strict=True):
        scale = float(theirs.grad.abs().max())
        torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-4, atol=1e-5 * (1 + scale))


def test_under_autocast_it_computes_in_bfloat16():
    x, weight = channels_last(activations((2, 3, 19, 19), scale=1.0)).float(), activations((8, 3, 5, 5)).float()
    with torch.autocast("cpu", torch.bfloat16):
        got = strided_conv2d(x, weight, None, 4, 1, 0)
    expected = F.conv2d(x.bfloat16().double(), weight.bfloat16().double(), None, 4, 1)
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.double(), expected, rtol=2**-8, atol=2**-8 * float(expected.abs().max()))


@pytest.mark.parametrize("size", [17, 19, 20])
def test_pictures_already_rounded_give_the_same_bits(size):
    x, weight = (
        channels_last(activations((2, 3, size, size), scale=1.0)).float(),
        activations((8, 3, 5, 5)).float(),
    )
    gradients, results = [], []
    for pictures in (x, x.bfloat16()):
        kernel = weight.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            assert strided_conv.takes(pictures, kernel, 4, 1, 4)
            results.append(strided_conv2d(pictures, kernel, None, 4, 2, 1))
        results[-1].float().square().sum().backward()
        gradients.append(kernel.grad)
    assert torch.equal(*results) and torch.equal(*gradients)


@pytest.mark.parametrize(
    "refused", ["stride 1", "groups", "many channels", "gradient", "double", "nchw", "bfloat16"]
)
def test_what_is_left_to_conv2d(refused):
    x = channels_last(torch.ones(2, 6 if refused == "many channels" else 2, 9, 9))
    x = {"double": x.double(), "nchw": x.contiguous(), "bfloat16": x.bfloat16()}.get(refused, x)
    x.requires_grad_(refused == "gradient")
    weight = torch.ones(4, x.shape[1], 3, 3, dtype=torch.float64 if refused == "double" else torch.float32)
    stride, groups = 1 if refused == "stride 1" else 4, 2 if refused == "groups" else 1
    assert not strided_conv.takes(x, weight, stride, groups)


@pytest.mark.parametrize(
    ("given", "narrow"), [(torch.float32, False), (torch.float32, True), (torch.bfloat16, True)]
)
def test_torch_can_trace_the_blocks(given, narrow):
    x = channels_last(activations((2, 3, 7, 6))).to(given)
    torch.library.opcheck(torch.ops.alexnet.space_to_depth.default, (x, 4, 2, [3, 2], narrow))
