"""Whitened values are uncorrelated, and stay where they were as far as they can."""

import numpy as np

from alexnet.classic import whitening
from alexnet.classic.whitening import fit_whitening


def mixed(count: int = 5000) -> np.ndarray:
    random = np.random.default_rng(0)
    return (random.normal(size=(count, 6)) @ random.normal(size=(6, 6)) + 3).astype(np.float32)


def test_covariance_becomes_the_identity():
    values = mixed()
    white = fit_whitening(values, 1e-9)(values)
    assert white.dtype == np.float32
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(np.cov(white, rowvar=False, bias=True), np.eye(6), atol=1e-3)


def test_matrix_is_the_symmetric_root():
    values = mixed()
    found = fit_whitening(values, 0.1).matrix.astype(np.float64)
    np.testing.assert_array_equal(found, found.T)
    covariance = np.cov(values.astype(np.float64), rowvar=False, bias=True)
    np.testing.assert_allclose(found @ (covariance + 0.1 * np.eye(6)) @ found, np.eye(6), atol=1e-5)
    assert np.linalg.eigvalsh(found).min() > 0


def test_a_direction_without_variance_stays_finite():
    values = mixed()
    values[:, 5] = values[:, 0]
    white = fit_whitening(values, 0.1)(values)
    assert np.isfinite(white).all() and white.var(0).max() < 1.01


def test_many_values_are_summed_in_parts(monkeypatch):
    values = mixed()
    whole = fit_whitening(values, 0.1)
    monkeypatch.setattr(whitening, "_AT_ONCE", 333)
    np.testing.assert_allclose(fit_whitening(values, 0.1).matrix, whole.matrix, rtol=1e-5, atol=1e-6)
