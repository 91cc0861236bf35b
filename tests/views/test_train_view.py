"""From pictures to the network's input: the mean, the warps, and everything together."""

import numpy as np
import pytest
import torch

from alexnet.core.errors import UsageError
from alexnet.core.keys import Key
from alexnet.views.config import ViewConfig
from alexnet.views.plan import Picture, ViewPlan, draw_plan
from alexnet.views.train_view import subtracted_mean, train_view, with_border

KEY = Key.from_seed(1)


def pictures(count=6, height=12, width=12, channels=3):
    return np.random.default_rng(0).integers(0, 256, (count, height, width, channels), np.uint8)


def described(images):
    mean = np.random.default_rng(1).uniform(60, 200, images.shape[1:]).astype(np.float32)
    channels = images.shape[3]
    return Picture(
        shape=images.shape[1:],
        mean_image=mean,
        eigenvalues=np.array([9000.0, 900.0, 90.0])[:channels],
        eigenvectors=np.eye(channels),
    )


def plain_plan(count, channels=3, **fields):
    base = {
        "top": np.zeros(count, np.int32),
        "left": np.zeros(count, np.int32),
        "mirror": np.zeros(count, np.uint8),
        "gain": np.ones(count, np.float32),
        "shift": np.zeros((count, channels), np.float32),
        "scale": np.ones(count, np.float32),
    }
    return ViewPlan(**base | fields)


def warp(angle=0.0, x=0.0, y=0.0):
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.array([[[c, -s, x], [s, c, y]]], np.float32)


# --- the mean


def test_the_mean_image_is_cut_at_its_center_wherever_the_crop_is():
    images = pictures()
    picture = described(images)
    config = ViewConfig(crop=8)
    mean = subtracted_mean(config, picture)
    assert np.array_equal(mean, picture.mean_image[2:10, 2:10])
    plan = plain_plan(6, top=np.arange(5, dtype=np.int32).repeat(2)[:6], left=np.full(6, 4, np.int32))
    got = train_view(images, plan, mean).permute(0, 2, 3, 1).numpy()
    for n in range(6):
        top = plan.top[n]
        assert np.array_equal(got[n], images[n, top : top + 8, 4:12].astype(np.float32) - mean)


def test_the_mean_color_is_the_same_at_every_pixel():
    picture = described(pictures())
    mean = subtracted_mean(ViewConfig(crop=8, mean="channel"), picture)
    assert mean.shape == (8, 8, 3) and mean.dtype == np.float32
    expected = picture.mean_image.astype(np.float64).mean((0, 1))
    assert np.allclose(mean, expected, rtol=1e-6)


def test_nothing_may_be_subtracted():
    assert not subtracted_mean(ViewConfig(crop=8, mean="none"), described(pictures())).any()


def test_a_crop_larger_than_the_picture_has_no_mean():
    with pytest.raises(UsageError, match="a 13-pixel crop does not fit into 12 x 12 pictures"):
        subtracted_mean(ViewConfig(crop=13), described(pictures()))


# --- everything together


def test_a_view_of_the_2012_code_is_its_formula():
    """(mirrored crop - mean + noise) / 1.1, convdata_jpeg.py."""
    images = pictures()
    picture, samples = described(images), np.arange(40, 46)
    config = ViewConfig(crop=8, color_noise="code2012")
    plan = draw_plan(KEY, 3, samples, config, picture)
    got = train_view(images, plan, subtracted_mean(config, picture)).numpy()
    z = KEY.derive("color").normal(3, samples, 3)
    for n in range(6):
        crop = images[n, plan.top[n] : plan.top[n] + 8, plan.left[n] : plan.left[n] + 8].astype(np.float64)
        crop = crop[:, ::-1] if plan.mirror[n] else crop
        noise = 0.1 * z[n] * np.sqrt(picture.eigenvalues)
        expected = (crop - picture.mean_image[2:10, 2:10] + noise) / 1.1
        assert np.allclose(got[n].transpose(1, 2, 0), expected, atol=1e-4)
    assert set(plan.mirror.tolist()) == {0, 1}


