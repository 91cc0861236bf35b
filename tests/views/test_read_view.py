"""Views of pictures in files: the bits of those of pictures in memory, or the error that reading gives."""

import os
import tempfile
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.ops import native
from alexnet.views.plan import ViewPlan
from alexnet.views.read_view import read_view
from alexnet.views.train_view import reference, train_view, with_border

needs_kernels = pytest.mark.skipif(
    not (native.available() and hasattr(os, "pread")),
    reason="COMPILED KERNELS ABSENT: pip install -e . with a C compiler",
)


@dataclass
class Places:
    descriptors: np.ndarray
    offsets: np.ndarray


class Album:
    """Pictures in a file, three bytes between each two; counts what is read into memory."""

    def __init__(self, pixels, part=None):
        self.pixels, self.shape, self.part, self.reads = pixels, pixels.shape[1:], part or len(pixels) or 1, 0
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed on leaving
        self.step = int(np.prod(self.shape)) + 3
        self.file.write(b"".join(picture.tobytes() + b"..." for picture in pixels))
        self.file.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def read(self, indices):
        self.reads += 1
        return self.pixels[indices]

    def has_places(self, indices):
        return True

    def places(self, indices):
        for start in range(0, len(indices), self.part):
            part = slice(start, start + self.part)
            offsets = np.asarray(indices, np.int64)[part] * self.step
            yield part, Places(np.full(len(offsets), self.file.fileno(), np.int32), offsets)


def drawn(random, count, room, channels):
    return ViewPlan(
        top=random.integers(0, room[0] + 1, count, np.int32),
        left=random.integers(0, room[1] + 1, count, np.int32),
        mirror=random.integers(0, 2, count, np.uint8),
        gain=random.uniform(0.5, 1.5, count).astype(np.float32),
        shift=random.normal(0, 30, (count, channels)).astype(np.float32),
        scale=random.uniform(0.5, 1.5, count).astype(np.float32),
    )


def batch(count=5, side=(9, 8), crop=(6, 7), channels=3, pad=0):
    random = np.random.default_rng(count)
    pixels = random.integers(0, 256, (7, *side, channels), np.uint8)
    indices = random.integers(0, 7, count)
    plan = drawn(random, count, [s + 2 * pad - c for s, c in zip(side, crop, strict=True)], channels)
    return pixels, indices, plan, random.uniform(0, 255, (*crop, channels)).astype(np.float32)


def empty(indices, mean, dtype=torch.float32):
    return torch.empty((len(indices), *mean.shape), dtype=dtype)


@needs_kernels
@given(
    count=st.integers(0, 9),
    side=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    data=st.data(),
    channels=st.sampled_from([1, 2, 3]),
    pad=st.integers(0, 4),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    part=st.sampled_from([None, 1, 4]),
)
@settings(max_examples=200, deadline=None)
def test_views_of_files_have_the_bits_of_the_reference(count, side, data, channels, pad, dtype, part):
    crop = tuple(data.draw(st.integers(1, length + 2 * pad)) for length in side)
    pixels, indices, plan, mean = batch(count, side, crop, channels, pad)
    out = empty(indices, mean, dtype)
    with Album(pixels, part) as album:
        got = read_view(album, indices, plan, mean, out, pad=pad)
    expected = reference(with_border(pixels[indices], pad), plan, mean).to(dtype)
    assert album.reads == 0 and got.data_ptr() == out.data_ptr() and got.stride() == expected.stride()
    assert torch.equal(got, expected)
    assert torch.equal(train_view(pixels[indices], plan, mean, dtype, pad=pad), expected)


@needs_kernels
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_share_the_pictures_of_a_batch(threads):
    pixels, indices, plan, mean = batch(13)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with Album(pixels) as album:
            got = read_view(album, indices, plan, mean, empty(indices, mean))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(got, reference(pixels[indices], plan, mean))


@needs_kernels
def test_no_more_is_read_than_a_crop_shows():
    """The file ends with the last row of the last picture's crop."""
    pixels, indices, plan, mean = batch(1)
    indices = np.array([6])
    shown = (int(plan.top[0]) + 6) * 8 * 3
    with Album(pixels) as album:
        album.file.truncate(6 * album.step + shown)
        got = read_view(album, indices, plan, mean, empty(indices, mean))
        assert album.reads == 0 and torch.equal(got, reference(pixels[indices], plan, mean))
        album.file.truncate(6 * album.step + shown - 1)
        read_view(album, indices, plan, mean, empty(indices, mean))
        assert album.reads == 1


@needs_kernels
@pytest.mark.parametrize("part", [1, 100])
def test_pictures_that_the_kernel_cannot_read_are_read_to_memory(part):
    pixels, _, plan, mean = batch(9)
    indices = np.arange(1, 10) % 7
    with Album(pixels, part) as album:
        album.file.truncate(album.step * 3)
        got = read_view(album, indices, plan, mean, empty(indices, mean))
    assert album.reads == 1 and torch.equal(got, reference(pixels[indices], plan, mean))


def test_pictures_without_places_are_read_to_memory():
    pixels, indices, plan, mean = batch()
    with Album(pixels) as album:
        album.has_places = lambda indices: False
        got = read_view(album, indices, plan, mean, empty(indices, mean))
    assert album.reads == 1 and torch.equal(got, reference(pixels[indices], plan, mean))


def test_a_view_that_no_kernel_computes_reads_to_memory():
    pixels, indices, plan, mean = batch()
    still = np.tile(np.eye(2, 3, dtype=np.float32), (len(indices), 1, 1))
    with Album(pixels) as album:
        got = read_view(album, indices, ViewPlan(**vars(plan) | {"warp": still}), mean, empty(indices, mean))
    assert album.reads == 1 and got.shape == (5, 3, 6, 7)
