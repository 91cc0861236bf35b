"""The trust ratio against its formula in NumPy, and the kernel's sums against their order written out."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.kernels import library
from alexnet.ops.trust import norm, trust_ratio

DTYPES = st.sampled_from([torch.float32, torch.float64, torch.bfloat16])


def draw(*shape, seed=0, scale=1.0):
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def values(x):
    return x.to(torch.float64).numpy()


@given(
    shape=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    weight_dtype=st.sampled_from([torch.float32, torch.float64]),
    gradient_dtype=DTYPES,
    lengths=st.tuples(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6)),
    trust=st.floats(1e-4, 10),
    decay=st.floats(0, 10),
)
@settings(max_examples=100, deadline=None)
def test_the_ratio_is_that_of_algorithm_1(shape, weight_dtype, gradient_dtype, lengths, trust, decay):
    weight = draw(*shape, scale=lengths[0]).to(weight_dtype)
    gradient = draw(*shape, seed=1, scale=lengths[1]).to(gradient_dtype)
    w, g = (math.sqrt(math.fsum(x * x for x in values(t).ravel())) for t in (weight, gradient))
    found = trust_ratio(weight, gradient, trust, decay)
    assert found.dtype == torch.float64 and found.shape == ()
    assert float(found) == pytest.approx(trust * w / (g + decay * w), rel=1e-12)


@pytest.mark.parametrize(("weight", "gradient"), [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_where_a_norm_is_zero_the_ratio_is_one(weight, gradient, decay):
    assert float(trust_ratio(torch.full((3,), weight), torch.full((3,), gradient), 0.001, decay)) == 1.0


def by_lanes(x):
    """Sums of squares of blocks of 4096 in 32 lanes each, every addition in the order of the kernel."""
    total = []
    for block in np.array_split(x, range(4096, len(x), 4096)):
        lanes = np.zeros(32)
        for first in range(0, len(block), 32):
            row = block[first : first + 32]
            lanes[: len(row)] += row * row
        total.append(sum(lanes, 0.0))
    return torch.tensor(total, dtype=torch.float64).sum().sqrt()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("count", [1, 31, 32, 33, 4095, 4096, 4097, 8192, 12_345])
def test_the_kernel_adds_in_the_order_it_names(dtype, count):
    """Values of very different size, whose sums depend on their order."""
    if not library.available():
        pytest.skip("COMPILED KERNELS ABSENT")
    for seed in range(8):
        x = (draw(count, seed=seed) * torch.exp(8 * draw(count, seed=seed + 100))).to(dtype)
        assert torch.equal(norm(x), by_lanes(values(x)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_without_kernels_it_is_the_same_to_the_last_digits(dtype, monkeypatch):
    x = draw(100_000).to(dtype)
    compiled = norm(x)
    monkeypatch.setattr(library, "_library", lambda: None)
    torch.testing.assert_close(norm(x), compiled, rtol=1e-13, atol=0)


def test_any_number_of_threads_gives_the_same_bits():
    x, threads = draw(300_000).float(), torch.get_num_threads()
    try:
        found = []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found.append(norm(x))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(other, found[0]) for other in found)


@given(order=st.permutations(range(4)), step=st.integers(1, 2))
@settings(max_examples=20, deadline=None)
def test_a_norm_does_not_depend_on_the_layout(order, step):
    x = draw(4, 3, 6, 5).float()[:, :, ::step].permute(*order)
    torch.testing.assert_close(norm(x), norm(x.contiguous()), rtol=1e-13, atol=0)
    channels_last = x.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(norm(channels_last), norm(x.contiguous()), rtol=1e-13, atol=0)


def test_large_values_do_not_overflow():
    assert float(norm(torch.full((4,), 1e30))) == pytest.approx(2e30)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_norm_follows_no_gradients(dtype):
    assert not norm(torch.nn.Parameter(torch.ones(3, dtype=dtype))).requires_grad
