"""Convolution with unshared weights against one ordinary convolution a place, values and gradients."""

import pytest
import torch
import torch.nn.functional as F
from maps import ROUNDING, activations, channels_last

from alexnet.ops.local_conv import local_conv2d, reference

CASES = [
    ((1, 1, 1, 1), 1, 1, 0),
    ((1, 3, 1, 1), 2, 3, 1),
    ((2, 3, 4, 5), 4, 1, 0),
    ((2, 3, 4, 5), 4, 3, 0),
    ((3, 2, 5, 3), 5, 3, 1),
    ((2, 2, 3, 6), 3, 2, 1),
    ((1, 4, 2, 7), 2, 2, 0),
    ((2, 2, 3, 3), 3, 5, 2),
    ((3, 1, 1, 6), 2, 1, 2),
]
"""Shape of the maps, number of maps made of them, kernel, padding."""


def places(shape, kernel, pad):
    return (shape[2] + 2 * pad - kernel + 1) * (shape[3] + 2 * pad - kernel + 1)


def tensors(shape, outputs, kernel, pad, *, dtype=torch.float64):
    """Maps, weights and biases, all between about -3 and 3."""
    count = places(shape, kernel, pad)
    shapes = (shape, (count, outputs, shape[1], kernel, kernel), (count, outputs))
    return [activations(s, seed=i, scale=1.0).to(dtype) for i, s in enumerate(shapes)]


def with_gradients(function, *inputs, pad, weights):
    inputs = [t.detach().requires_grad_() for t in inputs]
    output = function(*inputs, pad=pad)
    return output.detach(), *torch.autograd.grad((output * weights.to(output.dtype)).sum(), inputs)


def by_hand(x, weight, bias, *, pad):
    """The formula of the docstring, one number at a time."""
    padded, kernel = F.pad(x, (pad, pad, pad, pad)), weight.shape[-1]
    height, width = padded.shape[2] - kernel + 1, padded.shape[3] - kernel + 1
    out = torch.empty(len(x), weight.shape[1], height, width, dtype=x.dtype)
    for n, o, y, z in torch.cartesian_prod(*map(torch.arange, out.shape)).view(-1, 4).tolist():
        place = y * width + z
        window = padded[n, :, y : y + kernel, z : z + kernel]
        out[n, o, y, z] = bias[place, o] + (weight[place, o] * window).sum()
    return out


@pytest.mark.parametrize(("shape", "outputs", "kernel", "pad"), CASES)
def test_the_reference_is_the_formula(shape, outputs, kernel, pad):
    x, weight, bias = tensors(shape, outputs, kernel, pad)
    expected = by_hand(x, weight, bias, pad=pad)
    torch.testing.assert_close(reference(x, weight, bias, pad=pad), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("shape", "outputs", "kernel", "pad"), CASES)
def test_values_and_gradients_agree_with_double_precision(shape, outputs, kernel, pad, dtype, layout):
    """A sum of n products of magnitudes m is within (n + 3) roundings of sum(m) of the exact one."""
    x, weight, bias = tensors(shape, outputs, kernel, pad, dtype=dtype)
    wide = [t.double() for t in (x, weight, bias)]
    g = activations(reference(*wide, pad=pad).shape, seed=9, scale=1.0).to(dtype).double()
    got = with_gradients(local_conv2d, x.contiguous(memory_format=layout), weight, bias, pad=pad, weights=g)
    expected = with_gradients(reference, *wide, pad=pad, weights=g)
    magnitudes = with_gradients(reference, *(t.abs() for t in wide), pad=pad, weights=g.abs())
    terms = (shape[1] * kernel**2 + 1, outputs * kernel**2, shape[0], shape[0])
    for ours, theirs, magnitude, count in zip(got, expected, magnitudes, terms, strict=True):
        assert ours.dtype == dtype and ours.shape == theirs.shape
        assert ((ours.double() - theirs).abs() <= (count + 3) * ROUNDING[dtype] * magnitude).all()


@pytest.mark.parametrize(("shape", "outputs", "kernel", "pad"), CASES)
def test_gradient_is_the_derivative(shape, outputs, kernel, pad):
    inputs = [t.requires_grad_() for t in tensors(shape, outputs, kernel, pad)]
    assert torch.autograd.gradcheck(lambda *t: local_conv2d(*t, pad=pad), inputs, fast_mode=True)


def test_an_empty_batch_gives_an_empty_batch():
    x, weight, bias = tensors((0, 2, 4, 3), 5, 3, 1)
    assert local_conv2d(x, weight, bias, pad=1).shape == (0, 5, 4, 3)


def test_an_image_gives_the_same_in_any_batch():
    x, weight, bias = tensors((6, 2, 4, 3), 5, 3, 1)
    whole = local_conv2d(x, weight, bias, pad=1)
    parts = torch.cat([local_conv2d(part, weight, bias, pad=1) for part in x.split(4)])
    torch.testing.assert_close(parts, whole, rtol=1e-13, atol=1e-13)


def test_shared_weights_are_an_ordinary_convolution():
    x, weight, bias = tensors((2, 3, 5, 4), 4, 3, 1)
    shared = [t[:1].expand_as(t) for t in (weight, bias)]
    expected = F.conv2d(x, weight[0], bias[0], padding=1)
    torch.testing.assert_close(local_conv2d(x, *shared, pad=1), expected, rtol=1e-13, atol=1e-13)


def test_a_place_reads_its_own_weights_only():
    x, weight, bias = tensors((1, 2, 3, 4), 3, 3, 1)
    changed = weight.clone()
    changed[7] += 1
    differs = local_conv2d(x, weight, bias, pad=1) != local_conv2d(x, changed, bias, pad=1)
    assert differs.any(1)[0].nonzero().tolist() == [[1, 3]]


def test_the_inputs_are_left_as_they_were():
    inputs = [channels_last(t) if t.ndim == 4 else t for t in tensors((1, 2, 3, 4), 3, 3, 1)]
    kept = [t.clone() for t in inputs]
    local_conv2d(*inputs, pad=1)
    assert all(torch.equal(a, b) for a, b in zip(inputs, kept, strict=True))


@pytest.mark.parametrize(
    ("shape", "line"),
    [
        ((2, 3, 5, 5), "9 places of 3 maps cannot read 3 maps that give 5 x 5 places"),
        ((2, 4, 3, 3), "9 places of 3 maps cannot read 4 maps that give 3 x 3 places"),
    ],
)
def test_weights_for_other_maps_are_refused(shape, line):
    _, weight, bias = tensors((1, 3, 3, 3), 2, 3, 1)
    with pytest.raises(ValueError, match=line):
        local_conv2d(torch.zeros(shape).double(), weight, bias, pad=1)
