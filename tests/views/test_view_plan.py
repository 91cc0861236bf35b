"""The draws of training views: their ranges, their independence, and the three color noises."""

from dataclasses import replace

import numpy as np
import pytest

from alexnet.core.errors import UsageError
from alexnet.core.keys import Key
from alexnet.views.color import LIGHTING_EIGENVALUES, LIGHTING_EIGENVECTORS, color_directions, noise_divisor
from alexnet.views.config import ViewConfig
from alexnet.views.plan import Picture, draw_plan
from alexnet.views.train_view import train_view

KEY = Key.from_seed(2012)
STDEVS = np.array([121.7801, 37.0939, 19.7208])
EIGENVECTORS = np.array(
    [
        [-0.563510, -0.712579, 0.417955],
        [-0.576184, -0.023542, -0.816981],
        [-0.592003, 0.701196, 0.397311],
    ]
)
"""ImageNet's color components as cuda-convnet2's input_meta holds them (columns; gray levels 0-255)."""
IMAGENET = Picture(
    shape=(256, 256, 3),
    mean_image=np.full((256, 256, 3), (127.305, 119.715, 104.913), np.float32),
    eigenvalues=STDEVS**2,
    eigenvectors=EIGENVECTORS,
)
GRAY = Picture(
    shape=(28, 28, 1),
    mean_image=np.full((28, 28, 1), 33.0, np.float32),
    eigenvalues=np.array([6000.0]),
    eigenvectors=np.array([[1.0]]),
)
MANY = np.arange(20_000)


def plan(config=None, samples=MANY, *, key=KEY, epoch=0, picture=IMAGENET, noise=True, **options):
    return draw_plan(key, epoch, samples, config or ViewConfig(**options), picture, color_noise=noise)


def fields(drawn):
    return {name: getattr(drawn, name) for name in ("top", "left", "mirror", "gain", "shift", "scale", "warp")}


def chi_square(counts):
    """Standard deviations by which Pearson's statistic is off its mean (normal for many degrees of freedom)."""
    expected = counts.sum() / counts.size
    return (((counts - expected) ** 2 / expected).sum() - counts.size + 1) / (2 * (counts.size - 1)) ** 0.5


# --- geometry


@pytest.mark.parametrize("side", ["top", "left"])
def test_a_224_crop_of_256_pixels_has_33_places_each_as_likely(side):
    places = getattr(plan(), side)
    counts = np.bincount(places, minlength=33)
    assert places.min() == 0 and places.max() == 32 and counts.size == 33
    assert abs(chi_square(counts)) < 5


def test_rows_columns_and_mirrors_are_independent():
    drawn = plan()
    cells = (drawn.top.astype(int) * 33 + drawn.left) * 2 + drawn.mirror
    assert abs(chi_square(np.bincount(cells, minlength=33 * 33 * 2))) < 5


def test_half_of_the_views_are_mirrored():
    mirror = plan().mirror
    assert set(mirror.tolist()) == {0, 1}
    assert abs(mirror.mean() - 0.5) < 5 * 0.5 / len(MANY) ** 0.5


def test_without_mirrors_none_is_mirrored():
    assert not plan(mirror=False).mirror.any()


def test_without_random_crops_the_center_is_used():
    drawn = plan(random_crop=False, crop=223)
    assert set(drawn.top.tolist()) == set(drawn.left.tolist()) == {16}


def test_a_crop_as_large_as_the_picture_has_one_place():
    drawn = plan(crop=28, picture=GRAY)
    assert not drawn.top.any() and not drawn.left.any()


def test_tall_pictures_have_their_own_ranges():
    tall = Picture(
        shape=(40, 10, 3),
        mean_image=np.zeros((40, 10, 3), np.float32),
        eigenvalues=STDEVS**2,
        eigenvectors=EIGENVECTORS,
    )
    drawn = plan(crop=8, picture=tall)
    assert (drawn.top.min(), drawn.top.max(), drawn.left.min(), drawn.left.max()) == (0, 32, 0, 2)


def test_a_crop_larger_than_the_picture_is_refused():
    with pytest.raises(UsageError, match="a 29-pixel crop does not fit into 28 x 28 pictures"):
        plan(crop=29, picture=GRAY)


# --- purity


FULL = ViewConfig(color_noise="code2012", brightness=0.2, contrast=0.3, rotation_degrees=10, translation=0.1)


def test_a_view_does_not_depend_on_its_batch():
    samples = np.array([9, 1_281_166, 0, 512, 7])
    whole = fields(plan(FULL, samples))
    order = np.array([4, 2, 0, 3, 1])
    for name, values in fields(plan(FULL, samples[order])).items():
        assert np.array_equal(values, whole[name][order]), name
    parts = [fields(plan(FULL, part)) for part in (samples[:1], samples[1:])]
    for name, values in whole.items():
        assert np.array_equal(np.concatenate([part[name] for part in parts]), values), name