def test_views_are_channels_last_float32():
    for channels in (1, 3):
        images = pictures(channels=channels)
        config = ViewConfig(crop=8, rotation_degrees=5.0)
        for chosen in (config, ViewConfig(crop=8)):
            plan = draw_plan(KEY, 0, np.arange(6), chosen, described(images))
            got = train_view(images, plan, subtracted_mean(chosen, described(images)))
            assert got.shape == (6, channels, 8, 8) and got.dtype == torch.float32
            assert got.is_contiguous(memory_format=torch.channels_last)


def test_pictures_may_lie_in_memory_in_any_way():
    images = pictures()
    config, picture = ViewConfig(crop=8), described(images)
    plan, mean = draw_plan(KEY, 0, np.arange(6), config, picture), subtracted_mean(config, picture)
    scattered = np.asfortranarray(images)
    assert torch.equal(train_view(scattered, plan, mean), train_view(images, plan, mean))


def test_contrast_moves_pixels_about_the_mean_color_and_brightness_scales():
    images = pictures(count=4)
    picture = described(images)
    config = ViewConfig(crop=12, mirror=False, brightness=0.3, contrast=0.4, mean="none")
    plan = draw_plan(KEY, 0, np.arange(4), config, picture)
    got = train_view(images, plan, subtracted_mean(config, picture)).permute(0, 2, 3, 1).numpy()
    uniform = 2 * KEY.derive("geometry").uniform(0, np.arange(4), 8) - 1
    for n in range(4):
        brightness, contrast = 1 + 0.3 * uniform[n, 3], 1 + 0.4 * uniform[n, 4]
        expected = brightness * (picture.mean_color + contrast * (images[n] - picture.mean_color))
        assert np.allclose(got[n], expected, atol=1e-3)


# --- warps


def moved(image, matrix, size=None):
    plan = plain_plan(1, image.shape[2], warp=matrix)
    size = size or image.shape[0]
    return (
        train_view(image[None], plan, np.zeros((size, size, image.shape[2]), np.float32))[0]
        .permute(1, 2, 0)
        .numpy()
    )


def test_a_warp_of_nothing_changes_nothing():
    image = pictures(1)[0]
    assert np.allclose(moved(image, warp()), image, atol=1e-3)


def test_a_quarter_turn_is_a_quarter_turn():
    image = pictures(1)[0]
    got = moved(image, warp(90))
    assert np.allclose(got, np.rot90(image, 1), atol=1e-2) or np.allclose(got, np.rot90(image, -1), atol=1e-2)


def test_a_half_turn_is_both_mirrors():
    image = pictures(1)[0]
    assert np.allclose(moved(image, warp(180)), image[::-1, ::-1], atol=1e-2)


def test_a_shift_by_whole_pixels_moves_them_and_repeats_the_border():
    image = pictures(1)[0]
    got = moved(image, warp(x=2 * 3 / 12))
    assert np.allclose(got[:, :9], image[:, 3:], atol=1e-3)
    assert np.allclose(got[:, 9:], image[:, -1:].repeat(3, 1), atol=1e-3)
    got = moved(image, warp(y=-2 * 2 / 12))
    assert np.allclose(got[2:], image[:-2], atol=1e-3)
    assert np.allclose(got[:2], image[:1].repeat(2, 0), atol=1e-3)


