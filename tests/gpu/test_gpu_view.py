"""Views made in the kernel: the bits of `views/train_view.py`, from RGB and from YUV, in pixels and in blocks."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from alexnet.core.keys import Key
from alexnet.gpu import yuv
from alexnet.gpu.resident import load_resident
from alexnet.gpu.space_to_depth import blocks_in_row, space_to_depth
from alexnet.gpu.view import DeviceDraws, resident_views
from alexnet.views.config import ViewConfig
from alexnet.views.plan import Picture, draw_plan
from alexnet.views.train_view import reference, subtracted_mean, with_border

pytestmark = pytest.mark.usefixtures("kernels")
SAMPLES = np.array([3, 8, 1, 0, 5, 3, 7, 2, 2, 4])


def pictures(shape=(9, 26, 22, 3)):
    return np.random.Generator(np.random.Philox(1)).integers(0, 256, shape, dtype=np.uint8)


def views(images, device, *, planes=False, dtype=torch.float32, blocks=None, crop=20, border=0, **options):
    """Return what the kernel and what the reference makes of the same draws."""
    config = ViewConfig(crop=crop, pad=border, **options)
    channels = images.shape[3]
    picture = Picture(
        shape=images.shape[1:],
        mean_image=images.mean(0).astype(np.float32),
        eigenvalues=np.array([1.0, 5.0, 20.0][:channels]),
        eigenvectors=np.eye(channels),
    )
    plan, mean = draw_plan(Key.from_seed(1), 0, SAMPLES, config, picture), subtracted_mean(config, picture)
    resident = load_resident([images[:5], images[5:]], len(images), images.shape[1:], device, planes=planes)
    draws = DeviceDraws.of(SAMPLES, plan, device)
    got = resident_views(
        resident, draws, torch.from_numpy(mean).to(device), border=border, dtype=dtype, blocks=blocks
    )
    shown = yuv.decode(yuv.encode(torch.from_numpy(images)).numpy(), *images.shape[1:3]) if planes else images
    return got, reference(with_border(shown[SAMPLES], border), plan, mean)


OPTIONS = {
    "paper": {"color_noise": "paper"},
    "center": {"random_crop": False, "mirror": False},
    "jitter": {"brightness": 0.2, "contrast": 0.3, "scale": 1 / 64, "mean": 100.0},
    "border": {"border": 3, "crop": 24},
}


@pytest.mark.parametrize("planes", [False, True], ids=["rgb", "yuv"])
@pytest.mark.parametrize("name", OPTIONS)
def test_it_gives_the_bits_of_the_reference(device, name, planes):
    got, expected = views(pictures(), device, planes=planes, **OPTIONS[name])
    assert torch.equal(got.cpu(), expected) and got.is_contiguous(memory_format=torch.channels_last)


def test_gray_pictures_have_views_too(device):
    got, expected = views(pictures((9, 23, 23, 1)), device, border=2)
    assert torch.equal(got.cpu(), expected)


def test_sixteen_bits_round_the_same_numbers(device):
    got, expected = views(pictures(), device, dtype=torch.bfloat16, color_noise="paper")
    assert torch.equal(got.cpu(), expected.bfloat16())


@pytest.mark.parametrize(("before", "after"), [(0, 3), (2, 1)])
def test_blocks_are_what_space_to_depth_makes_of_the_view(device, before, after):
    across = blocks_in_row(20 + before + after, 11, 4)
    got, expected = views(pictures(), device, blocks=(4, before, across))
    padded = F.pad(expected, (before, after, before, after))
    assert torch.equal(got.cpu(), space_to_depth(padded, 11, 4)) and got.shape == (10, 48, across, across)


def test_draws_of_a_captured_graph_are_refilled(device):
    (config, picture) = (
        ViewConfig(crop=4),
        Picture(
            shape=(8, 8, 3),
            mean_image=np.zeros((8, 8, 3), np.float32),
            eigenvalues=np.ones(3),
            eigenvectors=np.eye(3),
        ),
    )
    plans = [draw_plan(Key.from_seed(1), epoch, SAMPLES, config, picture) for epoch in (0, 1)]
    first, second = (DeviceDraws.of(SAMPLES + i, plan, device) for i, plan in enumerate(plans))
    address = first.places.data_ptr()
    first.copy_(second)
    assert torch.equal(first.places, second.places) and torch.equal(first.samples, second.samples)
    assert torch.equal(first.colors, second.colors) and first.places.data_ptr() == address


def test_views_that_turn_pictures_are_refused(device):
    with pytest.raises(ValueError, match="turn"):
        views(pictures(), device, rotation_degrees=10.0)


def test_torch_can_trace_it(device):
    arguments = [
        torch.zeros(2, 6, 6, 3, dtype=torch.uint8),
        torch.tensor([1]),
        torch.zeros(1, 3, dtype=torch.int32),
    ]
    arguments = [t.to(device) for t in (*arguments, torch.ones(1, 5), torch.zeros(4, 4, 3))]
    sizes = [6, 6, 3, 0, 108, 0, 4, 1, 0, 4, 4, 1, 8, 1, 1024]
    operator = torch.ops.alexnet.gpu_views.default
    torch.library.opcheck(
        operator, (*arguments, sizes, torch.float32), test_utils=("test_schema", "test_faketensor")
    )
