"""Response normalization within a map: every path against the formula spelled out, and the 2012 source's form."""

import pytest
import torch
from maps import BF16, F32, F64, activations, channels_last

from alexnet.ops import native
from alexnet.ops.spatial_norm import reference, spatial_response_norm

SHAPES = [(1, 1, 1, 1), (3, 5, 2, 7), (1, 47, 7, 1), (2, 3, 6, 6), (2, 16, 1, 3), (1, 33, 9, 4)]
"""Among them maps that are narrower and lower than every window but the smallest."""
SIZES = [1, 3, 5, 9]


def window_sum(values, size):
    """Sum over the size x size window around each place, pixel by pixel, nothing beyond the border."""
    height, width = values.shape[2:]
    out, half = torch.empty_like(values), size // 2
    for y in range(height):
        for x in range(width):
            rows = slice(max(0, y - half), min(height, y + half + 1))
            columns = slice(max(0, x - half), min(width, x + half + 1))
            out[:, :, y, x] = values[:, :, rows, columns].sum((2, 3))
    return out


def both_directions(x, g, **constants):
    x = x.detach().requires_grad_()
    y = spatial_response_norm(x, **constants)
    y.backward(g)
    return y.detach(), x.grad


def check_against_double(x, g, *, size, beta):
    """Forward: each of size**2 + 8 roundings counts once. Backward: relative to the sum of its terms."""
    constants = {"size": size, "alpha": 0.01, "beta": beta, "k": 1.0}
    y, dx = both_directions(x, g, **constants)
    wide = x.detach().double().requires_grad_()
    expected = reference(wide, **constants)
    expected.backward(g.double())
    arithmetic = F64 if x.dtype == torch.float64 else F32
    rounding = BF16 if x.dtype == torch.bfloat16 else 0.0
    assert y.dtype == x.dtype and dx.dtype == x.dtype
    bound = ((size**2 + 8) * arithmetic + rounding) * expected.detach().abs()
    assert ((y.double() - expected.detach()).abs() <= bound).all()
    s = 1.0 + 0.01 * window_sum(wide.detach() ** 2, size)
    spread = window_sum((g.double() * wide.detach()).abs() * s ** (-beta - 1), size)
    terms = g.double().abs() * s**-beta + 0.02 * beta * wide.detach().abs() * spread
    bound = (2 * size**2 + 20) * arithmetic * terms + rounding * wide.grad.abs()
    assert ((dx.double() - wide.grad).abs() <= bound).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_reference_is_the_formula(shape, size):
    x = activations(shape)
    expected = x / (1.5 + 0.01 * window_sum(x * x, size)) ** 0.75
    torch.testing.assert_close(
        reference(x, size=size, alpha=0.01, beta=0.75, k=1.5), expected, rtol=1e-14, atol=0
    )


@pytest.mark.parametrize("beta", [0.75, 0.5])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_kernel_agrees_with_double_precision(shape, size, beta, dtype, kernels):
    x, g = (channels_last(activations(shape, seed=i, scale=s).to(dtype)) for i, s in ((1, 20.0), (2, 1.0)))
    assert native.takes(x)
    check_against_double(x, g, size=size, beta=beta)


@pytest.mark.parametrize("beta", [0.75, 0.5])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_without_kernels_it_agrees_with_double_precision(shape, size, beta, dtype, no_kernels):
    x, g = (channels_last(activations(shape, seed=i, scale=s).to(dtype)) for i, s in ((1, 20.0), (2, 1.0)))
    check_against_double(x, g, size=size, beta=beta)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_any_other_layout_and_type_agrees_with_double_precision(shape, size, dtype):
    x, g = (activations(shape, seed=i, scale=s).to(dtype) for i, s in ((3, 20.0), (4, 1.0)))
    check_against_double(x, g, size=size, beta=0.75)


def test_the_kernel_reads_a_gradient_of_any_layout(kernels):
    x = channels_last(activations((2, 6, 3, 4)).float())
    for g in (torch.ones(()).expand(2, 6, 3, 4), activations((2, 6, 3, 4), seed=5).float()):
        check_against_double(x, g, size=3, beta=0.75)


