"""The two simple classifiers find what they can see, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet.core.keys import Key
from alexnet.evaluation import simple_baselines
from alexnet.evaluation.simple_baselines import color_histogram, linear_on_pixels

CLASSES, PER_CLASS, SIDE = 4, 30, 64
HALF = SIDE // 2


def noise(seed: int, channels: int = 3) -> np.ndarray:
    """Return (N, H, W, C) pictures of noise around middle gray."""
    count = CLASSES * PER_CLASS
    values = Key.from_seed(seed).uniform(0, np.arange(count), SIDE * SIDE * channels)
    return (64 + 128 * values).astype(np.uint8).reshape(count, SIDE, SIDE, channels)


def labels() -> np.ndarray:
    return np.tile(np.arange(CLASSES), PER_CLASS)


def planted_in_place(seed: int, channels: int = 3, signal: int = 12) -> np.ndarray:
    """Return noise with a brighter quarter, another one for each class."""
    images = noise(seed, channels)
    for image, label in zip(images, labels(), strict=True):
        row, column = divmod(int(label), 2)
        image[row * HALF : (row + 1) * HALF, column * HALF : (column + 1) * HALF] += np.uint8(signal)
    return images


def planted_in_color(seed: int) -> np.ndarray:
    """Return pictures half dark and half light in each channel, randomly placed; a class pairs channels its way.

    The means of 2 x 2 such pixels are whole numbers: nothing of the class is left in how they are rounded.
    """
    images = np.empty((CLASSES * PER_CLASS, SIDE * SIDE, 3), np.uint8)
    for index, label in enumerate(labels()):
        light = Key.from_seed(seed).permutation(index, SIDE * SIDE) % 2
        flips = (0, int(label) & 1, int(label) >> 1)
        images[index] = np.stack([60 + 120 * (light ^ flip) for flip in flips], axis=1)
    return images.reshape(-1, SIDE, SIDE, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_tell_classes_that_differ_in_place(channels):
    data = (planted_in_place(0, channels), labels(), planted_in_place(1, channels), labels())
    assert linear_on_pixels(*data, num_classes=CLASSES, seed=0) < 0.05


def test_color_tells_classes_that_differ_in_color_and_pixels_do_not():
    data = (planted_in_color(0), labels(), planted_in_color(1), labels())
    assert color_histogram(*data, num_classes=CLASSES, seed=0) == 0
    assert linear_on_pixels(*data, num_classes=CLASSES, seed=0) > 0.6


def test_color_does_not_see_place():
    data = (planted_in_place(0), labels(), planted_in_place(1), labels())
    assert color_histogram(*data, num_classes=CLASSES, seed=0) > 0.6


@pytest.mark.parametrize("baseline", [linear_on_pixels, color_histogram])
def test_shuffled_labels_leave_chance(baseline):
    order = Key.from_seed(2).permutation(0, CLASSES * PER_CLASS)
    pictures = planted_in_place if baseline is linear_on_pixels else planted_in_color
    error = baseline(pictures(0), labels()[order], pictures(1), labels(), num_classes=CLASSES, seed=0)
    assert 0.55 < error < 0.95


@pytest.mark.parametrize("baseline", [linear_on_pixels, color_histogram])
def test_the_same_seed_gives_the_same_error(baseline):
    data = (planted_in_place(0), labels(), noise(1), labels())
    errors = {baseline(*data, num_classes=CLASSES, seed=3) for _ in range(2)}
    assert len(errors) == 1


def test_more_pictures_than_features_are_solved_as_well():
    many = np.concatenate([planted_in_color(seed) for seed in range(8)])
    many_labels = np.tile(labels(), 8)
    assert len(many) * 0.8 > 8**3
    error = color_histogram(many, many_labels, planted_in_color(8), labels(), num_classes=CLASSES, seed=0)
    assert error == 0


def test_the_penalty_is_the_one_that_held_out_pictures_ask_for(monkeypatch):
    train = np.concatenate([planted_in_place(seed, 1, signal=3) for seed in range(9)])
    data = (train, np.tile(labels(), 9), planted_in_place(9, 1, signal=3), labels())
    errors = {}
    for penalties in ((1e-5,), (1e-3,), (1e-3, 1e-5), (1e-5, 1e-3)):
        monkeypatch.setattr(simple_baselines, "PENALTIES", penalties)
        errors[penalties] = linear_on_pixels(*data, num_classes=CLASSES, seed=0)
    assert errors[1e-3,] < errors[1e-5,] - 0.1
    assert errors[1e-3, 1e-5] == errors[1e-5, 1e-3] == errors[1e-3,]


def test_validation_pictures_have_no_part_in_the_fit():
    train, val = planted_in_place(0), planted_in_place(1)
    whole = linear_on_pixels(train, labels(), val, labels(), num_classes=CLASSES, seed=0)
    halves = [
        linear_on_pixels(train, labels(), val[part], labels()[part], num_classes=CLASSES, seed=0)
        for part in (slice(0, 60), slice(60, 120))
    ]
    assert np.mean(halves) == pytest.approx(whole)
