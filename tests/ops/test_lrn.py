"""Local response normalization: every path against the formula in double precision, with derived bounds."""

import itertools

import pytest
import torch
from maps import BF16, F32, F64, activations, channels_last

from alexnet.ops.lrn import local_response_norm, reference

SIZES = [1, 3, 5, 9]
CHANNELS_AND_TOWERS = [(1, 1), (2, 1), (2, 2), (5, 1), (47, 1), (96, 1), (96, 2), (256, 2), (6, 2)]
BATCHES_AND_SIDES = [(1, 1, 1), (3, 7, 2), (1, 4, 5), (3, 1, 3), (1, 6, 7)]
SHAPES = [
    ((batch, channels, height, width), towers)
    for (channels, towers), (batch, height, width) in zip(
        CHANNELS_AND_TOWERS, itertools.cycle(BATCHES_AND_SIDES), strict=False
    )
]


def window_sum(values, size, groups):
    """Sum over the paper's window j = max(0, i - n/2) .. min(N - 1, i + n/2), N the channels of a tower."""
    per_tower = values.shape[1] // groups
    out = torch.empty_like(values)
    for i in range(values.shape[1]):
        first = i // per_tower * per_tower
        low, high = max(first, i - size // 2), min(first + per_tower - 1, i + size // 2)
        out[:, i] = values[:, low : high + 1].sum(1)
    return out


def by_hand(x, *, size, alpha, beta, k, groups):
    return x / (k + alpha * window_sum(x * x, size, groups)) ** beta


def magnitude_of_gradient(x, g, *, size, alpha, beta, k, groups):
    """Sum of the magnitudes of the gradient's terms: what its rounding errors are relative to."""
    s = k + alpha * window_sum(x * x, size, groups)
    spread = window_sum((g * x).abs() * s ** (-beta - 1), size, groups)
    return g.abs() * s**-beta + 2 * alpha * beta * x.abs() * spread


def both_directions(x, g, **constants):
    x = x.detach().requires_grad_()
    y = local_response_norm(x, **constants)
    y.backward(g)
    return y.detach(), x.grad


def check_against_double(x, g, *, rounding, **constants):
    """Forward: each of size + 8 roundings counts at most once. Backward: relative to the sum of its terms."""
    y, dx = both_directions(x, g, **constants)
    wide = x.detach().double().requires_grad_()
    expected = reference(wide, **constants)
    expected.backward(g.double())
    size = constants["size"]
    arithmetic = F64 if x.dtype == torch.float64 else F32
    assert y.dtype == x.dtype and dx.dtype == x.dtype
    bound = ((size + 8) * arithmetic + rounding) * expected.detach().abs()
    assert ((y.double() - expected.detach()).abs() <= bound).all()
    scale = magnitude_of_gradient(wide.detach(), g.double(), **constants)
    bound = (2 * size + 20) * arithmetic * scale + rounding * wide.grad.abs()
    assert ((dx.double() - wide.grad).abs() <= bound).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("groups", [1, 2])
def test_the_reference_is_the_formula_of_the_paper(size, groups):
    x = activations((2, 10, 2, 3))
    constants = {"size": size, "alpha": 0.01, "beta": 0.75, "k": 2.0, "groups": groups}
    torch.testing.assert_close(reference(x, **constants), by_hand(x, **constants), rtol=1e-14, atol=0)


@pytest.mark.parametrize("beta", [0.75, 0.5])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("shape", "groups"), SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_kernel_agrees_with_double_precision(shape, groups, size, beta, dtype, kernels):
    x, g = (activations(shape, seed=i, scale=s).to(dtype) for i, s in ((1, 20.0), (2, 1.0)))
    x, g = (channels_last(t) for t in (x, g))
    rounding = BF16 if dtype == torch.bfloat16 else 0.0
    check_against_double(x, g, rounding=rounding, size=size, alpha=0.01, beta=beta, k=2.0, groups=groups)


@pytest.mark.parametrize("beta", [0.75, 0.5])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("shape", "groups"), SHAPES[::2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_any_other_layout_and_type_agrees_with_double_precision(shape, groups, size, beta, dtype):
    x, g = (activations(shape, seed=i, scale=s).to(dtype) for i, s in ((3, 20.0), (4, 1.0)))
    rounding = BF16 if dtype == torch.bfloat16 else 0.0
    check_against_double(x, g, rounding=rounding, size=size, alpha=0.01, beta=beta, k=2.0, groups=groups)


@pytest.mark.parametrize("beta", [0.75, 0.5])
@pytest.mark.parametrize(("shape", "groups"), SHAPES[::2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_without_kernels_it_agrees_with_double_precision(shape, groups, beta, dtype, no_kernels):
    x, g = (activations(shape, seed=i, scale=s).to(dtype) for i, s in ((5, 20.0), (6, 1.0)))
    x = channels_last(x)
    rounding = BF16 if dtype == torch.bfloat16 else 0.0
    check_against_double(x, g, rounding=rounding, size=5, alpha=0.01, beta=beta, k=2.0, groups=groups)


def test_the_kernel_reads_a_gradient_of_any_layout(kernels):
    x = channels_last(activations((2, 6, 3, 4)).float())
    constants = {"size": 5, "alpha": 0.01, "beta": 0.75, "k": 2.0, "groups": 1}
    for g in (torch.ones(()).expand(2, 6, 3, 4), activations((2, 6, 3, 4), seed=5).float()):
        check_against_double(x, g, rounding=0.0, **constants)


def test_memory_format_is_kept(either_way):
    x = activations((2, 6, 3, 4)).float()
    for memory_format in (torch.contiguous_format, torch.channels_last):
        y = local_response_norm(x.contiguous(memory_format=memory_format))
        assert y.is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("number", [2, 3])
def test_the_number_of_threads_changes_no_bit(number, dtype, threads, either_way):
    x, g = (activations((3, 10, 3, 3), seed=seed).to(dtype) for seed in (0, 1))
    threads(1)
    expected = both_directions(channels_last(x), g, size=5, groups=2)
    threads(number)
    got = both_directions(channels_last(x), g, size=5, groups=2)
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


def test_an_empty_batch_is_normalized_to_an_empty_batch(either_way):
    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        x = channels_last(torch.empty(0, 6, 3, 4, dtype=dtype))
        y, dx = both_directions(x, torch.empty(0, 6, 3, 4, dtype=dtype), size=5, groups=2)
        assert y.shape == dx.shape == (0, 6, 3, 4) and y.dtype == dtype


def test_a_window_never_crosses_from_one_tower_to_the_other(either_way):
    x = channels_last(activations((2, 96, 2, 2)).float())
    changed = x.clone()
    changed[:, 48:] *= 3
    before, after = (local_response_norm(t, size=5, alpha=0.01, groups=2) for t in (x, changed))
    assert torch.equal(before[:, :48], after[:, :48])
    across = [local_response_norm(t, size=5, alpha=0.01, groups=1) for t in (x, changed)]
    differs = (across[0] != across[1]).flatten(2).any(2).any(0)
    assert differs[:48].nonzero().flatten().tolist() == [46, 47]


def test_one_window_over_both_towers_differs_at_the_seam_only():
    """Caffe's nets normalize across all maps: of 96, maps 46 to 49 come out otherwise than on two GPUs."""
    x = activations((1, 96, 2, 2))
    together, apart = (local_response_norm(x, size=5, alpha=0.01, groups=groups) for groups in (1, 2))
    assert (together != apart).flatten(2).any(2)[0].nonzero().flatten().tolist() == [46, 47, 48, 49]


@pytest.mark.parametrize(("channels", "groups"), [(1, 1), (5, 1), (96, 1), (96, 2)])
@pytest.mark.parametrize("size", SIZES)
def test_it_is_torchs_layer_with_alpha_times_size(size, channels, groups):
    x = activations((2, channels, 3, 2))
    layer = torch.nn.LocalResponseNorm(size, alpha=size * 0.002, beta=0.75, k=2.0)
    towers = x.reshape(2 * groups, channels // groups, 3, 2)
    got = local_response_norm(x, size=size, alpha=0.002, beta=0.75, k=2.0, groups=groups)
    torch.testing.assert_close(got, layer(towers).reshape(x.shape), rtol=1e-14, atol=0)


@pytest.mark.parametrize(("raw", "divided"), [(1e-4, 5e-4), (2e-5, 1e-4)])
def test_papers_and_codes_alpha_differ_by_the_window_size(raw, divided):
    """The paper's 1e-4 is torch's, Caffe's and cuda-convnet's 5e-4; config 145's 1e-4 is a raw 2e-5."""
    x = activations((2, 12, 2, 2), scale=100.0)
    ours = local_response_norm(x, size=5, alpha=raw, k=2.0)
    torch.testing.assert_close(ours, torch.nn.LocalResponseNorm(5, divided, 0.75, 2.0)(x), rtol=1e-14, atol=0)
    padded = torch.nn.functional.pad(x * x, (0, 0, 0, 0, 2, 2))
    mean = torch.stack([padded[:, i : i + 5].mean(1) for i in range(12)], dim=1)
    torch.testing.assert_close(ours, x / (2 + divided * mean) ** 0.75, rtol=1e-14, atol=0)


def test_defaults_are_the_papers():
    x = activations((2, 12, 2, 2), scale=100.0)
    expected = by_hand(x, size=5, alpha=1e-4, beta=0.75, k=2.0, groups=1)
    torch.testing.assert_close(local_response_norm(x), expected, rtol=1e-14, atol=0)


def test_k_of_two_halves_the_strength_and_scales_the_output():
    x = activations((2, 12, 2, 2), scale=100.0)
    two = local_response_norm(x, alpha=1e-4, k=2.0)
    one = local_response_norm(x, alpha=0.5e-4, k=1.0)
    torch.testing.assert_close(two, one / 2**0.75, rtol=1e-14, atol=0)
    assert round(2**-0.75, 4) == 0.5946


@pytest.mark.parametrize("beta", [0.75, 0.5])
@pytest.mark.parametrize("groups", [1, 2])
def test_gradient_is_the_derivative(beta, groups):
    x = activations((2, 6, 2, 2), scale=2.0).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda t: local_response_norm(t, size=3, alpha=0.3, beta=beta, k=2.0, groups=groups), (x,)
    )


def test_bfloat16_keeps_infinity_and_nan():
    x = torch.tensor([1.0, float("inf"), float("nan"), -3.0, 0.0, 2.0], dtype=torch.bfloat16).view(1, 6, 1, 1)
    y = local_response_norm(channels_last(x), size=1, alpha=1.0, k=2.0)
    wide = x.double()
    expected = wide / (2 + wide * wide) ** 0.75
    assert y.isnan().flatten().tolist() == expected.isnan().flatten().tolist()
    finite = ~expected.isnan()
    torch.testing.assert_close(y[finite], expected[finite].bfloat16(), rtol=2 * BF16, atol=0)


@pytest.mark.parametrize("size", [0, 2, 4, -1])
def test_an_even_window_is_refused(size):
    with pytest.raises(ValueError, match=f"odd size, not {size}"):
        local_response_norm(torch.ones(1, 4, 1, 1), size=size)


def test_channels_that_do_not_split_into_towers_are_refused():
    with pytest.raises(ValueError, match="5 channels cannot be shared by 2 towers"):
        local_response_norm(torch.ones(1, 5, 1, 1), groups=2)
