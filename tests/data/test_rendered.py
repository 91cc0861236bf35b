"""The rendered set: the same pictures everywhere and always, and no way to tell the classes by color."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alexnet.core.errors import StorageError, UsageError
from alexnet.core.keys import Key
from alexnet.data.rendering import textures
from alexnet.data.rendering.draws import Draws
from alexnet.data.rendering.light import Light
from alexnet.data.rendering.outlines import box_around, cover, ellipse, polygon
from alexnet.data.rendering.palette import LUMA, contrasting
from alexnet.data.rendering.scene import LONGEST, SHORTEST
from alexnet.data.rendering.toys import TOYS
from alexnet.data.sources.rendered import rendered_source, write_folder
from alexnet.evaluation.simple_baselines import color_histogram, linear_on_pixels

TEXTURES = sorted({toy.texture for toy in TOYS}, key=lambda texture: texture.__name__)


def draws(seed: int = 0, index: int = 0) -> Draws:
    return Draws(Key.from_seed(seed), index)


def test_a_picture_is_the_same_at_every_reading_and_in_every_process():
    split = rendered_source(train_per_class=2).splits["train"]
    again = pickle.loads(pickle.dumps(split))
    for index in (0, 5, 23):
        assert split.read(index) == again.read(index) == split.read(index)


def test_reading_leaves_the_global_generator_alone():
    before = np.random.get_state()[1].copy()
    rendered_source(train_per_class=1).splits["train"].read(3)
    assert np.array_equal(before, np.random.get_state()[1])


def test_seeds_and_splits_give_other_pictures():
    first, second = rendered_source(), rendered_source(seed=1)
    pictures = [source.splits[part].read(0) for source in (first, second) for part in ("train", "val")]
    assert len(set(pictures)) == 4


def test_a_larger_set_begins_with_the_smaller_one():
    small, large = (rendered_source(train_per_class=count).splits["train"] for count in (2, 5))
    assert small.name(3) == large.name(6) == "checkered-flag/0001.jpg"
    assert small.read(3) == large.read(6)


def test_every_class_has_its_share_and_every_picture_its_name():
    source = rendered_source(train_per_class=7, val_per_class=3)
    assert source.info.kind == "rendered"
    assert source.info.classes == tuple(name.replace(" ", "-") for name in source.info.class_names)
    for part, per_class in (("train", 7), ("val", 3)):
        split = source.splits[part]
        assert split.labels.dtype == np.int32
        assert np.bincount(split.labels).tolist() == [per_class] * 12
        assert len({split.name(index) for index in range(len(split))}) == len(split)
        for index in (0, len(split) - 1):
            assert split.name(index).startswith(source.info.classes[split.labels[index]] + "/")


def test_pictures_are_jpeg_files_of_many_shapes():
    split = rendered_source().splits["train"]
    shapes = set()
    for index in range(0, 1200, 75):
        pixels = simplejpeg.decode_jpeg(split.read(index))
        assert pixels.dtype == np.uint8 and pixels.shape[2] == 3
        assert SHORTEST <= min(pixels.shape[:2]) <= LONGEST
        assert max(pixels.shape[:2]) <= 1.35 * min(pixels.shape[:2])
        assert pixels.std() > 15
        shapes.add(pixels.shape)
    assert len(shapes) > 10


def test_the_fingerprint_tells_sets_apart():
    prints = [
        rendered_source(**arguments).fingerprint()
        for arguments in ({}, {}, {"seed": 1}, {"train_per_class": 99}, {"val_per_class": 31})
    ]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 4


@pytest.mark.parametrize("arguments", [{"train_per_class": 0}, {"val_per_class": -1}])
def test_a_set_without_pictures_is_refused(arguments):
    with pytest.raises(UsageError, match="pictures a class"):
        rendered_source(**arguments)


def test_a_written_folder_holds_the_pictures(tmp_path: Path):
    source = rendered_source(train_per_class=1, val_per_class=1)
    write_folder(source, tmp_path / "toys")
    files = sorted(path.relative_to(tmp_path / "toys").as_posix() for path in tmp_path.rglob("*.jpg"))
    assert files == sorted(
        f"{part}/{name}/0000.jpg" for part in ("train", "val") for name in source.info.classes
    )
    picture = (tmp_path / "toys/val/scaly-fish/0000.jpg").read_bytes()
    assert picture == source.splits["val"].read(source.info.classes.index("scaly-fish"))
    Image.open(io.BytesIO(picture)).verify()
    with pytest.raises(StorageError, match="already exists"):
        write_folder(source, tmp_path / "toys")


def test_classifiers_without_convolutions_do_poorly():
    source = rendered_source(train_per_class=15, val_per_class=10)
    data = []
    for part in ("train", "val"):
        split = source.splits[part]
        pictures = [Image.open(io.BytesIO(split.read(index))) for index in range(len(split))]
        data += [np.stack([np.asarray(picture.resize((128, 128))) for picture in pictures]), split.labels]
    assert linear_on_pixels(*data, num_classes=12, seed=0) > 0.7
    assert color_histogram(*data, num_classes=12, seed=0) > 0.7


@pytest.mark.parametrize("texture", TEXTURES, ids=lambda texture: texture.__name__)
@given(frequency=st.floats(0.85, 1.15))
@settings(max_examples=5, deadline=None)
def test_a_texture_measures_the_distance_to_its_edges(texture, frequency):
    side = 400
    y, x = (np.mgrid[:side, :side].astype(np.float32) + 0.5) * (1.2 / side) - 0.6
    field = texture(x, y, frequency)
    assert field.dtype == np.float32
    assert 0.1 < np.mean(field > 0) < 0.9
    slope = np.hypot(*np.gradient(field, 1.2 / side))[abs(field) < 0.02]
    assert 0.8 < np.median(slope) < 1.25


def test_every_toy_has_its_own_texture_and_fits_its_frame():
    assert len(TEXTURES) == len(TOYS) == 12
    assert textures.stripes in TEXTURES
    for toy in TOYS:
        points = np.concatenate([toy.body, *toy.behind, *toy.front])
        assert np.hypot(*points.T).max() < 1.5
        assert np.ptp(points, axis=0).min() > 1.3


def test_a_mask_covers_the_area_of_its_outline():
    mask = np.asarray(cover([ellipse(40, 30, 20, 10)], (10, 10, 70, 50)), np.float64) / 255
    assert mask.shape == (40, 60)
    assert mask.sum() == pytest.approx(np.pi * 20 * 10, rel=0.03)
    assert np.any((mask > 0.2) & (mask < 0.8))
    y, x = np.mgrid[:40, :60] + 0.5
    assert (mask * x).sum() / mask.sum() == pytest.approx(30, abs=0.3)
    assert (mask * y).sum() / mask.sum() == pytest.approx(20, abs=0.3)


def test_a_box_holds_its_points_and_has_even_sides():
    left, top, right, bottom = box_around(polygon((3.5, -2.5), (10.2, 7.1)), margin=1.0)
    assert left <= 2.5 and top <= -3.5 and right >= 11.2 and bottom >= 8.1
    assert (right - left) % 2 == (bottom - top) % 2 == 0


@given(seed=st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_the_two_paints_of_a_pattern_differ_in_brightness(seed):
    first, second = contrasting(draws(seed))
    assert abs(first @ LUMA - second @ LUMA) >= 89
    for paint in (first, second):
        assert np.all((paint >= 0) & (paint < 255.5))


def test_either_paint_of_a_pattern_may_be_the_light_one():
    brighter = [float(np.subtract(*contrasting(draws(index=index))) @ LUMA) > 0 for index in range(200)]
    assert 70 < sum(brighter) < 130


def test_draws_follow_the_key_and_the_picture():
    stream, numbers = draws(), draws().uniform(1500)
    assert np.array_equal(np.concatenate([stream.uniform(count) for count in (1, 700, 799)]), numbers)
    assert not np.array_equal(draws(index=1).uniform(8), numbers[:8])
    assert not np.array_equal(draws(seed=1).uniform(8), numbers[:8])
    assert len(np.unique(numbers)) == 1500


def test_draws_stay_within_their_bounds():
    stream = draws()
    assert {stream.whole(2, 5) for _ in range(200)} == {2, 3, 4}
    assert {stream.one_of("ab") for _ in range(50)} == {"a", "b"}
    assert 70 < sum(stream.chance(0.25) for _ in range(400)) < 130
    between = [stream.between(-1, 3) for _ in range(200)]
    assert -1 <= min(between) < -0.9 and 2.9 < max(between) < 3
    points = stream.points(100, -2, 2)
    assert points.shape == (100, 2) and abs(points).max() < 2


def test_light_falls_alike_on_a_picture_and_on_a_part_of_it():
    light = Light((40, 20), 1.0, (0.2, -0.1), np.array([1.0, 0.9, 1.1], np.float32))
    whole = light.on((0, 0, 40, 20), (21, 41))
    part = light.on((10, 5, 20, 15), (11, 11))
    np.testing.assert_allclose(part, whole[5:16, 10:21], rtol=1e-5)
    assert whole[0, 0, 0] == pytest.approx(1 - 0.2 + 0.1)
    assert whole[0, 40, 0] == pytest.approx(1 + 0.2 + 0.1)
    assert whole[20, 40, 1] == pytest.approx(0.9 * (1 + 0.2 - 0.1))
