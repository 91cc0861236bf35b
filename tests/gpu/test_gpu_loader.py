"""Pictures that are loaded: in order for any number of threads, with progress, and left cleanly when asked to."""

import os
import signal
import threading

import numpy as np
import pytest

from alexnet.core.errors import DataError, StoppedError
from alexnet.gpu import yuv
from alexnet.runs import loader
from alexnet.runs.loader import Loader
from training import tiny_run

PLACES = np.array([30, 2, 17, 5, 8, 35, 21])


@pytest.fixture(autouse=True)
def small_portions(monkeypatch):
    monkeypatch.setattr(loader, "_PORTION", 2)


def hold(device, images=None, threads=2, **options):
    images = images or tiny_run.images()
    return Loader((12, 12, 3), device, threads).hold(images, PLACES, name="pictures", reserve=0, **options)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_pictures_lie_in_their_rows(device, threads):
    images, held = tiny_run.images(), hold(device, threads=threads)
    rows = held.row_of[PLACES]
    assert sorted(rows) == list(range(7)) and (held.row_of >= 0).sum() == 7 and len(held) == tiny_run.COUNT
    assert np.array_equal(held.pictures.pixels.cpu().numpy()[rows], images.pixels[PLACES])
    assert np.array_equal(held.labels, images.labels)


def test_planes_are_held_in_half_the_room(device):
    held = hold(device, planes=True)
    assert held.pictures.planes and held.pictures.pixels.shape == (7, yuv.stored_bytes(12, 12))


def test_it_says_how_far_it_is_on_stderr_alone(device, capsys):
    hold(device)
    out, err = capsys.readouterr()
    assert out == "" and "loading pictures" in err and "7/7 images" in err


class Interrupted(tiny_run.MemoryImages):
    """Sends a signal when the first portion is read."""

    number = signal.SIGTERM

    def read(self, indices, out=None):
        if 2 in indices:
            os.kill(os.getpid(), self.number)
        return super().read(indices, out)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_one_line(device, number, capsys, monkeypatch):
    monkeypatch.setattr(Interrupted, "number", number)
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(
        StoppedError, match=rf"stopped by {number.name} while .* no step was taken; give the same"
    ):
        hold(device, Interrupted(**vars(tiny_run.images())))
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == before
    assert not any(t.name.startswith("alexnet-load") for t in threading.enumerate())
    assert "7/7" not in capsys.readouterr().err


class Damaged(tiny_run.MemoryImages):
    def read(self, indices, out=None):
        if 21 in indices:
            raise DataError("is damaged")
        return super().read(indices, out)


def test_a_picture_that_cannot_be_read_ends_it(device):
    with pytest.raises(DataError, match="is damaged"):
        hold(device, Damaged(**vars(tiny_run.images())))
    assert not any(t.name.startswith("alexnet-load") for t in threading.enumerate())


def test_leaving_early_ends_its_threads(device):
    portions = Loader((12, 12, 3), device, 2).bring(tiny_run.images(), np.split(PLACES, 7))
    assert len(next(portions)) == 1
    portions.close()
    assert not any(t.name.startswith("alexnet-load") for t in threading.enumerate())