def test_warps_stay_within_the_recipes_limits():
    config = ViewConfig(crop=8, rotation_degrees=15.0, translation=0.1)
    drawn = draw_plan(KEY, 0, np.arange(5000), config, described(pictures())).warp.astype(np.float64)
    angles = np.degrees(np.arctan2(drawn[:, 1, 0], drawn[:, 0, 0]))
    assert np.allclose(drawn[:, 0, 0] ** 2 + drawn[:, 0, 1] ** 2, 1, atol=1e-6)
    assert np.allclose(np.linalg.det(drawn[:, :, :2]), 1, atol=1e-6)
    for values, reach in ((angles, 15), (drawn[:, 0, 2] / 2, 0.1), (drawn[:, 1, 2] / 2, 0.1)):
        assert 0.98 * reach < np.abs(values).max() <= reach * (1 + 1e-6)
        assert abs(values.mean()) < 5 * reach / (3 * 5000) ** 0.5
    assert np.abs(np.corrcoef([angles, drawn[:, 0, 2], drawn[:, 1, 2]]) - np.eye(3)).max() < 5 / 5000**0.5


def test_the_crop_is_cut_from_the_warped_picture_and_then_mirrored():
    image = pictures(1)[0]
    matrix = warp(x=2 * 2 / 12)
    plan = plain_plan(
        1,
        warp=matrix,
        top=np.array([1], np.int32),
        left=np.array([2], np.int32),
        mirror=np.array([1], np.uint8),
    )
    got = train_view(image[None], plan, np.zeros((6, 6, 3), np.float32))[0].permute(1, 2, 0).numpy()
    assert np.allclose(got, image[1:7, 4:10][:, ::-1], atol=1e-3)


def test_warped_views_get_color_and_mean_like_the_others():
    images = pictures()
    picture = described(images)
    config = ViewConfig(crop=8, color_noise="code2012", brightness=0.1, contrast=0.1)
    plan = draw_plan(KEY, 0, np.arange(6), config, picture)
    mean = subtracted_mean(config, picture)
    still = ViewPlan(**vars(plan) | {"warp": np.repeat(warp(), 6, 0)})
    assert torch.allclose(train_view(images, still, mean), train_view(images, plan, mean), atol=1e-3)


def test_a_warped_view_does_not_depend_on_its_batch():
    images = pictures(count=7)
    picture = described(images)
    config = ViewConfig(crop=8, rotation_degrees=20.0, translation=0.2, color_noise="paper")
    mean, samples = subtracted_mean(config, picture), np.arange(7)

    def views(chosen):
        return train_view(images[chosen], draw_plan(KEY, 0, samples[chosen], config, picture), mean)

    whole = views(np.arange(7))
    assert torch.equal(torch.cat([views(np.array([n])) for n in range(7)]), whole)


# --- the border


def test_a_border_gives_a_small_picture_the_size_the_network_reads():
    images = pictures(height=6, width=6)
    config = ViewConfig(crop=10, pad=2, mean=20.0, scale=0.005, random_crop=False, mirror=False)
    picture = described(images)
    mean = subtracted_mean(config, picture)
    plan = draw_plan(KEY, 0, np.arange(6), config, picture)
    got = train_view(with_border(images, config.pad), plan, mean).permute(0, 2, 3, 1).numpy()
    expected = np.full((6, 10, 10, 3), (0 - 20) * 0.005, np.float32)
    expected[:, 2:8, 2:8] = (images.astype(np.float32) - 20) * np.float32(0.005)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert expected.min() == np.float32(-0.1)


def test_random_crops_of_a_bordered_picture_reach_every_shift():
    config = ViewConfig(crop=6, pad=2, mirror=False)
    picture = described(pictures(height=6, width=6))
    plan = draw_plan(KEY, 0, np.arange(2000), config, picture)
    assert set(zip(plan.top.tolist(), plan.left.tolist(), strict=True)) == {
        (t, s) for t in range(5) for s in range(5)
    }


def test_the_mean_image_of_a_bordered_picture_is_the_pictures_own():
    images = pictures(height=6, width=6)
    picture = described(images)
    assert np.array_equal(subtracted_mean(ViewConfig(crop=6, pad=2), picture), picture.mean_image)
    wide = subtracted_mean(ViewConfig(crop=10, pad=2), picture)
    assert np.array_equal(wide[2:8, 2:8], picture.mean_image) and not wide[:2].any() and not wide[:, 8:].any()