def test_epochs_samples_and_keys_have_views_of_their_own():
    base = plan(FULL, np.arange(50))
    for other in (
        plan(FULL, np.arange(50), epoch=1),
        plan(FULL, np.arange(50, 100)),
        plan(FULL, np.arange(50), key=Key.from_seed(1)),
    ):
        for name, values in fields(other).items():
            if name != "scale":
                assert (values != getattr(base, name)).any(), name


@pytest.mark.parametrize(
    ("change", "affected"),
    [
        ({"mirror": False}, {"mirror"}),
        ({"random_crop": False}, {"top", "left"}),
        ({"color_noise": "off"}, {"shift", "scale"}),
        ({"color_noise": "paper"}, {"shift", "scale"}),
        ({"brightness": 0.0}, {"gain", "shift"}),
        ({"contrast": 0.0}, {"gain", "shift"}),
        ({"rotation_degrees": 0.0}, {"warp"}),
        ({"translation": 0.0}, {"warp"}),
        ({"mean": "channel"}, set()),
        ({"scale": 0.5}, {"scale"}),
    ],
)
def test_one_option_leaves_the_draws_of_the_others(change, affected):
    from dataclasses import replace

    base, other = fields(plan(FULL, np.arange(64))), fields(plan(replace(FULL, **change), np.arange(64)))
    changed = {name for name in base if not np.array_equal(base[name], other[name])}
    assert changed == affected


def test_switching_the_noise_off_leaves_the_geometry():
    on, off = fields(plan(FULL)), fields(plan(FULL, noise=False))
    assert {name for name in on if not np.array_equal(on[name], off[name])} == {"shift", "scale"}


def test_types_are_what_the_kernel_reads():
    drawn = plan(FULL, np.arange(3))
    assert [v.dtype for v in fields(drawn).values()] == [
        np.int32, np.int32, np.uint8, np.float32, np.float32, np.float32, np.float32,
    ]  # fmt: skip
    assert drawn.shift.shape == (3, 3) and drawn.warp.shape == (3, 2, 3)


# --- color noise


@pytest.mark.parametrize(
    ("kind", "published"),
    [("code2012", [12.18, 3.709, 1.972]), ("paper", [5.82, 0.5396, 0.1525])],
)
def test_noise_along_the_components_has_the_published_size(kind, published):
    """12.18 gray levels along the first component for the code, 5.82 for the text of the paper on [0, 1] pixels."""
    coordinates = plan(color_noise=kind).shift @ EIGENVECTORS
    measured = coordinates.std(0)
    assert np.allclose(measured, published, rtol=5 / (2 * len(MANY)) ** 0.5)
    assert (np.abs(coordinates.mean(0)) < 5 * measured / len(MANY) ** 0.5).all()
    correlation = np.corrcoef(coordinates.T) - np.eye(3)
    assert np.abs(correlation).max() < 5 / len(MANY) ** 0.5


def test_noise_of_the_code_uses_standard_deviations():
    expected = EIGENVECTORS * STDEVS
    assert np.allclose(color_directions("code2012", STDEVS**2, EIGENVECTORS), expected, rtol=1e-12)


def test_noise_of_the_paper_uses_eigenvalues_of_pixels_from_zero_to_one():
    expected = 255 * EIGENVECTORS * (STDEVS / 255) ** 2
    assert np.allclose(color_directions("paper", STDEVS**2, EIGENVECTORS), expected, rtol=1e-12)


def test_lighting_noise_uses_its_own_constants_on_gray_levels():
    got = color_directions("lighting", STDEVS**2, EIGENVECTORS)
    assert np.allclose(got, 255 * LIGHTING_EIGENVECTORS * np.array([0.2175, 0.0188, 0.0045]), rtol=1e-12)
    assert np.allclose(LIGHTING_EIGENVECTORS.T @ LIGHTING_EIGENVECTORS, np.eye(3), atol=2e-3)
    cosines = np.abs((LIGHTING_EIGENVECTORS * EIGENVECTORS).sum(0))
    assert (cosines > 0.9995).all()
    assert np.array_equal(LIGHTING_EIGENVALUES, [0.2175, 0.0188, 0.0045])


def test_a_picture_is_shifted_by_one_color():
    drawn = plan(color_noise="code2012", samples=np.arange(5))
    z = KEY.derive("color").normal(0, np.arange(5), 3)
    by_hand = [sum(0.1 * z[n, j] * STDEVS[j] * EIGENVECTORS[:, j] for j in range(3)) for n in range(5)]
    assert np.allclose(drawn.shift, by_hand, rtol=1e-5)


@pytest.mark.parametrize("kind", ["off", "paper", "lighting"])
def test_only_the_code_divides_by_one_plus_the_deviation(kind):
    assert noise_divisor(kind, 0.1) == 1.0
    assert (plan(color_noise=kind, samples=np.arange(3)).scale == 1).all()


