"""Batches of views: each image once an epoch, and the same bits however many threads make them."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import tiny_run
import torch

from alexnet.core.keys import Key
from alexnet.training.feed import Feed
from alexnet.views.plan import draw_plan
from alexnet.views.train_view import subtracted_mean, train_view


def collected(feed, epoch=0, start=0, **options):
    return list(feed.batches(epoch, start, **options))


def test_an_epoch_holds_every_image_once_in_its_order():
    feed = tiny_run.feed()
    for epoch in (0, 1, 7):
        batches = collected(feed, epoch)
        seen = np.concatenate([b.samples for b in batches])
        assert np.array_equal(seen, feed.order(epoch))
        assert sorted(seen) == list(range(tiny_run.COUNT))
        assert [len(b) for b in batches] == [8, 8, 8, 8, 4]
    assert len(feed) == 5
    assert not np.array_equal(feed.order(0), feed.order(1))
    assert not np.array_equal(feed.order(0), tiny_run.feed(seed=1).order(0))


def test_only_the_given_images_are_used():
    pictures = tiny_run.images()
    indices = np.array([3, 30, 12, 7])
    feed = Feed(pictures, indices, tiny_run.VIEW, tiny_run.picture(pictures), Key.from_seed(0), tiny_run.TRAIN)
    (batch,) = collected(feed)
    assert sorted(batch.samples) == sorted(indices)
    assert np.array_equal(batch.labels.numpy(), pictures.labels[batch.samples])
    assert batch.labels.dtype == torch.int64


def test_a_batch_holds_the_views_of_its_samples():
    feed, pictures = tiny_run.feed(seed=5), tiny_run.images()
    described = tiny_run.picture(pictures)
    for batch in collected(feed, epoch=3):
        plan = draw_plan(Key.from_seed(5).derive("views"), 3, batch.samples, tiny_run.VIEW, described)
        expected = train_view(pictures.read(batch.samples), plan, subtracted_mean(tiny_run.VIEW, described))
        assert torch.equal(batch.inputs, expected)


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("prefetch", [1, 4, 50])
def test_threads_and_batches_ahead_change_no_bit(workers, prefetch):
    expected = collected(tiny_run.feed())
    got = collected(tiny_run.feed(config=tiny_run.plain(workers=workers, prefetch=prefetch)))
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        assert torch.equal(a.inputs, b.inputs) and torch.equal(a.labels, b.labels)
        assert np.array_equal(a.samples, b.samples)


@pytest.mark.parametrize("start", range(6))
def test_an_epoch_can_be_entered_at_any_batch(start):
    whole = collected(tiny_run.feed(), epoch=2)
    rest = collected(tiny_run.feed(), epoch=2, start=start)
    assert [torch.equal(a.inputs, b.inputs) for a, b in zip(rest, whole[start:], strict=True)] == [True] * (
        5 - start
    )


def test_a_view_does_not_depend_on_the_batch_size():
    views = {}
    for size in (8, 5, 36):
        for batch in collected(tiny_run.feed(config=tiny_run.plain(batch_size=size))):
            for sample, view in zip(batch.samples.tolist(), batch.inputs, strict=True):
                assert torch.equal(views.setdefault(sample, view), view)
    assert len(views) == tiny_run.COUNT


def test_color_noise_can_be_switched_off():
    quiet = collected(tiny_run.feed(), color_noise=False)
    plain = collected(tiny_run.feed(view=tiny_run.NO_NOISE))
    noisy = collected(tiny_run.feed())
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(quiet, plain, strict=True))
    assert not any(torch.equal(a.inputs, b.inputs) for a, b in zip(quiet, noisy, strict=True))


class Failing(tiny_run.MemoryImages):
    def read(self, indices):
        if 17 in indices:
            raise OSError("the disk is gone")
        return super().read(indices)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_picture_that_cannot_be_read_ends_the_epoch_at_its_batch(workers):
    pictures = Failing(**vars(tiny_run.images()))
    feed = tiny_run.feed(pictures=pictures, config=tiny_run.plain(workers=workers))
    place = next(i for i in range(5) if 17 in feed.order(0)[8 * i : 8 * i + 8])
    got = []
    with pytest.raises(OSError, match="the disk is gone"):
        for batch in feed.batches(0):
            got.append(batch)
    assert len(got) == place


def test_leaving_an_epoch_early_ends_its_threads():
    batches = tiny_run.feed(config=tiny_run.plain(workers=3, prefetch=4)).batches(0)
    next(batches)
    assert any(t.name.startswith("alexnet-feed") for t in threading.enumerate())
    batches.close()
    assert not any(t.name.startswith("alexnet-feed") for t in threading.enumerate())


class Counting(tiny_run.MemoryImages):
    reads = 0

    def read(self, indices):
        Counting.reads += 1
        return super().read(indices)


def test_no_more_batches_are_made_ahead_than_asked():
    Counting.reads = 0
    pictures = Counting(**vars(tiny_run.images()))
    batches = tiny_run.feed(pictures=pictures, config=tiny_run.plain(batch_size=1, prefetch=3)).batches(0)
    for taken in range(1, 6):
        next(batches)
        assert Counting.reads <= taken + 3
    batches.close()


def test_gray_pictures_are_fed_too():
    pictures = tiny_run.images()
    gray = tiny_run.MemoryImages(np.ascontiguousarray(pictures.pixels[..., :1]), pictures.labels)
    described = replace(
        tiny_run.picture(pictures),
        shape=(tiny_run.SIDE, tiny_run.SIDE, 1),
        mean_image=np.zeros((tiny_run.SIDE, tiny_run.SIDE, 1), np.float32),
        eigenvalues=np.array([100.0]),
        eigenvectors=np.array([[1.0]]),
    )
    feed = Feed(gray, np.arange(8), tiny_run.VIEW, described, Key.from_seed(0), tiny_run.TRAIN)
    assert collected(feed)[0].inputs.shape == (8, 1, 8, 8)
