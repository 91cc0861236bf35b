"""Pictures in device memory: what is loaded, and what is refused."""

import numpy as np
import pytest
import torch

from alexnet.core.errors import DataError, UsageError
from alexnet.gpu import yuv
from alexnet.gpu.resident import load_resident

IMAGES = np.random.Generator(np.random.Philox(2)).integers(0, 256, (7, 4, 6, 3), dtype=np.uint8)


def load(batches, device, **options):
    return load_resident(batches, 7, (4, 6, 3), device, **options)


@pytest.mark.parametrize("cuts", [[], [3], [1, 2, 6]])
def test_pictures_come_in_any_portions(device, cuts):
    resident = load(np.split(IMAGES, cuts), device)
    assert np.array_equal(resident.pixels.cpu(), IMAGES)
    assert len(resident) == 7 and not resident.planes


def test_planes_take_half_the_room(device):
    resident = load(np.split(IMAGES, [3]), device, planes=True)
    assert np.array_equal(resident.pixels.cpu(), yuv.encode(torch.from_numpy(IMAGES)))
    assert resident.planes and 2 * resident.pixels.numel() == IMAGES.size


@pytest.mark.parametrize(
    "batches",
    [[IMAGES[:5]], [IMAGES, IMAGES[:1]], [IMAGES[:, :2]], [IMAGES.astype(np.float32)], []],
    ids=["too few", "too many", "another shape", "floats", "none"],
)
def test_pictures_that_are_not_those_announced_are_refused(device, batches):
    with pytest.raises(DataError, match="pictures"):
        load(batches, device)


@pytest.mark.parametrize(("planes", "remedy"), [(False, "YUV"), (True, "stream")])
def test_too_little_memory_is_told_before_anything_is_loaded(monkeypatch, planes, remedy):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1 << 30, 2 << 30))
    with pytest.raises(UsageError, match=r"GB are free") as caught:
        load(iter(()), torch.device("cuda"), planes=planes)
    assert remedy in str(caught.value)
