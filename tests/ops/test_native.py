"""The compiled kernels: the same bits as their references, however the work is cut."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.kernels import library
from alexnet.ops import native
from alexnet.views.plan import ViewPlan
from alexnet.views.train_view import reference, train_view

needs_kernels = pytest.mark.skipif(
    not native.available(), reason="COMPILED KERNELS ABSENT: pip install -e . with a C compiler"
)


@st.composite
def views(draw):
    """Pictures, a plan with every field at work, and a mean of the crop's size."""
    count, channels = draw(st.integers(0, 4)), draw(st.sampled_from([1, 3]))
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    rows, columns = draw(st.integers(1, height)), draw(st.integers(1, width))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    plain = draw(st.booleans())
    plan = ViewPlan(
        top=random.integers(0, height - rows + 1, count, np.int32),
        left=random.integers(0, width - columns + 1, count, np.int32),
        mirror=random.integers(0, 2, count, np.uint8),
        gain=np.ones(count, np.float32) if plain else random.uniform(0.5, 1.5, count).astype(np.float32),
        shift=random.normal(0, 30, (count, channels)).astype(np.float32),
        scale=np.ones(count, np.float32) if plain else random.uniform(0.5, 1.5, count).astype(np.float32),
    )
    images = random.integers(0, 256, (count, height, width, channels), np.uint8)
    return images, plan, random.uniform(0, 255, (rows, columns, channels)).astype(np.float32)


def by_hand(images, plan, mean):
    """((gain * pixel + shift) - mean) * scale in double precision, one value at a time."""
    rows, columns, channels = mean.shape
    out = np.empty((len(images), channels, rows, columns))
    for n, c, y, x in np.ndindex(out.shape):
        source = columns - 1 - x if plan.mirror[n] else x
        pixel = float(images[n, plan.top[n] + y, plan.left[n] + source, c])
        value = plan.gain[n].astype(np.float64) * pixel + float(plan.shift[n, c]) - float(mean[y, x, c])
        out[n, c, y, x] = value * float(plan.scale[n])
    return out


@given(views())
@settings(max_examples=60, deadline=None)
def test_the_reference_is_the_formula(case):
    images, plan, mean = case
    got = reference(images, plan, mean).numpy()
    largest = 255 * 1.5 + 6 * 30 + 255
    assert np.abs(got - by_hand(images, plan, mean)).max(initial=0) <= 5 * 2.0**-24 * 1.5 * largest


@needs_kernels
@given(views(), st.sampled_from([1, 2, 3]))
@settings(max_examples=150, deadline=None)
def test_the_view_kernel_gives_the_bits_of_the_reference_on_any_number_of_threads(case, threads):
    images, plan, mean = case
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        got = train_view(images, plan, mean)
    finally:
        torch.set_num_threads(before)
    expected = reference(images, plan, mean)
    assert got.shape == expected.shape and got.stride() == expected.stride()
    assert torch.equal(got, expected)


def test_without_kernels_the_reference_is_used(monkeypatch):
    monkeypatch.setattr(library, "_library", lambda: None)
    monkeypatch.setattr(native, "run", None)
    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    zeros, ones = np.zeros(2, np.int32), np.ones(2, np.float32)
    plan = ViewPlan(
        top=zeros,
        left=zeros,
        mirror=zeros.astype(np.uint8),
        gain=ones,
        shift=np.zeros((2, 3), np.float32),
        scale=ones,
    )
    got = train_view(images, plan, np.zeros((4, 4, 3), np.float32))
    assert torch.equal(got, torch.from_numpy(images).permute(0, 3, 1, 2).float())


@needs_kernels
def test_rows_too_wide_for_the_kernels_buffer_are_read_by_the_reference(monkeypatch):
    monkeypatch.setattr(native, "run", None)
    width = 16384 // 3 + 1
    images = np.arange(width * 3, dtype=np.uint8).reshape(1, 1, width, 3)
    plan = ViewPlan(
        top=np.zeros(1, np.int32),
        left=np.zeros(1, np.int32),
        mirror=np.ones(1, np.uint8),
        gain=np.ones(1, np.float32),
        shift=np.zeros((1, 3), np.float32),
        scale=np.ones(1, np.float32),
    )
    got = train_view(images, plan, np.zeros((1, width, 3), np.float32))
    assert torch.equal(got[0, :, 0].T, torch.from_numpy(images[0, 0, ::-1].copy()).float())


@needs_kernels
@given(
    count=st.integers(1, 50),
    rate=st.floats(1e-5, 1),
    momentum=st.floats(0, 0.99),
    decay=st.floats(0, 0.1),
    seed=st.integers(0, 1000),
)
@settings(max_examples=100, deadline=None)
def test_the_update_kernel_agrees_with_double_precision(count, rate, momentum, decay, seed):
    random = np.random.default_rng(seed)
    weight, velocity, gradient = (
        torch.from_numpy(random.normal(0, 1, count).astype(np.float32)) for _ in range(3)
    )
    w, v, g = (t.double() for t in (weight, velocity, gradient))
    expected = momentum * v - rate * decay * w - rate * g
    native.run("alexnet_sgd_f32", count, weight, velocity, gradient, 0, rate, momentum, decay)
    terms = (momentum * v).abs() + (rate * decay * w).abs() + (rate * g).abs()
    assert ((velocity.double() - expected).abs() <= 6 * 2.0**-24 * terms + 1e-40).all()
    assert ((weight.double() - (w + expected)).abs() <= 8 * 2.0**-24 * (w.abs() + terms)).all()
    assert torch.equal(gradient.double(), g)


@needs_kernels
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_an_update_is_the_same_bits_on_any_number_of_threads(count, threads):
    random = np.random.default_rng(count)
    start = [torch.from_numpy(random.normal(0, 1, count).astype(np.float32)) for _ in range(3)]
    before, results = torch.get_num_threads(), []
    for number in (1, threads):
        weight, velocity, gradient = (t.clone() for t in start)
        torch.set_num_threads(number)
        try:
            native.run("alexnet_sgd_f32", count, weight, velocity, gradient, 0, 0.01, 0.9, 0.0005)
        finally:
            torch.set_num_threads(before)
        results.append((weight, velocity))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@needs_kernels
def test_a_thread_that_prepares_data_computes_alone(monkeypatch, threads):
    """Two teams of threads on the same cores would wait for each other."""
    asked = []

    class Call:
        def __init__(self, name, count, values, *, parts):
            asked.append(parts)

        def run(self, *addresses):
            pass

    monkeypatch.setattr(library, "Call", Call)
    threads(2)

    def work():
        native.run("alexnet_train_view", 8)

    with ThreadPoolExecutor(1, initializer=native.compute_alone) as pool:
        pool.submit(work).result()
    work()
    assert asked == [1, 2]
