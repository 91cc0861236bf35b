"""The views of evaluation: where they lie, in which order, and that they are exact crops."""

import numpy as np
import pytest
import torch

from alexnet.core.errors import UsageError
from alexnet.views.fixed_views import VIEW_COUNTS, fixed_views, view_places

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 10, 12, 3), np.uint8)


def test_the_ten_views_are_those_of_the_2012_code_in_its_order():
    five = [(0, 0), (0, 32), (16, 16), (32, 0), (32, 32)]
    expected = [(*place, False) for place in five] + [(*place, True) for place in five]
    assert view_places(10, 256, 256, 224) == expected


def test_five_views_are_the_ten_without_mirrors():
    assert view_places(5, 256, 256, 224) == view_places(10, 256, 256, 224)[:5]


def test_the_nine_views_of_cifar_are_a_grid_without_mirrors():
    expected = [(top, left, False) for top in (0, 4, 8) for left in (0, 4, 8)]
    assert view_places(9, 32, 32, 24) == expected


@pytest.mark.parametrize(
    ("height", "width", "place"), [(256, 256, (16, 16)), (256, 300, (16, 38)), (225, 224, (0, 0))]
)
def test_one_view_is_the_center(height, width, place):
    assert view_places(1, height, width, 224) == [(*place, False)]


@pytest.mark.parametrize("count", VIEW_COUNTS)
def test_every_view_lies_inside_and_none_is_repeated(count):
    places = view_places(count, 40, 31, 24)
    assert len(places) == len(set(places)) == count
    assert all(0 <= top <= 16 and 0 <= left <= 7 for top, left, _ in places)


@pytest.mark.parametrize("count", [0, 2, 3, 11, -1])
def test_other_numbers_of_views_are_refused(count):
    with pytest.raises(UsageError, match=f"{count} views are not defined; choose 1, 5, 9 or 10"):
        view_places(count, 256, 256, 224)


@pytest.mark.parametrize(("height", "width"), [(223, 256), (256, 223)])
@pytest.mark.parametrize("count", VIEW_COUNTS)
def test_pictures_smaller_than_the_crop_are_refused(count, height, width):
    with pytest.raises(UsageError, match=f"a 224-pixel crop does not fit into {height} x {width} pictures"):
        view_places(count, height, width, 224)


@pytest.mark.parametrize(("height", "width"), [(224, 224), (224, 256), (256, 224)])
@pytest.mark.parametrize("count", [5, 9, 10])
def test_pictures_as_small_as_the_crop_give_one_view_only(count, height, width):
    with pytest.raises(UsageError, match=r"need pictures larger than the network's 224 x 224.*use --views 1"):
        view_places(count, height, width, 224)
    assert view_places(1, height, width, 224)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_views_are_exact_crops_minus_the_mean_view_by_view(scale):
    places = view_places(10, 10, 12, 8)
    mean = np.random.default_rng(1).uniform(0, 255, (8, 8, 3)).astype(np.float32)
    before = mean.copy()
    views = fixed_views(IMAGES, places, mean, scale)
    assert views.shape == (30, 3, 8, 8) and views.dtype == torch.float32
    assert views.is_contiguous(memory_format=torch.channels_last)
    for v, (top, left, mirrored) in enumerate(places):
        crop = IMAGES[:, top : top + 8, left : left + 8].astype(np.float32)
        expected = ((crop[:, :, ::-1] if mirrored else crop) - mean) * np.float32(scale)
        assert np.array_equal(views[v * 3 : v * 3 + 3].permute(0, 2, 3, 1).numpy(), expected)
    assert np.array_equal(mean, before)


def test_gray_pictures_have_views_too():
    views = fixed_views(IMAGES[..., :1].copy(), view_places(9, 10, 12, 8), np.zeros((8, 8, 1), np.float32), 1.0)
    assert views.shape == (27, 1, 8, 8)
