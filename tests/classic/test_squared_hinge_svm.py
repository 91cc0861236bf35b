"""The classifier finds LIBLINEAR's minimum, whatever form the features have."""

import numpy as np
import pytest
import torch

from alexnet.classic import squared_hinge_svm
from alexnet.classic.squared_hinge_svm import SquaredHingeSvm, SquaredHingeSvmConfig
from alexnet.core.errors import DataError, UsageError

CONFIG = SquaredHingeSvmConfig(cost=0.01, iterations=100, tolerance=1e-5)


def quiet(line: str) -> None:
    assert line


def share_with_nobody(function, calls):
    return [function(*call) for call in calls]


def clouds(count: int = 300, columns: int = 12, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Features of overlapping classes, columns of different means and sizes."""
    random = np.random.default_rng(0)
    labels = random.integers(0, classes, count)
    values = random.normal(size=(classes, columns))[labels] + random.normal(size=(count, columns))
    return (values * random.uniform(0.5, 20, columns) + 30).astype(np.float32), labels


def fitted(features, labels, config=CONFIG, classes=4) -> SquaredHingeSvm:
    found = SquaredHingeSvm(config)
    found.fit(features, labels, classes, quiet)
    return found


def objective(weight: np.ndarray, bias: np.ndarray, features: np.ndarray, labels: np.ndarray) -> float:
    """The objective in float64 for weights over scaled features."""
    x = features.astype(np.float64)
    x = (x - x.mean(0)) / np.sqrt(x.var(0) + CONFIG.variance)
    signs = np.where(labels[:, None] == np.arange(weight.shape[1]), 1, -1)
    short = np.maximum(0, 1 - signs * (x @ weight + bias))
    return 0.5 * (weight**2).sum() + CONFIG.cost * (short**2).sum()


def over_scaled(found: SquaredHingeSvm, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, learned = features.astype(np.float64), found.arrays()
    scale = np.sqrt(x.var(0) + CONFIG.variance)
    return learned["weight"] * scale[:, None], learned["bias"] + x.mean(0) @ learned["weight"]


def test_it_finds_the_minimum_of_the_objective():
    features, labels = clouds()
    weight, bias = over_scaled(fitted(features, labels), features)
    least, random = objective(weight, bias, features, labels), np.random.default_rng(1)
    for size in (0.003, 0.03, 0.3):
        for _ in range(5):
            other = weight + random.normal(size=weight.shape) * size, bias + random.normal(size=4) * size
            assert objective(*other, features, labels) > least


def test_it_finds_liblinears_minimum():
    svm = pytest.importorskip("sklearn.svm", reason='PEER ABSENT: "alexnet[baselines]"')
    features, labels = clouds()
    x = features.astype(np.float64)
    x = (x - x.mean(0)) / np.sqrt(x.var(0) + CONFIG.variance)
    # its bias is penalized, but for being scaled far up
    theirs = svm.LinearSVC(C=CONFIG.cost, dual=False, intercept_scaling=1e3, tol=1e-8, max_iter=10_000).fit(
        x, labels
    )
    found = fitted(features, labels)
    np.testing.assert_allclose(found.scores(features), theirs.decision_function(x), atol=2e-3)


def test_the_gradient_is_that_of_the_objective():
    features, labels = clouds(40, 3, 2)
    signs = torch.where(torch.from_numpy(labels) == torch.arange(2)[:, None], 1.0, -1.0)
    both = torch.linspace(-1, 1, 8).view(2, 4)
    loss, gradient = squared_hinge_svm._Objective(features, signs, CONFIG, share_with_nobody)(both)

    def value(at: np.ndarray) -> float:
        return objective(at[:, :-1].T, at[:, -1], features, labels)

    assert loss == pytest.approx(value(both.numpy()), rel=1e-5)
    for i in range(2):
        for j in range(4):
            step = np.zeros((2, 4))
            step[i, j] = 1e-5
            expected = (value(both.numpy() + step) - value(both.numpy() - step)) / 2e-5
            assert float(gradient[i, j]) == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_features_may_be_half_precision_read_only_or_mapped(tmp_path, monkeypatch):
    monkeypatch.setattr(squared_hinge_svm, "_PIECE_BYTES", 4 * 12 * 77)  # several pieces, and a rest
    features, labels = clouds()
    config = SquaredHingeSvmConfig(cost=0.01, iterations=10)
    half = features.astype(np.float16)
    expected = fitted(half.astype(np.float32), labels, config).arrays()
    np.save(tmp_path / "half.npy", half)
    np.save(tmp_path / "whole.npy", half.astype(np.float32))
    for name in ("half", "whole"):
        mapped = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
        found = fitted(mapped, labels, config)
        for key, values in found.arrays().items():
            np.testing.assert_array_equal(values, expected[key])
        assert (found.scores(mapped).argmax(1) == labels).mean() > 0.8


def test_a_constant_column_and_an_absent_class_do_no_harm():
    features, labels = clouds()
    features[:, 3] = 7
    found = fitted(features, labels, classes=5)
    scores = found.scores(features)
    assert np.isfinite(scores).all() and (scores.argmax(1) < 4).all()
    assert abs(found.arrays()["weight"][3]).max() < 1e-3


def test_few_iterations_stop_early_and_progress_is_told():
    features, labels = clouds()
    lines = []
    SquaredHingeSvm(SquaredHingeSvmConfig(cost=0.01, iterations=3)).fit(features, labels, 4, lines.append)
    assert lines[0].startswith("support vector machine: 1 passes over the features, objective 1.0000")
    assert " passes in all, objective 0." in lines[-1]


def test_arrays_hold_all_that_was_learned():
    features, labels = clouds()
    found = fitted(features, labels)
    again = SquaredHingeSvm.from_arrays(CONFIG, found.arrays())
    np.testing.assert_array_equal(again.scores(features), found.scores(features))
    assert found.scores(features[:0]).shape == (0, 4)


def test_what_does_not_fit_is_refused():
    features, labels = clouds()
    with pytest.raises(DataError, match=r"labels reach from 0 to 3 with 3 classes"):
        fitted(features, labels, classes=3)
    with pytest.raises(DataError, match=r"features are \(300, 12\), labels \(299,\)"):
        fitted(features, labels[1:])
    with pytest.raises(DataError, match="the classifier's have 12 columns"):
        fitted(features, labels).scores(features[:, 1:])
    with pytest.raises(DataError, match="without its bias; fit it again"):
        SquaredHingeSvm.from_arrays(CONFIG, {"weight": features})
    with pytest.raises(DataError, match=r"weights of \(300, 12\) and biases of \(300,\)"):
        SquaredHingeSvm.from_arrays(CONFIG, {"weight": features, "bias": labels})
    features[5, 5] = np.inf
    with pytest.raises(DataError, match="not finite"):
        fitted(features, labels)
    for values in ({"cost": 0.0}, {"iterations": 0}, {"tolerance": -1.0}, {"variance": 0.0}):
        with pytest.raises(UsageError, match=next(iter(values))):
            SquaredHingeSvmConfig(**values)
