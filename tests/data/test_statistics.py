import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from memory_source import random_pictures

from alexnet.data.statistics import PIXEL_LIMIT, Sums, symmetric_eigen

pictures = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 5), st.sampled_from((1, 3))).flatmap(
    lambda shape: arrays(np.uint8, shape)
)


def summed(images):
    sums = Sums(images.shape[1:])
    for image in images:
        sums.add(image)
    return sums


@given(pictures)
def test_statistics_are_those_of_all_pixels(images):
    sums = summed(images)
    statistics = sums.finish()
    pixels = images.reshape(-1, images.shape[-1]).astype(np.float64)
    assert statistics.count == len(images)
    np.testing.assert_allclose(statistics.mean, pixels.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(
        statistics.covariance, np.cov(pixels.T, bias=True).reshape(pixels.shape[1], -1), atol=1e-8
    )
    np.testing.assert_array_equal(sums.mean_image(), images.astype(np.float64).mean(axis=0).astype(np.float32))


@given(pictures)
def test_eigenvectors_are_orthonormal_columns_of_the_covariance(images):
    statistics = summed(images).finish()
    covariance, vectors = np.array(statistics.covariance), np.array(statistics.eigenvectors)
    np.testing.assert_allclose(covariance @ vectors, vectors * statistics.eigenvalues, atol=1e-9)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(vectors)), atol=1e-14)
    assert list(statistics.eigenvalues) == sorted(statistics.eigenvalues, reverse=True)
    assert min(statistics.eigenvalues) >= 0
    assert all(column[np.argmax(np.abs(column))] > 0 for column in vectors.T)


@given(pictures, st.integers(0, 6), st.integers(0, 6), st.booleans())
def test_any_grouping_of_merges_gives_the_same_bits(images, first, second, swap):
    first, second = sorted((min(first, len(images)), min(second, len(images))))
    parts = [
        summed(part) if len(part) else Sums(images.shape[1:]) for part in np.split(images, [first, second])
    ]
    if swap:
        parts.reverse()
        parts[1].merge(parts[2])
        parts[0].merge(parts[1])
    else:
        parts[0].merge(parts[1])
        parts[0].merge(parts[2])
    assert parts[0].finish() == summed(images).finish()
    assert parts[0].mean_image().tobytes() == summed(images).mean_image().tobytes()


def symmetric(elements):
    squares = st.integers(1, 4).flatmap(lambda n: arrays(np.float64, (n, n), elements=elements))
    return squares.map(lambda matrix: matrix + matrix.T)


ANY = st.floats(-1e4, 1e4, allow_subnormal=True)
# LAPACK is wrong in the third digit where an entry is near 1e-161 and its square is not a normal number.
ORDINARY = ANY.map(lambda x: x if abs(x) > 1e-100 else 0.0)


@settings(max_examples=200)
@given(symmetric(ANY))
def test_eigenvectors_are_orthonormal_and_only_stretched(matrix):
    values, vectors = symmetric_eigen(matrix.tolist())
    vectors = np.array(vectors)
    np.testing.assert_allclose(matrix @ vectors, vectors * values, atol=1e-13 * (np.abs(matrix).max() + 1e-300))
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(matrix)), atol=1e-13)


@settings(max_examples=200)
@given(symmetric(ORDINARY))
def test_eigenvalues_agree_with_lapack(matrix):
    values, _ = symmetric_eigen(matrix.tolist())
    scale = np.abs(matrix).max() + 1e-300
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix)[::-1], atol=1e-13 * scale)


def test_the_bits_are_the_same_on_every_machine():
    statistics = summed(random_pictures(20)).finish()
    assert hashlib.sha256(repr(statistics).encode()).hexdigest()[:16] == "5d25f8600c58b8d8"


def test_pictures_of_one_color_have_no_covariance():
    statistics = summed(np.full((3, 4, 5, 3), 200, np.uint8)).finish()
    assert statistics.mean == (200.0, 200.0, 200.0)
    assert statistics.eigenvalues == (0.0, 0.0, 0.0)


def test_no_pictures_give_zeros():
    assert Sums((2, 2, 1)).finish().mean == (0.0,)


def test_the_brightest_possible_sums_do_not_overflow():
    sums = Sums((256, 256, 3))
    sums.add(np.full((256, 256, 3), 255, np.uint8))
    factor = PIXEL_LIMIT // 65536
    sums.count, sums.image, sums.products = factor, sums.image * np.uint64(factor), sums.products * factor
    assert sums.finish().covariance[0][0] == 0.0
    with pytest.raises(OverflowError):
        sums.merge(summed(np.full((1, 256, 256, 3), 255, np.uint8)))


def test_a_picture_of_another_shape_or_type_is_refused():
    with pytest.raises(ValueError, match="expected uint8"):
        Sums((2, 2, 3)).add(np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(ValueError, match="expected uint8"):
        Sums((2, 2, 3)).add(np.zeros((2, 2, 3), np.float32))
    with pytest.raises(ValueError, match="cannot merge"):
        Sums((2, 2, 3)).merge(Sums((2, 3, 3)))
