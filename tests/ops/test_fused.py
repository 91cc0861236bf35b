"""ReLU, normalization and pooling in one pass: what the three give one after the other."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from maps import activations, channels_last

from alexnet.ops import lrn
from alexnet.ops.fused import Norm, Pool, relu_lrn_pool, takes

pytestmark = pytest.mark.usefixtures("kernels")
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["f32", "bf16"])


def one_by_one(x, *, relu, norm, pool):
    """The formula, differentiable; rounded to x's dtype after each operation."""
    if relu:
        x = F.relu(x)
    if norm:
        wide = x if x.dtype == torch.float64 else x.float()
        x = lrn.reference(
            wide, size=norm.size, alpha=norm.alpha, beta=norm.beta, k=norm.k, groups=norm.groups
        ).to(x.dtype)
    if pool:
        function = F.avg_pool2d if pool.average else F.max_pool2d
        x = function(x, pool.size, pool.stride, ceil_mode=pool.ceil)
    return x


@st.composite
def stages(draw):
    groups = draw(st.sampled_from([1, 2, 3]))
    channels = groups * draw(st.integers(1, 20))
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    side = min(height, width)
    size = draw(st.integers(1, side))
    pool = Pool(size, draw(st.integers(1, size)), draw(st.booleans()), draw(st.booleans()))
    norm = Norm(
        draw(st.sampled_from([1, 3, 5, 7])),
        0.02,
        draw(st.sampled_from([0.75, 0.5])),
        draw(st.sampled_from([1.0, 2.0])),
        groups,
    )
    options = {
        "relu": draw(st.booleans()),
        "norm": draw(st.sampled_from([None, norm])),
        "pool": draw(st.sampled_from([None, pool])),
    }
    x = activations((draw(st.integers(1, 3)), channels, height, width), seed=draw(st.integers(0, 1000)))
    return x.contiguous(memory_format=torch.channels_last), options


@given(stages())
@settings(max_examples=150, deadline=None)
def test_it_equals_the_formula_and_its_derivative_in_double_precision(case):
    x, options = case
    assert takes(x.float(), options["norm"], options["pool"])
    wide = x.clone().requires_grad_()
    expected = one_by_one(wide, **options)
    grad = torch.linspace(-1, 1, expected.numel(), dtype=torch.float64).view(expected.shape)
    expected.backward(grad)
    narrow = x.float().detach().requires_grad_()
    got = relu_lrn_pool(narrow, **options)
    got.backward(grad.float())
    torch.testing.assert_close(got.double(), expected, rtol=2e-6, atol=1e-6)
    torch.testing.assert_close(narrow.grad.double(), wide.grad, rtol=2e-5, atol=1e-5)


@given(stages())
@settings(max_examples=100, deadline=None)
def test_bfloat16_rounds_only_what_is_stored(case):
    """Against double precision of the same input: one rounding of the result, and float32's along the way."""
    x, options = case
    narrow = x.bfloat16()
    got = relu_lrn_pool(narrow, **options)
    exact = one_by_one(narrow.double(), **options)
    along = 1e-5 * float(x.abs().max())
    assert ((got.double() - exact).abs() <= 2.0**-8 * exact.abs() + along).all()
    assert got.dtype == torch.bfloat16 and got.is_contiguous(memory_format=torch.channels_last)


@DTYPES
@pytest.mark.parametrize("ceil", [False, True])
def test_of_equal_maxima_the_first_takes_the_gradient(dtype, ceil):
    """As torch does: small integers give ties in almost every window."""
    x = channels_last(
        torch.randint(-2, 3, (2, 8, 11, 10), generator=torch.Generator().manual_seed(1)).to(dtype)
    )
    ours, theirs = (x.clone(memory_format=torch.preserve_format).requires_grad_() for _ in range(2))
    got = relu_lrn_pool(ours, relu=True, pool=Pool(3, 2, ceil=ceil))
    expected = F.max_pool2d(F.relu(theirs), 3, 2, ceil_mode=ceil)
    grad = torch.arange(expected.numel()).remainder(7).to(dtype).view(expected.shape)
    got.backward(grad)
    expected.backward(grad)
    assert torch.equal(got, expected) and torch.equal(ours.grad, theirs.grad)


@DTYPES
def test_not_a_number_comes_through(dtype):
    x = channels_last(activations((1, 16, 6, 6))).to(dtype)
    x[0, 3, 2, 2] = torch.nan
    y = relu_lrn_pool(x, relu=True, norm=Norm(), pool=Pool(3, 2))
    assert y[0, 3].isnan().all() and not y[0, 8].isnan().any()


@DTYPES
def test_the_bits_do_not_depend_on_the_number_of_threads(dtype, threads):
    x = channels_last(activations((5, 96, 13, 13))).to(dtype)
    results = []
    for number in (1, 2, 4):
        threads(number)
        inputs = x.detach().requires_grad_()
        y = relu_lrn_pool(inputs, relu=True, norm=Norm(groups=2), pool=Pool(3, 2))
        y.backward(torch.ones_like(y))
        results.append((y.detach(), inputs.grad))
    assert all(torch.equal(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True))


@DTYPES
def test_torch_can_trace_and_differentiate_it(dtype):
    x = channels_last(activations((2, 6, 5, 4))).to(dtype).requires_grad_()
    arguments = (True, [5, 1e-2, 0.75, 2.0, 2], [2, 1, False, False])
    torch.library.opcheck(torch.ops.alexnet.relu_lrn_pool.default, (x, *arguments, True))
    y, places = torch.ops.alexnet.relu_lrn_pool(x.detach(), *arguments, True)
    grad = channels_last(activations(y.shape)).to(dtype)
    torch.library.opcheck(
        torch.ops.alexnet.relu_lrn_pool_backward.default, (grad, x.detach(), places, *arguments)
    )


def test_without_gradients_the_places_of_the_maxima_are_not_stored():
    arguments = (True, [0.0, 0.0, 0.0, 1.0, 1.0], [2.0, 1.0, 0.0, 0.0])
    x = channels_last(activations((2, 6, 5, 4))).float()
    y, places = torch.ops.alexnet.relu_lrn_pool(x, *arguments, False)
    assert places.numel() == 0
    noted, places = torch.ops.alexnet.relu_lrn_pool(x, *arguments, True)
    assert places.shape == y.shape
    assert torch.equal(y, noted)


@pytest.mark.parametrize("refused", ["nchw", "double", "window larger than the maps", "gaps between windows"])
def test_what_the_kernels_do_not_take_is_told(refused):
    x = activations((1, 4, 6, 6)).float()
    x = x if refused == "nchw" else channels_last(x.double() if refused == "double" else x)
    pool = {"window larger than the maps": Pool(7, 1), "gaps between windows": Pool(1, 2)}.get(
        refused, Pool(2, 2)
    )
    assert not takes(x, Norm(), pool)