@pytest.mark.parametrize("x", [activations((2, 12, 5, 4))[:, ::2], activations((4, 6, 5, 4)).transpose(0, 1)])
def test_maps_with_gaps_between_them_are_read_by_index(x, either_way):
    x = x.float()
    torch.testing.assert_close(
        spatial_response_norm(x, size=3, alpha=0.01),
        spatial_response_norm(x.contiguous(), size=3, alpha=0.01),
        rtol=20 * F32,
        atol=0,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("number", [2, 3])
def test_the_number_of_threads_changes_no_bit(number, dtype, threads, either_way):
    x, g = (activations((5, 7, 6, 3), seed=seed).to(dtype) for seed in (0, 1))
    threads(1)
    expected = both_directions(channels_last(x), g, size=5, alpha=0.01)
    threads(number)
    got = both_directions(channels_last(x), g, size=5, alpha=0.01)
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


def test_an_image_is_normalized_alike_in_any_batch(either_way):
    x = channels_last(activations((5, 7, 6, 3)).float())
    whole = spatial_response_norm(x, size=5, alpha=0.01)
    parts = [spatial_response_norm(channels_last(part), size=5, alpha=0.01) for part in x.split(2)]
    assert torch.equal(torch.cat(parts), whole)


def check_empty_batch(dtype):
    x = channels_last(torch.empty(0, 6, 3, 4, dtype=dtype))
    y, dx = both_directions(x, torch.empty(0, 6, 3, 4, dtype=dtype), size=5, alpha=0.01)
    assert y.shape == dx.shape == (0, 6, 3, 4) and y.dtype == dtype


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_an_empty_batch_is_normalized_to_an_empty_batch(dtype, no_kernels):
    check_empty_batch(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_kernel_normalizes_an_empty_batch_to_an_empty_batch(dtype, kernels):
    check_empty_batch(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_memory_format_is_kept(dtype, either_way):
    x = activations((2, 6, 3, 4)).to(dtype)
    for memory_format in (torch.contiguous_format, torch.channels_last):
        laid = x.contiguous(memory_format=memory_format)
        for result in both_directions(laid, torch.ones_like(x), size=3, alpha=0.01):
            assert result.is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize("beta", [0.75, 0.5])
@pytest.mark.parametrize("size", [3, 5])
def test_gradient_is_the_derivative(beta, size):
    x = activations((2, 2, 3, 4), scale=2.0).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda t: spatial_response_norm(t, size=size, alpha=0.3, beta=beta, k=1.0), (x,)
    )


@pytest.mark.parametrize(("size", "scale"), [(5, 0.001), (3, 5e-5)])
def test_scale_of_the_source_is_alpha_times_the_window_area(size, scale):
    """Config 145 states 0.001 for 5 x 5, the CIFAR-10 18 % net 5e-5 for 3 x 3; both divide by the area."""
    x = activations((2, 4, 7, 6), scale=200.0)
    mean = torch.nn.functional.avg_pool2d(x * x, size, stride=1, padding=size // 2, count_include_pad=True)
    expected = x / (1 + scale * mean) ** 0.75
    got = spatial_response_norm(x, size=size, alpha=scale / size**2)
    torch.testing.assert_close(got, expected, rtol=1e-14, atol=0)


def test_maps_do_not_touch_each_other(either_way):
    x = channels_last(activations((1, 3, 4, 4)).float())
    changed = x.clone()
    changed[:, 1] *= 5
    before, after = (spatial_response_norm(t, size=3, alpha=0.01) for t in (x, changed))
    assert torch.equal(before[:, ::2], after[:, ::2])
    assert not torch.equal(before[:, 1], after[:, 1])


def test_the_input_is_left_as_it_was(either_way):
    x = channels_last(activations((1, 3, 4, 4)).float()).requires_grad_()
    kept = x.detach().clone()
    spatial_response_norm(x, size=3, alpha=0.01).sum().backward()
    assert torch.equal(x.detach(), kept)


def test_infinity_and_nan_are_kept_in_their_own_windows(either_way):
    x = channels_last(torch.ones(1, 1, 1, 9))
    x[0, 0, 0, 2], x[0, 0, 0, 6] = float("inf"), float("nan")
    y = spatial_response_norm(x, size=3, alpha=1.0)[0, 0, 0]
    expected = reference(x.double(), size=3, alpha=1.0, beta=0.75, k=1.0)[0, 0, 0]
    assert y.isnan().tolist() == expected.isnan().tolist()
    assert [i for i, value in enumerate(y.isnan().tolist()) if value] == [2, 5, 6, 7]


@pytest.mark.parametrize("size", [0, 2, -1])
def test_an_even_window_is_refused(size):
    with pytest.raises(ValueError, match=f"odd size, not {size}"):
        spatial_response_norm(torch.ones(1, 4, 1, 1), size=size, alpha=1.0)
