"""The kernel of the training view: the bits of the reference in both types, in a cache and past it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.ops import native
from alexnet.views.plan import ViewPlan
from alexnet.views.train_view import reference, train_view

needs_kernels = pytest.mark.skipif(
    not native.available(), reason="COMPILED KERNELS ABSENT: pip install -e . with a C compiler"
)
TYPES = [torch.float32, torch.bfloat16]


def batch(count: int, side: tuple[int, int], crop: tuple[int, int], channels: int):
    """Return pictures of noise, a plan that uses every draw, and a mean."""
    random = np.random.default_rng(count)
    plan = ViewPlan(
        top=random.integers(0, side[0] - crop[0] + 1, count, np.int32),
        left=random.integers(0, side[1] - crop[1] + 1, count, np.int32),
        mirror=random.integers(0, 2, count, np.uint8),
        gain=random.uniform(0.5, 1.5, count).astype(np.float32),
        shift=random.normal(0, 30, (count, channels)).astype(np.float32),
        scale=random.uniform(0.5, 1.5, count).astype(np.float32),
    )
    images = random.integers(0, 256, (count, *side, channels), np.uint8)
    return images, plan, random.uniform(0, 255, (*crop, channels)).astype(np.float32)


@needs_kernels
@given(
    count=st.integers(0, 9),
    side=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    data=st.data(),
    channels=st.sampled_from([1, 2, 3]),
    dtype=st.sampled_from(TYPES),
)
@settings(max_examples=150, deadline=None)
def test_either_type_has_the_bits_of_the_rounded_reference(count, side, data, channels, dtype):
    crop = tuple(data.draw(st.integers(1, length)) for length in side)
    case = batch(count, side, crop, channels)
    got, expected = train_view(*case, dtype), reference(*case).to(dtype)
    assert got.dtype == dtype and got.stride() == expected.stride()
    assert torch.equal(got, expected)


@needs_kernels
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("count", "crop", "channels"),
    [
        pytest.param(60, (112, 112), 3, id="rows of whole 16 bytes"),
        pytest.param(60, (112, 109), 3, id="other rows"),
        pytest.param(9, (110, 1500), 3, id="rows too long to share the mean"),
        pytest.param(9, (110, 5000), 1, id="gray"),
    ],
)
def test_batches_larger_than_a_cache_have_the_bits_of_the_reference(count, crop, channels, dtype):
    case = batch(count, (crop[0] + 3, crop[1] + 2), crop, channels)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        got = train_view(*case, dtype)
    finally:
        torch.set_num_threads(before)
    assert got.nbytes > 2**22
    assert torch.equal(got, reference(*case).to(dtype))


def test_the_result_is_rounded_to_the_nearest_even_of_bfloat16():
    zeros, ones = np.zeros(1, np.int32), np.ones(1, np.float32)
    shift = np.zeros((1, 1), np.float32)
    plan = ViewPlan(top=zeros, left=zeros, mirror=zeros.astype(np.uint8), gain=ones, shift=shift, scale=ones)
    images = np.array([[[[1], [1], [1], [1]]]], np.uint8)
    steps = np.array([[[-1 / 256], [-3 / 256], [-1 / 256 - 2**-20], [0]]], np.float32)
    got = train_view(images, plan, steps, torch.bfloat16).float().flatten().tolist()
    assert got == [1, 1 + 4 / 256, 1 + 2 / 256, 1]


def test_a_type_without_a_kernel_is_read_by_the_reference(monkeypatch):
    monkeypatch.setattr(native, "run", None)
    case = batch(3, (9, 9), (7, 8), 3)
    assert torch.equal(train_view(*case, torch.float16), reference(*case).half())


@pytest.mark.parametrize("dtype", TYPES)
def test_a_warped_view_takes_the_type_too(dtype):
    images, plan, mean = batch(3, (9, 9), (7, 8), 3)
    still = np.tile(np.eye(2, 3, dtype=np.float32), (3, 1, 1))
    moved = ViewPlan(**{**vars(plan), "warp": still})
    assert train_view(images, moved, mean, dtype).dtype == dtype