def test_the_code_divides_while_the_noise_is_on():
    assert np.allclose(plan(color_noise="code2012", samples=np.arange(3)).scale, 1 / 1.1, rtol=1e-7)
    assert np.allclose(plan(color_noise="code2012", color_noise_std=0.2, scale=3.0).scale, 3 / 1.2, rtol=1e-7)
    assert (plan(color_noise="code2012", samples=np.arange(3), noise=False).scale == 1).all()


@pytest.mark.parametrize("kind", ["paper", "code2012", "lighting"])
def test_noise_that_is_switched_off_adds_nothing(kind):
    assert not plan(color_noise=kind, samples=np.arange(9), noise=False).shift.any()


def test_gray_pictures_have_one_component():
    shift = plan(color_noise="code2012", crop=28, picture=GRAY).shift
    assert shift.shape == (len(MANY), 1)
    assert abs(shift.std() / (0.1 * 6000**0.5) - 1) < 5 / (2 * len(MANY)) ** 0.5


def test_color_constants_are_refused_for_gray_pictures():
    with pytest.raises(UsageError, match="'lighting' is for pictures of 3 channels, not 1"):
        plan(color_noise="lighting", crop=28, picture=GRAY)


def test_a_slightly_negative_eigenvalue_is_no_noise():
    values = np.array([100.0, 4.0, -1e-9])
    assert not np.isnan(color_directions("code2012", values, np.eye(3))).any()


# --- brightness and contrast


def test_brightness_and_contrast_stay_in_their_ranges_and_keep_the_mean():
    drawn = plan(brightness=0.2, contrast=0.3)
    mean = IMAGENET.mean_color
    of_the_mean = drawn.gain[:, None] * mean + drawn.shift
    brightness = of_the_mean / mean
    assert np.allclose(brightness, brightness[:, :1], rtol=1e-5)
    contrast = drawn.gain / brightness[:, 0]
    for values, reach in ((brightness[:, 0], 0.2), (contrast, 0.3)):
        assert 1 - reach - 1e-5 <= values.min() < 1 - 0.98 * reach
        assert 1 + 0.98 * reach < values.max() <= 1 + reach + 1e-5
        assert abs(values.mean() - 1) < 5 * reach / (3 * len(MANY)) ** 0.5
    assert abs(np.corrcoef(brightness[:, 0], contrast)[0, 1]) < 5 / len(MANY) ** 0.5


def test_without_jitter_pixels_keep_their_values():
    drawn = plan(samples=np.arange(9))
    assert (drawn.gain == 1).all() and not drawn.shift.any() and drawn.warp is None


# --- the configuration


@pytest.mark.parametrize(
    ("field", "value"),
    [("crop", 0), ("brightness", -0.1), ("contrast", -1.0), ("rotation_degrees", -1.0), ("translation", -0.5),
     ("color_noise_std", -0.1)],
)  # fmt: skip
def test_impossible_values_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        ViewConfig(**{field: value})


def test_the_default_view_is_the_papers_geometry():
    config = ViewConfig()
    assert (config.crop, config.random_crop, config.mirror, config.mean) == (224, True, True, "image")
    assert (config.color_noise_std, config.scale, config.warps) == (0.1, 1.0, False)


# --- turning over and around


@pytest.mark.parametrize(
    ("options", "turned"),
    [
        ({"flip": True}, lambda image: image[::-1]),
        ({"half_turn": True}, lambda image: image[::-1, ::-1]),
    ],
)
def test_half_of_the_pictures_are_turned_exactly(options, turned):
    images = np.random.default_rng(0).integers(0, 256, (400, 9, 9, 1), np.uint8)
    config = ViewConfig(crop=9, random_crop=False, mirror=False, mean="none", **options)
    drawn = plan(config, np.arange(400), picture=replace(GRAY, shape=(9, 9, 1)))
    views = train_view(images, drawn, np.zeros((9, 9, 1), np.float32)).permute(0, 2, 3, 1).numpy()
    as_was = np.array([np.allclose(v, i, atol=0.01) for v, i in zip(views, images, strict=True)])
    as_turned = np.array([np.allclose(v, turned(i), atol=0.01) for v, i in zip(views, images, strict=True)])
    assert np.all(as_was ^ as_turned) and 140 < as_turned.sum() < 260


def test_turning_leaves_the_other_draws():
    options = dict(rotation_degrees=20, translation=0.1, contrast=0.2, brightness=0.1)
    plain, turned = plan(**options), plan(**options, flip=True, half_turn=True)
    for name in ("top", "left", "mirror", "gain", "shift"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(turned, name))
    np.testing.assert_array_equal(abs(plain.warp), abs(turned.warp))
